//! How fast history is replayed, beside merely inflating and parsing the same files with the same
//! crates: `cargo bench -p undrift-replay`.
//!
//! Makes 200 MB of log files as CloudTrail writes them from the corpus of real records, each copy
//! with an id and a time of its own (`UNDRIFT_BENCH_MB` sets another size), and as much again of
//! security-group changes alone, where nothing can be skipped. Prints ratios from one run.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a bench"
)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::Value;
use undrift_core::policy::Bundle;
use undrift_documents::{kinds, load};
use undrift_replay::{Counts, Fault, Judged, Progress, Replay, Watch};

/// Leaves this thread, and those it spawns, so many cores: the run's own threads are more than its
/// readers.
fn pin(cores: usize) {
    let mut set = CpuSet::new();
    (0..cores).for_each(|core| set.set(core));
    sched_setaffinity(None, &set).unwrap();
}

/// What a file of CloudTrail's inflates to, about, in bytes.
const FILE: usize = 4_000_000;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn corpus() -> Vec<Value> {
    let text =
        std::fs::read_to_string(format!("{ROOT}/tests/corpus/cloudtrail-dev.jsonl")).unwrap();
    let lines = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    lines.map(|mut row| row["event"].take()).collect()
}

/// Writes files as CloudTrail does, of about so many bytes in all; gives their paths.
fn write(records: &[Value], bytes: usize, to: &Path) -> Vec<PathBuf> {
    std::fs::create_dir_all(to).unwrap();
    let mut time: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let (mut written, mut number, mut files) = (0, 0_u64, Vec::new());
    let mut records = records.iter().cycle();
    while written < bytes {
        let stamp = time.strftime("%Y%m%dT%H%MZ");
        let name = format!(
            "123456789012_CloudTrail_eu-central-1_{stamp}_{:08}.json.gz",
            files.len()
        );
        let path = to.join(name);
        let mut text = String::from(r#"{"Records":["#);
        while text.len() < FILE.min(bytes - written + 1) {
            let mut record = records.next().unwrap().clone();
            number += 1;
            time += SignedDuration::from_millis(400);
            record["eventID"] = format!("00000000-0000-4000-8000-{number:012}").into();
            record["eventTime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
            if !text.ends_with('[') {
                text.push(',');
            }
            text.push_str(&record.to_string());
        }
        text.push_str("]}");
        written += text.len();
        let mut gzip = GzEncoder::new(File::create(&path).unwrap(), Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap();
        files.push(path);
    }
    files
}

struct Silent(u64);

impl Watch for Silent {
    fn judged(&mut self, judged: &Judged) -> ControlFlow<()> {
        let text = serde_json::to_string(&judged.outcomes).unwrap();
        self.0 += text.len() as u64;
        ControlFlow::Continue(())
    }
    fn fault(&mut self, fault: &Fault) {
        panic!("{fault}");
    }
    fn progress(&mut self, _: Progress) {}
}

fn replay(bundle: &Bundle, files: &[PathBuf], threads: usize) -> (Duration, Counts) {
    let replay = Replay {
        bundle,
        kinds: kinds(),
        all: false,
        threads,
    };
    let start = Instant::now();
    let counts = replay.run(files, &mut Silent(0));
    (start.elapsed(), counts)
}

/// Inflates and parses, and nothing else.
fn floor(files: &[PathBuf], threads: usize) -> Duration {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut text = Vec::new();
                    let mut gzip = MultiGzDecoder::new(File::open(path).unwrap());
                    gzip.read_to_end(&mut text).unwrap();
                    std::hint::black_box(serde_json::from_slice::<Value>(&text).unwrap());
                }
            });
        }
    });
    start.elapsed()
}

/// The most memory this process ever had, in MB, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|p| p.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map_or("unknown".to_owned(), |k| format!("{} MB", k / 1024))
}

fn main() {
    let megabytes = std::env::var("UNDRIFT_BENCH_MB").ok();
    let bytes = megabytes
        .and_then(|m| m.parse::<usize>().ok())
        .unwrap_or(200)
        * 1_000_000;
    let documents = load(format!("{ROOT}/policies").as_ref())
        .unwrap()
        .reverting();
    let bundle = Bundle::of(
        &documents.enabled(),
        &documents.settings,
        &documents.exemptions,
        kinds(),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus();
    let groups: Vec<Value> = corpus
        .iter()
        .filter(|r| {
            r["eventName"]
                .as_str()
                .is_some_and(|n| n.contains("SecurityGroupIngress"))
        })
        .filter(|r| r["errorCode"].is_null())
        .cloned()
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let quarter = write(&corpus, bytes / 4, &folder.path().join("quarter"));
    let all = write(&corpus, bytes, &folder.path().join("all"));
    let changes = write(&groups, bytes / 4, &folder.path().join("changes"));
    // Memory first: what comes later takes more.
    replay(&bundle, &quarter, cores);
    let small = memory();
    replay(&bundle, &all, cores);
    println!(
        "memory at most: {small} after {} MB of logs, {} after {} MB",
        bytes / 4_000_000,
        memory(),
        bytes / 1_000_000
    );
    for (what, files) in [
        ("the corpus", &all),
        ("security-group changes alone", &changes),
    ] {
        for threads in [1, cores] {
            pin(threads);
            let best = |run: &dyn Fn() -> Duration| (0..3).map(|_| run()).min().unwrap();
            let floor = best(&|| floor(files, threads));
            let counts = replay(&bundle, files, threads).1;
            let took = best(&|| replay(&bundle, files, threads).0);
            println!(
                "{what}, cores {threads}: {:8.0} records/s, {:6.0} MB/s, {} of {} judged; inflating and parsing alone {:6.0} MB/s; ratio {:.2}",
                counts.records as f64 / took.as_secs_f64(),
                counts.bytes as f64 / took.as_secs_f64() / 1e6,
                counts.routed,
                counts.records,
                counts.bytes as f64 / floor.as_secs_f64() / 1e6,
                floor.as_secs_f64() / took.as_secs_f64(),
            );
        }
    }
}

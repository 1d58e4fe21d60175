//! Two hundred starts and stops of `undrift local`, by every kind of end, and nothing is left: no process, no port,
//! no file.
//!
//! What a SIGKILL can't help but leave, and only it: before moto's launcher has come up, the programs that were being
//! waited for (`python3 -m venv`, pip) run on to their own ends, and the unfinished environment under `target/` stays
//! until the next start removes it. Both concern the first start ever alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use undrift_tests::local::{
    Local, answers, below, folder, listening, runs, starting, undrift, until,
};
use undrift_tests::sandbox::{binaries, target};

/// How many starts and stops; `UNDRIFT_STARTS` says otherwise.
const STARTS: usize = 200;

/// How many at once: starting is mostly one core's work.
const AT_ONCE: usize = 3;

/// The longest that a start is left alone before it is ended half-way, in milliseconds: about what one takes.
const HALF_WAY: usize = 1_500;

const SIGNALS: [(&str, i32); 3] = [("TERM", 15), ("INT", 2), ("KILL", 9)];

/// The names under `target/` that an account may make.
fn made() -> BTreeSet<String> {
    let entries = std::fs::read_dir(target()).unwrap();
    entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

/// One start and one stop. Every third is ended before it serves, at a moment that differs each time.
fn cycle(undrift: &Path, at: usize) {
    let (signal, number) = SIGNALS[at / 3 % SIGNALS.len()];
    let folder = folder();
    let command = starting(undrift, &folder, &["--quiet", "--output", "json"]);
    let mut local = Local::spawn(command, folder);
    let served = !at.is_multiple_of(3);
    if served {
        local.endpoint();
        assert!(local.file().exists());
    } else {
        let moment = at.wrapping_mul(7_919) % HALF_WAY;
        std::thread::sleep(Duration::from_millis(moment as u64));
    }
    let mut all = below(local.process.id());
    let ports = listening(local.process.id());
    assert!(
        ports.iter().all(|p| p.starts_with("0100007F:")),
        "{ports:?}"
    );
    if served {
        assert!(all.len() >= 4, "moto and three functions: {all:?}");
    }
    let status = local.end(signal);
    assert!(
        ended(status, number, served),
        "{at}: {signal}: {status:?}, {:?}",
        local.err()
    );
    until(&format!("{at}: nothing runs after {signal}"), || {
        all.retain(runs);
        all.is_empty().then_some(())
    });
    if let Some(ready) = local.out().iter().find_map(|l| l.strip_prefix("ready ")) {
        assert!(!answers(ready), "{at}: {ready} is open after {signal}");
    }
    // The launcher removes files after the processes, when it was killed.
    until(
        &format!("{at}: nothing is left after {signal}: {:?}", local.left()),
        || local.left().is_empty().then_some(()),
    );
}

/// Ended as asked: by the signal if it can't be caught, or wasn't yet in the first moments; and else cleanly.
fn ended(status: ExitStatus, signal: i32, served: bool) -> bool {
    let by_signal = status.signal() == Some(signal);
    match signal {
        9 => by_signal,
        _ => status.code() == Some(0) || (by_signal && !served),
    }
}

#[tokio::test]
async fn two_hundred_starts_and_stops_leave_nothing() {
    // Whoever loses its parent becomes a child of this process: nobody gets away.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    binaries().await;
    let undrift = undrift();
    // The Python environment is made once and stays.
    cycle(&undrift, 1);
    let (before, start) = (made(), Instant::now());
    let count = std::env::var("UNDRIFT_STARTS").map_or(STARTS, |n| n.parse().unwrap());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    if at >= count {
                        return;
                    }
                    cycle(&undrift, at);
                }
            });
        }
    });
    println!(
        "{count} starts and stops in {:.0} s",
        start.elapsed().as_secs_f64()
    );
    until("no process is left", || {
        below(std::process::id()).is_empty().then_some(())
    });
    assert_eq!(made(), before, "files are left under target/");
}

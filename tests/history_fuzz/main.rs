//! Hostile records and files, for as long as is wanted: nothing may panic, hang, take much memory,
//! or cost a record that is not itself broken.
//!
//! 60 seconds in all by default, a third for each test; `UNDRIFT_FUZZ_SECONDS` sets another time,
//! `UNDRIFT_SEED` repeats a run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use undrift_core::policy::Bundle;
use undrift_documents::{kinds, load};
use undrift_replay::{Counts, Fault, Judged, Progress, Replay, Watch};
use undrift_tests::fuzz::{Dice, Fuzz, memory};
use undrift_tests::sandbox::root;
use undrift_tests::verdicts::corpus;

/// The most memory that all of it may take, in MB.
const MOST: u64 = 700;

static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let documents = load(&root().join("policies")).unwrap().reverting();
    let (policies, settings) = (documents.enabled(), &documents.settings);
    Bundle::of(&policies, settings, &documents.exemptions, kinds()).unwrap()
});

/// Real records, those about security groups twice as often as all others together.
static RECORDS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let all: Vec<Value> = corpus().into_values().collect();
    let groups: Vec<Value> = all
        .iter()
        .filter(|r| r["eventName"].as_str().unwrap().contains("SecurityGroup"))
        .cloned()
        .collect();
    let mut records = all;
    while records.len() < 2000 {
        records.extend(groups.iter().cloned());
    }
    records
});

fn any_record(dice: &mut Dice) -> Value {
    RECORDS[dice.roll(RECORDS.len())].clone()
}

/// All that was said.
#[derive(Default)]
struct Heard {
    given: BTreeSet<String>,
    judged: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl Watch for Heard {
    fn judged(&mut self, judged: &Judged) -> ControlFlow<()> {
        serde_json::to_string(&judged.outcomes).unwrap();
        if let Some(id) = &judged.head.id {
            self.given.insert(id.clone());
            if !judged.outcomes.is_empty() {
                self.judged.insert(id.clone());
            }
        }
        ControlFlow::Continue(())
    }
    fn fault(&mut self, fault: &Fault) {
        assert!(!fault.to_string().is_empty());
        self.faults.push(fault.clone());
    }
    fn progress(&mut self, _: Progress) {}
}

fn replay(path: &Path) -> (Heard, Counts) {
    let mut heard = Heard::default();
    let replay = Replay {
        bundle: &BUNDLE,
        kinds: kinds(),
        all: true,
        threads: 1,
    };
    let counts = replay.run(&[path.to_owned()], &mut heard);
    (heard, counts)
}

/// A third of the time for each test, and little memory.
fn fuzz(what: &'static str, one: impl Fn(&mut Dice, &Path) + Send + 'static) {
    let fuzz = Fuzz {
        what,
        share: 3,
        longest: Duration::from_secs(20),
        least: 20,
    };
    fuzz.run(one);
    if let Some(megabytes) = memory() {
        println!("{what}: {megabytes} MB at most");
        assert!(megabytes < MOST, "{megabytes} MB");
    }
}

/// Something that no record should hold there.
fn odd(dice: &mut Dice, depth: usize) -> Value {
    match dice.roll(if depth == 0 { 12 } else { 15 }) {
        0 => Value::Null,
        1 => json!(""),
        2 => json!({}),
        3 => json!([]),
        4 => json!("HIDDEN_DUE_TO_SECURITY_REASONS"),
        5 => json!(u64::MAX),
        6 => json!(-1.5e300),
        7 => json!(true),
        8 => json!("x".repeat(dice.roll(4000))),
        9 => json!("0.0.0.0/0"),
        10 => json!("\u{202e}\u{0}#\u{1b}[2J"),
        11 => json!({"omitted": true}),
        12 => json!({"items": odd(dice, depth - 1)}),
        13 => (0..dice.roll(5)).map(|_| odd(dice, depth - 1)).collect(),
        _ => json!({"groupId": odd(dice, depth - 1), "securityGroupRuleId": odd(dice, depth - 1)}),
    }
}

/// Puts something odd somewhere into a value.
fn spoil(dice: &mut Dice, value: &mut Value, depth: usize) {
    let members = match value {
        Value::Object(members) if !members.is_empty() => members.len(),
        Value::Array(items) if !items.is_empty() => items.len(),
        _ => 0,
    };
    if members == 0 || depth > 0 && dice.roll(5) == 0 {
        *value = odd(dice, 4);
        return;
    }
    let index = dice.roll(members);
    match value {
        Value::Object(all) => {
            let name = all.keys().nth(index).unwrap().clone();
            match dice.roll(12) {
                0 => drop(all.remove(&name)),
                1 => {
                    let taken = all.remove(&name).unwrap();
                    all.insert(name.to_uppercase(), taken);
                }
                _ => spoil(dice, all.get_mut(&name).unwrap(), depth + 1),
            }
        }
        Value::Array(all) => match dice.roll(8) {
            0 => all.extend(all.clone()),
            _ => spoil(dice, &mut all[index], depth + 1),
        },
        _ => {}
    }
}

/// The call succeeded, as far as its record says.
fn failed(record: &Value) -> bool {
    match &record["errorCode"] {
        Value::Null => false,
        Value::String(code) => !code.is_empty(),
        _ => true,
    }
}

#[test]
fn records() {
    fuzz("records", |dice, folder| {
        let (mut lines, mut never) = (Vec::new(), Vec::new());
        for n in 0..40 {
            let mut record = any_record(dice);
            for _ in 0..=dice.roll(3) {
                spoil(dice, &mut record, 0);
            }
            let id = format!("e-{n}");
            if record.is_object() {
                record["eventID"] = json!(id);
                if failed(&record) || record["readOnly"] == true {
                    never.push(id);
                }
            }
            lines.push(record.to_string());
        }
        let path = folder.join("records.jsonl");
        std::fs::write(&path, lines.join("\n")).unwrap();
        let (heard, counts) = replay(&path);
        assert_eq!(counts.records + counts.faults, 40, "{:?}", heard.faults);
        for id in never {
            assert!(!heard.judged.contains(&id), "{id} was judged: {lines:?}");
        }
    });
}

/// Spoils bytes.
fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len() + 1);
        match dice.roll(8) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.insert(at, dice.roll(256) as u8),
            3 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
            4 => {
                let again: Vec<u8> = bytes
                    .iter()
                    .skip(at)
                    .take(dice.roll(4000))
                    .copied()
                    .collect();
                bytes.splice(at..at, again);
            }
            5 => {
                const WITH: [&[u8]; 12] = [
                    b"\"",
                    b"{",
                    b"}",
                    b"[",
                    b"]",
                    b"\\",
                    b"\xff\xfe",
                    b",",
                    b"\0\0\0",
                    b"1e999999",
                    b"{\"Records\":[",
                    b"\\ud800",
                ];
                let with = WITH[dice.roll(WITH.len())];
                bytes.splice(at..at, with.repeat(1 + dice.roll(300)));
            }
            6 => {
                let end = (at + dice.roll(2000)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => bytes.extend(b"\n{\"eventName\":"),
        }
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn files() {
    fuzz("files", |dice, folder| {
        let records: Vec<Value> = (0..dice.roll(60)).map(|_| any_record(dice)).collect();
        let mut bytes = match dice.roll(6) {
            0 => json!({"Records": records}).to_string().into_bytes(),
            1 => serde_json::to_vec_pretty(&json!({"Records": records})).unwrap(),
            2 => {
                let lines: Vec<String> = records.iter().map(Value::to_string).collect();
                lines.join("\n").into_bytes()
            }
            3 => {
                // Deep, wide, or long.
                let part: &[u8] = [
                    b"[".as_slice(),
                    b"{\"a\":",
                    b"{\"a\":[\n",
                    b"{\"eventName\":\"x\",\"b\":[",
                    b"{",
                    b"\"",
                    b"{\"x\":\"",
                    b",{\"a\":[",
                ][dice.roll(8)];
                let mut text = if dice.roll(2) == 0 {
                    b"{\"Records\":[".to_vec()
                } else {
                    Vec::new()
                };
                text.extend(part.repeat(1 + dice.roll(200_000)));
                text
            }
            4 => (0..dice.roll(20_000))
                .map(|_| dice.roll(256) as u8)
                .collect(),
            _ => {
                let piece = gzip(&vec![b" [{\"\n"[dice.roll(5)]; 1 << 22]);
                piece.repeat(1 + dice.roll(8))
            }
        };
        if dice.roll(4) > 0 {
            damage(dice, &mut bytes);
        }
        if dice.roll(2) == 0 {
            bytes = gzip(&bytes);
            if dice.roll(2) == 0 {
                damage(dice, &mut bytes);
            }
        }
        let path = folder.join("file.json.gz");
        std::fs::write(&path, &bytes).unwrap();
        replay(&path);
    });
}

#[test]
fn one_broken_line_costs_no_other() {
    fuzz("one broken line", |dice, folder| {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut good = BTreeSet::new();
        let broken = dice.roll(12);
        for n in 0..12 {
            let mut record = any_record(dice);
            let id = format!("e-{n}");
            record["eventID"] = json!(id);
            let mut line = record.to_string().into_bytes();
            if n == broken {
                damage(dice, &mut line);
                line.retain(|b| *b != b'\n');
            } else {
                good.insert(id);
            }
            lines.push(line);
        }
        let text = lines.join(&b"\n"[..]);
        let path = folder.join("lines.jsonl");
        std::fs::write(&path, &text).unwrap();
        let (heard, _) = replay(&path);
        let missing: Vec<&String> = good.difference(&heard.given).collect();
        assert!(
            missing.is_empty(),
            "{missing:?} is lost: {}\n{:?}",
            String::from_utf8_lossy(&text),
            heard.faults
        );
    });
}

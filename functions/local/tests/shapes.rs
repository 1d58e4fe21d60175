//! The encoder against every record of the corpus: what the trail writes has the shape of what AWS wrote.
//!
//! Each record is read back into the call it tells of, the call is encoded, and the key paths are compared. Records
//! that cannot be equal are listed in `shapes-except.tsv` with the reason.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

#[path = "shapes/corpus.rs"]
mod corpus;
#[path = "shapes/invert.rs"]
mod invert;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use corpus::{call_of, entries, models, table};
use invert::{Inverter, MASKS, Side};
use serde_json::{Value, json};
use undrift_local::Service;
use undrift_local::encoder::{self, Place};

const PLACE: Place<'_> = Place {
    account: "111122223333",
    region: "us-east-1",
};

/// What of the captured and fixture records of known calls must be equal, in percent: of all, and of those that are
/// not evidently hand-written.
const FLOOR: (usize, usize) = (91, 98);

/// Leaf paths; a masked leaf with its mask, an empty marker of any kind as a leaf.
fn shape_of(value: &Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let nothing = *value == json!({}) || *value == json!("null");
    if !nothing {
        walk(value, "", &mut out);
    }
    out
}

/// What AWS recorded otherwise when the record was written, in today's form.
fn modern(service: &Service, event: &Value, paths: &mut BTreeSet<String>) {
    let version = event["eventVersion"].as_str().unwrap_or_default();
    let minor: u32 = version
        .rsplit('.')
        .next()
        .and_then(|minor| minor.parse().ok())
        .unwrap_or(0);
    let time = event["eventTime"].as_str().unwrap_or_default();
    let old = std::mem::take(paths);
    for path in old {
        let top = path.trim_start_matches('.');
        // Answers got their request id over some years.
        if service.name == "ec2" && minor < 8 && top.eq_ignore_ascii_case("requestId") {
            continue;
        }
        // Rules got their ARN in 2024.
        if path.ends_with(".securityGroupRuleArn") && time < "2024" {
            continue;
        }
        // The host came with version 1.05, first as `host` and as a list.
        if service.name.starts_with("s3") {
            let path = path.replace(".host", ".Host");
            if !(minor < 5 && path == ".Host") {
                paths.insert(path.trim_end_matches("[]").to_owned());
            }
            continue;
        }
        // RDS masked with asterisks and with words.
        paths.insert(path.replace("= ****", "= HIDDEN_DUE_TO_SECURITY_REASONS"));
    }
}

fn walk(value: &Value, at: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                walk(value, &format!("{at}.{key}"), out);
            }
        }
        Value::Array(all) if all.len() == 1 && all[0] == json!("") => {
            out.insert(at.to_owned());
        }
        Value::Array(all) if !all.is_empty() => {
            for value in all {
                walk(value, &format!("{at}[]"), out);
            }
        }
        Value::String(text) if MASKS[..4].contains(&text.as_str()) => {
            out.insert(format!("{at} = {text}"));
        }
        _ => {
            out.insert(at.to_owned());
        }
    }
}

/// Side, `lacks` or `adds`, and the path.
type Difference = (&'static str, &'static str, String);

/// The differences of one record; none if it is equal.
fn compare(
    service: &Service,
    operation: &str,
    event: &Value,
    judge_answer: bool,
) -> Vec<Difference> {
    let mut out = Vec::new();
    let failed = event["errorCode"]
        .as_str()
        .is_some_and(|code| !code.is_empty());
    let asked = &event["requestParameters"];
    // Refused calls may be recorded without their parameters.
    if !(failed && asked.is_null()) {
        let input = Inverter {
            service,
            operation,
            side: Side::Asked,
        }
        .call(asked);
        let encoded = encoder::request_parameters(service, operation, &input, PLACE);
        differ(service, event, "request", asked, &encoded, &mut out);
    }
    let answered = &event["responseElements"];
    if judge_answer && !failed && !answered.is_null() {
        let output = Inverter {
            service,
            operation,
            side: Side::Answered,
        }
        .call(answered);
        let encoded = encoder::response_elements(service, operation, &output, "id", PLACE);
        differ(service, event, "response", answered, &encoded, &mut out);
    }
    out
}

/// Members no API has: service, side, path, and whether a record needed it.
struct Internal(Vec<(Vec<String>, std::cell::Cell<bool>)>);

impl Internal {
    fn read() -> Self {
        let rows = table("tests/shapes-internal.tsv");
        Self(
            rows.into_iter()
                .map(|row| (row, std::cell::Cell::new(false)))
                .collect(),
        )
    }

    fn knows(&self, service: &str, side: &str, path: &str) -> bool {
        self.0.iter().any(|(row, used)| {
            let below = path.strip_prefix(row[2].as_str());
            let is = row[0] == service
                && row[1] == side
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            used.set(used.get() || is);
            is
        })
    }
}

fn differ(
    service: &Service,
    event: &Value,
    side: &'static str,
    recorded: &Value,
    encoded: &Value,
    out: &mut Vec<Difference>,
) {
    let (mut theirs, mut ours) = (shape_of(recorded), shape_of(encoded));
    modern(service, event, &mut theirs);
    modern(service, event, &mut ours);
    out.extend(
        theirs
            .difference(&ours)
            .map(|path| (side, "lacks", path.clone())),
    );
    out.extend(
        ours.difference(&theirs)
            .map(|path| (side, "adds", path.clone())),
    );
}

fn exceptions() -> BTreeMap<String, String> {
    let rows = table("tests/shapes-except.tsv").into_iter();
    rows.map(|row| {
        let reason = row.get(1).filter(|reason| !reason.trim().is_empty());
        (row[0].clone(), reason.expect("a reason").clone())
    })
    .collect()
}

#[derive(Default)]
struct Tally {
    known: usize,
    equal: usize,
    excepted: usize,
    by_hand: usize,
    unknown: usize,
}

#[test]
fn every_record_of_the_corpus_is_encoded_as_aws_did() {
    let models = models();
    let mut excepted = exceptions();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut wrong = String::new();
    let mut needless = Vec::new();
    let internal = Internal::read();
    for entry in entries() {
        let tally = tallies.entry(entry.quality.clone()).or_default();
        let Some((service, operation)) = call_of(&models, &entry.event) else {
            tally.unknown += 1;
            continue;
        };
        tally.known += 1;
        let real = matches!(entry.quality.as_str(), "captured" | "fixture");
        let mut differences = compare(&service, &operation, &entry.event, real);
        let name = encoder::event_name(&service, &operation);
        if entry.quality == "captured" && entry.event["eventName"] != name.as_str() {
            differences.push(("name", "adds", name));
        }
        differences.retain(|(side, _, path)| !internal.knows(&service.name, side, path));
        let excuse = excepted.remove(&entry.id);
        match (differences.is_empty(), excuse) {
            (true, None) => tally.equal += 1,
            (true, Some(_)) => needless.push(entry.id),
            (false, Some(reason)) => {
                tally.excepted += 1;
                tally.by_hand += usize::from(reason.starts_with("hand-written"));
            }
            (false, None) => {
                let _ = writeln!(
                    wrong,
                    "{} ({}) {} {}",
                    entry.id, entry.quality, entry.event["eventSource"], entry.event["eventName"]
                );
                for (side, what, path) in differences {
                    let _ = writeln!(wrong, "    {side}: {what} {path}");
                }
            }
        }
    }
    println!("quality        known  equal excepted unknown");
    for (quality, tally) in &tallies {
        println!(
            "{quality:14} {:5} {:6} {:8} {:7}",
            tally.known, tally.equal, tally.excepted, tally.unknown
        );
    }
    assert!(wrong.is_empty(), "records of another shape:\n{wrong}");
    let unused: Vec<_> = internal
        .0
        .iter()
        .filter(|(_, used)| !used.get())
        .map(|(row, _)| row)
        .collect();
    assert!(
        unused.is_empty(),
        "internal members no record needs: {unused:?}"
    );
    assert!(needless.is_empty(), "no exception needed: {needless:?}");
    assert!(
        excepted.is_empty(),
        "exceptions for no known record: {excepted:?}"
    );
    let (mut known, mut equal, mut by_hand) = (0, 0, 0);
    for quality in ["captured", "fixture"] {
        let tally = &tallies[quality];
        known += tally.known;
        equal += tally.equal;
        by_hand += tally.by_hand;
    }
    println!(
        "{equal} of {known} captured and fixture records are equal, {by_hand} are hand-written"
    );
    let captured = &tallies["captured"];
    assert_eq!(captured.equal, captured.known, "what AWS wrote itself");
    assert!(equal * 100 >= known * FLOOR.0 && equal * 100 >= (known - by_hand) * FLOOR.1);
}

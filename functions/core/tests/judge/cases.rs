//! Documents written by hand for the spots where corpora are thin, each with its reason and where
//! AWS says so. The files are lines as `undrift judge` reads them, with `expected`, `reason` and
//! `source` beside.

use serde_json::{Value, json};
use undrift_core::iam::Line;

fn hold(name: &str) {
    let path = format!(
        "{}/tests/judge/cases/{name}.jsonl",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let wrong: Vec<String> = text
        .lines()
        .filter_map(|text| {
            let case: Value = serde_json::from_str(text).unwrap();
            let member = |name: &str| case[name].as_str().unwrap();
            assert!(!member("source").is_empty(), "{text}");
            let line = Line::parse(text, &Line::default()).unwrap();
            let verdict = line.judge().verdict;
            (verdict != member("expected"))
                .then(|| format!("{} is {verdict}: {text}", member("reason")))
        })
        .collect();
    assert!(text.lines().count() > 20, "{path}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_denied_absent_or_excepted() {
    hold("resources");
}

#[test]
fn who_may_be_a_role() {
    hold("roles");
}

#[test]
fn who_is_an_administrator() {
    hold("identities");
}

/// What random documents, and somebody who set out to fool the judge, once found.
#[test]
fn what_was_wrong_once() {
    hold("found");
}

/// 20 KB of patterns that have to be compared with each other took 40 seconds once.
#[test]
fn patterns_that_are_slow_to_compare() {
    let many = |head: &str, tail: &str| -> Vec<String> {
        let one = |n| format!("arn:aws:s3:::{head}{}{tail}{n}", "*a".repeat(120));
        (0..36).map(one).collect()
    };
    let document = json!({"Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": many("0", "b")},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "NotResource": many("*", "0b")},
    ]});
    let line = Line {
        policy: document,
        ..Line::default()
    };
    assert_ne!(line.judge().verdict, "not_public");
}

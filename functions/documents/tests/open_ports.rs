//! The published table of open ports, judged row by row by the shipped policy.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use undrift_core::name::EventName;
use undrift_core::policy::{Case, Desired, Earlier, Expect};
use undrift_documents::{Documents, kinds, load, run_cases};

const POLICY: &str = "ec2-security-group-open-admin-ports";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Row {
    name: String,
    before: String,
    change: String,
    goes: String,
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("tests/tables/open-ports.md")).unwrap();
    let table = text.lines().filter(|line| line.starts_with('|')).skip(2);
    let rows = table.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 12, "{line}");
        assert!(cells[4..].iter().all(|c| !c.is_empty()), "{line}");
        Row {
            name: cells[0].to_owned(),
            before: cells[1].to_owned(),
            change: cells[2].to_owned(),
            goes: cells[3].to_owned(),
        }
    });
    rows.collect()
}

/// `tcp/22-30 from 0.0.0.0/0`, `-1 from pl-1 (10.0.0.0/8)`, `sgr-1: …`
fn rule(text: &str) -> Value {
    let (id, text) = match text.split_once(": ") {
        Some((id, text)) => (Some(id), text),
        None => (None, text),
    };
    let (what, source) = text
        .split_once(" from ")
        .unwrap_or_else(|| panic!("{text}"));
    let (protocol, ports) = what.split_once('/').unwrap_or((what, ""));
    let mut rule = json!({"protocol": protocol});
    if !ports.is_empty() {
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        rule["from"] = json!(from.parse::<u16>().unwrap());
        rule["to"] = json!(to.parse::<u16>().unwrap());
    }
    if let Some((list, entries)) = source.split_once(" (") {
        let entries: Vec<&str> = entries.trim_end_matches(')').split(' ').collect();
        rule["source"] = json!(list);
        rule["entries"] = json!(entries);
    } else {
        rule["source"] = json!(source);
    }
    if let Some(id) = id {
        rule["id"] = json!(id);
    }
    rule
}

fn rules(text: &str) -> Vec<Value> {
    let all = text.split("; ").filter(|t| !t.is_empty());
    all.map(rule).collect()
}

fn facets(rules: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    BTreeMap::from([("ingress".to_owned(), rules)])
}

/// A row as a case of the policy's own.
fn case(row: &Row) -> Case {
    let before = rules(&row.before);
    let (event, after, left) = match row.change.split_once(" → ") {
        None => {
            let brought = rules(&row.change);
            let gone = match row.goes.as_str() {
                "nothing" | "undecided" => Vec::new(),
                goes => rules(goes),
            };
            assert!(gone.iter().all(|g| brought.contains(g)), "{}", row.name);
            let after: Vec<Value> = before.iter().chain(&brought).cloned().collect();
            let left: Vec<Value> = after
                .iter()
                .filter(|r| !gone.contains(r))
                .cloned()
                .collect();
            ("AuthorizeSecurityGroupIngress", after, left)
        }
        Some((from, to)) => {
            let (id, _) = from.split_once(": ").unwrap();
            let (from, to) = (rule(from), rule(&format!("{id}: {to}")));
            assert!(before.contains(&from), "{}", row.name);
            let other = before.iter().filter(|r| **r != from).cloned();
            let after: Vec<Value> = other.chain([to]).collect();
            let left = if row.goes == "nothing" {
                after.clone()
            } else {
                assert_eq!(row.goes, id, "{}", row.name);
                before.clone()
            };
            ("ModifySecurityGroupRules", after, left)
        }
    };
    let violated = match row.goes.as_str() {
        "nothing" | "undecided" => 0,
        goes => goes.split("; ").count(),
    };
    Case {
        it: row.name.clone(),
        change: EventName::parse(event).unwrap(),
        before: Earlier::Facets(facets(before)),
        after: facets(after),
        expect: Expect {
            violated,
            desired: Some(Desired::Facets(facets(left))),
        },
    }
}

fn shipped() -> Documents {
    load(&root().join("policies")).unwrap()
}

#[test]
fn every_row_of_the_table_is_judged_as_it_says() {
    let rows = rows();
    assert!(rows.len() >= 9 + 24, "{} rows", rows.len());
    let mut documents = shipped();
    documents
        .policies
        .retain(|d| d.policy.id.as_str() == POLICY);
    let policy = &mut documents.policies[0].policy;
    policy.cases = rows.iter().map(case).collect();
    let results = run_cases(&documents, kinds());
    assert_eq!(results.len(), rows.len());
    for (row, result) in rows.iter().zip(&results) {
        let failures = result.failures.join("; ");
        if row.goes == "undecided" {
            assert!(
                failures.starts_with("it can't be told"),
                "{}: {failures}",
                row.name
            );
        } else {
            assert_eq!(failures, "", "{}", row.name);
        }
    }
}

#[test]
fn the_table_can_fail() {
    let mut documents = shipped();
    documents
        .policies
        .retain(|d| d.policy.id.as_str() == POLICY);
    let row = |goes: &str| Row {
        name: "x".to_owned(),
        before: String::new(),
        change: "tcp/22 from 0.0.0.0/0; tcp/443 from 0.0.0.0/0".to_owned(),
        goes: goes.to_owned(),
    };
    let wrong = [row("nothing"), row("tcp/443 from 0.0.0.0/0")];
    documents.policies[0].policy.cases = wrong.iter().map(case).collect();
    let results = run_cases(&documents, kinds());
    assert!(
        results.iter().all(|r| !r.failures.is_empty()),
        "{results:?}"
    );
}

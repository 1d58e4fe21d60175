//! What must come of the corpus's records, judged by a person: `tests/corpus/verdicts.tsv`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::root;

/// What must come of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It breaks shipped policies.
    Violated,
    /// A policy listens and finds nothing.
    Compliant,
    /// A policy listens and can't tell.
    Undecided,
    /// The call failed: never looked at.
    Failed,
    /// No policy listens to the event.
    NotJudged,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The record's id in the corpus.
    pub id: String,
    /// What must come of it.
    pub expected: Expected,
    /// The policies it breaks.
    pub policies: Vec<String>,
    /// The resource it names.
    pub resource: String,
    /// What it did to it, in words; `+` added, `-` removed, `~` changed, or it isn't clear.
    pub did: Vec<String>,
}

/// Every row, in the table's order.
#[must_use]
pub fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("tests/corpus/verdicts.tsv")).unwrap();
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split('\t');
            let mut next = || columns.next().unwrap_or_default().to_owned();
            let (id, expected, policies) = (next(), next(), next());
            Row {
                expected: match expected.as_str() {
                    "violated" => Expected::Violated,
                    "compliant" => Expected::Compliant,
                    "undecided" => Expected::Undecided,
                    "failed" => Expected::Failed,
                    "not_judged" => Expected::NotJudged,
                    other => panic!("{id}: `{other}` is no verdict"),
                },
                policies: policies.split_whitespace().map(str::to_owned).collect(),
                resource: next(),
                did: next()
                    .split("; ")
                    .filter(|d| !d.is_empty())
                    .map(str::to_owned)
                    .collect(),
                id,
            }
        })
        .collect()
}

/// The corpus: every record with its id.
#[must_use]
pub fn corpus() -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(root().join("tests/corpus/cloudtrail-dev.jsonl")).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|mut row| (row["id"].as_str().unwrap().to_owned(), row["event"].take()))
        .collect()
}

//! Made-up records for the notices' tests.

use serde_json::Value;

use crate::record::{OutcomeKind, Record};

/// Every way a record can end.
pub(crate) const OUTCOMES: [OutcomeKind; 11] = [
    OutcomeKind::Reverted,
    OutcomeKind::Pending,
    OutcomeKind::Proposed,
    OutcomeKind::Left,
    OutcomeKind::ClosedByOthers,
    OutcomeKind::Gone,
    OutcomeKind::Blocked,
    OutcomeKind::Conflict,
    OutcomeKind::Failed,
    OutcomeKind::Undecided,
    OutcomeKind::Undone,
];

/// A revert of a rule on a security group, with `words` wherever others could have put them.
pub(crate) fn record(id: &str, words: &str) -> Record {
    let mut record = serde_json::from_str(include_str!("testing.json")).unwrap();
    fill(&mut record, words);
    record["key"]["resource"]["id"] = id.into();
    if words == "0.0.0.0/0" {
        record["cause"]["change"]["actor"]["session"] = "maya".into();
    }
    serde_json::from_value(record).unwrap()
}

fn fill(value: &mut Value, words: &str) {
    match value {
        Value::String(text) => *text = text.replace("WORDS", words),
        Value::Array(all) => all.iter_mut().for_each(|v| fill(v, words)),
        Value::Object(all) => all.values_mut().for_each(|v| fill(v, words)),
        _ => {}
    }
}

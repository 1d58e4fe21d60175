//! Made-up records and stream entries for this crate's tests.

use jiff::Timestamp;
use serde_json::{Value, json};
use undrift_aws::journal::items::record_item;
use undrift_core::record::Record;

pub(crate) fn record(event: &str, revision: u32) -> Record {
    serde_json::from_value(json!({
        "schema": "record/v1",
        "key": {"event": event, "resource": {"account": "123456789012", "region": "eu-central-1",
            "kind": "ec2/security-group", "id": "sg-1"}},
        "revision": revision,
        "cause": {"undo": {
            "of": {"event": "e-0", "resource": {"account": "123456789012",
                "region": "eu-central-1", "kind": "ec2/security-group", "id": "sg-1"}},
            "by": "maya", "reason": "it was wanted"
        }},
        "assessments": [], "rulings": [],
        "decision": {"decision": "act"},
        "sent": [],
        "outcome": {"kind": "undone", "reason": "the rule stands again"},
        "stages": {"seen": "2026-01-24T03:45:51Z"},
        "worker": {"function": "undrift-undo", "role": "arn:aws:iam::123456789012:role/undrift-undo",
            "version": "0.1.0", "bundle": "b"}
    }))
    .unwrap()
}

/// A stream's entry of a revision that was written.
pub(crate) fn entry(sequence: &str, record: &Record) -> Value {
    let item = record_item(record, Timestamp::UNIX_EPOCH).unwrap();
    json!({
        "eventID": "x", "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {}, "NewImage": serde_json::to_value(item).unwrap(),
            "SequenceNumber": sequence, "StreamViewType": "NEW_IMAGE"
        }
    })
}

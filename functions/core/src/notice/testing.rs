//! Made-up records for the notices' tests.

use serde_json::json;

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
    let path = json!({"facet": "ingress", "key": "sgr-1"});
    serde_json::from_value(json!({
        "schema": "record/v1",
        "key": {"event": "e-1", "resource": {"account": "123456789012", "region": "eu-central-1",
            "kind": "ec2/security-group", "id": id}},
        "revision": 1,
        "cause": {"change": {
            "id": "e-1", "time": "2026-01-24T03:45:49Z", "source": "ec2.amazonaws.com",
            "name": "AuthorizeSecurityGroupIngress", "account": "123456789012",
            "region": "eu-central-1",
            "actor": {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::123456789012:assumed-role/Dev/maya",
                "principal": "arn:aws:iam::123456789012:role/Dev",
                "session": if words == "0.0.0.0/0" { "maya" } else { words },
                "account": "123456789012", "source_ip": words, "user_agent": words
            },
            "request": {}, "response": {}, "cut": false
        }},
        "assessments": [{
            "policy": "ec2-security-group-open-admin-ports", "digest": "d",
            "severity": "critical", "title": format!("A port is open {words}"),
            "references": {"cis_5_0": ["5.3"]}, "prevent": words,
            "verdict": "violated",
            "evidence": [{"path": path, "element": {}, "shown": words, "why": words}],
            "older": []
        }],
        "rulings": [],
        "decision": {"decision": "act"},
        "plan": {
            "writes": [{
                "path": path, "from": null, "to": null,
                "shown": {"from": words}, "by": "remove"
            }],
            "steps": []
        },
        "sent": [],
        "left_alone": [{"facet": "ingress", "count": 2, "shown": [words]}],
        "outcome": {"kind": "reverted", "reason": format!("the rule is gone {words}")},
        "stages": {"seen": "2026-01-24T03:45:51Z", "applied": "2026-01-24T03:45:52Z"},
        "worker": {"function": "undrift-ec2", "role": "arn:aws:iam::123456789012:role/undrift-ec2",
            "version": "0.1.0", "bundle": "b"}
    }))
    .unwrap()
}

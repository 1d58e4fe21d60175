//! Made-up records for this crate's tests.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what they expect by failing"
)]

use jiff::Timestamp;
use serde_json::{Value, json};
use undrift_core::change::Expected;
use undrift_core::kind::ResourceRef;
use undrift_core::name::{AccountId, EventId, KindId, Region, ResourceId};
use undrift_core::observe::{DatedImage, History};
use undrift_core::policy::Exemption;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{Claim, Observed};

pub(crate) fn resource() -> ResourceRef {
    ResourceRef {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
        kind: KindId::parse("ec2/security-group").unwrap(),
        id: ResourceId::parse("sg-1").unwrap(),
    }
}

pub(crate) fn key(event: &str) -> ChangeKey {
    ChangeKey {
        event: EventId::parse(event).unwrap(),
        resource: resource(),
    }
}

pub(crate) fn expected() -> Expected {
    Expected {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
    }
}

/// An EventBridge event of a change.
pub(crate) fn event(id: &str) -> Value {
    json!({
        "version": "0", "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail",
        "account": "123456789012", "region": "eu-central-1",
        "detail": {
            "eventVersion": "1.11", "eventID": id, "eventTime": "2026-01-24T03:45:49Z",
            "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
            "awsRegion": "eu-central-1", "recipientAccountId": "123456789012", "readOnly": false,
            "eventType": "AwsApiCall", "requestParameters": {"groupId": "sg-1"},
            "responseElements": null, "userIdentity": {"type": "AssumedRole"}
        }
    })
}

fn path() -> Value {
    json!({"facet": "ingress", "key": "sgr-1"})
}

fn rule() -> Value {
    json!({"protocol": "tcp", "from": 22, "to": 22, "source": "0.0.0.0/0"})
}

pub(crate) fn record(event: &str, revision: u32) -> Record {
    let resource = serde_json::to_value(resource()).unwrap();
    serde_json::from_value(json!({
        "schema": "record/v1",
        "key": {"event": event, "resource": resource},
        "revision": revision,
        "cause": {"change": {
            "id": event, "time": "2026-01-24T03:45:49Z", "source": "ec2.amazonaws.com",
            "name": "AuthorizeSecurityGroupIngress", "account": "123456789012",
            "region": "eu-central-1",
            "actor": {"type": "AssumedRole", "principal": "arn:aws:iam::123456789012:role/Dev"},
            "request": {}, "response": null, "cut": false
        }},
        "assessments": [{
            "policy": "ec2-security-group-open-admin-ports", "digest": "d", "severity": "critical",
            "title": "A security group lets the internet reach an administration port",
            "references": {}, "verdict": "violated",
            "evidence": [{"path": path(), "element": rule(), "shown": "tcp/22 from 0.0.0.0/0", "why": "open"}],
            "older": []
        }],
        "rulings": [],
        "decision": {"decision": "act"},
        "sent": [],
        "outcome": {"kind": "reverted", "reason": "what was there before is there again"},
        "stages": {"applied": "2026-01-24T03:45:51Z"},
        "worker": {"function": "undrift-ec2", "role": "arn:aws:iam::123456789012:role/undrift-ec2",
            "version": "0.1.0", "bundle": "b"}
    }))
    .unwrap()
}

pub(crate) fn claim(epoch: u64, nonce: Option<&str>, lease: Timestamp) -> Claim {
    let mut claim = json!({"resource": resource(), "epoch": epoch, "recent": []});
    if let Some(nonce) = nonce {
        claim["held"] = json!({
            "nonce": nonce, "lease": lease,
            "plan": {"writes": [{"path": path(), "from": rule(), "shown": {}, "by": "remove"}], "steps": []},
            "records": [record("e-1", 1)]
        });
    }
    serde_json::from_value(claim).unwrap()
}

pub(crate) fn image(as_of: &str) -> DatedImage {
    serde_json::from_value(json!({
        "image": {"facets": {"ingress": {"sgr-1": rule()}}}, "as_of": as_of, "since": as_of, "gapless": true
    }))
    .unwrap()
}

pub(crate) fn observed(version: u64, as_of: &str) -> Observed {
    Observed {
        accounted: std::collections::BTreeMap::new(),
        history: History {
            images: vec![image(as_of)],
            ..History::default()
        },
        version,
    }
}

pub(crate) fn exemption(id: &str) -> Exemption {
    serde_json::from_value(json!({
        "id": id, "covers": {"resource": "sg-1"}, "reason": "r", "by": "maya",
        "until": "2027-01-01T00:00:00Z", "source": "person"
    }))
    .unwrap()
}

//! Records that say the same in odd ways.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::json;
use undrift_core::change::{Decoded, decode};
use undrift_core::kind::Effect;

#[test]
fn protocols_are_read_in_capitals_and_as_numbers() {
    for protocol in [json!("TCP"), json!("tcp"), json!("6"), json!(6)] {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-24T03:45:49Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": "eu-central-1",
            "recipientAccountId": "123456789012", "userIdentity": {"type": "Root"},
            "requestParameters": {"groupId": "sg-1", "cidrIp": "0.0.0.0/0", "ipProtocol": protocol,
                "fromPort": 22, "toPort": 22},
            "responseElements": {"_return": true}
        });
        let Decoded::Change(change) = decode(record).unwrap() else {
            panic!("a change");
        };
        let kind = *undrift_ec2::kinds().first().unwrap();
        let touched = kind.touched(&change).unwrap();
        let Effect::Edited(touches) = &touched.first().unwrap().effect else {
            panic!("{protocol}: {touched:?}");
        };
        let after = touches.first().unwrap().after.as_ref().unwrap();
        assert_eq!(after.get("protocol"), Some(&json!("tcp")), "{protocol}");
    }
}

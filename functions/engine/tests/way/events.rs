//! What people do to the world, and ask of Undrift.

use jiff::SignedDuration;
use serde_json::{Value, json};
use undrift_core::change::{Change, Decoded, decode};
use undrift_core::name::{Arn, EventId};
use undrift_core::policy::{Exemption, ExemptionSource, Scope};
use undrift_engine::undo::UndoRequest;

use crate::world::{ROLE, World, time};

pub(crate) fn change(event: &str, at: i64, name: &str, request: Value, response: Value) -> Change {
    let record = json!({
        "eventID": event, "eventTime": time(at).to_string(), "eventSource": "ec2.amazonaws.com",
        "eventName": name, "awsRegion": "eu-central-1", "recipientAccountId": "123456789012",
        "requestParameters": request, "responseElements": response, "requestID": format!("r-{event}"),
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/maya"}
    });
    match decode(record).unwrap() {
        Decoded::Change(change) => *change,
        Decoded::Ignored(why) => panic!("{why:?}"),
    }
}

/// Somebody authorized rules `(id, port, source)`.
pub(crate) fn authorized(event: &str, at: i64, rules: &[(&str, u16, &str)]) -> Change {
    let items: Vec<Value> = rules
        .iter()
        .map(|(id, port, source)| {
            json!({"groupId": "sg-1", "securityGroupRuleId": id, "isEgress": false, "ipProtocol": "tcp",
                "fromPort": port, "toPort": port, "cidrIpv4": source})
        })
        .collect();
    let request = json!({"groupId": "sg-1", "ipPermissions": {}});
    let response = json!({"securityGroupRuleSet": {"items": items}});
    change(
        event,
        at,
        "AuthorizeSecurityGroupIngress",
        request,
        response,
    )
}

/// Somebody modified a rule.
pub(crate) fn modified(event: &str, at: i64, id: &str, port: u16, source: &str) -> Change {
    let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {
        "SecurityGroupRuleId": id, "tag": 1,
        "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIpv4": source}}}});
    change(event, at, "ModifySecurityGroupRules", request, Value::Null)
}

/// The group was made.
pub(crate) fn created(event: &str, at: i64) -> Change {
    let request = json!({"groupName": "web", "vpcId": "vpc-1"});
    change(
        event,
        at,
        "CreateSecurityGroup",
        request,
        json!({"groupId": "sg-1"}),
    )
}

/// Under one of our own roles.
pub(crate) fn by_undrift(mut change: Change) -> Change {
    change.actor.principal = Some(Arn::parse(ROLE).unwrap());
    change
}

/// Maya wants the revert of an event's change undone.
pub(crate) fn undo_of(world: &World, event: &str) -> UndoRequest {
    UndoRequest {
        record: world.record(event).key,
        by: "maya".into(),
        reason: "a test".into(),
        id: EventId::parse(&format!("undo-{event}")).unwrap(),
        ticket: None,
        until: None,
    }
}

/// A person gave leave for an hour.
pub(crate) fn leave(world: &World, covers: Scope) -> Exemption {
    Exemption {
        id: "x".into(),
        covers,
        reason: "wanted".into(),
        ticket: None,
        by: "noor".into(),
        from: None,
        until: world.now() + SignedDuration::from_hours(1),
        source: ExemptionSource::Person,
    }
}

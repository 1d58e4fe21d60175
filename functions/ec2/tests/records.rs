//! Records that say the same in odd ways.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::{Value, json};
use undrift_core::change::{Change, Decoded, decode};
use undrift_core::kind::{Before, Effect, Lookup, Target, Touch};

fn change(name: &str, request: &Value, response: &Value) -> Change {
    let record = json!({
        "eventID": "e-1", "eventTime": "2026-01-24T03:45:49Z", "eventSource": "ec2.amazonaws.com",
        "eventName": name, "awsRegion": "eu-central-1", "recipientAccountId": "123456789012",
        "userIdentity": {"type": "Root"}, "requestParameters": request, "responseElements": response
    });
    match decode(record).unwrap() {
        Decoded::Change(change) => *change,
        Decoded::Ignored(why) => panic!("{why}"),
    }
}

/// What a call did to `sg-1`: facets, whether it was named by its id, and the element in words;
/// `?` where it can't be told.
fn did(name: &str, request: &Value, response: &Value) -> Vec<String> {
    let kind = *undrift_ec2::kinds().first().unwrap();
    let change = change(name, request, response);
    let touched = kind.touched(&change).unwrap();
    let [touched] = touched.as_slice() else {
        panic!("{touched:?}")
    };
    assert_eq!(
        touched.resource,
        Lookup::Id(undrift_core::name::ResourceId::parse("sg-1").unwrap())
    );
    let one = |t: &Touch| {
        let facet = t.facets.first().unwrap();
        let named = match &t.target {
            Target::Key(key) => key.to_string(),
            Target::Like(_) => "like".to_owned(),
        };
        let (sign, element) = match (&t.after, &t.before) {
            (Some(e), _) => ('+', e.clone()),
            (None, Before::Was(e)) => ('-', e.clone()),
            (None, _) => return format!("- {named}"),
        };
        let facets: Vec<&str> = t.facets.iter().map(|f| f.0.as_str()).collect();
        format!(
            "{sign} {} {named} {}",
            facets.join("|"),
            kind.describe(facet, &element)
        )
    };
    match &touched.effect {
        Effect::Edited(touches) => touches.iter().map(one).collect(),
        Effect::Unclear(_) => vec!["?".to_owned()],
        other => vec![format!("{other:?}")],
    }
}

#[test]
fn every_way_to_write_a_rule_is_read_the_same() {
    let flat = json!({"groupId": "sg-1", "cidrIp": "0.0.0.0/0", "ipProtocol": "tcp", "fromPort": 22,
        "toPort": 22, "ipPermissions": {}});
    let listed = |permissions: Value| json!({"groupId": "sg-1", "ipPermissions": permissions});
    let permission = json!({"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}, "ipv6Ranges": {},
        "prefixListIds": {}, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}});
    let with = |member: &str, value: Value| {
        let mut p = permission.clone();
        p[member] = value;
        listed(json!({"items": [p]}))
    };
    let capitals = json!({"AuthorizeSecurityGroupIngressRequest": {"GroupId": "sg-1", "IpPermissions":
        {"tag": 1, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22.0, "IpRanges": {"CidrIp": "0.0.0.0/0", "tag": 1}}}});
    for request in [
        flat.clone(),
        listed(json!({"items": [permission]})),
        listed(json!([permission])),
        listed(permission.clone()),
        listed(json!({"items": permission})),
        listed(json!({"item": permission})),
        with("fromPort", json!("22")),
        with("fromPort", json!(22.0)),
        with("ipProtocol", json!("6")),
        with("ipRanges", json!([{"cidrIp": "0.0.0.0/0"}])),
        with("ipRanges", json!({"cidrIp": "0.0.0.0/0"})),
        with(
            "ipRanges",
            json!({"items": [{"cidrIp": "208.236.235.254/0"}]}),
        ),
        with("groups", json!("")),
        with("groups", json!(null)),
        with(
            "groups",
            json!({"items": [{"groupName": "default", "userId": "123456789012"}]}),
        ),
        capitals,
    ] {
        let said = did("AuthorizeSecurityGroupIngress", &request, &Value::Null);
        assert_eq!(said, ["+ ingress like tcp/22 from 0.0.0.0/0"], "{request}");
    }
    let answer = json!({"securityGroupRuleSet": {"items": [{"groupId": "sg-1", "securityGroupRuleId": "sgr-1",
        "isEgress": false, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}]}});
    for request in [flat, json!(null), json!({})] {
        let said = did("AuthorizeSecurityGroupIngress", &request, &answer);
        assert_eq!(said, ["+ ingress sgr-1 tcp/22 from 0.0.0.0/0"], "{request}");
    }
}

#[test]
fn every_source_of_a_call_is_seen() {
    let request = json!({"groupId": "sg-1", "ipPermissions": {"items": [
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 23, "groups": {"items": [{"groupId": "sg-2", "userId": "1"}]},
            "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8", "description": "vpn"}, {"cidrIp": "0.0.0.0/0"}]},
            "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}, "prefixListIds": {"items": [{"prefixListId": "pl-1"}]}},
        {"ipProtocol": "-1", "groups": {}, "ipRanges": {"items": [{"cidrIp": "1.2.3.4/32"}]}}]}});
    assert_eq!(
        did("AuthorizeSecurityGroupEgress", &request, &Value::Null),
        [
            "+ egress like tcp/22-23 from 10.0.0.0/8 \"vpn\"",
            "+ egress like tcp/22-23 from 0.0.0.0/0",
            "+ egress like tcp/22-23 from ::/0",
            "+ egress like tcp/22-23 from pl-1",
            "+ egress like tcp/22-23 from sg-2",
            "+ egress like every protocol and port from 1.2.3.4/32",
        ]
    );
}

#[test]
fn changed_and_taken_rules_are_seen_in_every_form() {
    let rule = |id: &str| {
        json!({"SecurityGroupRuleId": id, "tag": 1, "SecurityGroupRule":
        {"CidrIpv4": "0.0.0.0/0", "FromPort": 22, "ToPort": 22, "IpProtocol": "tcp"}})
    };
    let modify = |rules: Value| json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": rules}});
    let one = "+ ingress|egress sgr-1 tcp/22 from 0.0.0.0/0";
    for (rules, expected) in [
        (rule("sgr-1"), vec![one]),
        (json!([rule("sgr-1")]), vec![one]),
        (
            json!([rule("sgr-1"), rule("sgr-2")]),
            vec![one, "+ ingress|egress sgr-2 tcp/22 from 0.0.0.0/0"],
        ),
        (json!({"SecurityGroupRuleId": "sgr-1", "tag": 1}), vec!["?"]),
        (json!(""), vec!["?"]),
    ] {
        assert_eq!(
            did(
                "ModifySecurityGroupRules",
                &modify(rules.clone()),
                &Value::Null
            ),
            expected,
            "{rules}"
        );
    }
    for ids in [
        json!({"items": [{"securityGroupRuleId": "sgr-1"}]}),
        json!(["sgr-1"]),
        json!([{"content": "sgr-1", "tag": 1}]),
    ] {
        let request = json!({"groupId": "sg-1", "securityGroupRuleIds": ids});
        assert_eq!(
            did("RevokeSecurityGroupIngress", &request, &Value::Null),
            ["- sgr-1"],
            "{ids}"
        );
    }
    let flat = json!({"groupId": "sg-1", "cidrIp": "0.0.0.0/0", "ipProtocol": "tcp", "fromPort": 22,
        "toPort": 22, "ipPermissions": {}});
    assert_eq!(
        did("RevokeSecurityGroupIngress", &flat, &Value::Null),
        ["- ingress like tcp/22 from 0.0.0.0/0"]
    );
}

#[test]
fn a_rule_that_cannot_be_read_is_told_and_not_taken_for_none() {
    let hidden = json!("HIDDEN_DUE_TO_SECURITY_REASONS");
    let permission = json!({"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]}});
    for (member, value) in [
        ("ipRanges", hidden.clone()),
        ("ipRanges", json!({"items": hidden})),
        ("ipRanges", json!({"items": [hidden]})),
        ("ipRanges", json!({"items": [{"cidrIp": "****"}]})),
        ("ipRanges", json!({"items": [{}]})),
        ("ipRanges", json!({})),
        ("fromPort", hidden.clone()),
        ("toPort", json!({})),
        ("ipProtocol", json!("gopher")),
        ("ipv6Ranges", json!(7)),
        ("groups", json!({"items": [{"userId": "1"}]})),
    ] {
        let mut permission = permission.clone();
        permission[member] = value.clone();
        let request = json!({"groupId": "sg-1", "ipPermissions": {"items": [permission]}});
        assert_eq!(
            did("AuthorizeSecurityGroupIngress", &request, &Value::Null),
            ["?"],
            "{member}: {value}"
        );
    }
}

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

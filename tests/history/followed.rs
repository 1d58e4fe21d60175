//! Resources followed through history: what is judged on what was seen before.

use serde_json::{Value, json};
use undrift_core::decide::Decision;

use crate::support::{authorized, created, modified, record, replay_records, revoked};

const ADMIN: &str = "admin-ports";

/// The calls that would have been made about an event by one policy.
fn calls(heard: &crate::support::Heard, event: &str) -> Vec<String> {
    let judged = heard.of(event);
    let outcome = judged
        .outcomes
        .iter()
        .find(|o| o.policy.as_str().ends_with(ADMIN));
    outcome
        .unwrap()
        .calls
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_widened_rule_goes_back_to_what_history_showed() {
    let heard = replay_records(&[
        created("a", 10),
        authorized("b", 20, "sgr-1", 22, "10.0.0.0/8"),
        modified("c", 30, "sgr-1", 22, "0.0.0.0/0"),
    ]);
    assert_eq!(heard.verdict("b", ADMIN), "compliant");
    assert_eq!(heard.verdict("c", ADMIN), "violated");
    let calls = calls(&heard, "c");
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(
        calls[0].contains("ModifySecurityGroupRules") && calls[0].contains("10.0.0.0/8"),
        "{calls:?}"
    );
    assert_eq!(heard.summary.violated, 1);
}

#[test]
fn the_internet_in_quarters_is_added_up_over_history() {
    let quarters = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"];
    let mut records = vec![created("made", 1)];
    for (n, source) in (2..).zip(quarters) {
        records.push(authorized(source, n * 10, &format!("sgr-{n}"), 22, source));
    }
    let heard = replay_records(&records);
    for source in quarters {
        assert_eq!(heard.verdict(source, ADMIN), "violated", "{source}");
    }
    // A quarter of a /8 is public only together with others: with none, with unknown ones, with known ones.
    let narrow =
        |id: &str, second, source: &str| authorized(id, second, &format!("sgr-{id}"), 22, source);
    let heard = replay_records(&[created("made", 1), narrow("a", 10, "8.0.0.0/10")]);
    assert_eq!(heard.verdict("a", ADMIN), "compliant");
    let heard = replay_records(&[narrow("a", 10, "8.0.0.0/10")]);
    assert_eq!(heard.verdict("a", ADMIN), "undecided");
    let heard = replay_records(&[narrow("a", 10, "8.0.0.0/9"), narrow("b", 20, "8.128.0.0/9")]);
    assert_eq!(heard.verdict("b", ADMIN), "violated");
    // An office's address never is.
    let heard = replay_records(&[narrow("a", 10, "81.2.69.160/32")]);
    assert_eq!(heard.verdict("a", ADMIN), "compliant");
    // What was taken away counts no more.
    let heard = replay_records(&[
        created("made", 1),
        narrow("a", 10, "8.0.0.0/9"),
        revoked("b", 20, &["sgr-a"]),
        narrow("c", 30, "8.128.0.0/9"),
    ]);
    assert_eq!(heard.verdict("c", ADMIN), "compliant");
}

#[test]
fn a_change_that_changed_nothing_is_not_a_change() {
    let heard = replay_records(&[
        authorized("a", 10, "sgr-1", 22, "0.0.0.0/0"),
        modified("b", 20, "sgr-1", 22, "0.0.0.0/0"),
    ]);
    assert_eq!(
        (heard.verdict("a", ADMIN), heard.verdict("b", ADMIN)),
        ("violated", "compliant")
    );
}

#[test]
fn one_event_is_judged_once_however_it_is_written() {
    let id = "3f2a9b1c-7d4e-4a6b-8c90-1e5f7a2b3c4d";
    let mut one = authorized(id, 10, "sgr-1", 22, "0.0.0.0/0");
    let mut other = one.clone();
    other["responseElements"] = json!(null);
    one["requestParameters"]["ipPermissions"]["items"][0]["fromPort"] = json!(22.0);
    let heard = replay_records(&[one, other]);
    assert_eq!(
        (
            heard.routed().len(),
            heard.counts.again,
            heard.summary.violated
        ),
        (1, 1, 1)
    );
}

#[test]
fn many_rules_cost_no_more_than_they_must() {
    let blocks =
        |n: u32| (0..n).map(|n| json!({"cidrIp": format!("20.{}.{}.1/32", n / 250, n % 250)}));
    let of = |n: u32| {
        let permission = json!({"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
            "ipRanges": {"items": blocks(n).collect::<Vec<_>>()}});
        let request = json!({"groupId": "sg-1", "ipPermissions": {"items": [permission]}});
        record(
            "a",
            10,
            "AuthorizeSecurityGroupIngress",
            request,
            json!({"_return": true}),
        )
    };
    // As many as a group can have; and more, which no group has.
    assert_eq!(
        replay_records(&[of(1_000)]).verdict("a", ADMIN),
        "compliant"
    );
    assert_eq!(
        replay_records(&[of(50_000)]).verdict("a", ADMIN),
        "undecided"
    );
}

#[test]
fn only_the_owners_copy_counts() {
    let mut own = authorized("a", 10, "sgr-1", 22, "0.0.0.0/0");
    own["sharedEventID"] = json!("shared-1");
    let mut copy = own.clone();
    copy["eventID"] = json!("b");
    copy["recipientAccountId"] = json!("999999999999");
    let heard = replay_records(&[own, copy]);
    assert_eq!(heard.routed(), ["a"]);
    assert_eq!(heard.summary.violated, 1);
}

#[test]
fn what_is_no_change_is_never_flagged() {
    let open = authorized("a", 10, "sgr-1", 22, "0.0.0.0/0");
    for (member, value) in [
        ("errorCode", json!("Client.UnauthorizedOperation")),
        ("errorCode", json!("Client.DryRunOperation")),
        ("errorCode", json!(500)),
        ("errorMessage", json!("it failed")),
        ("readOnly", json!(true)),
        ("eventType", json!("AwsServiceEvent")),
        ("eventSource", json!("rds.amazonaws.com")),
    ] {
        let mut record = open.clone();
        record[member] = value;
        let heard = replay_records(&[record]);
        assert!(
            heard.routed().is_empty() && heard.faults.is_empty(),
            "{member}"
        );
    }
}

#[test]
fn what_keeps_coming_back_is_told() {
    let mut records = Vec::new();
    for n in 0..3 {
        let rule = format!("sgr-{n}");
        let mut open = authorized(&format!("open-{n}"), n * 100, &rule, 22, "0.0.0.0/0");
        open["userAgent"] = json!("APN/1.0 HashiCorp/1.0 Terraform/1.9.2");
        open["userIdentity"]["arn"] = json!("arn:aws:iam::123456789012:user/pipeline");
        records.push(open);
        records.push(revoked(&format!("close-{n}"), n * 100 + 50, &[&rule]));
    }
    let heard = replay_records(&records);
    let flapping = heard.summary.flapping();
    let [(resource, element, what)] = flapping.as_slice() else {
        panic!("{flapping:?}")
    };
    assert!(resource.ends_with("sg-1"));
    assert_eq!(*element, "tcp/22 from 0.0.0.0/0");
    assert_eq!((what.opened, what.closed), (3, 3));
    assert!(what.openers.iter().any(|o| o.ends_with("user/pipeline")));
    assert!(what.closers.iter().any(|o| o.ends_with("user/maya")));
    let pipelines: Vec<_> = heard.summary.pipelines.iter().collect();
    assert_eq!(
        (pipelines.len(), *pipelines[0].1, pipelines[0].0.tool),
        (1, 3, "Terraform")
    );
}

#[test]
fn a_group_that_is_named_only_by_its_name_is_followed_by_it() {
    let by_name = |id: &str, second, source: &str| {
        let request = json!({"groupName": "default", "cidrIp": source, "ipProtocol": "tcp", "fromPort": 22,
            "toPort": 22, "ipPermissions": {}});
        record(
            id,
            second,
            "AuthorizeSecurityGroupIngress",
            request,
            json!({"_return": true}),
        )
    };
    let heard = replay_records(&[
        by_name("a", 10, "8.0.0.0/9"),
        by_name("b", 20, "8.128.0.0/9"),
    ]);
    assert_eq!(heard.verdict("b", ADMIN), "violated");
    assert_eq!(
        heard.of("b").outcomes[0].resource.as_deref(),
        Some("default")
    );
}

#[test]
fn nothing_is_decided_on_an_empty_bundle() {
    let bundle = undrift_core::policy::Bundle::of(
        &[],
        &undrift_core::policy::Settings::default(),
        &undrift_core::policy::Exemptions::default(),
        undrift_documents::kinds(),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = crate::support::lines(
        folder.path(),
        &[authorized("a", 10, "sgr-1", 22, "0.0.0.0/0")],
    );
    let heard = crate::support::replay_by(&bundle.unwrap(), &[path], true);
    assert_eq!(heard.judged.len(), 1);
    assert!(heard.judged[0].outcomes.is_empty());
}

#[test]
fn an_instances_options_go_back_to_what_it_was_started_with() {
    let options = |tokens: &str, hops: u8| {
        json!({"state": "pending", "httpTokens": tokens, "httpEndpoint": "enabled",
            "httpPutResponseHopLimit": hops, "httpProtocolIpv6": "disabled", "instanceMetadataTags": "disabled"})
    };
    let run = |tokens: &str| {
        let answer = json!({"instancesSet": {"items": [
            {"instanceId": "i-1", "metadataOptions": options(tokens, 1)},
            {"instanceId": "i-2", "metadataOptions": options(tokens, 1)}]}});
        record("run", 10, "RunInstances", json!({}), answer)
    };
    let set = |id: &str, second, set: Value| {
        let mut request = json!({"InstanceId": "i-1"});
        request
            .as_object_mut()
            .unwrap()
            .extend(set.as_object().unwrap().clone());
        let request = json!({"ModifyInstanceMetadataOptionsRequest": request});
        record(
            id,
            second,
            "ModifyInstanceMetadataOptions",
            request,
            Value::Null,
        )
    };
    let weak = |second| {
        set(
            "a",
            second,
            json!({"HttpTokens": "optional", "HttpPutResponseHopLimit": 2}),
        )
    };
    let policy = "imdsv1-allowed";
    let heard = replay_records(&[run("required"), weak(20)]);
    assert_eq!(heard.verdict("a", policy), "violated");
    let outcome = &heard.of("a").outcomes[0];
    assert_eq!(outcome.decision, Decision::Act);
    let calls: Vec<String> = outcome.calls.iter().map(ToString::to_string).collect();
    assert_eq!(
        calls,
        [r#"ec2:ModifyInstanceMetadataOptions {"HttpTokens":"required","InstanceId":"i-1"}"#]
    );
    // What it was isn't shown, and neither is whether the endpoint answers.
    let heard = replay_records(&[weak(20)]);
    assert_eq!(heard.verdict("a", policy), "undecided");
    // It never asked for tokens: setting that again changes nothing.
    let heard = replay_records(&[run("optional"), weak(20)]);
    assert_eq!(heard.verdict("a", policy), "compliant");
    let heard = replay_records(&[
        run("required"),
        set("a", 20, json!({"HttpPutResponseHopLimit": 9})),
    ]);
    assert_eq!(heard.verdict("a", policy), "violated");
    let heard = replay_records(&[run("required"), set("a", 20, json!({"HttpTokens": "****"}))]);
    assert_eq!(heard.verdict("a", policy), "undecided");
}

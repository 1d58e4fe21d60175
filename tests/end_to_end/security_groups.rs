//! Each way to open a group, taken back exactly; undo; what is left alone.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Client, QueueFaults};
use undrift_tests::groups::{authorize, ipv4, live, make, modify, open};
use undrift_tests::sandbox::{Sandbox, next_second, text};

const WORLD: &str = "0.0.0.0/0";

fn of(group: &str, outcome: OutcomeKind) -> impl Fn(&Record) -> bool {
    let group = group.to_owned();
    move |r| r.key.resource.id.as_str() == group && r.outcome.kind == outcome
}

/// A group with neighbours that must survive whatever happens beside them.
async fn with_neighbours(sandbox: &Sandbox, client: &Client, name: &str) -> (String, Vec<Value>) {
    let group = make(client, name, &sandbox.vpc().await).await;
    let described = json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
        "IpRanges": [{"CidrIp": WORLD, "Description": "the shop"}]});
    authorize(client, &group, json!([described])).await;
    authorize(
        client,
        &group,
        json!([ipv4("tcp", 22, 22, "81.2.69.160/32")]),
    )
    .await;
    let itself = json!({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]});
    authorize(client, &group, json!([itself])).await;
    sandbox.settle().await;
    let rules = live(&sandbox.account.admin(), &group).await;
    (group, rules)
}

#[tokio::test]
async fn every_way_to_open_a_port_is_closed_and_the_neighbours_stay() {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let (group, s0) = with_neighbours(&sandbox, &maya, "web").await;
    let both = json!({"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389,
        "IpRanges": [{"CidrIp": WORLD}, {"CidrIp": "10.1.0.0/16"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]});
    let ways: Vec<(&str, Value)> = vec![
        (
            "nested",
            json!({"IpPermissions": [ipv4("tcp", 22, 22, WORLD)]}),
        ),
        (
            "flat",
            json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": WORLD}),
        ),
        (
            "ipv6",
            json!({"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]}),
        ),
        (
            "every protocol",
            json!({"IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": WORLD}]}]}),
        ),
        (
            "a range",
            json!({"IpPermissions": [ipv4("tcp", 0, 65535, WORLD)]}),
        ),
        (
            "halves of the internet",
            json!({"IpPermissions": [
            ipv4("tcp", 5985, 5986, "0.0.0.0/1"), ipv4("tcp", 5985, 5986, "128.0.0.0/1")]}),
        ),
        (
            "a database",
            json!({"IpPermissions": [ipv4("tcp", 5432, 5432, WORLD)]}),
        ),
        (
            "any port",
            json!({"IpPermissions": [ipv4("udp", 9999, 9999, WORLD)]}),
        ),
    ];
    for (way, mut input) in ways {
        input["GroupId"] = json!(group);
        maya.call("ec2", "AuthorizeSecurityGroupIngress", input)
            .await
            .unwrap();
        sandbox.settle().await;
        assert_eq!(live(&sandbox.account.admin(), &group).await, s0, "{way}");
    }
    // Several rules and sources in one call: only what violates goes.
    authorize(
        &maya,
        &group,
        json!([both, ipv4("tcp", 8443, 8443, "10.0.0.0/8")]),
    )
    .await;
    sandbox.settle().await;
    let kept: BTreeSet<String> = open(&sandbox.account.admin(), &group).await;
    assert!(kept.contains("tcp 3389-3389 10.1.0.0/16"), "{kept:?}");
    assert!(kept.contains("tcp 8443-8443 10.0.0.0/8"), "{kept:?}");
    assert_eq!(kept.len(), 5, "{kept:?}");
    let records = sandbox.records().await;
    // The function that decided says by which bundle: one and the same for all.
    let bundles: BTreeSet<&str> = records.iter().map(|r| r.worker.bundle.as_str()).collect();
    assert_eq!(bundles.len(), 1, "{bundles:?}");
    assert!(
        bundles.iter().all(|digest| digest.len() == 64),
        "{bundles:?}"
    );
    let reverted = records
        .iter()
        .filter(|r| r.outcome.kind == OutcomeKind::Reverted);
    assert_eq!(reverted.count(), 9);
    // Each told once, by a notice that says what and how to undo.
    let notices = sandbox.stack.take_notices().await.unwrap();
    assert_eq!(notices.len(), 9, "{notices:?}");
    let told = text(&notices[0], "/Message");
    assert!(
        told.contains("Undo: undrift undo ") && told.contains(&group),
        "{told}"
    );
}

#[tokio::test]
async fn a_group_given_by_its_name_is_found() {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let group = make(&maya, "legacy", &sandbox.vpc().await).await;
    let input = json!({"GroupName": "legacy", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": WORLD});
    maya.call("ec2", "AuthorizeSecurityGroupIngress", input)
        .await
        .unwrap();
    sandbox.record(of(&group, OutcomeKind::Reverted)).await;
    assert!(open(&sandbox.account.admin(), &group).await.is_empty());
}

#[tokio::test]
async fn a_widened_rule_gets_its_value_and_description_back_and_undo_widens_it_again() {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let group = make(&maya, "bastion", &sandbox.vpc().await).await;
    let office = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "IpRanges": [{"CidrIp": "81.2.69.160/32", "Description": "the office"}]});
    let rule = authorize(&maya, &group, json!([office])).await.remove(0);
    sandbox.settle().await;
    let s0 = live(&sandbox.account.admin(), &group).await;
    next_second().await;
    let wide = json!({"IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, "CidrIpv4": WORLD, "Description": "temporary"});
    modify(&maya, &group, &rule, wide).await;
    let record = sandbox.record(of(&group, OutcomeKind::Reverted)).await;
    assert_eq!(live(&sandbox.account.admin(), &group).await, s0);
    let answer = sandbox
        .stack
        .undo(&record.key, "maya", "a test")
        .await
        .unwrap();
    sandbox.settle().await;
    let opened = open(&sandbox.account.admin(), &group).await;
    assert_eq!(
        opened,
        BTreeSet::from(["tcp 20-30 0.0.0.0/0".to_owned()]),
        "{answer:?}"
    );
}

#[tokio::test]
async fn undo_opens_it_again_with_its_description_and_tags_and_it_stays_open() {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let (group, s0) = with_neighbours(&sandbox, &maya, "undo").await;
    let input = json!({"GroupId": group,
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "IpRanges": [{"CidrIp": WORLD, "Description": "the café"}]}],
        "TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": [{"Key": "ticket", "Value": "OPS-1"}]}]});
    maya.call("ec2", "AuthorizeSecurityGroupIngress", input)
        .await
        .unwrap();
    let record = sandbox.record(of(&group, OutcomeKind::Reverted)).await;
    assert_eq!(live(&sandbox.account.admin(), &group).await, s0);
    // A colleague goes on working meanwhile: that must survive the undo.
    authorize(
        &maya,
        &group,
        json!([ipv4("tcp", 8080, 8080, "10.0.0.0/8")]),
    )
    .await;
    sandbox.settle().await;
    sandbox
        .stack
        .undo(&record.key, "maya", "a test")
        .await
        .unwrap();
    sandbox.settle().await;
    let rules = live(&sandbox.account.admin(), &group).await;
    assert_eq!(rules.len(), s0.len() + 2);
    let back = rules
        .iter()
        .find(|r| r["Description"] == "the café")
        .unwrap();
    assert_eq!(back["Tags"], json!([{"Key": "ticket", "Value": "OPS-1"}]));
    assert_eq!(
        (&back["FromPort"], &back["CidrIpv4"]),
        (&json!(22), &json!(WORLD))
    );
    let first = sandbox.record(|r| r.key == record.key).await;
    assert_eq!(first.outcome.kind, OutcomeKind::Undone);
    // Asked twice, it is done once.
    sandbox
        .stack
        .undo(&record.key, "maya", "again")
        .await
        .unwrap();
    sandbox.settle().await;
    assert_eq!(
        live(&sandbox.account.admin(), &group).await.len(),
        rules.len()
    );
}

#[tokio::test]
async fn duplicated_delayed_and_reordered_events_end_in_the_same_state() {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    sandbox.queue().set_faults(QueueFaults {
        seed: 7,
        delay: (Duration::ZERO, Duration::from_millis(400)),
        duplicate: 0.5,
        loss: 0.0,
        reorder: true,
    });
    let (group, s0) = with_neighbours(&sandbox, &maya, "noise").await;
    for port in [22, 23, 3389, 5432, 6379] {
        authorize(&maya, &group, json!([ipv4("tcp", port, port, WORLD)])).await;
    }
    let records = sandbox.records().await;
    assert_eq!(live(&sandbox.account.admin(), &group).await, s0);
    let reverted = records
        .iter()
        .filter(|r| r.outcome.kind == OutcomeKind::Reverted);
    assert_eq!(reverted.count(), 5);
    let revisions = sandbox.stack.revisions().await.unwrap();
    assert_eq!(
        revisions.len(),
        records.len(),
        "each record is written once"
    );
}

#[tokio::test]
async fn what_was_open_before_and_what_is_fine_is_left() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.account.admin();
    let group = make(&admin, "old", &sandbox.vpc().await).await;
    // Past the trail: Undrift never heard of it.
    authorize(&admin, &group, json!([ipv4("tcp", 22, 22, WORLD)])).await;
    let maya = sandbox.user("maya").await;
    authorize(&maya, &group, json!([ipv4("tcp", 443, 443, WORLD)])).await;
    authorize(
        &maya,
        &group,
        json!([ipv4("tcp", 22, 22, "81.2.69.160/32")]),
    )
    .await;
    let records = sandbox.records().await;
    assert!(
        records.iter().all(|r| r.outcome.kind == OutcomeKind::Left),
        "{records:?}"
    );
    assert_eq!(open(&admin, &group).await.len(), 3);
    assert!(sandbox.stack.take_notices().await.unwrap().is_empty());
    // Failed calls and dry runs change nothing.
    let again = json!({"GroupId": group, "IpPermissions": [ipv4("tcp", 22, 22, WORLD)]});
    assert!(
        maya.call("ec2", "AuthorizeSecurityGroupIngress", again)
            .await
            .is_err()
    );
    assert_eq!(sandbox.records().await.len(), records.len());
}

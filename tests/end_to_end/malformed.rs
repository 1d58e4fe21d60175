//! Messages that are no changes of ours: each shows, and its neighbours are handled.

use serde_json::{Value, json};
use undrift_core::record::OutcomeKind;
use undrift_tests::groups::{authorize, ipv4, make, open};
use undrift_tests::sandbox::Sandbox;

fn event(sandbox: &Sandbox, detail: &Value) -> Value {
    json!({
        "version": "0", "id": "m-1", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": sandbox.account.account_id(), "time": "2026-01-01T00:00:00Z",
        "region": "eu-central-1", "resources": [], "detail": detail
    })
}

fn record(id: &str, group: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-01-01T00:00:00Z",
        "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
        "awsRegion": "eu-central-1", "recipientAccountId": "123456789012", "eventType": "AwsApiCall",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/eve"},
        "requestParameters": {"groupId": group, "ipPermissions": {}, "ipProtocol": "tcp",
            "fromPort": 22, "toPort": 22, "cidrIp": "0.0.0.0/0"},
        "responseElements": null
    })
}

#[tokio::test]
async fn bad_messages_show_and_their_good_neighbours_are_handled() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.account.admin();
    let group = make(&admin, "neighbour", &sandbox.vpc().await).await;
    let queue = sandbox.queue();
    let with = |member: &str, value: Value| {
        let mut e = event(&sandbox, &record("bad", &group));
        *e.pointer_mut(member).unwrap() = value;
        e.to_string()
    };
    let whole = event(&sandbox, &record("bad", &group)).to_string();
    let padded = {
        let mut e = event(&sandbox, &record("padded", &group));
        e["detail"]["userAgent"] = json!("x".repeat(1_000_000));
        e.to_string()
    };
    let bad = [
        ("not JSON", "hello".to_owned()),
        ("empty", String::new()),
        ("truncated", whole.chars().take(whole.len() / 2).collect()),
        (
            "wrong detail-type",
            with("/detail-type", json!("Scheduled Event")),
        ),
        ("not from AWS", with("/source", json!("my.ec2"))),
        ("another account", with("/account", json!("999999999999"))),
        (
            "a foreign partition",
            with("/detail/awsRegion", json!("cn-north-1")),
        ),
        ("no time", with("/detail/eventTime", json!("yesterday"))),
        (
            "deep",
            format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)),
        ),
        (
            "a list for a record",
            event(&sandbox, &json!([1, 2])).to_string(),
        ),
    ];
    // Past the trail, so that only the hand-made events tell of the rule.
    authorize(&admin, &group, json!([ipv4("tcp", 22, 22, "0.0.0.0/0")])).await;
    for (_, message) in &bad {
        queue.send(message);
    }
    // 1 MB, and otherwise good: it is a real change and is handled.
    queue.send(&padded);
    queue.send(
        &event(
            &sandbox,
            &json!({"eventName": "SomethingNew", "eventSource": "ec2.amazonaws.com",
        "eventID": "u-1", "eventTime": "2026-01-01T00:00:00Z", "awsRegion": "eu-central-1",
        "recipientAccountId": "123456789012"}),
        )
        .to_string(),
    );
    let records = sandbox.records().await;
    assert!(
        open(&admin, &group).await.is_empty(),
        "the good neighbour was handled"
    );
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].outcome.kind, OutcomeKind::Reverted);
    assert_eq!(records[0].key.event.as_str(), "padded");
    let log = sandbox.stack.log().join("\n");
    let errors = log
        .lines()
        .filter(|l| l.contains("\"level\":\"ERROR\""))
        .count();
    assert!(
        errors >= bad.len(),
        "{errors} of {} show:\n{log}",
        bad.len()
    );
    assert!(
        queue.dead_letters().is_empty(),
        "none is tried again and again"
    );
    assert!(
        log.lines().all(|l| l.len() < 20_000),
        "no line repeats a whole message"
    );
}

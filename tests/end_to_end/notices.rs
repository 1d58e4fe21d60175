//! What people and programs are told, by the real function, on channels that work and that don't.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use undrift_core::name::PolicyId;
use undrift_core::notice::route::{ChannelName, Route};
use undrift_core::policy::Severity;
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Client, FaultAction, FaultRule, SlackFault, SlackMessage};
use undrift_stack::Deployment;
use undrift_tests::groups::{authorize, ipv4, make};
use undrift_tests::sandbox::{Sandbox, binaries, root, text};

const WORLD: &str = "0.0.0.0/0";

/// Opens a group to the world, described as told.
async fn open(client: &Client, group: &str, port: u16, description: &str) {
    let mut permission = ipv4("tcp", port.into(), port.into(), WORLD);
    if !description.is_empty() {
        permission["IpRanges"][0]["Description"] = description.into();
    }
    authorize(client, group, json!([permission])).await;
}

/// All text of a message.
fn words(message: &SlackMessage) -> String {
    fn collect(value: &Value, to: &mut String) {
        match value {
            Value::String(text) => {
                to.push_str(text);
                to.push('\n');
            }
            Value::Array(all) => all.iter().for_each(|v| collect(v, to)),
            Value::Object(all) => all.values().for_each(|v| collect(v, to)),
            _ => {}
        }
    }
    let mut all = String::new();
    collect(&message.content["blocks"], &mut all);
    all
}

fn roots(messages: &[SlackMessage]) -> Vec<&SlackMessage> {
    messages.iter().filter(|m| m.thread.is_none()).collect()
}

/// What each message is the telling of: `<revision>/message` or `/details`.
fn tellings(messages: &[SlackMessage]) -> Vec<String> {
    let payload = |m: &SlackMessage| m.content["metadata"]["event_payload"].clone();
    let all = messages.iter().map(|m| {
        let payload = payload(m);
        format!("{}/{}", text(&payload, "/id"), text(&payload, "/part"))
    });
    all.collect()
}

/// How often each thing is there.
fn counted(all: Vec<String>) -> BTreeMap<String, usize> {
    all.into_iter().fold(BTreeMap::new(), |mut counts, one| {
        *counts.entry(one).or_default() += 1;
        counts
    })
}

#[tokio::test]
async fn an_incident_is_told_in_slack_by_mail_and_to_programs() {
    let sandbox = Sandbox::start().await;
    let mut bus = sandbox.account.subscribe();
    let maya = sandbox.user("maya").await;
    let group = make(&maya, "web", &sandbox.vpc().await).await;
    authorize(&maya, &group, json!([ipv4("tcp", 443, 443, WORLD)])).await;
    sandbox.settle().await;
    open(&maya, &group, 22, "<!channel> *now* & `then`").await;
    let records = sandbox.records().await;
    let record = records
        .iter()
        .find(|r| r.outcome.kind == OutcomeKind::Reverted)
        .unwrap();

    let messages = sandbox.stack.slack.messages();
    let [message] = roots(&messages)[..] else {
        panic!("{messages:#?}");
    };
    let said = words(message);
    for expected in [
        &format!("Reverted ec2/security-group {group}"),
        "maya",
        sandbox.account.account_id(),
        "eu-central-1",
        "ec2-security-group-open-admin-ports",
        &format!("undrift undo {}", record.key),
        "tcp/22 from 0.0.0.0/0",
        "&lt;!channel&gt;",
        "of ingress",
        "cloudtrailv2",
    ] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
    assert_eq!(messages.len(), 2, "the message and its details");
    assert!(words(&messages[1]).contains("What keeps it from coming back?"));

    let mails = sandbox.stack.take_notices().await.unwrap();
    let [mail] = &mails[..] else {
        panic!("{mails:#?}");
    };
    assert_eq!(mail["MessageAttributes"]["severity"]["Value"], "critical");
    assert_eq!(mail["MessageAttributes"]["outcome"]["Value"], "reverted");
    assert!(text(mail, "/Message").contains(&format!("Undo: undrift undo {}", record.key)));

    // The undo shows in the same message, and under it.
    let undone = sandbox.stack.undo(&record.key, "maya", "wanted").await;
    undone.unwrap();
    sandbox.settle().await;
    let messages = sandbox.stack.slack.messages();
    let [message] = roots(&messages)[..] else {
        panic!("{messages:#?}");
    };
    assert!(words(message).contains("Undone ec2/security-group"));
    assert_eq!(message.edits, 1);
    assert_eq!(messages.len(), 4, "{:#?}", tellings(&messages));

    let schema = std::fs::read_to_string(root().join("infra/schemas/record-event-v1.json"));
    let schema = serde_json::from_str(&schema.unwrap()).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let mut outcomes = Vec::new();
    while let Ok(event) = bus.try_recv() {
        if event["source"] == "undrift" {
            let wrong: Vec<String> = schema
                .iter_errors(&event["detail"])
                .map(|e| e.to_string())
                .collect();
            assert_eq!(wrong, Vec::<String>::new());
            assert_eq!(event["detail-type"], "Undrift Record");
            outcomes.push(text(&event, "/detail/outcome"));
        }
    }
    for outcome in ["left", "reverted", "undone"] {
        assert!(outcomes.iter().any(|o| o == outcome), "{outcomes:?}");
    }
}

#[tokio::test]
async fn repeats_share_a_message_and_are_counted() {
    let sandbox = Sandbox::start().await;
    let dev = sandbox.account.client_for_role("Dev", "maya").await;
    let other = sandbox.account.client_for_role("Dev", "tom").await;
    let (dev, other) = (dev.unwrap(), other.unwrap());
    let group = make(&dev, "web", &sandbox.vpc().await).await;
    for client in [&dev, &other, &dev] {
        open(client, &group, 22, "").await;
        sandbox.settle().await;
    }
    let messages = sandbox.stack.slack.messages();
    let [message] = roots(&messages)[..] else {
        panic!("{:#?}", tellings(&messages));
    };
    let said = words(message);
    let expected = "It is the 3rd critical violation today by the same role (Dev).";
    assert!(said.contains(expected), "{said}");
    assert_eq!(messages.len(), 4);
}

#[tokio::test]
async fn throttled_failing_and_slow_channels_lose_no_notice_and_double_none() {
    use SlackFault::{Fail, Lose, Slow, Throttle};
    const GROUPS: usize = 6;
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let vpc = sandbox.vpc().await;
    let mut groups = Vec::new();
    for n in 0..GROUPS {
        groups.push(make(&maya, &format!("g{n}"), &vpc).await);
    }
    sandbox.settle().await;
    let slow = Slow(Duration::from_millis(2500));
    sandbox.stack.slack.fail([
        Throttle(1),
        Lose,
        Fail,
        slow,
        Fail,
        Fail,
        Fail,
        Lose,
        Lose,
        slow,
        Throttle(2),
        Fail,
        Lose,
    ]);
    let faults = sandbox.account.faults();
    for (action, times) in [
        (FaultAction::Status(400, "Throttled".into()), 2),
        (FaultAction::Status(500, "InternalFailure".into()), 1),
        (FaultAction::DelayAnswer(4000), 1),
        (FaultAction::CloseBeforeForward, 1),
    ] {
        faults.add(FaultRule::new("sns", "Publish", times, action));
    }
    for group in &groups {
        open(&maya, group, 22, "").await;
    }
    // Nothing of it touches a revert: every group is closed before the first notice is out.
    for group in &groups {
        let id = group.clone();
        let closed = move |r: &Record| {
            r.key.resource.id.as_str() == id && r.outcome.kind == OutcomeKind::Reverted
        };
        let record = sandbox.record(closed).await;
        assert!(record.open_for().unwrap() < 5_000, "{:?}", record.stages);
    }
    sandbox.settle().await;
    assert_eq!(sandbox.stack.slack.faults_left(), 0);
    let messages = sandbox.stack.slack.messages();
    let told = counted(tellings(&messages));
    assert!(told.values().all(|n| *n == 1), "{told:#?}");
    assert_eq!(roots(&messages).len(), GROUPS);
    assert_eq!(messages.len(), 2 * GROUPS);
    let mails = sandbox.stack.take_notices().await.unwrap();
    let mails = counted(mails.iter().map(|m| text(m, "/Subject")).collect());
    assert_eq!(mails.len(), GROUPS, "{mails:#?}");
    assert!(mails.values().all(|n| *n == 1), "{mails:#?}");
}

#[tokio::test]
async fn a_channel_that_is_down_holds_up_nobody() {
    const GROUPS: usize = 4;
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let vpc = sandbox.vpc().await;
    let down = SlackFault::Refuse("not_in_channel");
    sandbox.stack.slack.fail(vec![down; 10_000]);
    let mut mails = Vec::new();
    for n in 0..GROUPS {
        let group = make(&maya, &format!("g{n}"), &vpc).await;
        open(&maya, &group, 22, "").await;
        // Each mail comes although Slack still owes all before it.
        let start = Instant::now();
        while mails.len() <= n {
            mails.extend(sandbox.stack.take_notices().await.unwrap());
            assert!(start.elapsed() < Duration::from_secs(20), "{n}");
        }
    }
    assert!(sandbox.stack.slack.messages().is_empty());
    sandbox.stack.slack.mend();
    sandbox.settle().await;
    let messages = sandbox.stack.slack.messages();
    assert_eq!(roots(&messages).len(), GROUPS);
    let told = counted(tellings(&messages));
    assert!(told.values().all(|n| *n == 1), "{told:#?}");
    assert_eq!(told.len(), 2 * GROUPS);
    mails.extend(sandbox.stack.take_notices().await.unwrap());
    assert_eq!(mails.len(), GROUPS);
}

#[tokio::test]
async fn notices_go_where_the_settings_route_them() {
    let route = |channels: &[ChannelName], severity| Route {
        channels: channels.to_vec(),
        severity,
        policies: None,
        accounts: None,
    };
    let mut deployment = Deployment::new(&root(), binaries().await);
    deployment.documents = Box::new(move |documents| {
        let settings = &mut documents.settings;
        let databases = "ec2-security-group-open-database-ports";
        settings.notices = vec![
            route(&[ChannelName::Webhook], Some(Severity::Critical)),
            route(&[ChannelName::AmazonQ], None),
            Route {
                policies: Some(vec![PolicyId::parse(databases).unwrap()]),
                ..route(&[ChannelName::Slack("C0DATABASES".into())], None)
            },
        ];
    });
    let sandbox = Sandbox::deploy(deployment).await;
    let maya = sandbox.user("maya").await;
    let group = make(&maya, "web", &sandbox.vpc().await).await;
    for port in [22, 8080, 5432] {
        open(&maya, &group, port, "").await;
        // Else a notice rightly says of the next one that it was left alone.
        sandbox.settle().await;
    }
    let messages = sandbox.stack.slack.messages();
    let by = |channel: &str| {
        let all = messages.iter().filter(|m| m.channel == channel);
        all.map(words).collect::<Vec<_>>()
    };
    assert!(
        by("webhook").iter().any(|m| m.contains("tcp/22 ")),
        "{messages:#?}"
    );
    assert!(!by("webhook").iter().any(|m| m.contains("tcp/8080 ")));
    assert!(by("C0DATABASES").iter().all(|m| m.contains("tcp/5432 ")));
    assert!(!by("C0DATABASES").is_empty());
    let chats = sandbox.stack.take_notices().await.unwrap();
    assert_eq!(chats.len(), 3, "one each");
    for chat in chats {
        let custom: Value = serde_json::from_str(&text(&chat, "/Message")).unwrap();
        assert_eq!(custom["source"], "custom");
        assert!(text(&chat, "/TopicArn").ends_with(":undrift-chat"));
    }
}

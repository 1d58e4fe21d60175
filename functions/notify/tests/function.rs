//! The function itself, as Lambda runs it, between a stream's entries and a topic.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what they expect by failing"
)]

#[path = "../src/tell_testing.rs"]
mod testing;

use std::path::PathBuf;

use serde_json::{Value, json};
use testing::{entry, record};
use undrift_core::policy::{Bundle, Exemptions, Settings};
use undrift_local::{Account, Client, FaultAction, FaultRule, Function, FunctionSpec, Options};

async fn start() -> Account {
    let tree = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    // Cargo's folder for tests' files stands in its target folder.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("..");
    Account::start(Options::new(tree, target)).await.unwrap()
}

/// Makes the table, and a topic with a queue behind it; gives the topic and the queue.
async fn resources(admin: &Client) -> (String, String) {
    let call = |service, operation, input| async move {
        admin.call(service, operation, input).await.unwrap()
    };
    let text =
        |value: &Value, pointer| value.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    call(
        "dynamodb",
        "CreateTable",
        json!({
            "TableName": "undrift", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"}
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"}
            ]
        }),
    )
    .await;
    let topic = call("sns", "CreateTopic", json!({"Name": "people"})).await;
    let topic = text(&topic, "/TopicArn");
    let queue = call("sqs", "CreateQueue", json!({"QueueName": "inbox"})).await;
    let queue = text(&queue, "/QueueUrl");
    let attributes = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
    let attributes = call("sqs", "GetQueueAttributes", attributes).await;
    let arn = text(&attributes, "/Attributes/QueueArn");
    let subscription = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn});
    call("sns", "Subscribe", subscription).await;
    (topic, queue)
}

async fn invoke(function: &Function, entries: Vec<Value>) -> Value {
    let answer = function.invoke(&json!({"Records": entries})).await;
    answer.unwrap_or_else(|e| panic!("{e}: {:?}", function.log()))
}

async fn inbox(admin: &Client, queue: &str) -> Vec<Value> {
    let ask = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10});
    let answer = admin.call("sqs", "ReceiveMessage", ask).await.unwrap();
    let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
    let body = |m: &Value| serde_json::from_str(m["Body"].as_str().unwrap()).unwrap();
    messages.iter().map(body).collect()
}

#[tokio::test]
async fn people_are_told_of_each_revision_once() {
    let account = start().await;
    let admin = account.admin();
    let (topic, queue) = resources(&admin).await;
    let mut spec = FunctionSpec::new("undrift-notify", env!("CARGO_BIN_EXE_undrift-notify"));
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.json");
    let (settings, exemptions) = (Settings::default(), Exemptions::default());
    std::fs::write(&bundle, Bundle::write(&[], &settings, &exemptions)).unwrap();
    spec.env = vec![
        ("UNDRIFT_BUNDLE".to_owned(), bundle.display().to_string()),
        ("UNDRIFT_TABLE".to_owned(), "undrift".to_owned()),
        ("UNDRIFT_TOPIC_ARN".to_owned(), topic),
    ];
    let function = account.run_function(spec).await.unwrap();

    // The topic fails as often as is tried: only that entry comes again.
    let throttled = FaultAction::Status(400, "Throttling".into());
    account
        .faults()
        .add(FaultRule::new("sns", "Publish", 3, throttled));
    let entries = || {
        vec![
            entry("s-1", &record("e-1", 1)),
            entry("s-2", &record("e-2", 1)),
        ]
    };
    let answer = invoke(&function, entries()).await;
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "s-1"}]})
    );
    for _ in 0..2 {
        let answer = invoke(&function, entries()).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }
    let told = inbox(&admin, &queue).await;
    assert_eq!(told.len(), 2, "{told:?}");
    let outcome = &told[0]["MessageAttributes"]["outcome"];
    assert_eq!(outcome, &json!({"Type": "String", "Value": "undone"}));
    let log: Vec<Value> = function
        .log()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said = |what: &str| log.iter().filter(|l| l["message"] == what).count();
    assert_eq!(said("people were told"), 2);
    assert_eq!(said("the notice could not be published"), 3);
    assert!(log.iter().any(|l| l["Notices"] == 1));
    account.stop().await;
}

//! An instance whose metadata service is weakened gets exactly the weakened options back.

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::Client;
use undrift_tests::sandbox::{Sandbox, next_second, text};

/// The options of an instance, but for their state.
async fn options(client: &Client, id: &str) -> Value {
    let input = json!({"InstanceIds": [id]});
    let answer = client
        .call("ec2", "DescribeInstances", input)
        .await
        .unwrap();
    let mut options = answer["Reservations"][0]["Instances"][0]["MetadataOptions"].clone();
    options.as_object_mut().unwrap().remove("State");
    options
}

async fn set(client: &Client, id: &str, set: Value) {
    let mut input = json!({"InstanceId": id});
    input
        .as_object_mut()
        .unwrap()
        .extend(set.as_object().unwrap().clone());
    client
        .call("ec2", "ModifyInstanceMetadataOptions", input)
        .await
        .unwrap();
}

/// A new instance.
async fn launched(by: &Client, tokens: &str) -> String {
    let image = by
        .call("ec2", "RegisterImage", json!({"Name": "base"}))
        .await;
    let options =
        json!({"HttpTokens": tokens, "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1});
    let run = json!({"ImageId": text(&image.unwrap(), "/ImageId"), "MinCount": 1, "MaxCount": 1,
        "MetadataOptions": options});
    let ran = by.call("ec2", "RunInstances", run).await.unwrap();
    text(&ran, "/Instances/0/InstanceId")
}

#[tokio::test]
async fn tokens_are_required_again_and_other_options_stay() {
    let sandbox = Sandbox::start().await;
    let (admin, maya) = (sandbox.account.admin(), sandbox.user("maya").await);
    let id = launched(&maya, "required").await;
    // Whatever the record of the launch shows, an event on it makes Undrift look.
    next_second().await;
    set(&maya, &id, json!({"HttpTokens": "required"})).await;
    sandbox.settle().await;
    let s0 = options(&admin, &id).await;
    assert_eq!(s0["HttpTokens"], "required", "{s0}");
    next_second().await;
    next_second().await;
    next_second().await;
    next_second().await;
    // The emulator sets what a call doesn't name back to its default, which EC2 does not: so this
    // changes one option only.
    set(&maya, &id, json!({"HttpTokens": "optional"})).await;
    let is_it =
        |r: &Record| r.key.resource.id.as_str() == id && r.outcome.kind == OutcomeKind::Reverted;
    let record = sandbox.record(is_it).await;
    assert_eq!(options(&admin, &id).await, s0);
    let undone = sandbox.stack.undo(&record.key, "maya", "a test").await;
    undone.unwrap();
    sandbox.settle().await;
    let mut wanted = s0;
    wanted["HttpTokens"] = json!("optional");
    assert_eq!(options(&admin, &id).await, wanted);
}

#[tokio::test]
async fn for_a_launch_without_tokens_requiring_them_is_proposed() {
    let sandbox = Sandbox::start().await;
    let (admin, maya) = (sandbox.account.admin(), sandbox.user("maya").await);
    let id = launched(&maya, "optional").await;
    let is_it = |r: &Record| r.key.resource.id.as_str() == id;
    let record = sandbox.record(is_it).await;
    assert_eq!(record.outcome.kind, OutcomeKind::Proposed, "{record:?}");
    let plan = record.plan.unwrap();
    let calls: Vec<&Value> = plan.steps.iter().map(|s| &s.call.input).collect();
    assert_eq!(
        calls,
        [&json!({"InstanceId": id, "HttpTokens": "required"})]
    );
    assert_eq!(options(&admin, &id).await["HttpTokens"], "optional");
}

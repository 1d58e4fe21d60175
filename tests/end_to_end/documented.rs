//! What the emulator can't do, and AWS documents. These five, and no others:
//!
//! 1. It takes any principal in a document. AWS refuses one that is gone ("Troubleshoot IAM
//!    policies", IAM User Guide; `MalformedPolicy`, S3 API Reference, "Error responses").
//! 2. It shows a list as it was put while a block ignores public grants. S3 shows it without them
//!    ("Blocking public access to your Amazon S3 storage", S3 User Guide), so that it isn't read
//!    for what it says.
//! 3. It shows no metadata endpoint after a call that doesn't name it: the policy's own cases and
//!    the published records show that other options stay.
//! 4. It modifies security group rules of IPv4 sources alone: the engine's tests on a world in
//!    memory modify the others.
//! 5. It never lags, throttles or refuses: faults on the wire do.

use std::time::Duration;

use serde_json::{Value, json};
use undrift_core::decide::Decision;
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Client, FaultAction, FaultRule};
use undrift_tests::sandbox::{Sandbox, next_second};

async fn call(by: &Client, operation: &str, mut input: Value) -> Value {
    input["Bucket"] = json!("documented");
    by.call("s3", operation, input).await.unwrap()
}

async fn bucket(sandbox: &Sandbox) -> Client {
    let maya = sandbox.user("maya").await;
    let place = json!({"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
    call(&maya, "CreateBucket", place).await;
    maya
}

async fn settled(sandbox: &Sandbox) {
    sandbox.settle().await;
    // What was read is before only what comes later than any clock may be behind.
    for _ in 0..3 {
        next_second().await;
    }
}

/// The record of the newest change by that name.
async fn record(sandbox: &Sandbox, name: &str) -> Record {
    sandbox.settle().await;
    let records = sandbox.records().await;
    let is_it = |r: &&Record| match &r.cause {
        undrift_core::record::Cause::Change(c) => c.name.as_str() == name,
        _ => false,
    };
    let found = records.iter().rfind(is_it);
    found.unwrap_or_else(|| panic!("{records:#?}")).clone()
}

fn statement(sid: &str, principal: &Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::documented/*"})
}

fn policy(statements: &[Value]) -> Value {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    json!({"Policy": document.to_string()})
}

#[tokio::test]
async fn a_document_that_aws_takes_no_longer_is_proposed_with_its_text() {
    let sandbox = Sandbox::start().await;
    let maya = bucket(&sandbox).await;
    let gone = json!({"AWS": "arn:aws:iam::123456789012:role/gone"});
    let before = policy(&[statement("Team", &gone)]);
    call(&maya, "PutBucketPolicy", before.clone()).await;
    settled(&sandbox).await;
    let refused = FaultAction::Status(400, "MalformedPolicy".to_owned());
    let mut rule = FaultRule::new("s3", "PutBucketPolicy", 5, refused);
    // Maya's own call goes through.
    rule.after = 1;
    sandbox.account.faults().add(rule);
    let public = policy(&[statement("All", &json!("*"))]);
    call(&maya, "PutBucketPolicy", public.clone()).await;
    let record = record(&sandbox, "PutBucketPolicy").await;
    assert_eq!(record.outcome.kind, OutcomeKind::Proposed, "{record:#?}");
    assert!(
        record.outcome.reason.contains("MalformedPolicy"),
        "{}",
        record.outcome.reason
    );
    assert_eq!(record.decision, Decision::Act);
    let plan = record.plan.unwrap();
    let texts = plan.texts.values().filter_map(|t| t.to.as_deref());
    assert_eq!(
        texts.collect::<Vec<_>>(),
        [before["Policy"].as_str().unwrap()]
    );
    let stands = call(&sandbox.account.admin(), "GetBucketPolicy", json!({})).await;
    assert_eq!(stands["Policy"], public["Policy"]);
}

#[tokio::test]
async fn a_list_that_cant_be_seen_is_not_judged_by_what_is_shown() {
    let sandbox = Sandbox::start().await;
    let maya = bucket(&sandbox).await;
    let ignoring = json!({"PublicAccessBlockConfiguration": {"BlockPublicAcls": false,
        "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}});
    call(&maya, "PutPublicAccessBlock", ignoring).await;
    settled(&sandbox).await;
    call(&maya, "PutBucketAcl", json!({"ACL": "public-read"})).await;
    let record = record(&sandbox, "PutBucketAcl").await;
    assert_eq!(record.outcome.kind, OutcomeKind::Undecided, "{record:#?}");
    assert!(record.sent.is_empty());
    // Nor does what was never seen serve as what was before.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let kept = call(&sandbox.account.admin(), "GetBucketAcl", json!({})).await;
    assert!(kept["Grants"].to_string().contains("AllUsers"), "{kept}");
}

//! Ordinary states of accounts that the scenes of the controls begin without.

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::Client;
use undrift_stack::Deployment;
use undrift_tests::sandbox::{Sandbox, binaries, next_second, root, text};

async fn call(by: &Client, service: &str, operation: &str, input: Value) -> Value {
    let answer = by.call(service, operation, input).await;
    answer.unwrap_or_else(|e| panic!("{operation}: {e:?}"))
}

/// Where IAM's events come.
async fn in_us_east_1() -> Sandbox {
    Sandbox::deploy_in("us-east-1", Deployment::new(&root(), binaries().await)).await
}

/// As S3 makes buckets since 2023, but for the switch that somebody turned off to publish.
#[tokio::test]
async fn a_public_policy_is_taken_back_though_lists_are_ignored() {
    let sandbox = Sandbox::start().await;
    let (admin, maya) = (sandbox.account.admin(), sandbox.user("maya").await);
    let make = json!({"Bucket": "everyday", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
    call(&maya, "s3", "CreateBucket", make).await;
    let block = json!({"BlockPublicAcls": true, "IgnorePublicAcls": true,
        "BlockPublicPolicy": false, "RestrictPublicBuckets": false});
    let put = json!({"Bucket": "everyday", "PublicAccessBlockConfiguration": block});
    call(&maya, "s3", "PutPublicAccessBlock", put).await;
    let policy = |who: &str| {
        let statement = json!({"Sid": who, "Effect": "Allow", "Principal": {"AWS": who},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::everyday/*"});
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        json!({"Bucket": "everyday", "Policy": document})
    };
    let own = policy("123456789012");
    call(&maya, "s3", "PutBucketPolicy", own.clone()).await;
    sandbox.settle().await;
    // A read may lag so far.
    for _ in 0..4 {
        next_second().await;
    }
    call(&maya, "s3", "PutBucketPolicy", policy("*")).await;
    let is_it = |r: &Record| r.key.resource.id.as_str() == "everyday" && !r.sent.is_empty();
    let record = sandbox.record(is_it).await;
    assert_eq!(record.outcome.kind, OutcomeKind::Reverted, "{record:#?}");
    let stands = call(
        &admin,
        "s3",
        "GetBucketPolicy",
        json!({"Bucket": "everyday"}),
    )
    .await;
    assert_eq!(stands["Policy"], own["Policy"]);
}

/// The call that makes a key, not only the one that switches it on.
#[tokio::test]
async fn a_key_made_for_somebody_else_is_switched_off() {
    let sandbox = in_us_east_1().await;
    let (admin, maya) = (sandbox.account.admin(), sandbox.user("maya").await);
    call(&admin, "iam", "CreateUser", json!({"UserName": "robot"})).await;
    let of = json!({"UserName": "robot"});
    let made = call(&maya, "iam", "CreateAccessKey", of.clone()).await;
    let id = format!("robot/{}", text(&made, "/AccessKey/AccessKeyId"));
    let is_it = |r: &Record| r.key.resource.id.as_str() == id && !r.sent.is_empty();
    let record = sandbox.record(is_it).await;
    assert_eq!(record.outcome.kind, OutcomeKind::Reverted, "{record:#?}");
    let status = async || {
        let keys = call(&admin, "iam", "ListAccessKeys", of.clone()).await;
        text(&keys, "/AccessKeyMetadata/0/Status")
    };
    assert_eq!(status().await, "Inactive");
    let undone = sandbox.stack.undo(&record.key, "maya", "a test").await;
    undone.unwrap();
    assert_eq!(status().await, "Active");
}

/// The whole script of somebody in a hurry: the user, and all rights at once.
#[tokio::test]
async fn a_user_made_with_all_rights_at_once_has_them_no_more() {
    let sandbox = in_us_east_1().await;
    let (admin, maya) = (sandbox.account.admin(), sandbox.user("maya").await);
    next_second().await;
    let of = json!({"UserName": "eve"});
    call(&maya, "iam", "CreateUser", of.clone()).await;
    let attach =
        json!({"UserName": "eve", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    call(&maya, "iam", "AttachUserPolicy", attach).await;
    let is_it = |r: &Record| r.key.resource.id.as_str() == "user/eve" && !r.sent.is_empty();
    let record = sandbox.record(is_it).await;
    assert_eq!(record.outcome.kind, OutcomeKind::Reverted, "{record:#?}");
    let attached = call(&admin, "iam", "ListAttachedUserPolicies", of).await;
    assert_eq!(attached["AttachedPolicies"], json!([]));
}

//! Many changes of one resource at once, and people who edit while Undrift does.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::{Client, FaultAction, FaultRule};
use undrift_stack::Deployment;
use undrift_tests::groups::{authorize, ipv4, live, make};
use undrift_tests::sandbox::{Sandbox, binaries, next_second, root};

const WORLD: &str = "0.0.0.0/0";
const PORTS: [i64; 10] = [22, 23, 135, 445, 1433, 3306, 3389, 5432, 6379, 27017];

async fn deployed(concurrency: usize, batch: usize) -> Sandbox {
    let mut deployment = Deployment::new(&root(), binaries().await);
    (deployment.concurrency, deployment.batch) = (concurrency, batch);
    Sandbox::deploy(deployment).await
}

/// A group with rules that must survive, and all of its rules.
async fn with_neighbours(sandbox: &Sandbox, by: &Client, name: &str) -> (String, Vec<Value>) {
    let group = make(by, name, &sandbox.vpc().await).await;
    let fine = json!([
        ipv4("tcp", 443, 443, WORLD),
        ipv4("tcp", 22, 22, "81.2.69.160/32")
    ]);
    authorize(by, &group, fine).await;
    sandbox.settle().await;
    let rules = live(by, &group).await;
    next_second().await;
    (group, rules)
}

/// A failure of the next such call of a service's function.
fn strike(sandbox: &Sandbox, service: &str, operation: &str, nth: u32, action: FaultAction) {
    let function = &sandbox.stack.services[service].revert;
    sandbox.account.faults().add(FaultRule {
        access_key: Some(function.credentials().access_key.clone()),
        after: nth - 1,
        ..FaultRule::new(service, operation, 1, action)
    });
}

/// Each change of a resource was reverted, and has one record in one revision.
async fn each_is_closed_once(sandbox: &Sandbox, resource: &str, changes: usize) -> Vec<Record> {
    let records = sandbox.records().await;
    let of_it = |r: &Record| r.key.resource.id.as_str() == resource;
    let reverted = |r: &Record| of_it(r) && r.outcome.kind == OutcomeKind::Reverted;
    let mut closed = records.clone();
    closed.retain(reverted);
    let log = || sandbox.stack.log().join("\n");
    assert_eq!(closed.len(), changes, "{records:#?}\n{}", log());
    let revisions = sandbox.stack.revisions().await.unwrap();
    let twice: Vec<&Record> = revisions.iter().filter(|r| reverted(r)).collect();
    assert_eq!(
        twice.len(),
        changes,
        "one was closed twice: {twice:#?}\n{}",
        log()
    );
    closed
}

#[tokio::test]
async fn ten_changes_of_one_group_in_one_batch_are_each_closed_once_by_one_call() {
    let sandbox = deployed(1, 10).await;
    let maya = sandbox.user("maya").await;
    let (busy, _) = with_neighbours(&sandbox, &maya, "busy").await;
    let (group, before) = with_neighbours(&sandbox, &maya, "web").await;
    let function = &sandbox.stack.services["ec2"].revert;
    // While the only function waits for an answer, ten changes wait for the function.
    strike(
        &sandbox,
        "ec2",
        "DescribeSecurityGroupRules",
        1,
        FaultAction::Delay(2_500),
    );
    let invoked = function.invocations();
    authorize(&maya, &busy, json!([ipv4("tcp", 22, 22, WORLD)])).await;
    while function.invocations() == invoked {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for port in PORTS {
        authorize(&maya, &group, json!([ipv4("tcp", port, port, WORLD)])).await;
    }
    let closed = each_is_closed_once(&sandbox, &group, PORTS.len()).await;
    assert_eq!(live(&maya, &group).await, before);
    let seen: BTreeSet<_> = closed.iter().map(|r| r.stages.seen).collect();
    assert_eq!(seen.len(), 1, "one invocation took them all");
    let calls: BTreeSet<&str> = closed
        .iter()
        .flat_map(|r| &r.sent)
        .filter_map(|s| s.request_id.as_deref())
        .collect();
    assert_eq!(calls.len(), 1, "one call took all rules away: {calls:?}");
}

#[tokio::test]
async fn ten_changes_of_one_group_over_ten_functions_are_each_closed_once() {
    let sandbox = deployed(10, 1).await;
    let maya = sandbox.user("maya").await;
    let (group, before) = with_neighbours(&sandbox, &maya, "web").await;
    let opened =
        PORTS.map(|port| authorize(&maya, &group, json!([ipv4("tcp", port, port, WORLD)])));
    join_all(opened).await;
    each_is_closed_once(&sandbox, &group, PORTS.len()).await;
    assert_eq!(live(&maya, &group).await, before);
}

/// A statement that lets one account, or everybody, read.
fn statement(sid: &str, principal: &str, bucket: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": principal},
        "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{bucket}/*")})
}

async fn put(by: &Client, bucket: &str, statements: &[Value]) {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let input = json!({"Bucket": bucket, "Policy": policy});
    by.call("s3", "PutBucketPolicy", input).await.unwrap();
}

/// The statements' Sids.
async fn stands(by: &Client, bucket: &str) -> BTreeSet<String> {
    let answer = by
        .call("s3", "GetBucketPolicy", json!({"Bucket": bucket}))
        .await;
    let policy: Value = serde_json::from_str(answer.unwrap()["Policy"].as_str().unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap().clone();
    let sids = statements
        .iter()
        .map(|s| s["Sid"].as_str().unwrap().to_owned());
    sids.collect()
}

/// Where in Undrift's way a person puts the document, adding one statement to what stands.
const MOMENTS: [(&str, &str, u32, FaultAction); 6] = [
    (
        "before the first look",
        "GetBucketPolicy",
        1,
        FaultAction::Delay(1_900),
    ),
    (
        "after the first look",
        "GetBucketPolicy",
        1,
        FaultAction::DelayAnswer(1_900),
    ),
    (
        "before the second look",
        "GetBucketPolicy",
        2,
        FaultAction::Delay(1_900),
    ),
    (
        "after the second look",
        "GetBucketPolicy",
        2,
        FaultAction::DelayAnswer(1_900),
    ),
    (
        "before the call is done",
        "PutBucketPolicy",
        1,
        FaultAction::Delay(1_900),
    ),
    (
        "after the call is done",
        "PutBucketPolicy",
        1,
        FaultAction::DelayAnswer(1_900),
    ),
];

#[tokio::test]
async fn what_a_person_adds_to_a_document_at_any_moment_of_a_revert_stands_in_the_end() {
    let sandbox = deployed(2, 10).await;
    let maya = sandbox.user("maya").await;
    let noor = sandbox.user("noor").await;
    for (n, (moment, operation, nth, action)) in MOMENTS.into_iter().enumerate() {
        let bucket = format!("shared-{n}");
        let made = json!({"Bucket": bucket,
            "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
        maya.call("s3", "CreateBucket", made).await.unwrap();
        let fine = statement("Partner", "123456789012", &bucket);
        put(&maya, &bucket, std::slice::from_ref(&fine)).await;
        sandbox.settle().await;
        next_second().await;
        strike(&sandbox, "s3", operation, nth, action);
        let struck = sandbox.account.faults().struck().len();
        let open = statement("Everybody", "*", &bucket);
        put(&maya, &bucket, &[fine.clone(), open.clone()]).await;
        while sandbox.account.faults().struck().len() == struck {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        // Of one second's changes CloudTrail doesn't tell which came first.
        next_second().await;
        // She adds to what she read before: the opening is in it, but after the call is done.
        let colleague = statement("Colleague", "210987654321", &bucket);
        let is_done = stands(&noor, &bucket).await.len() == 1;
        let open = Some(open).filter(|_| !is_done);
        let all: Vec<Value> = [fine, colleague].into_iter().chain(open).collect();
        put(&noor, &bucket, &all).await;
        sandbox.settle().await;
        let wanted = BTreeSet::from(["Partner".to_owned(), "Colleague".to_owned()]);
        let log = || sandbox.stack.log().join("\n");
        assert_eq!(stands(&maya, &bucket).await, wanted, "{moment}\n{}", log());
        let records = sandbox.stack.records().await.unwrap();
        let mut of_it = records
            .iter()
            .filter(|r| r.key.resource.id.as_str() == bucket);
        let closed = of_it.all(|r| r.outcome.kind != OutcomeKind::Pending);
        assert!(closed, "{moment}");
        sandbox.account.faults().clear();
    }
}

#[tokio::test]
async fn two_policies_on_one_change_make_one_record_and_one_call() {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let (group, before) = with_neighbours(&sandbox, &maya, "web").await;
    let all = json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": WORLD}]}]);
    authorize(&maya, &group, all).await;
    let closed = each_is_closed_once(&sandbox, &group, 1).await;
    assert_eq!(live(&maya, &group).await, before);
    let found = closed[0]
        .assessments
        .iter()
        .filter(|a| !a.evidence.is_empty());
    assert!(found.count() >= 2, "{:?}", closed[0].assessments);
    assert_eq!(closed[0].sent.len(), 1);
}

#[tokio::test]
async fn two_changes_of_one_bucket_that_break_two_policies_are_both_taken_back() {
    let sandbox = deployed(2, 1).await;
    let maya = sandbox.user("maya").await;
    let bucket = "two-policies";
    let made = json!({"Bucket": bucket,
        "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
    maya.call("s3", "CreateBucket", made).await.unwrap();
    let fine = statement("Partner", "123456789012", bucket);
    put(&maya, bucket, std::slice::from_ref(&fine)).await;
    sandbox.settle().await;
    let grants = async || {
        let answer = maya
            .call("s3", "GetBucketAcl", json!({"Bucket": bucket}))
            .await;
        answer.unwrap()["Grants"].clone()
    };
    let before = grants().await;
    next_second().await;
    let both = [fine, statement("Everybody", "*", bucket)];
    let list = json!({"Bucket": bucket, "ACL": "public-read"});
    let ((), listed) = tokio::join!(
        put(&maya, bucket, &both),
        maya.call("s3", "PutBucketAcl", list)
    );
    listed.unwrap();
    let closed = each_is_closed_once(&sandbox, bucket, 2).await;
    assert_eq!(
        stands(&maya, bucket).await,
        BTreeSet::from(["Partner".to_owned()])
    );
    assert_eq!(grants().await, before);
    let policies: BTreeSet<String> = closed
        .iter()
        .flat_map(|r| &r.assessments)
        .filter(|a| !a.evidence.is_empty())
        .map(|a| a.policy.to_string())
        .collect();
    let wanted = ["s3-bucket-acl-public", "s3-bucket-policy-public"];
    assert!(wanted.iter().all(|p| policies.contains(*p)), "{policies:?}");
}

//! A deployment that asks first: proposed, approved, closed, undone; and what moved meanwhile.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use undrift_core::policy::Mode;
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::Client;
use undrift_stack::{Asked, Deployment};
use undrift_tests::sandbox::{Sandbox, binaries, next_second, root, text};

async fn asking() -> Sandbox {
    let mut what = Deployment::new(&root(), binaries().await);
    what.documents = Box::new(|d| d.settings.deployment = Some(Mode::Approve));
    Sandbox::deploy(what).await
}

/// The one proposal on a resource.
async fn proposed(sandbox: &Sandbox, resource: &str) -> Record {
    let records = sandbox.records().await;
    let of_it = |r: &&Record| r.key.resource.id.as_str() == resource && r.is_approvable();
    let mut found: Vec<Record> = records.iter().filter(of_it).cloned().collect();
    assert_eq!(found.len(), 1, "{records:#?}");
    found.remove(0)
}

async fn newest(sandbox: &Sandbox, of: &Record) -> Record {
    let records = sandbox.records().await;
    records.into_iter().find(|r| r.key == of.key).unwrap()
}

async fn group(maya: &Client, vpc: &str) -> String {
    let made = json!({"GroupName": "web", "Description": "web", "VpcId": vpc});
    let made = maya.call("ec2", "CreateSecurityGroup", made).await.unwrap();
    text(&made, "/GroupId")
}

async fn open(maya: &Client, group: &str, port: u16, source: &str) {
    let rules = json!([{"IpProtocol": "tcp", "FromPort": port, "ToPort": port,
        "IpRanges": [{"CidrIp": source, "Description": "as it was"}]}]);
    let input = json!({"GroupId": group, "IpPermissions": rules});
    let authorize = "AuthorizeSecurityGroupIngress";
    maya.call("ec2", authorize, input).await.unwrap();
}

async fn rules(maya: &Client, group: &str) -> Vec<String> {
    let of = json!({"Filters": [{"Name": "group-id", "Values": [group]}]});
    let answer = maya
        .call("ec2", "DescribeSecurityGroupRules", of)
        .await
        .unwrap();
    let rules = answer["SecurityGroupRules"].as_array().unwrap().iter();
    let ingress = rules.filter(|r| r["IsEgress"] != json!(true));
    let mut lines: Vec<String> = ingress
        .map(|r| format!("{} {}", r["FromPort"], text(r, "/CidrIpv4")))
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn what_is_proposed_is_done_when_a_person_approves_it_and_not_if_it_moved() {
    let sandbox = asking().await;
    let (maya, vpc) = (sandbox.user("maya").await, sandbox.vpc().await);
    let id = group(&maya, &vpc).await;
    open(&maya, &id, 443, "0.0.0.0/0").await;
    sandbox.settle().await;
    let before = rules(&maya, &id).await;
    next_second().await;
    open(&maya, &id, 22, "0.0.0.0/0").await;
    let proposal = proposed(&sandbox, &id).await;
    let changed = rules(&maya, &id).await;
    assert_eq!(
        changed.len(),
        2,
        "nothing is done before somebody approves it"
    );
    // A colleague adds a rule: it doesn't count, and stays.
    open(&maya, &id, 5432, "10.0.0.0/8").await;
    sandbox.settle().await;
    let told = sandbox.stack.take_notices().await.unwrap();
    let command = format!("undrift approve {}", proposal.key);
    let is_told = |n: &Value| text(n, "/Message").contains(&command);
    assert!(told.iter().any(is_told), "{told:#?}");

    let Asked::Done(done) = approve(&sandbox, &proposal).await else {
        panic!("not approved")
    };
    assert_eq!(done.outcome.kind, OutcomeKind::Reverted);
    assert!(done.sent.iter().all(|s| s.request_id.is_some()));
    let colleague = "5432 10.0.0.0/8".to_owned();
    let with = |rules: &[String]| {
        let mut all = [rules, std::slice::from_ref(&colleague)].concat();
        all.sort();
        all
    };
    assert_eq!(rules(&maya, &id).await, with(&before));
    let first = newest(&sandbox, &proposal).await;
    assert_eq!(first.outcome.kind, OutcomeKind::Reverted);
    assert!(
        first.outcome.reason.contains("approved by noor"),
        "{first:#?}"
    );
    // Twice is once.
    assert!(matches!(approve(&sandbox, &proposal).await, Asked::Done(again) if again == done));
    // Its own call's event is known for its own, and judged by nobody.
    let records = sandbox.records().await;
    let own = records.iter().filter(|r| r.key.resource.id.as_str() == id);
    let odd = own.filter(|r| r.revision > 2 || r.outcome.kind == OutcomeKind::Proposed);
    assert_eq!(odd.count(), 0, "{records:#?}");

    let undone = sandbox
        .stack
        .undo(&first.key, "maya", "wanted")
        .await
        .unwrap();
    assert!(matches!(undone, Asked::Done(_)), "{undone:?}");
    assert_eq!(rules(&maya, &id).await, with(&changed));
}

async fn approve(sandbox: &Sandbox, record: &Record) -> Asked {
    let asked = sandbox.stack.approve(&record.key, "noor", "not wanted");
    asked.await.unwrap()
}

#[tokio::test]
async fn a_document_is_approved_as_it_was_proposed_or_not_at_all() {
    let sandbox = asking().await;
    let maya = sandbox.user("maya").await;
    let statement = |sid: &str, principal: &str| {
        json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": principal},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shared/*"})
    };
    let put = async |statements: &[Value]| {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let input = json!({"Bucket": "shared", "Policy": policy});
        maya.call("s3", "PutBucketPolicy", input).await.unwrap();
        sandbox.settle().await;
        next_second().await;
    };
    let stands = async || {
        let of = json!({"Bucket": "shared"});
        let answer = maya.call("s3", "GetBucketPolicy", of).await.unwrap();
        let policy: Value = serde_json::from_str(&text(&answer, "/Policy")).unwrap();
        let statements = policy["Statement"].as_array().unwrap().clone();
        let sids: BTreeSet<String> = statements.iter().map(|s| text(s, "/Sid")).collect();
        (sids, statements)
    };
    let made = json!({"Bucket": "shared",
        "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
    maya.call("s3", "CreateBucket", made).await.unwrap();
    let (partner, everybody) = (
        statement("Partner", "123456789012"),
        statement("Everybody", "*"),
    );
    put(std::slice::from_ref(&partner)).await;
    put(&[partner.clone(), everybody.clone()]).await;
    let proposal = proposed(&sandbox, "shared").await;
    // She narrows it herself: there is nothing of the plan to carry out any more.
    let narrowed = statement("Everybody", "123456789012");
    put(&[partner.clone(), narrowed.clone()]).await;
    let Asked::Moved(moved) = approve(&sandbox, &proposal).await else {
        panic!("not refused")
    };
    assert_eq!(moved.len(), 1, "{moved:#?}");
    assert_eq!(stands().await.1, [partner.clone(), narrowed.clone()]);
    // As it was proposed again: the colleague's statement of meanwhile stays.
    put(&[partner.clone(), everybody.clone()]).await;
    let colleague = statement("Colleague", "210987654321");
    put(&[partner, everybody, colleague]).await;
    let records = sandbox.records().await;
    let last = records.iter().filter(|r| r.is_approvable());
    let last = last.max_by_key(|r| r.happened()).unwrap();
    let end = approve(&sandbox, last).await;
    assert!(matches!(end, Asked::Done(_)), "{end:?}");
    // What she had narrowed is as narrow again, and the colleague's statement stays.
    let (sids, statements) = stands().await;
    let wanted = ["Colleague", "Everybody", "Partner"].map(str::to_owned);
    assert_eq!(sids, BTreeSet::from(wanted));
    assert!(statements.contains(&narrowed), "{statements:#?}");
}

/// The functions read the pause switch at most this often.
const SWITCHED: std::time::Duration = std::time::Duration::from_secs(31);

#[tokio::test]
async fn while_it_is_paused_nothing_is_written_and_what_was_proposed_waits() {
    let sandbox = Sandbox::start().await;
    let (maya, vpc) = (sandbox.user("maya").await, sandbox.vpc().await);
    let id = group(&maya, &vpc).await;
    sandbox.stack.switch(true).await.unwrap();
    tokio::time::sleep(SWITCHED).await;
    open(&maya, &id, 22, "0.0.0.0/0").await;
    let proposal = proposed(&sandbox, &id).await;
    assert!(proposal.outcome.reason.contains("paused"), "{proposal:#?}");
    let refused = approve(&sandbox, &proposal).await;
    assert!(
        matches!(&refused, Asked::Refused(why) if why.contains("paused")),
        "{refused:?}"
    );
    assert_eq!(rules(&maya, &id).await, ["22 0.0.0.0/0"]);
    sandbox.stack.switch(false).await.unwrap();
    tokio::time::sleep(SWITCHED).await;
    // What comes now is reverted, and what waited is approved.
    open(&maya, &id, 3389, "0.0.0.0/0").await;
    sandbox.settle().await;
    assert_eq!(rules(&maya, &id).await, ["22 0.0.0.0/0"]);
    assert!(matches!(approve(&sandbox, &proposal).await, Asked::Done(_)));
    assert_eq!(rules(&maya, &id).await, Vec::<String>::new());
}

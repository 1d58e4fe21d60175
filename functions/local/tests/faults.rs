//! Failures on demand as a client sees them, and what a reset leaves.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{account, next, security_group};
use undrift_local::{Account, Client, FaultAction, FaultRule, QueueOptions};

async fn groups(client: &Client) -> Result<Value, undrift_local::ApiError> {
    client
        .call("ec2", "DescribeSecurityGroups", Value::Null)
        .await
}

fn rule(action: FaultAction) -> FaultRule {
    FaultRule::new("ec2", "DescribeSecurityGroups", 1, action)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_the_form_of_its_service() {
    let account = account().await;
    let ana = account.client_for_user("ana").await.expect("a user");
    let table = [
        (
            "ec2",
            "DescribeVpcs",
            Value::Null,
            503,
            "RequestLimitExceeded",
        ),
        ("iam", "ListRoles", Value::Null, 400, "Throttling"),
        (
            "dynamodb",
            "ListTables",
            Value::Null,
            400,
            "ProvisionedThroughputExceededException",
        ),
        ("s3", "ListBuckets", Value::Null, 503, "SlowDown"),
        (
            "lambda",
            "ListFunctions",
            Value::Null,
            429,
            "TooManyRequestsException",
        ),
    ];
    for (service, operation, input, status, code) in table {
        let action = FaultAction::Status(status, code.to_owned());
        account
            .faults()
            .add(FaultRule::new(service, operation, 1, action));
        let refused = ana
            .call(service, operation, input.clone())
            .await
            .expect_err("a refusal");
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (status, code),
            "{service}"
        );
        assert!(refused.request_id.is_some(), "{service}");
        ana.call(service, operation, input)
            .await
            .expect("only once");
    }
    let struck: Vec<String> = account
        .faults()
        .struck()
        .into_iter()
        .map(|one| one.service)
        .collect();
    assert_eq!(struck, ["ec2", "iam", "dynamodb", "s3", "lambda"]);
    account.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_delays_and_false_answers() {
    let account = account().await;
    let ana = account.client_for_user("ana").await.expect("a user");
    groups(&ana).await.expect("an answer");
    for action in [
        FaultAction::CloseBeforeForward,
        FaultAction::CloseAfterForward,
    ] {
        account.faults().add(rule(action));
        let error = groups(&ana).await.expect_err("no answer");
        assert_eq!((error.status, error.code.as_str()), (0, "NoAnswer"));
        assert_eq!(account.wire().entries().last().expect("an entry").status, 0);
        groups(&ana).await.expect("only once");
    }
    for action in [FaultAction::Delay(300), FaultAction::DelayAnswer(300)] {
        account.faults().add(rule(action));
        let begun = Instant::now();
        groups(&ana).await.expect("an answer");
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
    account
        .faults()
        .add(rule(FaultAction::Body("<Nonsense/>".into())));
    assert!(
        groups(&ana)
            .await
            .expect("a status of 200")
            .get("SecurityGroups")
            .is_none()
    );

    for action in [FaultAction::Garbled, FaultAction::Truncated] {
        account.faults().add(rule(action));
        let spoilt = groups(&ana).await.expect("a status of 200");
        let whole = groups(&ana).await.expect("only once");
        assert_ne!(spoilt["SecurityGroups"], whole["SecurityGroups"]);
    }
    let words = "You are not authorized to perform this operation.";
    let refused = FaultAction::Refused(403, "UnauthorizedOperation".into(), words.into());
    let mut about_this = rule(refused);
    about_this.mentions = vec!["Action=DescribeSecurityGroups".into()];
    let mut about_another = about_this.clone();
    about_another.mentions.push("sg-none".into());
    account.faults().add(about_another);
    groups(&ana).await.expect("it is about none");
    account.faults().add(about_this);
    let error = groups(&ana).await.expect_err("a refusal");
    assert_eq!((error.status, error.message.as_str()), (403, words));

    let mut later = rule(FaultAction::Status(500, "InternalError".into()));
    (later.after, later.access_key) = (1, Some(ana.credentials().access_key.clone()));
    account.faults().add(later);
    let bob = account.client_for_user("bob").await.expect("a user");
    groups(&bob).await.expect("another's call");
    groups(&ana).await.expect("the first");
    groups(&bob).await.expect("another's call");
    assert_eq!(
        groups(&ana).await.expect_err("the second").code,
        "InternalError"
    );

    account
        .faults()
        .set_latency(Duration::from_millis(120), Duration::ZERO);
    let begun = Instant::now();
    groups(&ana).await.expect("an answer");
    assert!(begun.elapsed() >= Duration::from_millis(120));
    account.faults().clear();
    assert!(account.faults().struck().is_empty());
    account.stop().await;
}

async fn authorize(client: &Client, group: &str) -> Result<Value, undrift_local::ApiError> {
    let input = json!({ "GroupId": group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0" });
    client
        .call("ec2", "AuthorizeSecurityGroupIngress", input)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_aws_did_is_recorded() {
    let account = account().await;
    let group = security_group(&account, "closed").await;
    let ana = account.client_for_user("ana").await.expect("a user");
    let mut events = account.subscribe();
    let name = "AuthorizeSecurityGroupIngress";
    account.faults().add(FaultRule::new(
        "ec2",
        name,
        1,
        FaultAction::CloseBeforeForward,
    ));
    account.faults().add(FaultRule::new(
        "ec2",
        name,
        1,
        FaultAction::CloseAfterForward,
    ));
    authorize(&ana, &group).await.expect_err("closed before");
    authorize(&ana, &group).await.expect_err("closed after");
    let event = next(&mut events).await;
    assert_eq!(event["detail"]["eventName"], name);
    assert_eq!(event["detail"].get("errorCode"), None);
    let again = authorize(&ana, &group).await.expect_err("it is there");
    assert_eq!(again.code, "InvalidPermission.Duplicate");
    let event = next(&mut events).await;
    assert_eq!(
        event["detail"]["errorCode"],
        "Client.InvalidPermission.Duplicate"
    );
    account.stop().await;
}

async fn table_names(account: &Account) -> Value {
    account
        .admin()
        .call("dynamodb", "ListTables", Value::Null)
        .await
        .expect("names")["TableNames"]
        .take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_leaves_an_empty_account() {
    let account = account().await;
    let group = security_group(&account, "gone").await;
    let ana = account.client_for_user("ana").await.expect("a user");
    let input = json!({
        "TableName": "t", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
    });
    ana.call("dynamodb", "CreateTable", input)
        .await
        .expect("a table");
    let queue = account.queue("q", QueueOptions::default());
    account
        .add_rule("all", &json!({ "source": [{ "prefix": "aws." }] }), &queue)
        .expect("a rule");
    account.faults().add(rule(FaultAction::CloseBeforeForward));
    authorize(&ana, &group).await.expect("authorized");
    tokio::time::timeout(Duration::from_secs(5), async {
        while queue.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("an event on the queue");
    account.reset().await.expect("reset");
    assert!(queue.is_empty() && account.wire().entries().is_empty());
    assert_eq!(table_names(&account).await, json!([]));
    let all = account
        .admin()
        .call("ec2", "DescribeSecurityGroups", Value::Null)
        .await
        .expect("groups");
    let names: Vec<&Value> = all["SecurityGroups"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["GroupName"])
        .collect();
    assert!(names.iter().all(|name| **name == "default"), "{names:?}");
    let again = security_group(&account, "fresh").await;
    let ana = account.client_for_user("ana").await.expect("a user");
    let mut events = account.subscribe();
    authorize(&ana, &again).await.expect("authorized");
    assert_eq!(
        next(&mut events).await["detail"]["userIdentity"]["userName"],
        "ana"
    );
    groups(&ana).await.expect("no fault is left");
    assert!(queue.is_empty(), "no rule is left");
    account.stop().await;
}

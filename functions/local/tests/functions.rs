//! Functions under the Runtime API, fed directly, from queues and from streams.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{account, security_group};
use undrift_local::{Account, FunctionError, FunctionSpec, QueueOptions};

fn spec(account: &Account, name: &str) -> FunctionSpec {
    let mut spec = FunctionSpec::new(name, account.python());
    spec.args = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/tests/function.py").to_owned()];
    spec.timeout = Duration::from_secs(2);
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_answers_fails_hangs_and_crashes() {
    let account = account().await;
    let mut one = spec(&account, "one");
    one.env.push(("OWN".into(), "yes".into()));
    let function = account.run_function(one).await.expect("a function");
    assert_eq!(
        function.invoke(&json!({ "a": 1 })).await,
        Ok(json!({ "got": { "a": 1 } }))
    );

    let told = function
        .invoke(&json!({ "do": "environment" }))
        .await
        .expect("an answer");
    assert_eq!(told["OWN"], "yes");
    assert_eq!(told["AWS_LAMBDA_FUNCTION_NAME"], "one");
    assert_eq!(told["AWS_ENDPOINT_URL"], account.endpoint());
    assert!(told["AWS_SESSION_TOKEN"].is_string());
    assert!(
        told.get("CARGO_MANIFEST_DIR").is_none(),
        "the parent's environment is not inherited"
    );

    let failed = function.invoke(&json!({ "do": "fail" })).await;
    assert!(
        matches!(failed, Err(FunctionError::Failed { error_type, .. }) if error_type == "ValueError")
    );
    let crashed = function.invoke(&json!({ "do": "exit" })).await;
    assert!(
        matches!(crashed, Err(FunctionError::Crashed { status }) if status.contains("going down"))
    );
    assert_eq!(
        function.invoke(&json!({})).await,
        Ok(json!({ "got": {} })),
        "it starts afresh"
    );
    let late = function.invoke(&json!({ "do": "hang" })).await;
    assert_eq!(
        late,
        Err(FunctionError::TimedOut {
            after: Duration::from_secs(2)
        })
    );
    assert_eq!(function.invoke(&json!({})).await, Ok(json!({ "got": {} })));

    let client = account.client_for_user("ana").await.expect("a user");
    let input = json!({ "FunctionName": "one", "Payload": "eyJhIjoyfQ==" });
    let answer = client
        .call("lambda", "Invoke", input)
        .await
        .expect("an answer");
    assert_eq!(answer["StatusCode"], 200);
    account.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_reaches_a_function_by_rule_and_queue() {
    let account = account().await;
    let function = account
        .run_function(spec(&account, "two"))
        .await
        .expect("a function");
    let queue = account.queue("changes", QueueOptions::default());
    account.map_queue(&queue, &function, 10);
    let pattern =
        json!({ "source": ["aws.ec2"], "detail": { "eventName": [{ "prefix": "Authorize" }] } });
    account.add_rule("ec2", &pattern, &queue).expect("a rule");
    let group = security_group(&account, "rule").await;
    let role = account
        .client_for_role("deployer", "ci")
        .await
        .expect("a role");
    let input = json!({ "GroupId": group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0" });
    role.call("ec2", "AuthorizeSecurityGroupIngress", input)
        .await
        .expect("authorized");
    account
        .settle(Duration::from_secs(10))
        .await
        .expect("settled");
    let line = function
        .log()
        .into_iter()
        .find(|line| line.starts_with("record "))
        .expect("a record");
    let record: Value = serde_json::from_str(&line[7..]).expect("JSON");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(
        record["eventSourceARN"],
        "arn:aws:sqs:us-east-1:123456789012:changes"
    );
    let event: Value = serde_json::from_str(record["body"].as_str().expect("text")).expect("JSON");
    let identity = &event["detail"]["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    assert_eq!(
        identity["arn"],
        "arn:aws:sts::123456789012:assumed-role/deployer/ci"
    );
    assert_eq!(
        identity["sessionContext"]["sessionIssuer"]["arn"],
        "arn:aws:iam::123456789012:role/deployer"
    );
    let principal = identity["principalId"].as_str().expect("text");
    assert!(
        principal.starts_with("AROA") && principal.ends_with(":ci"),
        "{principal}"
    );
    account.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_messages_come_back_and_can_be_hidden_by_the_function() {
    let account = account().await;
    let function = account
        .run_function(spec(&account, "three"))
        .await
        .expect("a function");
    let queue = account.queue(
        "q",
        QueueOptions {
            visibility: Duration::from_millis(200),
            max_receives: Some(3),
        },
    );
    account.map_queue(&queue, &function, 10);
    account.deliver(&queue, &json!({ "fail_until": 2 }));
    account.deliver(&queue, &json!({ "fail_until": 99 }));
    account
        .settle(Duration::from_secs(10))
        .await
        .expect("settled");
    assert_eq!(queue.dead_letters().len(), 1);
    assert_eq!(queue.dead_letters()[0].receives, 3);

    let own = account.queue("own", QueueOptions::default());
    own.send("{}");
    let got = own.receive(1, Duration::ZERO).await;
    let client = account.client_for_user("ana").await.expect("a user");
    let url = account.queue_url(&own);
    let input = json!({ "QueueUrl": url, "ReceiptHandle": got[0].receipt, "VisibilityTimeout": 0 });
    client
        .call("sqs", "ChangeMessageVisibility", input)
        .await
        .expect("changed");
    assert_eq!(own.receive(1, Duration::ZERO).await[0].receives, 2);
    client
        .call(
            "sqs",
            "SendMessage",
            json!({ "QueueUrl": url, "MessageBody": "x" }),
        )
        .await
        .expect("sent");
    let told = client
        .call(
            "sqs",
            "GetQueueAttributes",
            json!({ "QueueUrl": url, "AttributeNames": ["All"] }),
        )
        .await;
    assert_eq!(
        told.expect("attributes")["Attributes"]["ApproximateNumberOfMessages"],
        "1"
    );
    account.stop().await;
}

/// A table `t` with a stream; the answer is the stream's ARN.
async fn streaming_table(account: &Account) -> String {
    let input = json!({
        "TableName": "t", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    });
    let made = account
        .admin()
        .call("dynamodb", "CreateTable", input)
        .await
        .expect("a table");
    made["TableDescription"]["LatestStreamArn"]
        .as_str()
        .expect("a stream")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_feeds_a_function() {
    let account = account().await;
    let function = account
        .run_function(spec(&account, "four"))
        .await
        .expect("a function");
    let arn = streaming_table(&account).await;
    let filter = json!({ "dynamodb": { "Keys": { "k": { "S": [{ "prefix": "a" }] } } } });
    account
        .map_stream(&arn, &function, Some(&filter))
        .expect("mapped");
    let client = account.client_for_user("ana").await.expect("a user");
    for key in ["a1", "b1"] {
        let item = json!({ "TableName": "t", "Item": { "k": { "S": key } } });
        client.call("dynamodb", "PutItem", item).await.expect("put");
    }
    let gone = json!({ "TableName": "t", "Key": { "k": { "S": "a1" } } });
    client
        .call("dynamodb", "DeleteItem", gone)
        .await
        .expect("deleted");
    account
        .settle(Duration::from_secs(10))
        .await
        .expect("settled");
    let seen: Vec<Value> = function
        .log()
        .iter()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("stream ")?).ok())
        .collect();
    let names: Vec<&str> = seen
        .iter()
        .filter_map(|record| record["eventName"].as_str())
        .collect();
    assert_eq!(names, ["INSERT", "REMOVE"]);
    assert_eq!(seen[0]["dynamodb"]["Keys"], json!({ "k": { "S": "a1" } }));
    assert_eq!(
        seen[0]["dynamodb"]["NewImage"],
        json!({ "k": { "S": "a1" } })
    );
    assert_eq!(seen[0]["eventSourceARN"], arn);
    println!("{}", seen[0]);
    account.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_stream_batch_comes_again_from_its_failure_on() {
    let account = account().await;
    let function = account
        .run_function(spec(&account, "five"))
        .await
        .expect("a function");
    let arn = streaming_table(&account).await;
    let client = account.client_for_user("ana").await.expect("a user");
    for key in ["a", "bad", "c"] {
        let item = json!({ "TableName": "t", "Item": { "k": { "S": key } } });
        client.call("dynamodb", "PutItem", item).await.expect("put");
    }
    account.map_stream(&arn, &function, None).expect("mapped");
    account
        .settle(Duration::from_secs(10))
        .await
        .expect("settled");
    let keys: Vec<String> = function
        .log()
        .iter()
        .filter_map(|line| {
            let record: Value = serde_json::from_str(line.strip_prefix("stream ")?).ok()?;
            Some(record["dynamodb"]["Keys"]["k"]["S"].as_str()?.to_owned())
        })
        .collect();
    assert_eq!(keys, ["a", "bad", "bad", "bad", "c"]);
    account.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lambda_answers_an_invoke_as_aws_does() {
    let account = account().await;
    let function = account
        .run_function(spec(&account, "six"))
        .await
        .expect("a function");
    let client = account.client_for_user("ana").await.expect("a user");
    let invoke = |name: String, payload: Value, kind: &'static str| {
        use base64::Engine as _;
        let payload = base64::engine::general_purpose::STANDARD.encode(payload.to_string());
        let input = json!({ "FunctionName": name, "InvocationType": kind, "Payload": payload });
        let client = client.clone();
        async move { client.call("lambda", "Invoke", input).await }
    };
    let decoded = |answer: &Value| -> Value {
        use base64::Engine as _;
        let text = answer["Payload"].as_str().expect("a payload");
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .expect("base64");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    for name in [
        "six".to_owned(),
        function.arn(),
        format!("{}:$LATEST", function.arn()),
    ] {
        let answer = invoke(name, json!({ "a": 1 }), "RequestResponse")
            .await
            .expect("an answer");
        assert_eq!(decoded(&answer), json!({ "got": { "a": 1 } }));
        assert_eq!(answer["ExecutedVersion"], "$LATEST");
        assert_eq!(answer.get("FunctionError"), None);
    }
    let failed = invoke("six".into(), json!({ "do": "fail" }), "RequestResponse")
        .await
        .expect("an answer");
    assert_eq!(failed["FunctionError"], "Unhandled");
    assert_eq!(
        decoded(&failed),
        json!({ "errorType": "ValueError", "errorMessage": "on purpose" })
    );
    let late = invoke("six".into(), json!({ "do": "hang" }), "RequestResponse")
        .await
        .expect("an answer");
    assert_eq!(decoded(&late)["errorType"], "Sandbox.Timedout");
    let before = function.invocations();
    let accepted = invoke("six".into(), json!({ "do": "wait" }), "Event")
        .await
        .expect("an answer");
    assert_eq!(accepted["StatusCode"], 202);
    account
        .settle(Duration::from_secs(10))
        .await
        .expect("settled");
    assert_eq!(function.invocations(), before + 1);
    let missing = invoke("seven".into(), json!({}), "RequestResponse")
        .await
        .expect_err("no such function");
    assert_eq!(missing.code, "ResourceNotFoundException");
    account.stop().await;
}

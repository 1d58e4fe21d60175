//! Calls through the trail, and the events they leave.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod support;

use serde_json::{Value, json};
use support::{account, next, security_group};

#[tokio::test(flavor = "multi_thread")]
async fn a_flat_authorize_leaves_the_flat_record() {
    let account = account().await;
    let group = security_group(&account, "flat").await;
    let ana = account.client_for_user("ana").await.expect("a user");
    let mut events = account.subscribe();
    let input = json!({ "GroupId": group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0" });
    let answer = ana
        .call("ec2", "AuthorizeSecurityGroupIngress", input)
        .await
        .expect("authorized");
    let event = next(&mut events).await;
    let detail = &event["detail"];
    assert_eq!(
        detail["requestParameters"],
        json!({ "groupId": group, "ipPermissions": {}, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIp": "0.0.0.0/0" })
    );
    let rule = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        .as_str()
        .expect("a rule id");
    let request_id = detail["requestID"].as_str().expect("a request id");
    assert_eq!(
        detail["responseElements"],
        json!({ "requestId": request_id, "_return": true, "securityGroupRuleSet": { "items": [{
            "groupOwnerId": "123456789012", "groupId": group, "securityGroupRuleId": rule, "isEgress": false,
            "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0",
            "securityGroupRuleArn": format!("arn:aws:ec2:us-east-1:123456789012:security-group-rule/{rule}"),
        }] } })
    );
    assert_eq!(detail["userIdentity"]["type"], "IAMUser");
    assert_eq!(
        detail["userIdentity"]["arn"],
        "arn:aws:iam::123456789012:user/ana"
    );
    assert_eq!(detail["userIdentity"]["userName"], "ana");
    assert_eq!(event["source"], "aws.ec2");
    assert_eq!(event["detail-type"], "AWS API Call via CloudTrail");
    let wire = account.wire().of("ec2", "AuthorizeSecurityGroupIngress");
    assert_eq!(wire.len(), 1);
    assert_eq!(wire[0].request_id.as_deref(), Some(request_id));
    assert_eq!(
        wire[0].caller.as_deref(),
        Some("arn:aws:iam::123456789012:user/ana")
    );
    assert_eq!(wire[0].input()["CidrIp"], "0.0.0.0/0");
    account.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latency() {
    let account = account().await;
    let group = security_group(&account, "x").await;
    let direct = account.admin();
    let through = account.client_for_user("ana").await.expect("a user");
    let table = json!({
        "TableName": "t", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
    });
    direct
        .call("dynamodb", "CreateTable", table)
        .await
        .expect("a table");
    let key = json!({ "k": { "S": "a" } });
    let calls = [
        ("sts", "GetCallerIdentity", Value::Null),
        (
            "dynamodb",
            "UpdateItem",
            json!({ "TableName": "t", "Key": key, "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": { ":n": { "N": "1" } } }),
        ),
        (
            "dynamodb",
            "GetItem",
            json!({ "TableName": "t", "Key": key }),
        ),
        (
            "ec2",
            "DescribeSecurityGroupRules",
            json!({ "Filters": [{ "Name": "group-id", "Values": [group] }] }),
        ),
    ];
    for (name, client) in [("direct", &direct), ("trail", &through)] {
        for (service, operation, input) in &calls {
            let mut times = Vec::new();
            for _ in 0..200 {
                let begun = std::time::Instant::now();
                client
                    .call(service, operation, input.clone())
                    .await
                    .expect("an answer");
                times.push(begun.elapsed().as_micros());
            }
            times.sort_unstable();
            println!(
                "{name} {operation}: p50 {} µs, p90 {} µs",
                times[100], times[180]
            );
        }
    }
    account.stop().await;
}

/// What AWS wrote for a nested authorize with a described range, an IPv6 range and a multi-range answer.
const CAPTURED_NESTED: &str = "0c897921-eded-4cdf-ac2a-c0e5ed5f397d";

/// Calls of boto3 on the group whose id it is given.
const SCRIPT: &str = r#"
import boto3, os, sys
ec2 = boto3.client("ec2")
group = sys.argv[1]
flat = dict(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
ec2.authorize_security_group_ingress(**flat)
ec2.revoke_security_group_ingress(**flat)
nested = [dict(IpProtocol="tcp", FromPort=443, ToPort=443, IpRanges=[dict(CidrIp="0.0.0.0/0", Description="TLS from Internet")])]
rule = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=nested)["SecurityGroupRules"][0]
change = dict(IpProtocol="tcp", FromPort=443, ToPort=443, CidrIpv4="127.0.0.1/32")
ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[dict(SecurityGroupRuleId=rule["SecurityGroupRuleId"], SecurityGroupRule=change)])
ec2.describe_security_group_rules(Filters=[dict(Name="group-id", Values=[group])])
try:
    ec2.revoke_security_group_ingress(**flat)
except Exception as error:
    print(error.response["Error"]["Code"])
try:
    ec2.authorize_security_group_ingress(DryRun=True, **flat)
except Exception as error:
    print(error.response["Error"]["Code"])
"#;

#[tokio::test(flavor = "multi_thread")]
async fn boto3_leaves_records_of_the_captured_shape() {
    let account = account().await;
    let group = security_group(&account, "boto").await;
    let ana = account.client_for_user("ana").await.expect("a user");
    let mut events = account.subscribe();
    let output = tokio::process::Command::new(account.python())
        .args(["-c", SCRIPT, &group])
        .env("AWS_ENDPOINT_URL", account.endpoint())
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", &ana.credentials().access_key)
        .env("AWS_SECRET_ACCESS_KEY", &ana.credentials().secret_key)
        .output()
        .await
        .expect("boto3");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "InvalidPermission.NotFound\nDryRunOperation\n"
    );
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(next(&mut events).await);
    }
    let names: Vec<&str> = seen
        .iter()
        .filter_map(|event| event["detail"]["eventName"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "AuthorizeSecurityGroupIngress",
            "RevokeSecurityGroupIngress",
            "AuthorizeSecurityGroupIngress",
            "ModifySecurityGroupRules",
            "RevokeSecurityGroupIngress",
            "AuthorizeSecurityGroupIngress",
        ]
    );
    let detail = |at: usize| &seen[at]["detail"];
    assert_eq!(detail(1)["responseElements"]["_return"], true);
    assert_eq!(detail(4)["errorCode"], "Client.InvalidPermission.NotFound");
    assert_eq!(detail(4)["responseElements"], Value::Null);
    assert_eq!(detail(5)["errorCode"], "Client.DryRunOperation");
    assert!(detail(5)["requestParameters"].get("dryRun").is_none());
    assert!(
        detail(0)["userAgent"]
            .as_str()
            .expect("text")
            .starts_with("Boto3/")
    );

    let corpus = support::corpus();
    let by_request = |id: &str| {
        corpus.iter().find(|event| {
            event
                .pointer("/responseElements/requestId")
                .and_then(Value::as_str)
                == Some(id)
        })
    };
    let captured = by_request(CAPTURED_NESTED).expect("the captured record");
    assert_eq!(
        support::paths(&detail(2)["requestParameters"]),
        support::paths(&captured["requestParameters"])
    );
    // The rule's ARN came in records of 2026 only.
    let mut ours = support::paths(&detail(2)["responseElements"]);
    assert!(ours.remove(".securityGroupRuleSet.items[].securityGroupRuleArn"));
    assert_eq!(ours, support::paths(&captured["responseElements"]));
    let modify = corpus
        .iter()
        .find(|event| event["eventName"] == "ModifySecurityGroupRules")
        .expect("a record");
    assert_eq!(
        support::paths(&detail(3)["requestParameters"]),
        support::paths(&modify["requestParameters"])
    );
    assert_eq!(
        support::paths(&detail(3)["responseElements"]),
        support::paths(&modify["responseElements"])
    );
    account.stop().await;
}

/// Service, operation and input of a call.
type Call = (&'static str, &'static str, Value);

/// Calls, each with its record's name and parameters.
fn other_calls() -> Vec<(Call, (&'static str, Value))> {
    let block = json!({ "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": false, "RestrictPublicBuckets": true });
    let policy = json!({ "Version": "2012-10-17", "Statement": [] });
    let closed = json!({ "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": false,
        "RestrictPublicBuckets": true, "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/" });
    let host = "bucket.s3.us-east-1.amazonaws.com";
    vec![
        (
            ("s3", "CreateBucket", json!({ "Bucket": "bucket" })),
            (
                "CreateBucket",
                json!({ "bucketName": "bucket", "Host": host }),
            ),
        ),
        (
            (
                "s3",
                "PutPublicAccessBlock",
                json!({ "Bucket": "bucket", "PublicAccessBlockConfiguration": block }),
            ),
            (
                "PutBucketPublicAccessBlock",
                json!({ "bucketName": "bucket", "Host": host, "publicAccessBlock": "", "PublicAccessBlockConfiguration": closed }),
            ),
        ),
        (
            (
                "s3",
                "PutBucketPolicy",
                json!({ "Bucket": "bucket", "Policy": policy.to_string() }),
            ),
            (
                "PutBucketPolicy",
                json!({ "bucketName": "bucket", "Host": host, "policy": "", "bucketPolicy": policy }),
            ),
        ),
        (
            (
                "s3",
                "PutBucketAcl",
                json!({ "Bucket": "bucket", "ACL": "public-read" }),
            ),
            (
                "PutBucketAcl",
                json!({ "bucketName": "bucket", "Host": host, "acl": "", "x-amz-acl": "public-read" }),
            ),
        ),
        (
            (
                "s3control",
                "PutPublicAccessBlock",
                json!({ "AccountId": "123456789012", "PublicAccessBlockConfiguration": block }),
            ),
            (
                "PutAccountPublicAccessBlock",
                json!({ "Host": "123456789012.s3-control.us-east-1.amazonaws.com", "publicAccessBlock": "",
                    "PublicAccessBlockConfiguration": closed }),
            ),
        ),
        (
            (
                "iam",
                "CreateRole",
                json!({ "RoleName": "r", "AssumeRolePolicyDocument": "{}" }),
            ),
            (
                "CreateRole",
                json!({ "roleName": "r", "assumeRolePolicyDocument": "{}" }),
            ),
        ),
        (
            (
                "ssm",
                "PutParameter",
                json!({ "Name": "p", "Value": "secret", "Type": "SecureString" }),
            ),
            (
                "PutParameter",
                json!({ "name": "p", "value": "HIDDEN_DUE_TO_SECURITY_REASONS", "type": "SecureString" }),
            ),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_other_services_leave_their_records() {
    let account = account().await;
    let ana = account.client_for_user("ana").await.expect("a user");
    let mut events = account.subscribe();
    for ((service, operation, input), (name, asked)) in other_calls() {
        ana.call(service, operation, input).await.expect(operation);
        let detail = next(&mut events).await["detail"].take();
        assert_eq!(detail["eventName"], name);
        let source = if service == "s3control" {
            "s3"
        } else {
            service
        };
        assert_eq!(detail["eventSource"], format!("{source}.amazonaws.com"));
        let mut theirs = detail["requestParameters"].clone();
        // The name space is that of the service's own model.
        if let Some(body) = theirs.get_mut("PublicAccessBlockConfiguration") {
            assert!(body["xmlns"].is_string());
            body["xmlns"] = json!("http://s3.amazonaws.com/doc/2006-03-01/");
        }
        assert_eq!(theirs, asked, "{operation}");
    }
    account.stop().await;
}

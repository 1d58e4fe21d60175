//! `undrift local` as people use it: a client they know from one terminal, `undrift` from another.

mod aws;
mod ends;
#[cfg(target_os = "linux")]
mod middle;
mod odd;

use std::process::Output;

use serde_json::Value;
use undrift_tests::local::{Local, answers, until};
use undrift_tests::sandbox::{binaries, target};

/// Opens SSH with boto3, beside a rule that is fine, and waits until only that one is left.
const OPEN_AND_WAIT: &str = r"
import boto3, time
ec2 = boto3.client('ec2')
group = ec2.create_security_group(GroupName='web', Description='web')['GroupId']
def open(port):
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol='tcp', FromPort=port, ToPort=port, CidrIp='0.0.0.0/0')
def ports():
    rules = ec2.describe_security_group_rules(Filters=[{'Name': 'group-id', 'Values': [group]}])['SecurityGroupRules']
    return sorted(r['FromPort'] for r in rules if not r['IsEgress'])
open(443); open(22)
start = time.time()
while ports() != [443]:
    assert time.time() - start < 20, ports()
print(group)
";

fn boto3(local: &Local, script: &str) -> Output {
    let python = std::fs::read_dir(target())
        .unwrap()
        .filter_map(|e| Some(e.ok()?.path().join("bin/python")))
        .find(|p| p.to_string_lossy().contains("/moto-") && p.exists())
        .unwrap();
    let mut command = local.beside(python);
    command
        .args(["-c", script])
        .env("AWS_ENDPOINT_URL", local.endpoint())
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "you")
        .env("AWS_SECRET_ACCESS_KEY", "any");
    command.output().unwrap()
}

/// Has a group opened and closed.
fn open_and_wait(local: &Local) {
    let opened = boto3(local, OPEN_AND_WAIT);
    let said = String::from_utf8_lossy(&opened.stderr);
    assert!(opened.status.success(), "{said}\n{:?}", local.err());
}

#[tokio::test]
async fn a_stock_client_opens_a_group_and_watches_it_come_back() {
    binaries().await;
    let mut local = Local::start(&["--output", "json"]);
    open_and_wait(&local);
    let reverted = until("a revert is recorded", || {
        let records = local.records();
        let reverted = |r: &&Value| r["outcome"]["kind"] == "reverted";
        let record = records.iter().find(reverted)?;
        Some(record["key"]["event"].as_str().unwrap().to_owned())
    });
    let shown = local.undrift(&["show", &reverted]);
    assert!(shown.status.success());
    let undone = local.undrift(&["undo", &reverted, "--reason", "a test"]);
    let said = String::from_utf8_lossy(&undone.stdout);
    assert!(
        undone.status.success() && said.contains("\"undone\""),
        "{said}"
    );
    assert_eq!(local.undrift(&["show", "nosuch"]).status.code(), Some(2));

    // The account's block was off from the first: told once. What was undone is wanted so.
    let swept = local.undrift(&["sweep", "--dry-run"]);
    assert_eq!(swept.status.code(), Some(1));
    let swept = local.undrift(&["sweep"]);
    let found = String::from_utf8_lossy(&swept.stdout);
    let found: Vec<Value> = found
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert!(
        matches!(&found[..], [f] if f["resource"]["kind"] == "s3/account-public-access-block"
            && f["outcome"] == "left"),
        "{found:?}"
    );
    assert_eq!(local.undrift(&["sweep"]).status.code(), Some(0));

    // One object per line, after the line that says where.
    let out = until("the undo is told", || {
        let out = local.out();
        out.iter().any(|l| l.contains("\"undo\"")).then_some(out)
    });
    let objects = out.iter().skip(1);
    let objects: Vec<Value> = objects.map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(objects.iter().all(Value::is_object));
    let who = "arn:aws:iam::123456789012:user/you";
    let reverts = |o: &&Value| o["outcome"]["kind"] == "reverted";
    let revert = objects.iter().find(reverts).unwrap();
    assert_eq!(revert["cause"]["change"]["actor"]["arn"], who);

    let endpoint = local.endpoint();
    assert_eq!(local.end("TERM").code(), Some(0));
    assert!(local.left().is_empty(), "{:?} is left", local.left());
    assert!(!answers(&endpoint), "its port is left open");
}

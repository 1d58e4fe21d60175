//! What the integration tests share.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use undrift_local::{Account, Options};

/// The root of the source tree.
pub(crate) fn tree_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Cargo's target folder, where the Python environment is kept.
pub(crate) fn target_dir() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().unwrap_or(tmp).to_owned()
}

/// A fresh local account.
pub(crate) async fn account() -> Account {
    Account::start(Options::new(tree_root(), target_dir()))
        .await
        .expect("the local account starts")
}

/// A security group without rules of its own, made past the trail.
pub(crate) async fn security_group(account: &Account, name: &str) -> String {
    let input =
        json!({ "GroupName": name, "Description": "of a test", "VpcId": vpc(account).await });
    let made = account
        .admin()
        .call("ec2", "CreateSecurityGroup", input)
        .await
        .expect("a group");
    made["GroupId"].as_str().expect("an id").to_owned()
}

async fn vpc(account: &Account) -> String {
    let all = account
        .admin()
        .call("ec2", "DescribeVpcs", Value::Null)
        .await
        .expect("VPCs");
    all["Vpcs"][0]["VpcId"].as_str().expect("an id").to_owned()
}

/// The next event of the subscription.
pub(crate) async fn next(events: &mut tokio::sync::broadcast::Receiver<Value>) -> Value {
    tokio::time::timeout(Duration::from_secs(20), events.recv())
        .await
        .expect("an event in time")
        .expect("an event")
}

/// All paths to leaves and empty containers, with array indices collapsed.
pub(crate) fn paths(value: &Value) -> std::collections::BTreeSet<String> {
    let mut out = std::collections::BTreeSet::new();
    walk(value, "", &mut out);
    out
}

fn walk(value: &Value, at: &str, out: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members
                .iter()
                .for_each(|(key, value)| walk(value, &format!("{at}.{key}"), out));
        }
        Value::Array(all) if !all.is_empty() => all
            .iter()
            .for_each(|value| walk(value, &format!("{at}[]"), out)),
        _ => {
            out.insert(at.to_owned());
        }
    }
}

/// The records of the corpus.
pub(crate) fn corpus() -> Vec<Value> {
    let path = tree_root().join("tests/corpus/cloudtrail-dev.jsonl");
    let text = std::fs::read_to_string(path).expect("the corpus");
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["event"].take())
        .collect()
}

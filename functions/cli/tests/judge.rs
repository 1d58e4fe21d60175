//! `undrift judge`, and `undrift explain` of a policy document.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn undrift(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_undrift"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever has read enough may close it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn public() -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Sid": "Read", "Effect": "Allow",
        "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}})
}

fn partner() -> Value {
    json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "444455556666"},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]})
}

#[test]
fn one_document_over_several_lines() {
    let text = serde_json::to_string_pretty(&public()).unwrap();
    let output = undrift(&["judge", "resource-policy"], &text);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["verdict"], "public");
    assert_eq!(lines[0]["grants"][0]["statement"], "Read");
    assert_eq!(lines[0]["grants"][0]["witness"]["caller"], "anonymous");
}

#[test]
fn a_line_for_each_line() {
    let all = [
        json!({"id": "a", "policy": partner()}),
        json!({"id": "b", "policy": partner(), "account": "111122223333"}),
        json!({"id": "c", "policy": partner(), "account": "111122223333",
            "trusted": {"accounts": ["444455556666"]}}),
        json!({"id": "d", "policy": public().to_string()}),
        json!({"id": "e", "kind": "identity", "policy": {"Statement":
            {"Effect": "Allow", "Action": "*", "Resource": "*"}}}),
        json!({"id": "f", "policy": public(), "bucket": {"PublicAccessBlock":
            {"RestrictPublicBuckets": true}}}),
        partner(),
    ];
    let text = all.map(|line| line.to_string()).join("\n");
    let output = undrift(&["judge", "resource-policy", "-"], &text);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    let verdicts: Vec<&str> = lines
        .iter()
        .map(|l| l["verdict"].as_str().unwrap())
        .collect();
    let expected = [
        "not_public",
        "cross_account",
        "not_public",
        "public",
        "admin",
        "public",
        "not_public",
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(lines[5]["exposure"]["effective"], "not_public");
    assert_eq!(
        lines[5]["exposure"]["hidden_by"][0],
        "RestrictPublicBuckets of the bucket"
    );
    let output = undrift(
        &["judge", "resource-policy", "--account", "111122223333"],
        &partner().to_string(),
    );
    assert_eq!(self::lines(&output)[0]["verdict"], "cross_account");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_read_is_answered_and_costs_no_other_line() {
    let text = format!(
        "{}\nfoo\n{{\"id\": 1, \"pol\n{}\n{{\"policy\": 7}}\n[",
        partner(),
        public()
    );
    let output = undrift(&["judge", "resource-policy"], &text);
    assert_eq!(output.status.code(), Some(3));
    let lines = lines(&output);
    let verdicts: Vec<&str> = lines
        .iter()
        .map(|l| l["verdict"].as_str().unwrap())
        .collect();
    let untold = "cannot_tell";
    assert_eq!(
        verdicts,
        ["not_public", untold, untold, "public", untold, untold]
    );
    assert_eq!(lines[1]["line"], 2);
    let output = undrift(&["judge", "identity-policy"], "");
    assert_eq!(output.status.code(), Some(3));
    let output = undrift(&["judge", "identity-policy", "no-such-file.json"], "");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn identities() {
    let pass = json!({"Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}});
    let run =
        json!({"Statement": {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}});
    let output = undrift(&["judge", "identity-policy"], &pass.to_string());
    assert_eq!(output.status.code(), Some(0));
    let both = json!({"id": 1, "policy": [pass, run]}).to_string();
    let output = undrift(&["judge", "identity-policy"], &both);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(&output);
    assert_eq!(lines[0]["verdict"], "privesc");
    assert_eq!(
        lines[0]["grants"][0]["actions"],
        json!(["iam:PassRole", "ec2:RunInstances"])
    );
    assert_eq!(lines[0]["grants"][0]["statement"], "0/0,1/0");
}

#[test]
fn a_document_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("policy.json");
    let text = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/*", "Condition": {
                "StringEqualsIfExists": {"aws:PrincipalOrgID": "o-own"},
                "StringLike": {"aws:Referer": "https://example.com/*\u{1b}[2J"}}},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-own"}}},
    ]});
    std::fs::write(&file, text.to_string()).unwrap();
    let output = undrift(
        &["explain", "--output", "table", file.to_str().unwrap()],
        "",
    );
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "Allows everybody s3:GetObject on arn:aws:s3:::b/*.",
        "whoever comes without the key is let through",
        "Where aws:principalorgid isn't o-own: AWS documents it as a limit, and no stranger can fulfil it.",
        "Not public",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains('\u{1b}'));
    std::fs::write(
        &file,
        json!({"Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}}).to_string(),
    )
    .unwrap();
    let output = undrift(
        &["explain", "--output", "table", file.to_str().unwrap()],
        "",
    );
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("by it one gives oneself all rights"),
        "{said}"
    );
    assert!(said.contains("privesc"), "{said}");
}

//! `undrift replay` with the real binary: its exit codes, its lines, its sum.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_undrift"));
    command.args(arguments).current_dir(root());
    command
}

fn replay(arguments: &[&str]) -> Output {
    command(&[&["replay"], arguments].concat())
        .output()
        .unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A rule for a port, from everywhere, by a role.
fn record(id: &str, port: u16, role: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-03-01T10:00:01Z",
        "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
        "awsRegion": "eu-central-1", "recipientAccountId": "123456789012",
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::123456789012:assumed-role/{role}/s"),
            "sessionContext": {"sessionIssuer": {"arn": format!("arn:aws:iam::123456789012:role/{role}")}}},
        "requestParameters": {"groupId": format!("sg-{id}"), "cidrIp": "0.0.0.0/0", "ipProtocol": "tcp",
            "fromPort": port, "toPort": port, "ipPermissions": {}},
        "responseElements": {"_return": true},
    })
}

fn written(folder: &Path, name: &str, records: &[Value]) -> String {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let path = folder.join(name);
    fs::write(&path, lines.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_line_is_as_the_contract_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "a.jsonl", &[record("1", 22, "Dev")]);
    let run = replay(&[&file]);
    assert_eq!(run.status.code(), Some(1), "{}", err(&run));
    let [line] = objects(&run).try_into().unwrap();
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["actor", "eventID", "eventName", "eventTime", "outcomes"]
    );
    assert_eq!(line["eventID"], "1");
    assert_eq!(line["eventTime"], "2026-03-01T10:00:01Z");
    assert_eq!(
        line["actor"],
        "arn:aws:sts::123456789012:assumed-role/Dev/s"
    );
    let outcomes = line["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 3);
    let outcome = &outcomes[0];
    let names: Vec<&String> = outcome.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "calls", "decision", "evidence", "policy", "resource", "verdict", "why"
        ]
    );
    assert_eq!(outcome["policy"], "ec2-security-group-open-admin-ports");
    assert_eq!(
        outcome["resource"],
        "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-1"
    );
    assert_eq!(outcome["verdict"], "violated");
    assert_eq!(outcome["decision"], "act");
    assert_eq!(outcome["evidence"][0]["shown"], "tcp/22 from 0.0.0.0/0");
    assert_eq!(
        outcome["calls"][0]["operation"],
        "RevokeSecurityGroupIngress"
    );
}

#[test]
fn the_exit_code_says_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let fine = written(folder.path(), "fine.jsonl", &[record("1", 443, "Dev")]);
    let found = written(folder.path(), "found.jsonl", &[record("2", 22, "Dev")]);
    let empty = written(folder.path(), "empty.jsonl", &[]);
    let broken = folder.path().join("broken.jsonl");
    fs::write(&broken, format!("{}\nhello\n", record("3", 22, "Dev"))).unwrap();
    let broken = broken.to_str().unwrap();
    let hollow = folder.path().join("hollow");
    fs::create_dir(&hollow).unwrap();
    for (arguments, code) in [
        (vec![fine.as_str()], 0),
        (vec![empty.as_str()], 0),
        (vec![found.as_str()], 1),
        (vec![fine.as_str(), found.as_str()], 1),
        (vec![broken], 3),
        (vec![found.as_str(), "no-such-file"], 3),
        (vec![hollow.to_str().unwrap()], 3),
        (vec![], 2),
        (vec![fine.as_str(), "--settings", "no-such.yaml"], 3),
        (vec![fine.as_str(), "--settings", "README.md"], 2),
    ] {
        let run = replay(&arguments);
        assert_eq!(
            run.status.code(),
            Some(code),
            "{arguments:?}: {}",
            err(&run)
        );
    }
    let run = replay(&[broken]);
    assert!(err(&run).contains("broken.jsonl:2:"), "{}", err(&run));
    assert_eq!(objects(&run).len(), 1);
}

#[test]
fn others_are_printed_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut failed = record("2", 22, "Dev");
    failed["errorCode"] = json!("Client.UnauthorizedOperation");
    let mut other = record("3", 22, "Dev");
    other["eventName"] = json!("RunInstances");
    let file = written(
        folder.path(),
        "a.jsonl",
        &[record("1", 443, "Dev"), failed, other],
    );
    let ids = |run: &Output| -> Vec<(String, usize)> {
        let one = |o: &Value| {
            let outcomes = o["outcomes"].as_array().unwrap().len();
            (o["eventID"].as_str().unwrap().to_owned(), outcomes)
        };
        objects(run).iter().map(one).collect()
    };
    assert_eq!(ids(&replay(&[&file])), [("1".to_owned(), 3)]);
    let all = [("1", 3), ("2", 0), ("3", 0)].map(|(id, n)| (id.to_owned(), n));
    assert_eq!(ids(&replay(&[&file, "--all"])), all);
}

#[test]
fn settings_decide_where_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(
        folder.path(),
        "a.jsonl",
        &[record("1", 22, "Dev"), record("2", 22, "deploy")],
    );
    let decisions = |settings: &str| -> Vec<(String, String)> {
        let path = folder.path().join("mine.yaml");
        fs::write(&path, settings).unwrap();
        let run = replay(&[&file, "--settings", path.to_str().unwrap()]);
        assert_eq!(run.status.code(), Some(1), "{}", err(&run));
        let one = |o: &Value| {
            let outcome = &o["outcomes"][0];
            assert_eq!(outcome["verdict"], "violated");
            let text = |member: &str| outcome[member].as_str().unwrap().to_owned();
            (text("decision"), text("why"))
        };
        objects(&run).iter().map(one).collect()
    };
    let observe = decisions("{}\n");
    assert!(
        observe
            .iter()
            .all(|(d, why)| d == "leave" && why.contains("observe")),
        "{observe:?}"
    );
    let approve = decisions("deployment: approve\n");
    assert!(
        approve
            .iter()
            .all(|(d, why)| d == "propose" && why.contains("approve")),
        "{approve:?}"
    );
    let pipeline = decisions(
        "deployment: revert\napproved_pipelines: [arn:aws:iam::123456789012:role/deploy]\n",
    );
    assert_eq!(
        (pipeline[0].0.as_str(), pipeline[1].0.as_str()),
        ("act", "propose")
    );
    assert!(pipeline[1].1.contains("role/deploy"));
}

#[test]
fn the_sum_names_policies_people_and_automation() {
    let folder = tempfile::tempdir().unwrap();
    let mut terraform = record("2", 3389, "deploy");
    terraform["userAgent"] = json!("APN/1.0 HashiCorp/1.0 Terraform/1.9.2");
    let file = written(
        folder.path(),
        "a.jsonl",
        &[record("1", 22, "Dev"), terraform, record("3", 443, "Dev")],
    );
    let run = replay(&[&file, "--output", "table"]);
    let sum = err(&run);
    for part in [
        "3 records in 1 file",
        "records and ",
        " per second",
        "3 to a policy",
        "2, of which 2 would have been reverted; 0 can't be told",
        "        2         2         0         0  ec2-security-group-open-admin-ports",
        "        1  arn:aws:iam::123456789012:role/Dev",
        "        1  arn:aws:iam::123456789012:role/deploy (Terraform)",
        "2.0  changes with a violation on an average day; 2 on 2026-03-01",
    ] {
        assert!(sum.contains(part), "{part}\n{sum}");
    }
    let lines = String::from_utf8(run.stdout.clone()).unwrap();
    assert!(
        lines.contains(
            "would be reverted  security-group/sg-1  by Dev\n    AuthorizeSecurityGroupIngress in 123456789012 eu-central-1\n"
        ),
        "{lines}"
    );
    assert!(!lines.contains("sg-3"));
    assert_eq!(err(&replay(&[&file, "--quiet"])), "");
}

#[test]
fn standard_input_is_read_and_a_closed_pipe_ends_it() {
    let mut child = command(&["replay", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", record("1", 22, "Dev")).unwrap();
    drop(input);
    let run = child.wait_with_output().unwrap();
    assert_eq!((run.status.code(), objects(&run).len()), (Some(1), 1));

    let folder = tempfile::tempdir().unwrap();
    let many: Vec<Value> = (0..20_000)
        .map(|n| record(&n.to_string(), 443, "Dev"))
        .collect();
    let file = written(folder.path(), "many.jsonl", &many);
    let mut child = command(&["replay", &file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = child.wait_with_output().unwrap();
    assert!(!err(&run).contains("panic"), "{}", err(&run));
    assert_ne!(run.status.code(), Some(0));
}

//! `undrift explain`: what it says, and what it says of names that are none.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const ID: &str = "ec2-security-group-open-admin-ports";
const FILE: &str = "policies/ec2/ec2-security-group-open-admin-ports.yaml";

const SETTINGS: &str = r#"deployment: revert
accounts:
  "111122223333": approve
params:
  ec2-security-group-open-admin-ports:
    own: [198.18.0.0/15]
approved_pipelines: [arn:aws:iam::111122223333:role/deploy]
notices:
  - channels: [sns]
    severity: high
  - channels: [webhook, slack:C045EF6GH]
    severity: critical
    accounts: ["111122223333"]
"#;

const EXEMPTION: &str = "- id: partner
  covers: { policy: ec2-security-group-open-admin-ports, resource: sg-1 }
  reason: A partner uploads
  by: jane@example.com
  until: 2030-01-31T18:00:00Z
";

fn undrift(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_undrift"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn begun() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert!(undrift(dir.path(), &["init"]).status.success());
    dir
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Digests change with every word of the documents.
fn without_digests(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let digest = word.trim_end();
        if digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            word.replace(digest, "(digest)")
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

#[test]
fn a_policy_is_explained_in_words() {
    let dir = begun();
    fs::write(dir.path().join("policies/settings.yaml"), SETTINGS).unwrap();
    fs::write(dir.path().join("policies/exemptions.yaml"), EXEMPTION).unwrap();
    let run = undrift(dir.path(), &["explain", ID, "--output", "table"]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let said = without_digests(&text(&run.stdout));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain.txt");
    if std::env::var_os("UNDRIFT_BLESS").is_some() {
        fs::write(&golden, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&golden).unwrap());

    let by_file = undrift(dir.path(), &["explain", FILE, "--output", "table"]);
    assert_eq!(without_digests(&text(&by_file.stdout)), said);
}

#[test]
fn the_digests_are_the_bundles() {
    let dir = begun();
    let object = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&undrift(dir.path(), arguments).stdout).unwrap()
    };
    let said = object(&["explain", ID]);
    assert_eq!(said["bundle"], object(&["bundle"])["digest"]);
    assert_eq!(said["digest"].as_str().unwrap().len(), 64);
    assert!(said["sections"].as_array().unwrap().len() > 6);
}

#[test]
fn what_is_no_policy_is_told_from_what_is() {
    let dir = begun();
    for (subject, code, says) in [
        (
            "ec2-security-group-open-admin-port",
            2,
            "did you mean `ec2-security-group-open-admin-ports`?",
        ),
        (
            "nonsense",
            2,
            "known are ec2-security-group-open-admin-ports",
        ),
        ("events.json", 3, "events.json"),
        ("7f3a2b1c-0000-4000-8000-000000000000", 2, "`undrift show`"),
        ("policies/settings.yaml", 2, "is no policy"),
        ("no-such.yaml", 3, "no-such.yaml"),
    ] {
        let run = undrift(dir.path(), &["explain", subject]);
        assert_eq!(run.status.code(), Some(code), "{subject}");
        assert!(text(&run.stderr).contains(says), "{}", text(&run.stderr));
        assert!(run.stdout.is_empty());
    }
    fs::write(dir.path().join(FILE), "schema: policy/v1\n").unwrap();
    let run = undrift(dir.path(), &["explain", FILE]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("fields are missing"));
}

#[test]
fn exemptions_that_have_ended_or_hardly_end_are_worth_a_look() {
    let dir = begun();
    let one = |id: &str, until: &str| {
        EXEMPTION
            .replace("id: partner", &format!("id: {id}"))
            .replace("2030-01-31T18:00:00Z", until)
    };
    let all = one("old", "2020-01-31T18:00:00Z") + &one("endless", "9999-01-01T00:00:00Z");
    fs::write(dir.path().join("policies/exemptions.yaml"), all).unwrap();
    let run = undrift(dir.path(), &["check"]);
    assert!(run.status.success());
    let said = text(&run.stderr);
    for line in [
        "policies/exemptions.yaml:1: the exemption `old` ended",
        "policies/exemptions.yaml:6: the exemption `endless` lasts",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

/// Ssh opened to the world, in the flat form, and narrowed again; a read; a failed call.
fn events() -> Vec<Value> {
    let record = |id: &str, second: u8, name: &str, request: Value, response: Value| {
        serde_json::json!({
            "eventVersion": "1.11", "eventID": id, "eventTime": format!("2026-03-01T10:00:{second:02}Z"),
            "eventSource": "ec2.amazonaws.com", "eventName": name, "awsRegion": "eu-central-1",
            "recipientAccountId": "123456789012", "sourceIPAddress": "198.51.100.7",
            "userIdentity": {"type": "AssumedRole", "principalId": "AROA1:maya", "accountId": "123456789012",
                "arn": "arn:aws:sts::123456789012:assumed-role/Dev/maya",
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::123456789012:role/Dev"}}},
            "requestParameters": request, "responseElements": response,
        })
    };
    let rule = |source: &str| {
        serde_json::json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {
            "SecurityGroupRuleId": "sgr-1", "tag": 1, "SecurityGroupRule":
                {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": source}}}})
    };
    let flat = serde_json::json!({"groupId": "sg-1", "ipPermissions": {}, "ipProtocol": "tcp",
        "fromPort": 22, "toPort": 22, "cidrIp": "10.0.0.0/8"});
    let answer = serde_json::json!({"securityGroupRuleSet": {"items": [{"groupId": "sg-1", "isEgress": false,
        "securityGroupRuleId": "sgr-1", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
        "cidrIpv4": "10.0.0.0/8"}]}});
    let mut failed = record(
        "e-4",
        4,
        "ModifySecurityGroupRules",
        rule("0.0.0.0/0"),
        Value::Null,
    );
    failed["errorCode"] = "Client.UnauthorizedOperation".into();
    vec![
        record("e-1", 1, "AuthorizeSecurityGroupIngress", flat, answer),
        record("e-2", 2, "DescribeSecurityGroups", Value::Null, Value::Null),
        record(
            "e-3",
            3,
            "ModifySecurityGroupRules",
            rule("0.0.0.0/0"),
            Value::Null,
        ),
        failed,
    ]
}

fn with_events() -> tempfile::TempDir {
    let dir = begun();
    let lines: Vec<String> = events().iter().map(Value::to_string).collect();
    fs::write(dir.path().join("events.jsonl"), lines.join("\n")).unwrap();
    dir
}

#[test]
fn an_event_is_explained_step_by_step() {
    let dir = with_events();
    let run = undrift(
        dir.path(),
        &[
            "explain",
            "events.jsonl",
            "--event",
            "e-3",
            "--output",
            "table",
        ],
    );
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain-event.txt");
    if std::env::var_os("UNDRIFT_BLESS").is_some() {
        fs::write(&file, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(file).unwrap());
}

#[test]
fn each_event_of_a_file_is_explained_and_the_others_counted() {
    let dir = with_events();
    let run = undrift(dir.path(), &["explain", "events.jsonl"]);
    let said: Vec<Value> = text(&run.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let ids: Vec<&str> = said
        .iter()
        .map(|s| s["eventID"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["e-1", "e-3"]);
    assert!(
        text(&run.stderr).contains("2 events"),
        "{}",
        text(&run.stderr)
    );
    // Alone, what alters nothing is told why.
    for (index, why) in [
        (1, "the call only reads"),
        (3, "Client.UnauthorizedOperation"),
    ] {
        fs::write(dir.path().join("one.json"), events()[index].to_string()).unwrap();
        let run = undrift(dir.path(), &["explain", "one.json", "--output", "table"]);
        assert!(text(&run.stdout).contains(why), "{}", text(&run.stdout));
        assert_eq!(run.status.code(), Some(0));
    }
    let run = undrift(dir.path(), &["explain", "events.jsonl", "--event", "e-9"]);
    assert_eq!(run.status.code(), Some(2));
    fs::write(dir.path().join("broken.json"), "{\"eventName\": ").unwrap();
    let run = undrift(dir.path(), &["explain", "broken.json"]);
    assert_eq!(run.status.code(), Some(3));
    assert!(
        text(&run.stderr).contains("broken.json:1"),
        "{}",
        text(&run.stderr)
    );
}

#[test]
fn what_isnt_known_is_said_so() {
    let dir = begun();
    let policy = "policies/ec2/ec2-snapshot-shared-publicly-or-foreign.yaml";
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(policy);
    fs::copy(shipped, dir.path().join(policy)).unwrap();
    let event = serde_json::json!({
        "eventID": "e-1", "eventTime": "2026-03-01T10:00:00Z", "eventSource": "ec2.amazonaws.com",
        "eventName": "ModifySnapshotAttribute", "awsRegion": "eu-central-1",
        "recipientAccountId": "123456789012", "userIdentity": {"type": "Root"},
        "requestParameters": {"snapshotId": "snap-1", "attributeType": "CREATE_VOLUME_PERMISSION",
            "createVolumePermission": {"add": {"items": [{"group": "all"}]}}},
        "responseElements": {"_return": true},
    });
    fs::write(dir.path().join("event.json"), event.to_string()).unwrap();
    let run = undrift(dir.path(), &["explain", "event.json", "--output", "table"]);
    let said = text(&run.stdout);
    for part in [
        "The record doesn't show whether it was there before.",
        "ec2-snapshot-shared-publicly-or-foreign: violated.",
        "Whether it was there before isn't known",
        "- shared with everybody",
    ] {
        assert!(said.contains(part), "{part}\n{said}\n{}", text(&run.stderr));
    }
}

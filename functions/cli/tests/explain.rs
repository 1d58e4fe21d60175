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
        ("events.json", 2, "can't be explained yet"),
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

//! The real binary: exit codes, formats, and that what is generated is current.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn undrift(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_undrift"))
        .args(arguments)
        .current_dir(dir)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    out(output)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// A copy of the tree's policies that a test may spoil.
fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let from = root().join("policies");
    fs::create_dir_all(dir.path().join("policies/ec2")).unwrap();
    for file in ["settings.yaml", "exemptions.yaml"] {
        fs::copy(from.join(file), dir.path().join("policies").join(file)).unwrap();
    }
    for entry in fs::read_dir(from.join("ec2")).unwrap() {
        let entry = entry.unwrap();
        let to = dir.path().join("policies/ec2").join(entry.file_name());
        fs::copy(entry.path(), to).unwrap();
    }
    dir
}

const ADMIN: &str = "policies/ec2/ec2-security-group-open-admin-ports.yaml";

fn spoil(dir: &Path, file: &str, from: &str, to: &str) {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_shipped_documents_are_right_from_any_folder_of_the_tree() {
    for dir in [
        root(),
        root().join("functions/cli/src"),
        root().join("policies/ec2"),
    ] {
        let run = undrift(&dir, &["check"]);
        assert_eq!(code(&run), 0, "{}", err(&run));
        assert!(run.stdout.is_empty());
        let run = undrift(&dir, &["test", "--quiet"]);
        assert_eq!(code(&run), 0, "{}", out(&run));
        assert!(run.stderr.is_empty());
        assert!(objects(&run).iter().all(|o| o["held"] == true));
    }
}

#[test]
fn a_bad_document_is_shown_with_its_place_and_code_2() {
    let dir = copy();
    spoil(dir.path(), ADMIN, "severity: critical", "sevrity: critical");
    let run = undrift(dir.path(), &["check"]);
    assert_eq!(code(&run), 2);
    let found = objects(&run);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["file"], ADMIN);
    assert_eq!(found[0]["line"], 5);

    let run = undrift(dir.path(), &["check", "--output", "table"]);
    assert_eq!(code(&run), 2);
    let shown = out(&run);
    assert!(
        shown.starts_with(&format!("{ADMIN}:5:1: unknown field")),
        "{shown}"
    );
    assert!(shown.contains("^^^^^^^"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colours without a terminal");

    for command in ["test", "bundle", "events", "iam"] {
        let run = undrift(dir.path(), &[command]);
        assert_eq!(code(&run), 2, "{command}");
        assert!(run.stdout.is_empty(), "{command}");
        assert!(err(&run).contains("did you mean `severity`"), "{command}");
    }
}

#[test]
fn a_failing_case_is_code_1() {
    let dir = copy();
    spoil(dir.path(), ADMIN, "ports: [22, 23,", "ports: [23,");
    assert_eq!(code(&undrift(dir.path(), &["check"])), 0);
    let run = undrift(dir.path(), &["test"]);
    assert_eq!(code(&run), 1);
    let failing: Vec<Value> = objects(&run)
        .into_iter()
        .filter(|o| o["held"] == false)
        .collect();
    assert!(!failing.is_empty());
    assert!(
        failing
            .iter()
            .all(|o| o["file"] == ADMIN && o["line"].is_u64())
    );
    let run = undrift(dir.path(), &["test", ADMIN, "--output", "table"]);
    assert_eq!(code(&run), 1);
    assert!(
        out(&run).contains("expected 1 violated, found 0"),
        "{}",
        out(&run)
    );
}

#[test]
fn wrong_arguments_are_code_2_and_what_cannot_be_looked_at_is_code_3() {
    let dir = copy();
    assert_eq!(code(&undrift(dir.path(), &["nonsense"])), 2);
    assert_eq!(code(&undrift(dir.path(), &[])), 2);
    assert_eq!(code(&undrift(dir.path(), &["check", "--output", "xml"])), 2);
    assert_eq!(code(&undrift(dir.path(), &["--help"])), 0);
    let empty = tempfile::tempdir().unwrap();
    let run = undrift(empty.path(), &["check"]);
    assert_eq!(code(&run), 2);
    assert!(err(&run).contains("policies"), "{}", err(&run));
    assert_eq!(code(&undrift(dir.path(), &["check", "no-such.yaml"])), 3);
    // Not having looked beats having found.
    spoil(dir.path(), ADMIN, "severity", "sevrity");
    assert_eq!(
        code(&undrift(dir.path(), &["check", ADMIN, "no-such.yaml"])),
        3
    );
    let run = undrift(dir.path(), &["bundle", "--out", "no/such/folder/b.json"]);
    assert_eq!(code(&run), 2, "documents come first");
}

#[test]
fn a_bundle_is_the_same_every_time_and_may_go_to_a_file() {
    let dir = copy();
    let first = undrift(dir.path(), &["bundle"]);
    assert_eq!(code(&first), 0);
    let run = undrift(dir.path(), &["bundle", "--out", "bundle.json"]);
    assert_eq!(code(&run), 0);
    assert!(run.stdout.is_empty());
    let written = fs::read_to_string(dir.path().join("bundle.json")).unwrap();
    assert_eq!(written, out(&first).trim_end());
    let digest = objects(&first)[0]["digest"].as_str().unwrap().to_owned();
    assert!(err(&run).contains(&digest));
    let run = undrift(dir.path(), &["bundle", "--out", "no/such/folder/b.json"]);
    assert_eq!(code(&run), 3);
}

#[test]
fn the_event_patterns_in_infra_are_current() {
    let run = undrift(&root(), &["events", "--check"]);
    assert_eq!(code(&run), 0, "{}{}", out(&run), err(&run));
}

#[test]
fn the_lists_of_policies_are_current() {
    let run = undrift(&root(), &["policies", "--check"]);
    assert_eq!(code(&run), 0, "{}{}", out(&run), err(&run));
    let listed = objects(&undrift(&root(), &["policies"]));
    assert!(
        listed
            .iter()
            .any(|p| p["policy"] == "iam-admin-policy-attached")
    );
}

#[test]
fn lists_of_policies_are_written_and_outdated_ones_are_found() {
    let dir = copy();
    let readme = dir.path().join("policies/README.md");
    assert_eq!(code(&undrift(dir.path(), &["policies", "--check"])), 3);
    fs::write(&readme, "# Ours\n").unwrap();
    assert_eq!(code(&undrift(dir.path(), &["policies", "--write"])), 2);
    fs::write(
        &readme,
        "# Ours\n<!-- made by `undrift policies --write` -->\n<!-- end -->\n",
    )
    .unwrap();
    assert_eq!(code(&undrift(dir.path(), &["policies", "--check"])), 1);
    assert_eq!(code(&undrift(dir.path(), &["policies", "--write"])), 0);
    assert_eq!(code(&undrift(dir.path(), &["policies", "--check"])), 0);
    assert!(fs::read_to_string(&readme).unwrap().contains("[`ec2-"));
}

#[test]
fn event_patterns_are_written_and_outdated_ones_are_found() {
    let dir = copy();
    assert_eq!(code(&undrift(dir.path(), &["events", "--check"])), 1);
    assert_eq!(code(&undrift(dir.path(), &["events", "--write"])), 0);
    assert_eq!(code(&undrift(dir.path(), &["events", "--check"])), 0);
    fs::write(dir.path().join("infra/events/old.json"), "{}").unwrap();
    assert_eq!(code(&undrift(dir.path(), &["events", "--check"])), 1);
    assert_eq!(code(&undrift(dir.path(), &["events", "--write"])), 0);
    assert!(!dir.path().join("infra/events/old.json").exists());

    let shown = objects(&undrift(dir.path(), &["events"]));
    // One for the policy's function, and one for the sweep.
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["name"], "ec2");
    let pattern = &shown[0]["pattern"];
    assert_eq!(pattern["source"][0], "aws.ec2");
    assert_eq!(pattern["detail"]["eventSource"][0], "ec2.amazonaws.com");
    let names = pattern["detail"]["eventName"].as_array().unwrap();
    assert!(names.contains(&"AuthorizeSecurityGroupIngress".into()));
    assert!(
        names.contains(&"RevokeSecurityGroupEgress".into()),
        "keeps images current"
    );
}

#[test]
fn the_revert_role_cannot_open_anything() {
    let run = undrift(&root(), &["iam", "--account", "111122223333"]);
    assert_eq!(code(&run), 0);
    let found = objects(&run);
    let actions = |service: &str, role: &str| -> Vec<String> {
        let is_it = |o: &&serde_json::Value| o["function"] == service && o["role"] == role;
        let role = found.iter().find(is_it).unwrap();
        let statements = role["policy"]["Statement"].as_array().unwrap();
        let lists = statements
            .iter()
            .flat_map(|s| s["Action"].as_array().unwrap());
        lists.map(|a| a.as_str().unwrap().to_owned()).collect()
    };
    for (service, closes, opens) in [
        (
            "cloudtrail",
            "cloudtrail:StartLogging",
            "cloudtrail:StopLogging",
        ),
        (
            "ec2",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupIngress",
        ),
        ("iam", "iam:DetachRolePolicy", "iam:AttachRolePolicy"),
        ("iam", "iam:RemoveUserFromGroup", "iam:AddUserToGroup"),
    ] {
        let (revert, undo) = (actions(service, "revert"), actions(service, "undo"));
        assert!(revert.contains(&closes.to_owned()), "{closes}");
        assert!(!revert.contains(&opens.to_owned()), "{opens}");
        assert!(undo.contains(&opens.to_owned()), "{opens}");
        assert!(!undo.contains(&closes.to_owned()), "{closes}");
        assert!(revert.iter().chain(&undo).all(|a| !a.contains('*')));
    }
    assert!(
        out(&run)
            .contains("arn:${AWS::Partition}:ec2:${AWS::Region}:111122223333:security-group/*")
    );
    // The janitor has no right on any resource, and writes nothing but records and what it can't read.
    let janitor = actions("janitor", "janitor");
    for service in ["ec2:", "s3:", "iam:", "cloudtrail:"] {
        assert!(
            !janitor.iter().any(|a| a.starts_with(service)),
            "{janitor:?}"
        );
    }
    assert!(janitor.contains(&"lambda:InvokeFunction".to_owned()));
    assert!(janitor.iter().all(|a| !a.contains('*')));
    let role = found.iter().find(|o| o["role"] == "janitor").unwrap();
    let statements = role["policy"]["Statement"].as_array().unwrap();
    let writes = statements.iter().filter(|s| {
        let actions = s["Action"].to_string();
        ["PutItem", "UpdateItem", "DeleteItem"]
            .iter()
            .any(|a| actions.contains(a))
    });
    let on = |s: &serde_json::Value| {
        s["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"][0].clone()
    };
    let on: Vec<_> = writes.map(on).collect();
    assert_eq!(on, ["record#*", "rejected#*"]);
    let resources = statements
        .iter()
        .flat_map(|s| s["Resource"].as_array().unwrap());
    let mut names = resources.map(|r| r.as_str().unwrap());
    assert!(names.all(|r| r.contains(":111122223333:") && !r.contains('*')));
    // Buckets' ARNs name no account, so the statements do.
    let buckets = found.iter().find(|o| o["function"] == "s3").unwrap();
    let statements = buckets["policy"]["Statement"].as_array().unwrap();
    let own = |s: &serde_json::Value| s["Condition"]["StringEquals"]["aws:ResourceAccount"].clone();
    let on_all = |s: &&serde_json::Value| s["Resource"][0] != "*";
    assert!(
        statements
            .iter()
            .filter(on_all)
            .all(|s| own(s) == "111122223333")
    );
}

#[test]
fn redrive_says_where_it_works_and_finds_no_account_that_is_not_there() {
    let run = undrift(&root(), &["redrive"]);
    assert_eq!(code(&run), 2);
    assert!(err(&run).contains("--local") && err(&run).contains("undrift-janitor"));
    let dir = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_undrift"))
        .args(["redrive", "--local"])
        .current_dir(root())
        .env("UNDRIFT_LOCAL_FILE", dir.path().join("none.json"))
        .output()
        .unwrap();
    assert_eq!(code(&run), 3);
    assert!(
        err(&run).contains("no local account answers"),
        "{}",
        err(&run)
    );
    assert!(run.stdout.is_empty());
    let help = out(&undrift(&root(), &["redrive", "--help"]));
    for part in ["dead letters", "--local", "Ends with 0"] {
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_undrift"))
        .arg("test")
        .current_dir(root())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = child.wait_with_output().unwrap();
    assert!(!err(&run).contains("panic"), "{}", err(&run));
    assert!(
        !err(&run).contains("mistake of undrift's own"),
        "{}",
        err(&run)
    );
}

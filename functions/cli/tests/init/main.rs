//! As somebody new would: `undrift init`, edit, break it, read the messages. What is said of each
//! mistake is a golden file in `tests/broken/`; `UNDRIFT_BLESS=1 cargo test -p undrift-cli --test
//! init` writes them anew: read the diff.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod deployment;
mod mistakes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use deployment::DEPLOYMENT;
use mistakes::{EXEMPTIONS, POLICIES, POLICY, SETTINGS, broken};

fn undrift(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_undrift"))
        .args(arguments)
        .current_dir(dir)
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

fn begun() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let run = undrift(dir.path(), &["init"]);
    assert_eq!(code(&run), 0, "{}", err(&run));
    dir
}

/// The examples in a document's comments, written out.
fn uncommented(text: &str) -> String {
    let example = |line: &str| {
        let line = line.trim_start();
        let key = line.strip_prefix("- ").unwrap_or(line);
        let key = key.split_once(':').map_or("", |(key, _)| key);
        line.starts_with("- ")
            || !matches!(key, "" | "yaml-language-server") && !key.contains([' ', '`'])
    };
    let lines = text.lines().filter_map(|l| l.strip_prefix("# "));
    let shown: Vec<&str> = lines.filter(|l| example(l)).collect();
    shown.join(
        "
",
    ) + "
"
}

#[test]
fn what_is_begun_is_right_and_says_what_to_do_next() {
    let dir = tempfile::tempdir().unwrap();
    let run = undrift(dir.path(), &["init", "--output", "table"]);
    assert_eq!(code(&run), 0);
    assert!(out(&run).contains(POLICY));
    let next = err(&run);
    for step in ["undrift check", "undrift test", "undrift explain ec2-"] {
        assert!(next.contains(step), "{next}");
    }
    for command in ["check", "test", "bundle", "events", "iam"] {
        let run = undrift(dir.path(), &[command]);
        assert_eq!(code(&run), 0, "{command}: {}{}", out(&run), err(&run));
    }
    let run = undrift(dir.path(), &["schema", "--check"]);
    assert_eq!(code(&run), 0, "{}", out(&run));
    for (file, schema) in [
        (POLICY, "../schema/policy-v1.json"),
        (SETTINGS, "schema/settings-v1.json"),
        (EXEMPTIONS, "schema/exemptions-v1.json"),
    ] {
        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        let first = format!("# yaml-language-server: $schema={schema}\n");
        assert!(text.starts_with(&first), "{file}");
        let at = dir.path().join(file).parent().unwrap().join(schema);
        assert!(at.is_file(), "{}", at.display());
    }
    assert!(
        undrift(dir.path(), &["init", "other", "--quiet"])
            .stderr
            .is_empty()
    );
}

#[test]
fn what_the_comments_show_is_right_too() {
    let dir = begun();
    for file in [SETTINGS, EXEMPTIONS] {
        let path = dir.path().join(file);
        let text = uncommented(&fs::read_to_string(&path).unwrap());
        assert!(text.lines().count() > 5, "{text}");
        fs::write(&path, text).unwrap();
    }
    let run = undrift(dir.path(), &["check", "--output", "table"]);
    assert_eq!(code(&run), 0, "{}", out(&run));
    assert!(err(&run).contains("1 exemption"), "{}", err(&run));
}

#[test]
fn the_files_are_listed_as_objects() {
    let dir = tempfile::tempdir().unwrap();
    let run = undrift(dir.path(), &["init", "somewhere"]);
    assert_eq!(code(&run), 0);
    let files: Vec<PathBuf> = out(&run)
        .lines()
        .map(|l| {
            serde_json::from_str::<Value>(l).unwrap()["file"]
                .as_str()
                .unwrap()
                .into()
        })
        .collect();
    assert_eq!(files.len(), 6);
    for path in ["somewhere", "somewhere/policies", "somewhere/policies/ec2"] {
        let run = undrift(dir.path(), &["test", path]);
        assert_eq!(code(&run), 0, "{path}: {}", err(&run));
    }
    assert!(files.iter().all(|f| dir.path().join(f).is_file()));
}

#[test]
fn nothing_is_overwritten() {
    let dir = begun();
    fs::write(dir.path().join(SETTINGS), "deployment: observe\n").unwrap();
    let run = undrift(dir.path(), &["init"]);
    assert_eq!(code(&run), 2);
    assert!(run.stdout.is_empty());
    assert!(err(&run).contains("settings.yaml"), "{}", err(&run));
    let kept = fs::read_to_string(dir.path().join(SETTINGS)).unwrap();
    assert_eq!(kept, "deployment: observe\n");

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("policies"), "a file").unwrap();
    assert_eq!(code(&undrift(dir.path(), &["init"])), 2);
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("policies")).unwrap();
    assert_eq!(
        code(&undrift(dir.path(), &["init"])),
        0,
        "an empty folder is fine"
    );
}

#[test]
fn what_is_too_large_or_no_file_is_refused_at_once() {
    let dir = begun();
    let large = vec![b'#'; 10 * 1024 * 1024];
    fs::write(dir.path().join("policies/ec2/large.yaml"), large).unwrap();
    let pipe = dir.path().join("policies/ec2/pipe.yaml");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let started = std::time::Instant::now();
    let run = undrift(dir.path(), &["check", "--output", "table"]);
    assert_eq!(code(&run), 2);
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    let said = out(&run);
    for line in [
        "policies/ec2/large.yaml: it has 10485760 bytes, and a document has at most",
        "policies/ec2/pipe.yaml: it is no file",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn each_mistake_is_said_at_its_place_with_what_to_do() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let bless = std::env::var_os("UNDRIFT_BLESS").is_some();
    if bless {
        let _ = fs::remove_dir_all(&goldens);
        fs::create_dir_all(&goldens).unwrap();
    }
    let dir = begun();
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for (index, (name, file, how)) in POLICIES.iter().chain(DEPLOYMENT).enumerate() {
        let path = dir.path().join(file);
        let right = fs::read(&path).unwrap();
        fs::write(&path, broken(right.clone(), how)).unwrap();
        let run = undrift(dir.path(), &["check", "--output", "table"]);
        fs::write(&path, right).unwrap();
        let said = format!("{}{}", out(&run), err(&run));
        let place = format!("{file}:");
        let placed = said.lines().any(|l| {
            let rest = l.strip_prefix(&place);
            let mut numbers = rest.into_iter().flat_map(|r| r.split(':'));
            let mut number = || {
                numbers
                    .next()
                    .is_some_and(|n| n.parse::<usize>().is_ok_and(|n| n > 0))
            };
            number() && number()
        });
        if code(&run) != 2 || !placed {
            wrong.push(format!("{name}: code {}, {said}", code(&run)));
        }
        let golden = format!("{:02}-{name}.txt", index + 1);
        if bless {
            fs::write(goldens.join(&golden), &said).unwrap();
        }
        let expected = fs::read_to_string(goldens.join(&golden)).unwrap_or_default();
        if said != expected {
            wrong.push(format!(
                "{golden}\n--- expected\n{expected}--- said\n{said}"
            ));
        }
        names.push(golden);
    }
    for entry in fs::read_dir(&goldens).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !names.contains(&name) {
            wrong.push(format!("{name}: no mistake is called that"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

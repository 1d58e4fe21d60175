//! `undrift local` ended in the middle of what takes long. It looks into `/proc`, and so runs on Linux alone.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use undrift_tests::local::{Local, Seen, below, folder, runs, starting, undrift, until};

/// A program that does as told by a script of sh.
fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Ends it while a program of ours, `sleep 987` among its own, runs; nothing runs on.
fn ends_in_the_middle(mut local: Local, signal: &str) {
    let busy = |all: &BTreeSet<Seen>| {
        all.iter().any(|(pid, _)| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(b"sleep\0987")
        })
    };
    let mut all = until("it is in the middle of something", || {
        let all = below(local.process.id());
        busy(&all).then_some(all)
    });
    let status = local.end(signal);
    assert!(signal == "KILL" || status.code() == Some(0), "{status:?}");
    until("nothing runs on", || {
        all.retain(runs);
        all.is_empty().then_some(())
    });
    until("nothing is left", || local.left().is_empty().then_some(()));
}

#[test]
fn an_end_in_the_middle_of_a_build_ends_the_build() {
    let undrift = undrift();
    for signal in ["TERM", "INT", "HUP", "KILL"] {
        let bin = tempfile::tempdir().unwrap();
        let cargo = program(bin.path(), "cargo", "sleep 987 & sleep 987 & wait");
        let folder = folder();
        let mut command = starting(&undrift, &folder, &[]);
        command.env("CARGO", cargo);
        ends_in_the_middle(Local::spawn(command, folder), signal);
    }
}

#[test]
fn an_end_in_the_middle_of_an_installation_ends_it_and_removes_its_beginnings() {
    let undrift = undrift();
    for signal in ["TERM", "INT"] {
        let (bin, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let python = r#"[ "$1" = -c ] && echo 3.12 && exit; mkdir -p "$3/bin"; sleep 987 & wait"#;
        program(bin.path(), "python3", python);
        let folder = folder();
        let mut command = starting(&undrift, &folder, &[]);
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}", bin.path().display()))
            .env("CARGO_TARGET_DIR", target.path());
        ends_in_the_middle(Local::spawn(command, folder), signal);
        let left = std::fs::read_dir(target.path()).unwrap();
        let left: Vec<_> = left.map(|e| e.unwrap().path()).collect();
        // The lock is kept: removed, two could hold it.
        assert!(
            left.iter().all(|p| p.extension().unwrap() == "lock"),
            "{left:?}"
        );
    }
}

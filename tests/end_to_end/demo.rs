//! The demo as people run it: the real command, its words and its exit code.

use std::process::{Command, Output};

use undrift_tests::local::undrift;
use undrift_tests::sandbox::{binaries, root};

fn demo(extra: &[&str]) -> Output {
    Command::new(undrift())
        .current_dir(root())
        .args(["demo", "--fast", "--output", "table"])
        .args(extra)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

#[tokio::test]
async fn the_demo_shows_each_way_closed_and_ends_well() {
    binaries().await;
    let demo = demo(&[]);
    let said = String::from_utf8(demo.stdout).unwrap();
    assert!(
        demo.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&demo.stderr)
    );
    assert_eq!(said.matches("✓ closed ").count(), 6, "{said}");
    for words in [
        "1/6",
        "6/6",
        "What keeps it from coming back?",
        "left alone: exemption",
        "all was as it should be",
    ] {
        assert!(said.contains(words), "`{words}` is missing from:\n{said}");
    }
    assert!(!said.contains('✗') && !said.contains('\u{1b}'), "{said}");
    assert!(said.lines().all(|l| l.chars().count() <= 80), "{said}");
}

#[tokio::test]
async fn with_a_function_that_does_nothing_the_demo_fails() {
    binaries().await;
    let nothing = root().join("tests/do_nothing.py");
    let demo = demo(&["--function", nothing.to_str().unwrap()]);
    let said = String::from_utf8(demo.stdout).unwrap();
    assert_eq!(demo.status.code(), Some(1), "{said}");
    assert!(said.contains("✗ still open"), "{said}");
}

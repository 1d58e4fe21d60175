//! How `undrift local` ends: asked twice, and when nobody reads it any more.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;

use undrift_tests::local::{Local, folder, starting, undrift, until};
use undrift_tests::sandbox::binaries;

#[tokio::test]
async fn a_second_interrupt_changes_nothing() {
    binaries().await;
    let mut local = Local::start(&["--quiet"]);
    local.signal("INT");
    local.signal("INT");
    assert_eq!(local.wait().code(), Some(0));
    assert!(local.left().is_empty(), "{:?} is left", local.left());
}

#[tokio::test]
async fn a_reader_of_the_results_that_leaves_ends_it() {
    binaries().await;
    let folder = folder();
    let mut process = starting(&undrift(), &folder, &["--quiet"]).spawn().unwrap();
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("ready "), "{line}");
    // As in `undrift local | head -1`.
    drop(out);
    let status = until("it ends", || process.try_wait().unwrap());
    let mut said = String::new();
    let mut err = process.stderr.take().unwrap();
    err.read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_reader_of_the_notes_that_leaves_is_not_missed() {
    binaries().await;
    let folder = folder();
    let mut process = starting(&undrift(), &folder, &[]).spawn().unwrap();
    drop(process.stderr.take());
    let mut out = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("ready "), "{line}");
    let mut kill = Command::new("kill");
    kill.arg(process.id().to_string());
    assert!(kill.status().unwrap().success());
    let status = until("it ends", || process.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

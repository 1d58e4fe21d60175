//! Golden error messages: `tests/bad/` holds documents with a mistake and, beside each, what is
//! said of it. `UNDRIFT_BLESS=1 cargo test -p undrift-documents` writes them anew; read the diff.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use undrift_documents::{kinds, load_paths};

fn said(path: &Path, root: &Path) -> String {
    match load_paths(&[path.to_owned()], kinds()) {
        Ok(_) => panic!("{} has no mistake", path.display()),
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(|e| format!("{e}\n")).collect();
            lines.concat().replace(&format!("{}/", root.display()), "")
        }
    }
}

#[test]
fn every_mistake_is_said_with_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut inputs: Vec<PathBuf> = fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_none_or(|e| e != "txt"))
        .collect();
    inputs.sort();
    assert!(inputs.len() > 30);
    let mut wrong = Vec::new();
    for input in inputs {
        let said = said(&input, &root);
        let golden = input.with_extension("txt");
        if std::env::var_os("UNDRIFT_BLESS").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            wrong.push(format!(
                "{}\n--- expected\n{expected}--- said\n{said}",
                input.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bomb_is_refused_at_once() {
    let bomb = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/alias-bomb.yaml");
    let start = std::time::Instant::now();
    assert!(load_paths(&[bomb], kinds()).is_err());
    assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
}

#[test]
fn what_is_not_there_is_unreadable_and_not_wrong() {
    let errors = load_paths(&["no/such/policy.yaml".into()], kinds()).unwrap_err();
    assert!(errors.iter().all(|e| e.unreadable));
}

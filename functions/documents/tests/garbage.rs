//! Whatever a document holds, reading it ends in documents or in errors, soon and without a panic.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use undrift_documents::{kinds, load_paths};

/// A small generator with a fixed seed: a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

const BITS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "\n",
    "\t",
    "#",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|",
    ">-",
    "\"",
    "'",
    "\u{0}",
    "é",
    "\u{202e}",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "99999999999999999999",
    "-1",
    "null",
    "~",
    "0x7f",
    "1e999",
    "((((((((",
    "net.open(",
    "?",
    ",",
];

#[test]
fn spoilt_documents_are_errors_and_never_panics() {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let whole = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let exemption = whole("exemptions.yaml").replace("# ", "").replace("[]", "");
    let texts = [
        (
            "p.yaml",
            whole("ec2/ec2-security-group-open-admin-ports.yaml"),
        ),
        ("settings.yaml", whole("settings.yaml").replace("# ", "")),
        ("exemptions.yaml", exemption),
    ];
    let mut dice = Dice(0x5eed_1234_5678_9abc);
    for round in 0..600 {
        let (name, text) = &texts[round % texts.len()];
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=dice.below(4) {
            let at = dice.below(chars.len());
            let until = (at + dice.below(40)).min(chars.len());
            let bit = BITS[dice.below(BITS.len())].chars();
            match dice.below(3) {
                0 => drop(chars.splice(at..until, bit)),
                1 => drop(chars.splice(at..at, bit)),
                _ => chars.truncate(at.max(10)),
            }
        }
        let file = dir.path().join(name);
        fs::write(&file, chars.iter().collect::<String>()).unwrap();
        let start = Instant::now();
        if let Err(errors) = load_paths(&[file], kinds()) {
            for error in errors {
                let said = error.to_string();
                assert!(
                    !said.chars().any(|c| c.is_control() && c != '\n'),
                    "{said:?}"
                );
            }
        }
        assert!(
            start.elapsed().as_secs() < 2,
            "{}",
            chars.iter().collect::<String>()
        );
    }
}

//! Documents from other people's test-suites and from AWS's guides, with their verdicts.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::Value;
use undrift_core::iam::{Document, Line};

/// A line of the corpus.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) line: Line,
    pub(crate) expected: String,
    /// The source itself asserts the label, and nobody disputes it.
    pub(crate) counts: bool,
    pub(crate) whole: Value,
}

impl Row {
    fn is(&self, flag: &str) -> bool {
        self.whole[flag].as_bool() == Some(true) || self.whole[flag].is_string()
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/corpus/policies-dev.jsonl"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let mut row = Row {
            id: row["id"].as_str().unwrap().to_owned(),
            line: serde_json::from_value(row.clone()).unwrap(),
            expected: row["expected"].as_str().unwrap().to_owned(),
            counts: row["label_basis"] == "source",
            whole: row,
        };
        row.counts &= !row.is("disputed") && !row.is("ambiguous");
        row
    };
    text.lines().map(row).collect()
}

/// What other tools said of the documents about resources and roles that nobody disputes and that
/// don't come from their own test-suites, measured once: right about public, missed, cried wolf,
/// right about not public, crashed.
const OTHERS: [(&str, [u32; 5]); 5] = [
    ("Prowler is_policy_public 3e000fa", [75, 17, 15, 245, 2]),
    (
        "Cloud Custodian PolicyChecker df800e9",
        [104, 17, 61, 212, 2],
    ),
    ("policyuniverse b436a90", [107, 9, 11, 309, 3]),
    ("Checkov CKV_AWS_70 03d5fda", [93, 17, 70, 236, 6]),
    ("any `*` in an Allow", [120, 10, 140, 201, 2]),
];

#[test]
fn every_label_that_its_source_asserts() {
    let (mut right, mut untold, mut wrong) = (0, Vec::new(), Vec::new());
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    // As the other tools are counted.
    let (mut table, mut open) = ([0_u32; 5], 0);
    for row in rows() {
        let answer = row.line.judge();
        let verdict = answer.verdict.as_str().unwrap();
        let how = match verdict {
            same if same == row.expected => "right",
            "cannot_tell" => "cannot tell",
            _ => "wrong",
        };
        let settled = !row.is("disputed") && !row.is("ambiguous");
        // What AWS stores is read (P18).
        assert!(
            !settled || Document::read(&row.line.policy).is_ok(),
            "{}",
            row.id
        );
        if settled && row.whole["kind"] != "identity" {
            match (row.expected.as_str(), verdict) {
                (_, "cannot_tell") => open += 1,
                ("public", "public") => table[0] += 1,
                ("public", _) => table[1] += 1,
                (_, "public") => table[2] += 1,
                _ => table[3] += 1,
            }
        }
        if !row.counts {
            // Nobody asserts these for certain; yet what is read closely has no other label.
            if settled {
                assert_ne!(how, "wrong", "{} is {verdict}", row.id);
            }
            *others.entry(how).or_default() += 1;
            continue;
        }
        match how {
            "right" => right += 1,
            "wrong" => wrong.push(row.id),
            _ => untold.push(row.id),
        }
    }
    let all = right + untold.len() + wrong.len();
    let mut out = std::io::stdout().lock();
    let line = |name: &str, [tp, fn_, fp, tn, crash]: [u32; 5], more: String| {
        format!("{name:<40} {tp:>6} {fn_:>6} {fp:>6} {tn:>6} {crash:>6}{more}")
    };
    writeln!(
        out,
        "{:<40} {:>6} {:>6} {:>6} {:>6} {:>6}",
        "", "public", "missed", "wolf", "fine", "crash"
    )
    .unwrap();
    for (name, figures) in OTHERS {
        writeln!(out, "{}", line(name, figures, String::new())).unwrap();
    }
    writeln!(
        out,
        "{}",
        line("undrift judge", table, format!(", {open} it can't tell"))
    )
    .unwrap();
    writeln!(
        out,
        "asserted by their sources: {all}, right {right}, cannot tell {}, wrong {}; others: {others:?}",
        untold.len(),
        wrong.len()
    )
    .unwrap();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(untold.len() * 50 <= all, "cannot tell: {untold:?}");
}

//! What came of the cells, told as controls end.

use std::io::Write as _;
use std::sync::Mutex;

use super::{POLICIES, USUAL};

/// What was wrong in one cell.
pub(super) struct Wrong {
    pub(super) place: String,
    pub(super) fault: String,
    pub(super) what: String,
}

/// Matrix, control, cells that were right, cells that there must be.
static PASSED: Mutex<Vec<(&str, &str, usize, usize)>> = Mutex::new(Vec::new());

/// Tells of a control's cells, and after the last control of all. Not by `println!`, which is shown
/// of tests that fail only.
///
/// # Panics
/// If a cell is wrong, or wasn't run.
pub(super) fn tell(
    matrix: &'static str,
    policy: &'static str,
    (ran, expected): (usize, usize),
    wrong: &[Wrong],
) {
    let right = ran - wrong.len();
    let mut out = std::io::stdout().lock();
    for w in wrong {
        let Wrong { place, fault, what } = w;
        writeln!(out, "WRONG {matrix}, {policy}, {place}, {fault}: {what}").unwrap();
    }
    writeln!(out, "{matrix}, {policy}: cells {right} of {expected} right").unwrap();
    let mut all = PASSED.lock().unwrap();
    all.push((matrix, policy, right, expected));
    let own: Vec<_> = all.iter().filter(|one| one.0 == matrix).collect();
    let everything = std::env::var("UNDRIFT_MATRIX").is_ok_and(|v| v == "all");
    let controls = if everything {
        POLICIES.len()
    } else {
        USUAL.len()
    };
    if own.len() == controls {
        let right: usize = own.iter().map(|one| one.2).sum();
        let expected: usize = own.iter().map(|one| one.3).sum();
        writeln!(
            out,
            "{matrix}: {controls} controls, cells {right} of {expected} right in all"
        )
        .unwrap();
    }
    drop((all, out));
    assert_eq!(ran, expected, "{matrix}, {policy}: a cell was dropped");
    assert!(
        wrong.is_empty(),
        "{matrix}, {policy}: {} cells wrong",
        wrong.len()
    );
}

//! What the scenes came to, told as they pass.

use std::io::Write as _;
use std::sync::Mutex;

/// Controls whose scenes have all passed, each with its calls and rounds.
static PASSED: Mutex<Vec<(&str, usize, usize)>> = Mutex::new(Vec::new());

/// Tells of a control, and after the last of them of all. Not by `println!`, which is shown of
/// tests that fail only.
pub(super) fn passed(policy: &'static str, rounds: &str, controls: usize) {
    let calls = rounds
        .split_whitespace()
        .map(|word| match word.strip_suffix('×') {
            // The number stands before the name.
            Some(n) => n.parse::<usize>().unwrap() - 1,
            None => usize::from(word.contains(':') && !word.ends_with(':')),
        });
    let one = (policy, calls.sum(), rounds.lines().count());
    let mut all = PASSED.lock().unwrap();
    all.push(one);
    let mut out = std::io::stdout().lock();
    let (policy, calls, rounds) = one;
    writeln!(
        out,
        "{policy}: round trip passed; {calls} calls in {rounds} rounds"
    )
    .unwrap();
    if all.len() == controls {
        let (calls, rounds) = all
            .iter()
            .fold((0, 0), |(c, r), one| (c + one.1, r + one.2));
        let controls = all.len();
        writeln!(
            out,
"controls: {controls}, round trips passed: {controls}; {calls} calls in {rounds} rounds in all"
        )
        .unwrap();
    }
}

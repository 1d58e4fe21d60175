//! Rounds and calls until closed, counted at the wire. A round is a set of requests none of which
//! waits for another's answer. The golden files are rewritten with `UNDRIFT_BLESS=1`.

use std::fmt::Write as _;

use undrift_core::record::Record;

use crate::sandbox::{Sandbox, root};

/// What each call takes longer: calls of one round then overlap on any machine.
pub const ROUND_TRIP: std::time::Duration = std::time::Duration::from_secs(1);

/// A role's own calls since the log was cleared, round by round, until a record's exposure is
/// closed; with all of them where it closed nothing.
///
/// # Panics
/// Never, but for a text that can't be written.
#[must_use]
pub fn rounds(sandbox: &Sandbox, role: &str, record: &Record) -> String {
    let sent = record.sent.iter().map(|s| s.call.operation.clone());
    counted(sandbox, role, &sent.collect::<Vec<_>>())
}

/// As [`rounds`], until the last of these calls.
///
/// # Panics
/// Never, but for a text that can't be written.
#[must_use]
pub fn counted(sandbox: &Sandbox, role: &str, closing: &[String]) -> String {
    let mut calls = sandbox.account.wire().entries();
    let role = format!(":assumed-role/{role}/");
    let own = |c: Option<&str>| c.is_some_and(|c| c.contains(&role));
    calls.retain(|c| own(c.caller.as_deref()));
    calls.sort_by_key(|c| c.started);
    let mut rounds: Vec<(u64, Vec<String>)> = Vec::new();
    for call in &calls {
        let name = format!("{}:{}", call.service, call.operation);
        match rounds.last_mut() {
            // Whatever began after an answer of the round may have waited for it.
            Some((answered, names)) if call.started < *answered => {
                *answered = (*answered).min(call.ended);
                names.push(name);
            }
            _ => rounds.push((call.ended, vec![name])),
        }
    }
    // The pause switch's last value counts for half a minute: whether it is read anew now is
    // chance. Where it is, it is beside the first look and costs no round.
    if let Some((_, first)) = rounds.first_mut() {
        first.retain(|name| name != "ssm:GetParameter");
    }
    let mut out = String::new();
    let mut open = closing.len();
    for (index, (_, mut names)) in rounds.into_iter().enumerate() {
        names.sort();
        let mut told: Vec<String> = Vec::new();
        for name in &names {
            let n = names.iter().filter(|other| *other == name).count();
            let line = if n == 1 {
                name.clone()
            } else {
                format!("{n}× {name}")
            };
            if !told.contains(&line) {
                told.push(line);
            }
        }
        writeln!(out, "round {}: {}", index + 1, told.join(", ")).unwrap();
        let closes = |n: &&String| closing.iter().any(|c| n.ends_with(&format!(":{c}")));
        open = open.saturating_sub(names.iter().filter(closes).count());
        if open == 0 && !closing.is_empty() {
            break;
        }
    }
    out
}

/// How often a measure is made before its rounds are believed.
const TRIES: usize = 4;

/// Compares a measure with a file under `tests/golden/`. A call that waits for another's answer
/// does so in every try, and only a busy machine adds rounds: so one try that is as it should be is
/// enough.
///
/// # Panics
/// If all of them differ.
pub async fn golden(name: &str, mut measure: impl AsyncFnMut() -> String) -> String {
    let path = root().join("tests/golden").join(name);
    let mut is = measure().await;
    if std::env::var_os("UNDRIFT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &is).unwrap();
    }
    let should = std::fs::read_to_string(&path).unwrap_or_default();
    for _ in 1..TRIES {
        if is == should {
            break;
        }
        eprintln!("{name}: measured anew, since it was\n{is}");
        is = measure().await;
    }
    assert_eq!(is, should, "{}", path.display());
    is
}

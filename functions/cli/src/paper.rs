//! Records on a terminal: in a line, and whole.

use undrift_core::judge::Verdict;
use undrift_core::plan::Moved;
use undrift_core::policy::Severity;
use undrift_core::record::{Cause, OutcomeKind, Record};
use undrift_stack::Asked;

use crate::ending::{Ending, Failure};
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};

/// The colour of an outcome.
pub(crate) fn colour(outcome: OutcomeKind) -> anstyle::Style {
    match outcome {
        OutcomeKind::Reverted | OutcomeKind::ClosedByOthers => GOOD,
        OutcomeKind::Left | OutcomeKind::Gone | OutcomeKind::Undone => FAINT,
        _ => BAD,
    }
}

/// How long the exposure lasted, where it was closed.
pub(crate) fn duration(record: &Record) -> String {
    record.open_for().map_or(String::new(), |ms| {
        format!("{}.{} s", ms / 1000, (ms % 1000) / 100)
    })
}

/// When it happened, to the second, as CloudTrail dates it.
pub(crate) fn time(record: &Record) -> String {
    let seconds = |t: jiff::Timestamp| jiff::Timestamp::from_second(t.as_second()).ok();
    let happened = record.happened().and_then(seconds);
    happened.map_or(String::new(), |t| t.to_string())
}

/// The time of day of [`time`].
pub(crate) fn clock(record: &Record) -> String {
    let time = time(record);
    time.split_once('T')
        .map_or(time.clone(), |(_, clock)| clock.to_owned())
}

/// The word for a severity.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// Who occasioned it.
pub(crate) fn actor(record: &Record) -> String {
    match &record.cause {
        Cause::Change(change) => plain(&change.actor.short()),
        Cause::Undo { by, .. } | Cause::Approval { by, .. } => plain(by),
        Cause::Sweep { .. } => "unknown".to_owned(),
    }
}

/// The policies that were broken.
pub(crate) fn policies(record: &Record) -> String {
    let broken = record
        .assessments
        .iter()
        .filter(|a| a.verdict == Verdict::Violated);
    let ids: Vec<&str> = broken.map(|a| a.policy.as_str()).collect();
    ids.join(", ")
}

/// The diff of a record's plan: what goes, what comes.
pub(crate) fn diff(record: &Record) -> Vec<String> {
    let writes = record.plan.iter().flat_map(|p| &p.writes);
    writes
        .flat_map(|w| {
            let gone = w.shown.from.as_ref().map(|e| format!("- {}", plain(e)));
            let back = w.shown.to.as_ref().map(|e| format!("+ {}", plain(e)));
            gone.into_iter().chain(back)
        })
        .collect()
}

/// A record in one line.
pub(crate) fn line(record: &Record) -> String {
    let outcome = record.outcome.kind;
    let style = colour(outcome);
    let resource = &record.key.resource;
    let mut parts = vec![
        format!("{style}{:<16}{style:#}", outcome.word()),
        plain(resource.id.as_str()),
        format!("by {}", actor(record)),
    ];
    let time = duration(record);
    if !time.is_empty() {
        parts.push(format!("after {time}"));
    }
    let broken = policies(record);
    if !broken.is_empty() {
        parts.push(broken);
    }
    parts.join("  ")
}

/// What a person's request came to: `done` begins the note where it is, `was` says what the elements
/// were to be that aren't.
pub(crate) fn asked(
    shell: &Shell,
    asked: &Asked,
    done: &str,
    was: &str,
) -> Result<Ending, Failure> {
    if shell.is_json() {
        shell.json(asked)?;
    }
    match asked {
        Asked::Done(record) => {
            let reason = plain(&record.outcome.reason);
            shell.note(format!("{GOOD}{done}:{GOOD:#} {reason}"));
            return Ok(Ending::Fine);
        }
        Asked::Moved(moved) => {
            shell.note(format!("{BAD}refused:{BAD:#} it was edited since:"));
            for line in moved.iter().flat_map(|element| expected(element, was)) {
                shell.note(line);
            }
        }
        Asked::Refused(why) => shell.note(format!("{BAD}refused:{BAD:#} {}", plain(why))),
    }
    Ok(Ending::Found)
}

/// An element that isn't as it was expected, with what was.
fn expected(element: &Moved, was: &str) -> [String; 3] {
    let show = |e: Option<&serde_json::Value>| {
        let e = e.map(undrift_core::kind::one_line);
        e.map_or("nothing".to_owned(), |e| plain(&e))
    };
    let width = was.len() + 1;
    [
        format!("  {}", plain(&element.path.to_string())),
        format!("    {was}: {}", show(element.left.as_ref())),
        format!(
            "    {:<width$} {}",
            "there now:",
            show(element.found.as_ref())
        ),
    ]
}

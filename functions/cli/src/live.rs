//! What `undrift local` says as things happen: who, what, which policy, how fast, what stayed.

use std::collections::BTreeMap;
use std::time::Duration;

use undrift_core::judge::Verdict;
use undrift_core::record::{Cause, OutcomeKind, Record};

use crate::ending::Failure;
use crate::paper;
use crate::shell::{FAINT, Shell, plain};
use crate::wrap::wrap;

/// Where the words of a line begin.
const INDENT: usize = 12;

/// How many elements are shown one by one.
const SHOWN: usize = 6;

/// A line with its label; lines of one label stand together.
type Line = (&'static str, String);

/// Says a record, `width` characters wide. `lasted` is the time from the answer to the call that brought it to the
/// answer to the call that took it back, where both were seen.
pub(crate) fn say(
    shell: &Shell,
    record: &Record,
    lasted: Option<Duration>,
    width: usize,
) -> Result<(), Failure> {
    let outcome = record.outcome.kind;
    let style = paper::colour(outcome);
    let what = match &record.cause {
        Cause::Change(change) => plain(change.name.as_str()),
        Cause::Undo { reason, .. } | Cause::Approval { reason, .. } => plain(reason),
        Cause::Sweep { .. } => "found by the sweep".to_owned(),
    };
    shell.line(format!(
        "{FAINT}{}{FAINT:#}  {style}{}{style:#}  {}",
        paper::clock(record),
        outcome.word(),
        plain(record.key.resource.id.as_str()),
    ))?;
    let mut lines: Vec<Line> = vec![("who", format!("{}: {what}", paper::actor(record)))];
    lines.extend(brought(record));
    lines.extend(policies(record));
    lines.extend(came_of_it(record, lasted));
    lines.extend(stayed(record));
    lines.extend(undo(record));
    let mut last = "";
    for (label, text) in lines {
        let mut label = if label == last { "" } else { label };
        last = if label.is_empty() { last } else { label };
        for part in wrap(&text, width.saturating_sub(INDENT)) {
            shell.line(format!("  {FAINT}{label:<10}{FAINT:#}{part}"))?;
            label = "";
        }
    }
    Ok(())
}

/// What the change brought that is wrong, each element once, in the words of the worst policy.
fn brought(record: &Record) -> Vec<Line> {
    let mut worst_first: Vec<_> = record.assessments.iter().collect();
    worst_first.sort_by_key(|a| std::cmp::Reverse(a.severity));
    let mut seen = BTreeMap::new();
    for evidence in worst_first.iter().flat_map(|a| &a.evidence) {
        seen.entry(&evidence.path).or_insert(evidence);
    }
    let mut lines: Vec<Line> = seen
        .values()
        .take(SHOWN)
        .map(|e| ("brought", format!("{} {}", plain(&e.shown), plain(&e.why))))
        .collect();
    if seen.len() > SHOWN {
        lines.push(("brought", format!("and {} more", seen.len() - SHOWN)));
    }
    lines
}

fn policies(record: &Record) -> Vec<Line> {
    let mut broken: Vec<_> = record
        .assessments
        .iter()
        .filter(|a| a.verdict == Verdict::Violated)
        .collect();
    broken.sort_by_key(|a| std::cmp::Reverse(a.severity));
    broken
        .iter()
        .map(|a| {
            (
                "policy",
                format!("{} ({})", a.policy, paper::severity(a.severity)),
            )
        })
        .collect()
}

/// How it ended: how fast, where it was closed, and what came back; else why not.
fn came_of_it(record: &Record, lasted: Option<Duration>) -> Vec<Line> {
    let outcome = record.outcome.kind;
    let back = record.plan.iter().flat_map(|p| &p.writes);
    let back: Vec<Line> = back
        .filter_map(|w| w.shown.to.as_ref())
        .map(|to| ("back", plain(to)))
        .collect();
    match outcome {
        OutcomeKind::Reverted => {
            let after = match (lasted, record.stages.seen, record.stages.applied) {
                (Some(lasted), _, _) => format!("{} after the call was answered", short(lasted)),
                (None, Some(seen), Some(applied)) => {
                    let lasted = Duration::try_from(applied.duration_since(seen));
                    format!("{} after its event came", short(lasted.unwrap_or_default()))
                }
                _ => "and seen to be".to_owned(),
            };
            let mut lines = vec![("closed", after)];
            lines.extend(back);
            lines
        }
        OutcomeKind::Undone => {
            let mut lines = back;
            lines.push(("exempt", "what it re-opened, for 24 hours".to_owned()));
            lines
        }
        _ => vec![("because", plain(&record.outcome.reason))],
    }
}

/// What else stands where the plan wrote, and stayed as it was.
fn stayed(record: &Record) -> Vec<Line> {
    if record.plan.is_none() {
        return Vec::new();
    }
    let count: usize = record.left_alone.iter().map(|l| l.count).sum();
    if count == 0 {
        return vec![("stayed", "nothing else was there".to_owned())];
    }
    let shown = record.left_alone.iter().flat_map(|l| &l.shown);
    let mut lines: Vec<Line> = shown.take(SHOWN).map(|s| ("stayed", plain(s))).collect();
    let rest = count.saturating_sub(lines.len());
    if rest > 0 {
        lines.push(("stayed", format!("and {rest} more")));
    }
    lines
}

fn undo(record: &Record) -> Option<Line> {
    (record.outcome.kind == OutcomeKind::Reverted).then(|| {
        // The beginning of the event's id names it, unless the event brought several records.
        let event: String = record.key.event.as_str().chars().take(8).collect();
        ("undo", format!("cargo undrift undo {event} --local"))
    })
}

/// A time as people say it.
pub(crate) fn short(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

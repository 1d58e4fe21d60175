//! What was judged of history, on a terminal: each record, and the sum.

use std::collections::BTreeSet;
use std::time::Duration;

use undrift_core::change::{Actor, Assumed, Change};
use undrift_core::decide::Decision;
use undrift_core::judge::Verdict;
use undrift_replay::{Counts, Judged, Outcome, Summary};

use crate::ending::counted;
use crate::shell::{BAD, FAINT, GOOD, plain};

/// How many lines each list of the sum has.
const SHOWN: usize = 10;

/// `42,391`
pub(crate) fn number(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Who made a call, as one text: the caller's own ARN, else the service or the type of identity.
pub(crate) fn actor(actor: &Actor) -> &str {
    let arn = actor.arn.as_ref().or(actor.principal.as_ref());
    arn.map(undrift_core::name::Arn::as_str)
        .or(actor.invoked_by.as_deref())
        .unwrap_or(&actor.identity_type)
}

/// A judged record in lines; none where nothing is wrong, unless all are wanted.
pub(crate) fn lines(judged: &Judged, all: bool) -> Vec<String> {
    let open = |o: &&Outcome| o.verdict != Verdict::Compliant;
    if !all && !judged.outcomes.iter().any(|o| open(&o)) {
        return Vec::new();
    }
    let head = &judged.head;
    let time = head.time.map_or("no time".to_owned(), |t| t.to_string());
    let name = plain(head.name.as_deref().unwrap_or("no name"));
    let by = plain(&head.actor.short());
    if judged.outcomes.is_empty() {
        return vec![format!("{FAINT}{time}  {name}  by {by}{FAINT:#}")];
    }
    let mut lines = Vec::new();
    let resources: BTreeSet<Option<&String>> = judged
        .outcomes
        .iter()
        .map(|o| o.resource.as_ref())
        .collect();
    for resource in resources {
        let own = || {
            let own = judged.outcomes.iter();
            own.filter(|o| o.resource.as_ref() == resource)
        };
        let would = would(own());
        let id = resource.map_or("a resource that isn't shown".to_owned(), |r| {
            plain(short(r))
        });
        lines.push(format!("{time}  {would}  {id}  by {by}"));
        let place = judged.change.as_ref().map_or(String::new(), |c| place(c));
        lines.push(format!("    {FAINT}{name}{place}{FAINT:#}"));
        let mut shown: Vec<(String, Vec<&str>)> = Vec::new();
        for outcome in own().filter(open) {
            let mut says: Vec<String> = outcome.evidence.iter().map(|e| plain(&e.shown)).collect();
            if let Decision::Propose(why) | Decision::Leave(why) = &outcome.decision {
                says.push(format!("({})", plain(&why.to_string())));
            }
            let says = says.join(", ");
            match shown.iter_mut().find(|(s, _)| *s == says) {
                Some((_, policies)) => policies.push(outcome.policy.as_str()),
                None => shown.push((says, vec![outcome.policy.as_str()])),
            }
        }
        for (says, policies) in shown {
            lines.push(format!(
                "    {says}  {FAINT}{}{FAINT:#}",
                policies.join(", ")
            ));
        }
    }
    lines
}

/// What would have been done, in colour.
fn would<'o>(outcomes: impl Iterator<Item = &'o Outcome>) -> String {
    let (mut act, mut propose, mut violated, mut undecided) = (false, false, false, false);
    for outcome in outcomes {
        act |= outcome.decision == Decision::Act;
        violated |= outcome.verdict == Verdict::Violated;
        undecided |= matches!(outcome.verdict, Verdict::Undecided(_));
        propose |= matches!(outcome.decision, Decision::Propose(_));
    }
    match (act, violated, undecided, propose) {
        (true, ..) => format!("{BAD}would be reverted{BAD:#}"),
        (_, true, _, true) => format!("{BAD}would be proposed{BAD:#}"),
        (_, true, ..) => format!("{BAD}violated, left{BAD:#}"),
        (_, _, true, _) => format!("{BAD}undecided{BAD:#}"),
        _ => format!("{GOOD}fine{GOOD:#}"),
    }
}

/// What an ARN names, with its type.
fn short(arn: &str) -> &str {
    arn.splitn(6, ':').nth(5).unwrap_or(arn)
}

/// Where a change was made, as far as its record says.
fn place(change: &Change) -> String {
    let known = |what, text: &str| {
        let known = !change.assumed.contains(&what);
        known.then(|| format!(" {}", plain(text)))
    };
    let parts = [
        known(Assumed::Account, change.account.as_str()),
        known(Assumed::Region, change.region.as_str()),
    ];
    let parts: String = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        parts
    } else {
        format!(" in{parts}")
    }
}

/// What a run came to.
pub(crate) fn summary(counts: &Counts, summary: &Summary, took: Duration) -> Vec<String> {
    let title = |text: &str| format!("\n{FAINT}{text}{FAINT:#}");
    let mut says = read(counts, took);
    says.extend(judged(counts, summary));
    if !summary.policies.is_empty() {
        says.push(title("by policy, in changes of a resource"));
        says.push(format!(
            "  {:>9} {:>9} {:>9} {:>9}",
            "violated", "reverted", "proposed", "undecided"
        ));
    }
    for (policy, of) in &summary.policies {
        let columns = [of.violated, of.act, of.propose, of.undecided].map(number);
        let [violated, act, propose, undecided] = columns;
        says.push(format!(
            "  {violated:>9} {act:>9} {propose:>9} {undecided:>9}  {policy}"
        ));
    }
    let mut actors: Vec<_> = summary.actors.iter().collect();
    actors.sort_by_key(|(_, of)| std::cmp::Reverse(of.violated));
    says.extend(list(
        title("by whom, in records with a violation"),
        actors.into_iter().map(|(actor, of)| {
            let rest = if of.act == of.violated {
                String::new()
            } else {
                format!(", {} of them reverted", number(of.act))
            };
            format!("  {:>9}  {}{rest}", number(of.violated), plain(actor))
        }),
    ));
    let mut pipelines: Vec<_> = summary.pipelines.iter().collect();
    pipelines.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    says.extend(list(
        title("automation that would have been reverted, by its own account; its next run brings it back"),
        pipelines.into_iter().map(|(pipeline, n)| {
            format!("  {:>9}  {} ({})", number(*n), plain(&pipeline.actor), pipeline.tool)
        }),
    ));
    says.extend(list(
        title("what kept coming back"),
        summary
            .flapping()
            .into_iter()
            .map(|(resource, element, f)| {
                let names = |all: &BTreeSet<String>| {
                    let names = all.iter().take(3);
                    let names: Vec<String> = names.map(|n| plain(short(n))).collect();
                    names.join(", ")
                };
                let closed = match f.closed {
                    0 => "never taken away".to_owned(),
                    n => format!("taken away {} by {}", times(n), names(&f.closers)),
                };
                format!(
                    "  {:>9}  {} {}: by {}; {closed}",
                    times(f.opened),
                    plain(short(resource)),
                    plain(element),
                    names(&f.openers),
                )
            }),
    ));
    if let Some((average, day, most)) = summary.noise() {
        says.push(title("how much people would have heard"));
        says.push(format!(
            "  {average:9.1}  changes with a violation on an average day; {} on {day}, the most",
            number(most)
        ));
    }
    says
}

fn times(n: u64) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{} times", number(n)),
    }
}

/// The first lines of a list under its title.
fn list(title: String, lines: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let all = lines.len();
    if all == 0 {
        return Vec::new();
    }
    let mut says = vec![title];
    says.extend(lines.take(SHOWN));
    if all > SHOWN {
        says.push(format!("  {:>9}  more", number((all - SHOWN) as u64)));
    }
    says
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed for people"
)]
fn read(counts: &Counts, took: Duration) -> Vec<String> {
    let seconds = took.as_secs_f64().max(0.001);
    let per = |n: u64| number((n as f64 / seconds) as u64);
    let mut says = vec![format!(
        "{FAINT}read{FAINT:#}       {} records in {} ({} records and {:.1} MB per second)",
        number(counts.records),
        match counts.files {
            1 => "1 file".to_owned(),
            n => format!("{} files", number(n)),
        },
        per(counts.records),
        counts.bytes as f64 / seconds / 1e6,
    )];
    if counts.again > 0 {
        says.push(format!(
            "           {} of them again: they are judged once",
            number(counts.again)
        ));
    }
    if counts.late > 0 {
        says.push(format!(
            "           {} of them far out of order: judged by what they themselves show",
            number(counts.late)
        ));
    }
    if counts.left_out > 0 {
        says.push(format!(
            "           {} without a log's ending left out",
            counted(
                usize::try_from(counts.left_out).unwrap_or(usize::MAX),
                "file",
                "files"
            )
        ));
    }
    if counts.faults > 0 {
        says.push(format!(
            "{BAD}unread{BAD:#}     {} that can't be read: not everything was seen",
            counted(
                usize::try_from(counts.faults).unwrap_or(usize::MAX),
                "place",
                "places"
            )
        ));
    } else if counts.files == 0 {
        says.push(format!("{BAD}unread{BAD:#}     there is no log file there"));
    }
    says
}

fn judged(counts: &Counts, summary: &Summary) -> Vec<String> {
    let span = summary.span.map_or(String::new(), |(first, last)| {
        format!(", from {first} to {last}")
    });
    let mut says = vec![format!(
        "{FAINT}routed{FAINT:#}     {} to a policy{span}",
        number(counts.routed)
    )];
    let act: u64 = summary.actors.values().map(|a| a.act).sum();
    let style = if summary.violated > 0 { BAD } else { GOOD };
    says.push(format!(
        "{style}violated{style:#}   {}, of which {} would have been reverted; {} can't be told",
        number(summary.violated),
        number(act),
        number(summary.undecided)
    ));
    says
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let all = [7_u64, 999, 1000, 42_391, 1_234_567].map(number);
        assert_eq!(all.join(" "), "7 999 1,000 42,391 1,234,567");
    }
}

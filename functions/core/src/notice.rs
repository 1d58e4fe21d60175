//! What people are told of a record, whatever the channel.
//!
//! [`notice`] gathers what is told; [`sns`] and [`slack`] write it for their readers, [`event`]
//! for programs, and [`route`] says who gets it. All of it is pure.

pub mod event;
pub mod route;
pub mod slack;
pub mod sns;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::judge::{Assessment, Verdict};
use crate::name::Arn;
use crate::policy::Severity;
use crate::record::{Answer, Cause, ChangeKey, OutcomeKind, Record};

/// Who did it, where no event tells.
const NOBODY: &str = "somebody unknown";

/// The most lines of a list, and the most characters of a line: no channel shows as many.
const MOST_LINES: usize = 500;
const LONGEST_LINE: usize = 10_000;

/// What people are told of one revision of a record, free of any channel's format. Its texts are
/// of one line each and hold no control or direction-changing characters; they are otherwise as
/// others wrote them, and long: a channel escapes and cuts.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The record.
    pub key: ChangeKey,
    /// Which of its revisions.
    pub revision: u32,
    /// The incident it belongs to, which has one message: the record itself, or for an undo the
    /// record that is undone, for an approval the one that was proposed.
    pub incident: ChangeKey,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Why so.
    pub reason: String,
    /// The worst severity found.
    pub severity: Option<Severity>,
    /// What was found, by policy, the worst first.
    pub found: Vec<Found>,
    /// What its repeats are counted by; it has one message for all of them.
    pub repeats: Option<Repeats>,
    /// Who did it, in a few words.
    pub who: String,
    /// When it was done.
    pub happened: Option<Timestamp>,
    /// For how many milliseconds it was open.
    pub open_for: Option<i64>,
    /// What the plan changes, a line each.
    pub diff: Vec<String>,
    /// What was left alone, a line each.
    pub left_alone: Vec<String>,
    /// The nine questions.
    pub answers: Vec<Answer>,
    /// The how manieth of its sort it is today: same actor, same severity. 1 is the first.
    pub times_today: Option<u64>,
    /// How to take the revert back.
    pub undo: Option<String>,
    /// How to have what is proposed carried out.
    pub approve: Option<String>,
    /// What was done about the incident, where it is another record's: `Undone`, or `Approved`.
    pub followed: &'static str,
    /// Where to look further.
    pub links: Vec<Link>,
}

/// What one policy found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The policy.
    pub policy: String,
    /// How bad it is.
    pub severity: Severity,
    /// Its title.
    pub title: String,
    /// What is wrong, and why, a line each.
    pub evidence: Vec<String>,
}

/// A place to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What is there.
    pub label: &'static str,
    /// An `https` address of letters, digits and `-._~:/?#=&%@` only.
    pub url: String,
}

/// The notice of a record, where it is news. `times_today`: how often this actor did this today,
/// this time included, where that was counted.
#[must_use]
pub fn notice(record: &Record, times_today: Option<u64>) -> Option<Notice> {
    if !record.is_news() {
        return None;
    }
    let (incident, who) = match &record.cause {
        Cause::Change(change) => (record.key.clone(), change.actor.short()),
        Cause::Undo { of, by, .. } | Cause::Approval { of, by, .. } => (of.clone(), by.clone()),
        Cause::Sweep { .. } => (record.key.clone(), NOBODY.to_owned()),
    };
    let answers = record.answers().into_iter().map(|a| Answer {
        question: a.question,
        answer: clean(&a.answer),
    });
    let reverted = record.outcome.kind == OutcomeKind::Reverted;
    let wrong = record.assessments.iter();
    let mut found: Vec<Found> = wrong
        .filter(|a| !a.evidence.is_empty())
        .map(found_by)
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.severity));
    Some(Notice {
        key: record.key.clone(),
        revision: record.revision,
        incident: incident.clone(),
        repeats: repeats(record),
        outcome: record.outcome.kind,
        reason: clean(&record.outcome.reason),
        severity: concerning(record).map(|a| a.severity).max(),
        found,
        who: clean(&who),
        happened: record.happened(),
        open_for: record.open_for(),
        diff: cleaned(record.plan.iter().flat_map(crate::plan::Plan::diff)),
        left_alone: cleaned(record.left_alone.iter().map(|left| {
            let shown = left.shown.join("; ");
            format!("{} of {} ({shown})", left.count, left.facet)
        })),
        answers: answers.collect(),
        times_today,
        undo: reverted.then(|| format!("undrift undo {incident}")),
        followed: match record.cause {
            Cause::Approval { .. } => "Approved",
            _ => "Undone",
        },
        approve: record
            .is_approvable()
            .then(|| format!("undrift approve {}", record.key)),
        links: links(record),
    })
}

/// The assessments that give cause to tell: violated, or not to be told.
fn concerning(record: &Record) -> impl Iterator<Item = &Assessment> {
    let all = record.assessments.iter();
    all.filter(|a| a.verdict != Verdict::Compliant)
}

fn found_by(assessment: &Assessment) -> Found {
    let evidence = assessment.evidence.iter();
    Found {
        policy: assessment.policy.to_string(),
        severity: assessment.severity,
        title: clean(&assessment.title),
        evidence: cleaned(evidence.map(|e| format!("{} {}", e.shown, e.why))),
    }
}

impl Notice {
    /// Verb and resource.
    #[must_use]
    pub fn title(&self) -> String {
        let resource = &self.key.resource;
        clean(&format!(
            "{} {} {}",
            self.verb(),
            resource.kind,
            resource.id
        ))
    }

    /// The outcome, as a sentence begins.
    #[must_use]
    pub fn verb(&self) -> String {
        let mut letters = self.outcome.word().chars();
        let first = letters.next();
        first
            .map(|c| c.to_uppercase().chain(letters).collect())
            .unwrap_or_default()
    }

    /// `3rd critical violation today by the same role (Dev)`; nothing the first time.
    #[must_use]
    pub fn again(&self) -> Option<String> {
        let times = ordinal(self.times_today.filter(|times| *times > 1)?);
        let repeats = self.repeats.as_ref()?;
        let actor = Arn::parse(&repeats.actor).ok();
        let by = match &actor {
            Some(arn) if arn.as_str().contains(":role/") => "the same role",
            Some(arn) if arn.as_str().contains(":user/") => "the same user",
            _ => "the same principal",
        };
        let name = actor.map_or_else(|| self.who.clone(), |arn| clean(arn.short()));
        let severity = word(repeats.severity);
        Some(format!(
            "{times} {severity} violation today by {by} ({name})"
        ))
    }

    /// What people can do about it, each with its command.
    pub(crate) fn commands(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let undo = self.undo.iter().map(|c| ("Undo", c));
        undo.chain(self.approve.iter().map(|c| ("Approve", c)))
    }

    /// A person has to do something about it.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        !matches!(
            self.outcome,
            OutcomeKind::Reverted
                | OutcomeKind::ClosedByOthers
                | OutcomeKind::Gone
                | OutcomeKind::Left
                | OutcomeKind::Undone
        )
    }

    /// It is about another record's incident: an undo, or an approval.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.incident != self.key
    }

    /// What subscriptions filter by: outcome, severity, policy, account, region, kind.
    #[must_use]
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let resource = &self.key.resource;
        let mut attributes = BTreeMap::from([
            ("outcome".to_owned(), self.outcome.word().to_owned()),
            ("account".to_owned(), resource.account.to_string()),
            ("region".to_owned(), resource.region.to_string()),
            ("kind".to_owned(), resource.kind.to_string()),
        ]);
        if let Some(found) = self.found.first() {
            attributes.insert("policy".to_owned(), found.policy.clone());
        }
        if let Some(severity) = self.severity {
            attributes.insert("severity".to_owned(), word(severity).to_owned());
        }
        attributes
    }
}

/// A severity as documents write it.
#[must_use]
pub fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// What repeats of a record are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeats {
    /// How bad the worst of it was: what is worse than before is no repeat.
    pub severity: Severity,
    /// Who broke it: the principal, whatever its session is named.
    pub actor: String,
    /// The day it happened on (UTC), as `2026-01-24`.
    pub day: String,
}

/// What repeats of a record are counted by: only a violation by somebody is counted.
#[must_use]
pub fn repeats(record: &Record) -> Option<Repeats> {
    let Cause::Change(change) = &record.cause else {
        return None;
    };
    Some(Repeats {
        severity: record.severity()?,
        actor: change.actor.key().to_owned(),
        day: change.time.strftime("%Y-%m-%d").to_string(),
    })
}

/// Pages of the console about the event and the resource, in the resource's partition.
fn links(record: &Record) -> Vec<Link> {
    let resource = &record.key.resource;
    let region = resource.region.as_str();
    let home = match region {
        r if r.starts_with("cn-") => "console.amazonaws.cn",
        r if r.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    let mut links = Vec::new();
    if let Cause::Change(change) = &record.cause
        && plain(change.id.as_str())
    {
        links.push(Link {
            label: "The event in CloudTrail",
            url: format!(
                "https://{region}.{home}/cloudtrailv2/home?region={region}#/events/{}",
                change.id
            ),
        });
    }
    if resource.kind.as_str() == "ec2/security-group" && plain(resource.id.as_str()) {
        links.push(Link {
            label: "The security group",
            url: format!(
                "https://{region}.{home}/ec2/home?region={region}#SecurityGroup:groupId={}",
                resource.id
            ),
        });
    }
    links.retain(|_| plain(region));
    links
}

/// Nothing an address would have to escape.
fn plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn ordinal(n: u64) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

fn cleaned(lines: impl Iterator<Item = String>) -> Vec<String> {
    let lines = lines.take(MOST_LINES);
    lines.map(|line| clean(&line)).collect()
}

/// Cut to 10,000 characters; takes line breaks, control characters and those that hide or turn text around (Unicode's
/// `Bidi_Control`, zero-width and tag characters) out of text that others wrote.
#[must_use]
pub fn clean(text: &str) -> String {
    let chars = text.chars().take(LONGEST_LINE);
    chars.filter_map(tamed).collect()
}

/// What [`clean`] makes of a character.
#[must_use]
pub fn tamed(c: char) -> Option<char> {
    match c {
        c if c.is_control() => Some(' '),
        '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{61c}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}' => None,
        c => Some(c),
    }
}

#[cfg(test)]
#[path = "notice/testing.rs"]
pub(crate) mod testing;

#[cfg(test)]
#[path = "notice/tests.rs"]
mod tests;

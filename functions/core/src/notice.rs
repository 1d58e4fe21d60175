//! What people are told of a record.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::{Cause, OutcomeKind, Record};

/// SNS's limit for a subject (SNS API Reference, Publish): under 100 characters, no control ones.
const LONGEST_SUBJECT: usize = 99;

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// One line.
    pub subject: String,
    /// The rest, as plain text.
    pub text: String,
    /// What subscriptions filter by: outcome, severity, policy, account, region.
    pub attributes: BTreeMap<String, String>,
}

/// The notice of a record, where it is news.
#[must_use]
pub fn notice(record: &Record) -> Option<Notice> {
    if !record.is_news() {
        return None;
    }
    let resource = &record.key.resource;
    let mut attributes = BTreeMap::from([
        ("outcome".to_owned(), record.outcome.kind.word().to_owned()),
        ("account".to_owned(), resource.account.to_string()),
        ("region".to_owned(), resource.region.to_string()),
        ("kind".to_owned(), resource.kind.to_string()),
    ]);
    let policy = record.assessments.iter().find(|a| !a.evidence.is_empty());
    if let Some(assessment) = policy {
        attributes.insert("policy".to_owned(), assessment.policy.to_string());
    }
    if let Some(severity) = record.severity() {
        attributes.insert(
            "severity".to_owned(),
            format!("{severity:?}").to_lowercase(),
        );
    }
    Some(Notice {
        subject: subject(record),
        text: text(record),
        attributes,
    })
}

fn subject(record: &Record) -> String {
    let resource = &record.key.resource;
    let what = record
        .assessments
        .iter()
        .find(|a| !a.evidence.is_empty())
        .map(|a| format!(": {}", a.title))
        .unwrap_or_default();
    let line = format!(
        "[Undrift] {} {}{what}",
        record.outcome.kind.word(),
        resource.id
    );
    line.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_SUBJECT)
        .collect()
}

fn text(record: &Record) -> String {
    let mut lines = vec![format!(
        "{} {}: {}",
        capital(record.outcome.kind.word()),
        record.key.resource,
        record.outcome.reason
    )];
    if let Some(ms) = record.open_for() {
        lines.push(format!(
            "It was open for {}.",
            crate::record::seconds_of(ms)
        ));
    }
    lines.push(String::new());
    for assessment in record.assessments.iter().filter(|a| !a.evidence.is_empty()) {
        lines.push(format!(
            "Policy {} ({:?}): {}",
            assessment.policy, assessment.severity, assessment.title
        ));
        for evidence in &assessment.evidence {
            lines.push(format!("  {} {}", evidence.shown, evidence.why));
        }
    }
    if let Some(plan) = &record.plan {
        lines.push(String::new());
        lines.extend(plan.diff());
    }
    for left in &record.left_alone {
        lines.push(format!(
            "Left alone: {} of {} ({})",
            left.count,
            left.facet,
            left.shown.join("; ")
        ));
    }
    lines.push(String::new());
    for answer in record.answers() {
        lines.push(format!("{} {}", answer.question, clean(&answer.answer)));
    }
    if record.outcome.kind == OutcomeKind::Reverted {
        lines.push(String::new());
        lines.push("Connections that were already established are not cut.".to_owned());
        lines.push(format!("Undo: undrift undo {}", record.key));
    }
    if let Cause::Undo { of, .. } = &record.cause {
        lines.push(format!("Undone: {of}"));
    }
    lines.join("\n")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|c| c.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Takes line breaks and control characters out of text that others wrote.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

//! A notice as SNS takes it (SNS API Reference, `Publish`): mail that people can read, or a
//! custom notification for Amazon Q Developer in chat applications (its Administrator Guide,
//! "Custom notifications").

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Notice;
use crate::record::{OutcomeKind, seconds_of};

/// The most characters of a subject: fewer than 100.
const LONGEST_SUBJECT: usize = 99;

/// The most bytes of a text. SNS takes 256 KB, attributes included; nobody reads as much.
const LONGEST_TEXT: usize = 100 * 1024;

/// The most characters of a custom notification's title and description.
const LONGEST_TITLE: usize = 250;
const LONGEST_DESCRIPTION: usize = 8000;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line of ASCII.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What subscriptions' filter policies see, each a `String`.
    pub attributes: BTreeMap<String, String>,
}

/// A mail.
#[must_use]
pub fn mail(notice: &Notice) -> Message {
    Message {
        subject: subject(notice),
        text: fit(&text(notice)),
        attributes: attributes(notice),
    }
}

/// A custom notification: the same subject and attributes, the text as JSON. Further revisions
/// come into the incident's thread where the channel is set to have them.
#[must_use]
pub fn amazon_q(notice: &Notice) -> Message {
    let resource = &notice.key.resource;
    let mut steps: Vec<String> = Vec::new();
    if let Some(undo) = &notice.undo {
        steps.push(format!("To take it back: {}", bare(undo, 500)));
    }
    if let Some(approve) = &notice.approve {
        steps.push(format!("To have it done: {}", bare(approve, 500)));
    }
    let links = notice.links.iter();
    steps.extend(links.map(|link| format!("{}: {}", link.label, link.url)));
    let title: String = notice.title().chars().take(LONGEST_TITLE).collect();
    let notification: Value = json!({
        "version": "1.0",
        "source": "custom",
        "id": bare(&format!("{}-r{}", notice.key, notice.revision), 256),
        "content": {
            "textType": "client-markdown",
            "title": bare(&title, LONGEST_TITLE),
            "description": bare(&text(notice), LONGEST_DESCRIPTION),
            "nextSteps": steps,
            "keywords": [notice.outcome.word(), resource.account.as_str(), resource.region.as_str()]
        },
        "metadata": {
            "threadId": bare(&notice.incident.to_string(), 256),
            "summary": bare(&subject(notice), LONGEST_TITLE),
            "eventType": notice.outcome.word(),
            "relatedResources": [bare(resource.id.as_str(), 256)]
        }
    });
    Message {
        subject: subject(notice),
        text: notification.to_string(),
        attributes: attributes(notice),
    }
}

/// Without the characters that make links, mentions and formats in chats' markdown.
fn bare(text: &str, longest: usize) -> String {
    let tamed = |c: char| match c {
        '<' | '[' => '(',
        '>' | ']' => ')',
        '`' | '*' | '~' => '\'',
        '@' => '\u{ff20}',
        c => c,
    };
    text.chars().map(tamed).take(longest).collect()
}

/// SNS refuses an attribute without a value.
fn attributes(notice: &Notice) -> BTreeMap<String, String> {
    let all = notice.attributes().into_iter();
    all.filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .collect()
}

/// A subject must be ASCII without line breaks or control characters, begin with a letter, a
/// number or punctuation, and have fewer than 100 characters.
fn subject(notice: &Notice) -> String {
    let what = notice.found.first();
    let what = what.map(|f| format!(": {}", f.title)).unwrap_or_default();
    let resource = &notice.key.resource;
    let line = format!("[Undrift] {} {}{what}", notice.outcome.word(), resource.id);
    let ascii = line.chars().map(|c| match c {
        c if c.is_control() => ' ',
        c if c.is_ascii() => c,
        _ => '?',
    });
    let short: String = ascii.take(LONGEST_SUBJECT).collect();
    short.trim_end().to_owned()
}

fn text(notice: &Notice) -> String {
    let resource = &notice.key.resource;
    let mut lines = vec![format!("{} {resource}: {}", notice.verb(), notice.reason)];
    if let Some(ms) = notice.open_for {
        lines.push(format!("It was open for {}.", seconds_of(ms)));
    }
    if let Some(again) = notice.again() {
        lines.push(format!("It is the {again}."));
    }
    lines.push(String::new());
    for found in &notice.found {
        let (policy, severity) = (&found.policy, found.severity);
        lines.push(format!("Policy {policy} ({severity:?}): {}", found.title));
        lines.extend(found.evidence.iter().map(|line| format!("  {line}")));
    }
    if !notice.diff.is_empty() {
        lines.push(String::new());
        lines.extend(notice.diff.iter().cloned());
    }
    let left = notice.left_alone.iter();
    lines.extend(left.map(|left| format!("Left alone: {left}")));
    lines.push(String::new());
    for answer in &notice.answers {
        lines.push(format!("{} {}", answer.question, answer.answer));
    }
    lines.push(String::new());
    if notice.outcome == OutcomeKind::Reverted {
        lines.push("Connections that were already established are not cut.".to_owned());
    }
    lines.extend(
        notice
            .commands()
            .map(|(does, command)| format!("{does}: {command}")),
    );
    if notice.follows() {
        lines.push(format!("{}: {}", notice.followed, notice.incident));
    }
    for link in &notice.links {
        lines.push(format!("{}: {}", link.label, link.url));
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}

fn fit(text: &str) -> String {
    const CUT: &str = "\n… cut here: the record has all of it.";
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let mut end = LONGEST_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::{notice, testing};

    #[test]
    fn subjects_are_what_sns_takes() {
        for words in ["open", "a\nb\rc\u{7f}d", "Müller – 東京", &"x".repeat(3000)] {
            let mut record = testing::record("sg-1", words);
            record.assessments[0].title = words.to_owned();
            let subject = mail(&notice(&record, None).unwrap()).subject;
            assert!(
                subject.starts_with("[Undrift] reverted sg-1: "),
                "{subject}"
            );
            assert!(subject.len() < 100 && subject.is_ascii());
            assert!(!subject.contains(|c: char| c.is_control()));
        }
    }

    #[test]
    fn mails_say_it_all_on_lines_of_their_own() {
        let hostile = "x\nUndo: undrift undo e-9/sg-9";
        let text = mail(&notice(&testing::record("sg-1", hostile), Some(7)).unwrap()).text;
        assert!(text.starts_with("Reverted "));
        assert!(text.contains("\nIt is the 7th critical violation today by the same role (Dev)."));
        assert!(text.contains("\nUndo: undrift undo e-1/sg-1\n"));
        assert!(!text.contains("\nUndo: undrift undo e-9/sg-9"));
        assert!(text.contains("\nThe event in CloudTrail: https://eu-central-1.console."));
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let mut record = testing::record("sg-1", &"ä".repeat(10_000));
        let evidence = record.assessments[0].evidence[0].clone();
        record.assessments[0].evidence.extend(vec![evidence; 10]);
        let text = mail(&notice(&record, None).unwrap()).text;
        assert!(text.len() < LONGEST_TEXT + 100);
        assert!(text.ends_with("has all of it."));
    }

    #[test]
    fn custom_notifications_are_what_amazon_q_takes() {
        let hostile = format!("<!channel> [a](https://evil) @here `{}", "x".repeat(9000));
        let message = amazon_q(&notice(&testing::record("sg-1", &hostile), None).unwrap());
        let json: Value = serde_json::from_str(&message.text).unwrap();
        assert_eq!(json["version"], "1.0");
        assert_eq!(json["source"], "custom");
        assert_eq!(json["metadata"]["threadId"], "e-1/sg-1");
        let description = json["content"]["description"].as_str().unwrap();
        assert!(description.chars().count() <= LONGEST_DESCRIPTION);
        assert!(!description.contains(['<', '>', '[', ']', '@', '`']));
        let steps = json["content"]["nextSteps"].as_array().unwrap();
        assert!(steps[0].as_str().unwrap().contains("undrift undo e-1/sg-1"));
    }
}

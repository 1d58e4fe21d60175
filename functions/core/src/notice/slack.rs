//! A notice as Slack takes it: Block Kit, within its limits, with nothing of what others wrote
//! left that Slack would act on.
//!
//! Limits (api.slack.com, "Reference: blocks", "composition objects", and the checks of Slack's
//! own SDK): 50 blocks in a message, 150 characters in a header, 3000 in a section's text, 10
//! fields of 2000, 10 elements in a context. Characters are counted here as UTF-16 counts them,
//! which is never fewer.
//!
//! Slack takes `&`, `<` and `>` for the beginnings of mentions and links wherever text stands
//! (api.slack.com, "Formatting text"), so they are escaped everywhere. What others wrote stands
//! in plain text or in code, where nothing else is read either.

use serde_json::{Value, json};

use super::{Notice, clean, word};
use crate::record::{OutcomeKind, seconds_of};

/// The most characters of a header.
const HEADER: usize = 150;
/// The most characters of a section's text.
const SECTION: usize = 3000;
/// The most characters of a field that are used; Slack takes 2000.
const FIELD: usize = 500;
/// The most characters of the text that phones and screen readers show.
const FALLBACK: usize = 500;
/// The most characters of an answer in the thread.
const ANSWER: usize = 1500;
/// What stands at the end of what was cut.
const CUT: &str = "…";

/// The message of an incident as a notice leaves it, to be posted or to replace an earlier one:
/// `text` and `blocks` of `chat.postMessage`, `chat.update` and a webhook.
#[must_use]
pub fn message(notice: &Notice) -> Value {
    let mut blocks = vec![json!({"type": "header", "text": plain(&notice.title(), HEADER)})];
    let found = notice.found.first();
    blocks.extend(found.map(|found| section(&plain(&found.title, 500))));
    blocks.push(section(&plain(&notice.reason, SECTION)));
    let fields: Vec<Value> = fields(notice)
        .into_iter()
        .map(|(label, value)| {
            let label = format!("*{label}*\n");
            let value = code(&value, FIELD);
            mrkdwn(&format!("{label}{value}"))
        })
        .collect();
    blocks.push(json!({"type": "section", "fields": fields}));
    if let Some(again) = notice.again() {
        blocks.push(section(&plain(&format!("It is the {again}."), SECTION)));
    }
    if !notice.diff.is_empty() {
        blocks.push(section(&mrkdwn(&fenced(&notice.diff, SECTION))));
    }
    if !notice.left_alone.is_empty() {
        let left = fenced(&notice.left_alone, 1500);
        blocks.push(section(&mrkdwn(&format!("*Left alone*\n{left}"))));
    }
    blocks.extend(commands(notice));
    if notice.follows() {
        let of = code(&notice.incident.to_string(), 2000);
        blocks.push(section(&mrkdwn(&format!("*{}*\n{of}", notice.followed))));
    }
    if notice.outcome == OutcomeKind::Reverted {
        let still = "Connections that were already established are not cut.";
        blocks.push(json!({"type": "context", "elements": [plain(still, SECTION)]}));
    }
    let links = notice.links.iter().take(10);
    let links: Vec<Value> = links
        .map(|link| mrkdwn(&format!("<{}|{}>", escaped(&link.url, 1000), link.label)))
        .collect();
    if !links.is_empty() {
        blocks.push(json!({"type": "context", "elements": links}));
    }
    json!({"text": fallback(notice), "blocks": blocks})
}

/// What goes to the incident's thread: how to undo it, and the nine questions as this revision
/// answers them.
#[must_use]
pub fn details(notice: &Notice) -> Value {
    let head = format!("{}: {}", notice.title(), notice.reason);
    let mut blocks = vec![section(&plain(&head, SECTION))];
    blocks.extend(commands(notice));
    blocks.extend(notice.found.iter().take(10).map(|found| {
        let head = code(&found.policy, 200);
        let lines = fenced(&found.evidence, 1500);
        section(&mrkdwn(&format!("*Policy* {head}\n{lines}")))
    }));
    // Side by side: the question in our format, the answer in none.
    blocks.extend(notice.answers.iter().take(20).map(|answer| {
        let question = mrkdwn(&format!("*{}*", answer.question));
        json!({"type": "section", "fields": [question, plain(&answer.answer, ANSWER)]})
    }));
    json!({"text": fallback(notice), "blocks": blocks})
}

/// The message without blocks, for where Slack won't have them.
#[must_use]
pub fn fallback(notice: &Notice) -> String {
    // Slack reads marks of formats here, and can be told to read nothing else.
    let tame = |c: char| if "`*_~".contains(c) { '\'' } else { c };
    let line = format!("{}: {}", notice.title(), notice.reason);
    let line: String = line.chars().map(tame).collect();
    // A command is said whole and as it is, or not at all.
    let undo = notice.commands().next();
    let undo = undo.map(|(does, command)| format!(" {does}: {command}"));
    let undo = undo.filter(|u| u.chars().all(|c| tame(c) == c) && width(u) < FALLBACK / 2);
    let undo = undo.map_or_else(String::new, |u| escaped(&u, FALLBACK));
    escaped(&line, FALLBACK.saturating_sub(width(&undo))) + &undo
}

/// What people can do about it.
fn commands(notice: &Notice) -> impl Iterator<Item = Value> {
    let say = |(does, command): (&str, &String)| {
        section(&mrkdwn(&format!("*{does}*\n{}", code(command, 2000))))
    };
    notice.commands().map(say)
}

fn fields(notice: &Notice) -> Vec<(&'static str, String)> {
    let resource = &notice.key.resource;
    let mut fields = vec![
        ("Who", notice.who.clone()),
        (
            "Account and region",
            format!("{} {}", resource.account, resource.region),
        ),
    ];
    if let Some(found) = notice.found.first() {
        let more = match notice.found.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        fields.push(("Policy", format!("{}{more}", found.policy)));
    }
    if let Some(severity) = notice.severity {
        fields.push(("Severity", word(severity).to_owned()));
    }
    if let Some(ms) = notice.open_for {
        fields.push(("Open for", seconds_of(ms)));
    }
    if let Some(at) = notice.happened {
        fields.push(("When", at.to_string()));
    }
    fields.push(("Record", notice.key.to_string()));
    fields
}

fn section(text: &Value) -> Value {
    json!({"type": "section", "text": text})
}

/// Text in which Slack reads no formats, links or names of emoji.
fn plain(text: &str, longest: usize) -> Value {
    json!({"type": "plain_text", "text": filled(escaped(text, longest)), "emoji": false})
}

/// Our own formats. `verbatim`: no links or mentions are made of bare words.
fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

/// One line of code.
fn code(text: &str, longest: usize) -> String {
    let inner = escaped(&clean(text).replace('`', "'"), longest.saturating_sub(2));
    format!("`{}`", filled(inner))
}

/// Lines of code: at most `longest` characters, fences included.
fn fenced(lines: &[String], longest: usize) -> String {
    const MORE: &str = "… the record has all of it";
    let mut left = longest.saturating_sub("```\n\n```".len() + MORE.len() + 1);
    let mut kept = Vec::new();
    for line in lines {
        let line = escaped(&clean(line).replace('`', "'"), left.min(1000));
        let long = width(&line) + 1;
        if line.is_empty() || long > left || left < 20 {
            kept.push(MORE.to_owned());
            break;
        }
        left -= long;
        kept.push(line);
    }
    format!("```\n{}\n```", filled(kept.join("\n")))
}

/// Slack refuses an empty text.
fn filled(text: String) -> String {
    if text.trim().is_empty() {
        "–".to_owned()
    } else {
        text
    }
}

/// Escaped and cut: never within an escape.
fn escaped(text: &str, longest: usize) -> String {
    let mut out = String::new();
    let (mut long, mut fits) = (0, 0);
    for c in text.chars() {
        let before = out.len();
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
        long += width(out.get(before..).unwrap_or_default());
        if long > longest {
            out.truncate(fits);
            out.push_str(CUT);
            return out;
        }
        if long + width(CUT) <= longest {
            fits = out.len();
        }
    }
    out
}

fn width(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
#[path = "slack_tests.rs"]
mod tests;

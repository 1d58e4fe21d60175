//! A message in Slack, as a terminal can show it.

use anstyle::Style;
use serde_json::Value;
use undrift_local::{SlackMessage, Span, spans};

use super::stage::STRONG;
use crate::shell::{FAINT, plain};

/// The lines of a message.
pub(super) fn lines(message: &SlackMessage) -> Vec<(Style, String)> {
    let edited = if message.edits > 0 { "  (edited)" } else { "" };
    let mut lines = vec![(FAINT, format!("#cloud-security   Undrift  APP{edited}"))];
    let blocks = message.content.get("blocks").and_then(Value::as_array);
    for block in blocks.into_iter().flatten() {
        let list = |name: &str| {
            let all = block.get(name).and_then(Value::as_array);
            all.into_iter().flatten().map(read).collect::<Vec<_>>()
        };
        let text = block.get("text").map(read).unwrap_or_default();
        match block.get("type").and_then(Value::as_str) {
            Some("header") => push(&mut lines, STRONG, &text),
            Some("context") => push(&mut lines, FAINT, &list("elements").join("   ")),
            _ => {
                push(&mut lines, Style::new(), &text);
                for field in list("fields") {
                    let (label, value) = field.split_once('\n').unwrap_or(("", &field));
                    push(&mut lines, Style::new(), &format!("{label:<20}{value}"));
                }
            }
        }
    }
    lines
}

fn push(lines: &mut Vec<(Style, String)>, style: Style, text: &str) {
    lines.extend(text.lines().map(|line| (style, plain(line))));
}

/// A text object without its marks.
fn read(object: &Value) -> String {
    let text = object.get("text").and_then(Value::as_str);
    let text = text.unwrap_or_default();
    if object.get("type").and_then(Value::as_str) == Some("plain_text") {
        return undrift_local::unescaped(text);
    }
    let words = spans(text).into_iter().map(|span| match span {
        Span::Text(text) | Span::Bold(text) | Span::Code(text) | Span::Mention(text) => text,
        Span::Block(text) => format!("    {}\n", text.replace('\n', "\n    ")),
        Span::Link(_, label) => format!("[{label}]"),
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_is_read_without_its_marks() {
        let message = SlackMessage {
            channel: "C1".into(),
            ts: "1.1".into(),
            thread: None,
            broadcast: false,
            edits: 1,
            content: json!({"blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "a &lt;b&gt;"}},
                {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Who*\n`maya`"}]},
                {"type": "section", "text": {"type": "mrkdwn", "text": "```\n- x\n+ y\n```"}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": "<https://x|there>"}]},
            ]}),
        };
        let lines: Vec<String> = lines(&message).into_iter().map(|(_, l)| l).collect();
        assert_eq!(
            lines[1..],
            [
                "a <b>",
                "Who                 maya",
                "    - x",
                "    + y",
                "[there]"
            ]
        );
    }
}

//! The channel as a page, for people to look at a notice as Slack shows it.

use std::fmt::Write as _;

use serde_json::Value;

use super::SlackMessage;
use super::mrkdwn::{Span, spans, unescaped};

const HEAD: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>#undrift</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body { font: 15px/1.47 Lato, "Segoe UI", Helvetica, Arial, sans-serif; color: #1d1c1d; max-width: 680px; margin: 16px auto; padding: 0 12px }
article { display: flex; gap: 8px; padding: 8px 0 } article > i { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #1264a3 }
article > div { min-width: 0 } h3 { font-size: 18px; margin: 2px 0 6px; overflow-wrap: anywhere } p { margin: 4px 0; overflow-wrap: anywhere; white-space: pre-wrap }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 16px } small { color: #616061 }
code { color: #c01343; background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; padding: 0 3px; font: 12px/1.5 Menlo, Consolas, monospace; overflow-wrap: anywhere }
pre { background: #f6f6f6; border: 1px solid #ddd; border-radius: 4px; padding: 8px; font: 12px/1.5 Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere }
details { margin-top: 4px } summary { color: #1264a3 } mark { background: #fdf3d0 }
</style>
<h2># undrift</h2>
"#;

/// The page of all messages, threads under their messages.
pub(super) fn page(messages: &[SlackMessage]) -> String {
    let mut html = HEAD.to_owned();
    for message in messages.iter().filter(|m| m.thread.is_none()) {
        let replies: Vec<&SlackMessage> = messages
            .iter()
            .filter(|m| m.thread.as_deref() == Some(message.ts.as_str()))
            .collect();
        // Writing to a string cannot fail.
        let _ = write!(html, "<article><i></i><div>{}", shown(message));
        if !replies.is_empty() {
            let _ = write!(
                html,
                "<details><summary>{} replies</summary>",
                replies.len()
            );
            for reply in replies {
                html.push_str(&shown(reply));
                html.push_str("<hr>");
            }
            html.push_str("</details>");
        }
        html.push_str("</div></article>");
    }
    html
}

fn shown(message: &SlackMessage) -> String {
    let edited = if message.edits > 0 { " (edited)" } else { "" };
    let mut html = format!("<b>Undrift</b> <small>APP{edited}</small>");
    let blocks = message.content.get("blocks").and_then(Value::as_array);
    let Some(blocks) = blocks else {
        let text = message.content.get("text").and_then(Value::as_str);
        let _ = write!(
            html,
            "<p>{}</p>",
            escaped(&unescaped(text.unwrap_or_default()))
        );
        return html;
    };
    for block in blocks {
        let text = block.get("text").map(object).unwrap_or_default();
        let list = |name: &str| {
            let all = block.get(name).and_then(Value::as_array);
            all.into_iter().flatten().map(object).collect::<Vec<_>>()
        };
        match block.get("type").and_then(Value::as_str) {
            Some("header") => {
                let _ = write!(html, "<h3>{text}</h3>");
            }
            Some("context") => {
                let _ = write!(
                    html,
                    "<p><small>{}</small></p>",
                    list("elements").join(" &nbsp; ")
                );
            }
            _ => {
                if !text.is_empty() {
                    let _ = write!(html, "<p>{text}</p>");
                }
                let fields = list("fields");
                if !fields.is_empty() {
                    let _ = write!(
                        html,
                        r#"<div class="fields"><p>{}</p></div>"#,
                        fields.join("</p><p>")
                    );
                }
            }
        }
    }
    html
}

fn object(object: &Value) -> String {
    let text = object
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if object.get("type").and_then(Value::as_str) == Some("plain_text") {
        return escaped(&unescaped(text));
    }
    let all = spans(text);
    all.iter()
        .map(|span| match span {
            Span::Text(text) => escaped(text),
            Span::Bold(text) => format!("<b>{}</b>", escaped(text)),
            Span::Code(text) => format!("<code>{}</code>", escaped(text)),
            Span::Block(text) => format!("<pre>{}</pre>", escaped(text)),
            Span::Link(address, label) if address.starts_with("https://") => {
                format!(r#"<a href="{}">{}</a>"#, escaped(address), escaped(label))
            }
            Span::Link(_, label) => escaped(label),
            Span::Mention(text) => format!("<mark>{}</mark>", escaped(text)),
        })
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_of_a_message_becomes_html() {
        let message = SlackMessage {
            channel: "C1".into(),
            ts: "1.1".into(),
            thread: None,
            broadcast: false,
            edits: 1,
            content: json!({"text": "t", "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "&lt;script&gt;"}},
                {"type": "section", "text": {"type": "mrkdwn", "text": "<javascript:x|y> `\"&lt;b&gt;`"}}
            ]}),
        };
        let html = page(&[message]);
        assert!(html.contains("<h3>&lt;script&gt;</h3>"));
        assert!(html.contains("<p>y <code>&quot;&lt;b&gt;</code></p>"));
        assert!(!html.contains("<script") && !html.contains("javascript:"));
    }
}

//! What Slack refuses, by its published limits (api.slack.com, "Reference: blocks", "composition objects",
//! `chat.postMessage`, "Using message metadata").

use serde_json::Value;

/// The most blocks of a message.
const BLOCKS: usize = 50;
/// The most characters of `text`; Slack cuts longer ones, which is no better.
const TEXT: usize = 40_000;
/// The most bytes of a message that Slack's servers take, blocks and all.
const MESSAGE: usize = 100_000;
/// The most bytes of metadata.
const METADATA: usize = 8_000;

/// The error that Slack has for this message.
pub(super) fn check(message: &Value) -> Result<(), &'static str> {
    let text = message.get("text").and_then(Value::as_str);
    let blocks = match message.get("blocks") {
        None => &[],
        Some(Value::Array(blocks)) => blocks.as_slice(),
        Some(_) => return Err("invalid_blocks_format"),
    };
    if text.unwrap_or_default().is_empty() && blocks.is_empty() {
        return Err("no_text");
    }
    if text.is_some_and(|text| text.chars().count() > TEXT) || message.to_string().len() > MESSAGE {
        return Err("msg_too_long");
    }
    if blocks.len() > BLOCKS || !blocks.iter().all(block) {
        return Err("invalid_blocks");
    }
    let metadata = message.get("metadata");
    if metadata.is_some_and(|m| m.to_string().len() > METADATA) {
        return Err("metadata_too_large");
    }
    Ok(())
}

fn block(block: &Value) -> bool {
    let kind = block.get("type").and_then(Value::as_str);
    let list = |name: &str| block.get(name).and_then(Value::as_array);
    match kind {
        Some("header") => block
            .get("text")
            .is_some_and(|text| is_plain(text) && object(text, 150)),
        Some("section") => {
            let text = block.get("text").is_none_or(|text| object(text, 3000));
            let fields = list("fields").is_none_or(|fields| {
                (1..=10).contains(&fields.len()) && fields.iter().all(|f| object(f, 2000))
            });
            let is_empty = block.get("text").is_none() && list("fields").is_none();
            text && fields && !is_empty
        }
        Some("context") => list("elements").is_some_and(|elements| {
            (1..=10).contains(&elements.len()) && elements.iter().all(|e| object(e, 3000))
        }),
        Some("divider") => true,
        _ => false,
    }
}

fn is_plain(object: &Value) -> bool {
    object.get("type").and_then(Value::as_str) == Some("plain_text")
}

/// A text object: from one character on.
fn object(object: &Value, longest: usize) -> bool {
    let kind = object.get("type").and_then(Value::as_str);
    let members: &[&str] = match kind {
        Some("plain_text") => &["type", "text", "emoji"],
        Some("mrkdwn") => &["type", "text", "verbatim"],
        _ => return false,
    };
    let all_known = object
        .as_object()
        .is_some_and(|o| o.keys().all(|k| members.contains(&k.as_str())));
    let text = object.get("text").and_then(Value::as_str);
    let length = text.map_or(0, |text| text.chars().count());
    all_known && (1..=longest).contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_slack_refuses_is_refused() {
        let plain = |text: &str| json!({"type": "plain_text", "text": text});
        let section = |text: Value| json!({"blocks": [{"type": "section", "text": text}]});
        let long = "x".repeat(3001);
        let fields = vec![plain("x"); 11];
        for (message, said) in [
            (section(plain("x")), Ok(())),
            (json!({"text": "x"}), Ok(())),
            (json!({"text": ""}), Err("no_text")),
            (
                json!({"text": "x", "blocks": {}}),
                Err("invalid_blocks_format"),
            ),
            (json!({"text": "x".repeat(40_001)}), Err("msg_too_long")),
            (section(plain("")), Err("invalid_blocks")),
            (section(plain(&long)), Err("invalid_blocks")),
            (
                section(json!({"type": "mrkdwn", "text": "x", "emoji": true})),
                Err("invalid_blocks"),
            ),
            (
                json!({"blocks": [{"type": "section"}]}),
                Err("invalid_blocks"),
            ),
            (
                json!({"blocks": [{"type": "section", "fields": fields}]}),
                Err("invalid_blocks"),
            ),
            (
                json!({"blocks": [{"type": "header", "text": plain(&"x".repeat(151))}]}),
                Err("invalid_blocks"),
            ),
            (
                json!({"blocks": [{"type": "context", "elements": []}]}),
                Err("invalid_blocks"),
            ),
            (
                json!({"blocks": vec![json!({"type": "divider"}); 51]}),
                Err("invalid_blocks"),
            ),
            (
                json!({"text": "x", "metadata": {"event_payload": {"x": "x".repeat(9000)}}}),
                Err("metadata_too_large"),
            ),
        ] {
            assert_eq!(check(&message), said, "{message:.200}");
        }
    }
}

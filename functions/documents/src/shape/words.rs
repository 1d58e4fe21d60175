//! Messages, and what they show of a document.

use serde_json::Value;

use crate::nearest::did_you_mean;

/// What could have been meant, and what else there is.
pub(super) fn not_one_of(written: &str, known: &[&str]) -> String {
    let plain = written.trim_matches('`');
    match (did_you_mean(plain, known), known) {
        (Some(near), [_]) => format!("{written} is not known here; did you mean `{near}`?"),
        (Some(near), _) => format!(
            "{written} is not known here; did you mean `{near}`? It is one of {}",
            quoted(known)
        ),
        (None, [one]) => format!("{written} is not known here; only `{one}` is"),
        (None, _) => format!("{written} is not one of {}", quoted(known)),
    }
}

pub(super) fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    names.join(", ")
}

/// A value as a message shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", brief(text)),
        Value::Number(_) | Value::Bool(_) => format!("`{value}`"),
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// A schema's own message, which begins with `this` where it means the value.
pub(crate) fn about(message: &str, value: &Value) -> String {
    match message.strip_prefix("this ") {
        Some(rest) if !value.is_object() => format!("{} {rest}", shown(value)),
        _ => message.to_owned(),
    }
}

pub(super) fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

pub(super) fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_end_matches('.').to_owned()
}

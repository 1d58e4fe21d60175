//! Text to JSON scalars and back, by a shape's kind.

use serde_json::{Number, Value};

use crate::model::{Kind, Shape};

/// The JSON value of a scalar's text. Text that is not what the shape says stays text.
pub(crate) fn from_text(shape: &Shape, text: &str) -> Value {
    let kept = || Value::String(text.to_owned());
    match shape.kind {
        Kind::Integer | Kind::Long => text
            .trim()
            .parse::<i64>()
            .map_or_else(|_| kept(), Value::from),
        Kind::Float | Kind::Double => text
            .trim()
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map_or_else(kept, Value::Number),
        Kind::Boolean => match text.trim() {
            "true" | "True" | "1" => Value::Bool(true),
            "false" | "False" | "0" => Value::Bool(false),
            _ => kept(),
        },
        _ => kept(),
    }
}

/// A scalar as text, as forms, headers, paths and XML carry it.
pub(crate) fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

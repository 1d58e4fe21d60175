//! XML as JSON without a schema, the way newer EC2 and S3 records hold it.
//!
//! One child of a name is a value, several are an array; an element without content is `""`; text that reads as a
//! boolean or a number becomes one, which is how a tag's value `"true"` is recorded as `true`.

use serde_json::{Map, Number, Value};

use crate::codec::xml::Element;

/// An element's content.
pub(crate) fn to_json(element: &Element) -> Value {
    if element.children.is_empty() && element.attributes.is_empty() {
        return coerce(&element.text);
    }
    let mut out = Map::new();
    for (key, value) in &element.attributes {
        out.insert(key.clone(), coerce(value));
    }
    if element.children.is_empty() && !element.text.is_empty() {
        out.insert("content".to_owned(), coerce(&element.text));
    }
    for child in &element.children {
        add(&mut out, &child.name, to_json(child));
    }
    Value::Object(out)
}

/// Adds a value under a name that may repeat.
pub(crate) fn add(out: &mut Map<String, Value>, name: &str, value: Value) {
    match out.get_mut(name) {
        None => {
            out.insert(name.to_owned(), value);
        }
        Some(Value::Array(all)) => all.push(value),
        Some(first) => {
            let first_value = first.take();
            *first = Value::Array(vec![first_value, value]);
        }
    }
}

/// Text as the boolean or number it reads as. Leading zeros and signs that a number would lose keep it text.
pub(crate) fn coerce(text: &str) -> Value {
    match text {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    let numeric = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit() || byte == b'-');
    if numeric {
        if let Ok(whole) = text.parse::<i64>() {
            if whole.to_string() == text {
                return Value::from(whole);
            }
        } else if text.contains('.')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b".-".contains(&byte))
            && let Some(number) = text.parse::<f64>().ok().and_then(Number::from_f64)
        {
            return Value::Number(number);
        }
    }
    Value::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_becomes_what_it_reads_as() {
        let table = [
            ("true", json!(true)),
            ("22", json!(22)),
            ("007", json!("007")),
            ("1.5", json!(1.5)),
            ("10.0.0.0", json!("10.0.0.0")),
            ("", json!("")),
            ("-1", json!(-1)),
            ("tcp", json!("tcp")),
        ];
        for (text, want) in table {
            assert_eq!(coerce(text), want, "{text}");
        }
    }
}

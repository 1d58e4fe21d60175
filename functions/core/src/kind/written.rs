//! How records write things: one value in many forms.

use super::KindError;
use serde_json::Value;

/// The members of a list in any of the ways records write one: `{"items": […]}`, a plain array,
/// `{"item": …}`, one object for a list of one, `{}`, `""` or null for none. Anything else hides what was there.
pub fn items(list: Option<&Value>) -> Result<&[Value], KindError> {
    let hidden = || KindError::Malformed {
        what: "the record".to_owned(),
        why: "a list in it is hidden or cut".to_owned(),
    };
    match list {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::String(text)) if text.is_empty() => Ok(&[]),
        Some(Value::Array(all)) => Ok(all),
        Some(Value::Object(members)) => match members.get("items").or(members.get("item")) {
            Some(Value::Array(all)) => Ok(all),
            Some(Value::Null) => Ok(&[]),
            Some(one @ Value::Object(_)) => Ok(std::slice::from_ref(one)),
            Some(_) => Err(hidden()),
            None if members.is_empty() => Ok(&[]),
            None => Ok(list.map_or(&[], std::slice::from_ref)),
        },
        Some(_) => Err(hidden()),
    }
}

/// A member by its name in lower or upper camel case.
#[must_use]
pub fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let members = value.as_object()?;
    members.get(name).or_else(|| {
        let mut chars = name.chars();
        let first = chars.next()?.to_ascii_uppercase();
        members.get(&format!("{first}{}", chars.as_str()))
    })
}

/// The first of several members that is there.
#[must_use]
pub fn first_of<'v>(value: &'v Value, names: &[&str]) -> Option<&'v Value> {
    names.iter().find_map(|n| member(value, n))
}

/// The first of several members that is a text or number, as text; not an empty one.
#[must_use]
pub fn text(value: &Value, names: &[&str]) -> Option<String> {
    let found = names.iter().filter_map(|n| member(value, n));
    found.filter_map(scalar).find(|text| !text.is_empty())
}

/// A text or number as text: records coerce one to the other.
#[must_use]
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(_) => Some(integer(value)?.to_string()),
        _ => None,
    }
}

/// A whole number that may be written as text.
#[must_use]
pub fn integer(value: &Value) -> Option<i32> {
    match value {
        // Records of wrapped requests may write 22 as 22.0.
        Value::Number(n) => {
            let text = n.to_string();
            text.strip_suffix(".0").unwrap_or(&text).parse().ok()
        }
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// A truth value that may be written as text, or as a list of one.
#[must_use]
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is) => Some(*is),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        Value::Array(all) => match all.as_slice() {
            [one] => flag(one),
            _ => None,
        },
        _ => None,
    }
}

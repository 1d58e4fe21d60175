//! Members of JSON that may not be there.

use serde_json::{Map, Value};

/// The member there, or null.
pub(crate) fn at<'v>(value: &'v Value, way: &[&str]) -> &'v Value {
    way.iter()
        .fold(value, |value, name| value.get(name).unwrap_or(&Value::Null))
}

/// Sets the member there; what is no object on the way becomes one.
pub(crate) fn put(value: &mut Value, way: &[&str], new: Value) {
    let Some((name, rest)) = way.split_first() else {
        *value = new;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    if let Value::Object(members) = value {
        put(members.entry(*name).or_insert(Value::Null), rest, new);
    }
}

//! Documents that differ from one in one way.

use serde_json::{Value, json};

use crate::random::KEYS;

/// What becomes of a test: by operator, key and values, another operator with other values.
type Change<'c> = &'c dyn Fn(&str, &str, &Value) -> Option<(String, Value)>;

pub(crate) fn statements(document: &Value) -> Vec<Value> {
    match &document["Statement"] {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    }
}

pub(crate) fn with(document: &Value, statements: Vec<Value>) -> Value {
    let mut document = document.clone();
    document["Statement"] = statements.into();
    document
}

/// Every document that differs from this one in one statement, as `change` makes it.
pub(crate) fn each(document: &Value, change: &dyn Fn(&Value) -> Vec<Value>) -> Vec<Value> {
    let all = statements(document);
    let mut changed = Vec::new();
    for (n, one) in all.iter().enumerate() {
        for other in change(one) {
            let mut all = all.clone();
            all[n] = other;
            changed.push(with(document, all));
        }
    }
    changed
}

pub(crate) fn without(value: &Value, name: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove(name);
    value
}

/// A statement without its condition, and without each single key of it.
pub(crate) fn relaxed(statement: &Value) -> Vec<Value> {
    let Some(condition) = statement["Condition"].as_object() else {
        return Vec::new();
    };
    let mut all = vec![without(statement, "Condition")];
    for (operator, keys) in condition {
        for key in keys.as_object().into_iter().flatten().map(|(key, _)| key) {
            let mut fewer = statement.clone();
            let keys = fewer["Condition"][operator].as_object_mut().unwrap();
            keys.remove(key);
            all.push(fewer);
        }
    }
    all
}

/// A statement with each test of its condition changed.
pub(crate) fn tests(statement: &Value, change: Change<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    let Some(condition) = statement["Condition"].as_object() else {
        return all;
    };
    for (operator, keys) in condition {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let Some((to, values)) = change(operator, key, values) else {
                continue;
            };
            let mut other = statement.clone();
            let condition = other["Condition"].as_object_mut().unwrap();
            condition[operator].as_object_mut().unwrap().remove(key);
            if condition
                .get(&to)
                .is_some_and(|keys| keys.get(key).is_some())
            {
                continue;
            }
            condition.entry(to).or_insert_with(|| json!({}))[key] = values;
            all.push(other);
        }
    }
    all
}

pub(crate) fn list(value: &Value) -> Vec<Value> {
    value
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![value.clone()])
}

pub(crate) fn is_effect(statement: &Value, effect: &str) -> bool {
    statement["Effect"] == effect
}

pub(crate) fn positive(operator: &str) -> bool {
    !operator.contains("Not") && !operator.ends_with("Null")
}

/// An Allow that lets in at least whom it let in.
pub(crate) fn wider(statement: &Value) -> Vec<Value> {
    if !is_effect(statement, "Allow") {
        return Vec::new();
    }
    let mut all = tests(statement, &|operator, key, values| {
        let known = KEYS.iter().find(|k| k.0 == key)?;
        let mut values = list(values);
        (positive(operator) && !values.is_empty()).then(|| {
            values.extend(known.2.first().map(|v| json!(v)));
            (operator.to_owned(), values.into())
        })
    });
    all.extend(tests(statement, &|operator, _, values| {
        let bare = !operator.ends_with("IfExists") && !operator.ends_with("Null");
        let some = !list(values).is_empty() && !operator.starts_with("For");
        (bare && some).then(|| (format!("{operator}IfExists"), values.clone()))
    }));
    all.extend(tests(statement, &|operator, _, values| {
        let bare = !operator.contains(':') && !operator.ends_with("Null");
        let some = !list(values).is_empty() && positive(operator);
        (bare && some).then(|| (format!("ForAllValues:{operator}"), values.clone()))
    }));
    all.extend(tests(statement, &|operator, key, values| {
        let wider = |value: &Value| -> Option<Value> {
            let (address, length) = value.as_str()?.split_once('/')?;
            let length: u8 = length.parse().ok()?;
            Some(json!(format!("{address}/{}", length.saturating_sub(1))))
        };
        let values: Option<Vec<Value>> = list(values).iter().map(wider).collect();
        let positive = operator.starts_with("IpAddress") && key == "aws:SourceIp";
        positive.then_some((operator.to_owned(), values?.into()))
    }));
    all
}

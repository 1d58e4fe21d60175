//! What a generator writes for programs, as editors show it to people.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::json::at;

/// Makes alternatives of described constants one `enum`, which editors offer and explain, and
/// drops what only a program reads: `null` for what may be left out, widths of numbers.
pub(super) fn polish(schema: &mut Value) {
    each(schema, &mut |members| {
        one_enum(members);
        not_null(members);
        members.remove("format");
    });
    let messages: BTreeMap<String, Value> = at(schema, &["$defs"])
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, v)| {
            Some((
                at(v, &["pattern"]).as_str()?.to_owned(),
                at(v, &["patternErrorMessage"]).clone(),
            ))
        })
        .collect();
    each(schema, &mut |members| names(members, &messages));
    let enums: BTreeMap<String, Value> = at(schema, &["$defs"])
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, v)| v.get("enum").is_some())
        .map(|(name, v)| (format!("#/$defs/{name}"), v.clone()))
        .collect();
    each(schema, &mut |members| inline(members, &enums));
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        definitions.retain(|name, _| !enums.contains_key(&format!("#/$defs/{name}")));
    }
}

/// Every schema, the inner ones first.
fn each(schema: &mut Value, alter: &mut impl FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|i| each(i, alter)),
        Value::Object(members) => {
            members.values_mut().for_each(|m| each(m, alter));
            alter(members);
        }
        _ => {}
    }
}

/// A mapping whose names have a form: one schema for the names says which, in words.
fn names(members: &mut Map<String, Value>, messages: &BTreeMap<String, Value>) {
    if members.get("additionalProperties") != Some(&Value::Bool(false))
        || members.contains_key("properties")
    {
        return;
    }
    let Some(Value::Object(patterns)) = members.remove("patternProperties") else {
        return;
    };
    for (pattern, of_values) in patterns {
        let message = messages.get(&pattern).cloned().unwrap_or_default();
        let of_names = json!({"pattern": pattern, "patternErrorMessage": message});
        members.insert("propertyNames".to_owned(), of_names);
        members.insert("additionalProperties".to_owned(), of_values);
    }
}

fn one_enum(members: &mut Map<String, Value>) {
    let constant = |v: &Value| Some((v.get("const")?.as_str()?.to_owned(), v.clone()));
    let all: Option<Vec<(String, Value)>> = members
        .get("oneOf")
        .and_then(Value::as_array)
        .and_then(|l| l.iter().map(constant).collect());
    let Some(all) = all else { return };
    members.remove("oneOf");
    let means = |v: &Value| {
        at(v, &["description"])
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let lines: Vec<String> = all
        .iter()
        .map(|(name, v)| format!("- `{name}`: {}", means(v)))
        .collect();
    members.insert("description".to_owned(), lines.join("\n").into());
    members.insert("type".to_owned(), "string".into());
    let names: Vec<&String> = all.iter().map(|(name, _)| name).collect();
    members.insert("enum".to_owned(), json!(names));
}

fn not_null(members: &mut Map<String, Value>) {
    if let Some(types) = members.get_mut("type")
        && let Some([one, null]) = types.as_array().map(Vec::as_slice)
        && null == "null"
    {
        *types = one.clone();
    }
    if let Some([one, null]) = members
        .get("anyOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        && null == &json!({"type": "null"})
        && let Some(one) = one.as_object().cloned()
    {
        members.remove("anyOf");
        for (name, value) in one {
            members.entry(name).or_insert(value);
        }
    }
}

/// Writes an `enum` out where it is used: the use's own words come first.
fn inline(members: &mut Map<String, Value>, enums: &BTreeMap<String, Value>) {
    let to = members.get("$ref").and_then(Value::as_str);
    let Some(Value::Object(target)) = to.and_then(|to| enums.get(to)) else {
        return;
    };
    let text = |m: &Map<String, Value>| {
        m.get("description")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let words: Vec<String> = [text(members), text(target)]
        .into_iter()
        .flatten()
        .collect();
    members.remove("$ref");
    members.extend(target.clone());
    members.insert("description".to_owned(), words.join("\n\n").into());
}

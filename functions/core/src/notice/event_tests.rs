//! Events against the published schema, by the few words of JSON Schema that it uses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::notice::testing;

fn schema() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../infra/schemas/record-event-v1.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What is wrong with a value. Knows the words that the schema uses, and refuses others; a
/// member that the schema doesn't name is wrong, so that none is emitted undocumented.
fn wrong(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let mut say = |what: String| found.push(format!("{at}: {what}"));
    for (word, want) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema"
            | "$id"
            | "$defs"
            | "title"
            | "description"
            | "items"
            | "properties"
            | "additionalProperties" => {}
            "type" => {
                let is = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                if is != want {
                    say(format!("is {is}, not {want}"));
                }
            }
            "const" if value == want => {}
            "enum" if want.as_array().unwrap().contains(value) => {}
            "const" | "enum" => say(format!("is {value}, not {want}")),
            "minimum" if value.as_i64() >= want.as_i64() => {}
            "maxLength" => {
                let long = value.as_str().unwrap_or_default().chars().count();
                if long as u64 > want.as_u64().unwrap() {
                    say(format!("has {long} characters"));
                }
            }
            "maxItems" => {
                if value.as_array().map_or(0, Vec::len) as u64 > want.as_u64().unwrap() {
                    say("has too many".to_owned());
                }
            }
            "required" => {
                for name in want.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        say(format!("lacks {name}"));
                    }
                }
            }
            "$ref" => {
                let target = root
                    .pointer(want.as_str().unwrap().trim_start_matches('#'))
                    .unwrap();
                let mut inner = Vec::new();
                wrong(root, target, value, at, &mut inner);
                for one in inner {
                    say(one);
                }
            }
            other => say(format!("the schema's word {other} fails or is not known")),
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let named = schema.pointer(&format!("/properties/{name}"));
        let other = schema.get("additionalProperties").filter(|o| o.is_object());
        match named.or(other) {
            Some(schema) => wrong(root, schema, member, &format!("{at}/{name}"), found),
            None if schema.get("$ref").is_some() => {}
            None => found.push(format!("{at}/{name} is in no schema")),
        }
    }
    if let Some(items) = schema.get("items") {
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            wrong(root, items, item, &format!("{at}/{n}"), found);
        }
    }
}

fn check(detail: &Value) -> Vec<String> {
    let (schema, mut found) = (schema(), Vec::new());
    wrong(&schema, &schema, detail, "", &mut found);
    found
}

#[test]
fn events_of_every_outcome_are_as_published() {
    let mut words = BTreeSet::new();
    for outcome in testing::OUTCOMES {
        for hostile in ["0.0.0.0/0", "<!channel>\n", &"💥".repeat(3000)] {
            let mut record = testing::record("sg-1", hostile);
            record.outcome.kind = outcome;
            let evidence = record.assessments[0].evidence[0].clone();
            record.assessments[0].evidence.extend(vec![evidence; 100]);
            let many = record.assessments[0].clone();
            record.assessments.extend(vec![many; 100]);
            record.undone_by = Some(record.key.clone());
            let whole = detail(&record, Some(3));
            assert_eq!(check(&whole), Vec::<String>::new());
            if hostile.len() < 100 {
                assert!(whole.to_string().len() < 256 * 1024);
            }
            record.cause = Cause::Undo {
                of: record.key.clone(),
                by: hostile.to_owned(),
                reason: hostile.to_owned(),
            };
            record.plan = None;
            record.assessments.clear();
            assert_eq!(check(&detail(&record, None)), Vec::<String>::new());
            words.insert(whole["outcome"].to_string());
        }
    }
    assert_eq!(words.len(), testing::OUTCOMES.len());
    let schema = schema();
    let published = schema["properties"]["outcome"]["enum"].as_array().unwrap();
    assert_eq!(published.len(), testing::OUTCOMES.len());
}

#[test]
fn the_check_can_fail() {
    let good = detail(&testing::record("sg-1", "x"), None);
    for (pointer, value) in [
        ("/outcome", json!("mended")),
        ("/revision", json!("1")),
        ("/open", json!(null)),
        ("/record/event", json!(1)),
        ("/assessments/0/severity", json!("bad")),
        ("/diff", json!([1])),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert_ne!(check(&bad), Vec::<String>::new(), "{pointer}");
    }
    let mut bad = good.clone();
    bad.as_object_mut().unwrap().remove("reason");
    assert_ne!(check(&bad), Vec::<String>::new());
    bad = good;
    bad["extra"] = json!(1);
    assert_ne!(check(&bad), Vec::<String>::new());
}

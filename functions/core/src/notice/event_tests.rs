//! Events against the published schema.

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

/// The schema, closed: a member that it doesn't name is wrong, so that none is emitted
/// undocumented.
fn closed(mut schema: Value) -> Value {
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = json!(false);
    }
    match &mut schema {
        Value::Object(all) => all.values_mut().for_each(|v| *v = closed(v.take())),
        Value::Array(all) => all.iter_mut().for_each(|v| *v = closed(v.take())),
        _ => {}
    }
    schema
}

fn check(detail: &Value) -> Vec<String> {
    let schema = jsonschema::draft202012::new(&closed(schema())).unwrap();
    schema
        .iter_errors(detail)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect()
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
            assert!(whole.to_string().len() < 220 * 1024);
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

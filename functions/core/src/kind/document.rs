//! Policy documents as facets: each statement is an element.
//!
//! Two documents that say the same in other words (one text or a list of one, another order of
//! actions, an account's id or its root) have the same elements. The text itself is kept beside
//! them ([`Image::texts`](super::Image)), so that it can be put back word for word.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Element, ElementKey, Facet, KindError};

/// Members whose values are lists of texts, or one text.
const LISTS: [&str; 4] = ["Action", "NotAction", "Resource", "NotResource"];
const PRINCIPALS: [&str; 2] = ["Principal", "NotPrincipal"];

/// The statements of a document's text.
pub fn parse(text: &str) -> Result<Facet, KindError> {
    let document: Value =
        serde_json::from_str(text).map_err(|e| malformed(&format!("it is not JSON: {e}")))?;
    statements(&document)
}

/// The statements of a document.
pub fn statements(document: &Value) -> Result<Facet, KindError> {
    let all = match document.get("Statement") {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return Err(malformed("it holds no statements")),
    };
    let mut facet = Facet::new();
    for statement in all {
        let (key, element) = element(&json!({"statement": statement}))?;
        let mut twin = 1;
        let mut free = key.clone();
        while facet.contains_key(&free) {
            twin += 1;
            free = ElementKey(format!("{key}#{twin}"));
        }
        facet.insert(free, element);
    }
    Ok(facet)
}

/// One statement, as a policy's case or a record writes it: `{"statement": {…}}`. It is known by
/// its `Sid`, or by what it says.
pub fn element(written: &Value) -> Result<(ElementKey, Element), KindError> {
    let statement = written.get("statement").filter(|s| s.is_object());
    let statement = statement.ok_or_else(|| malformed("a statement is no object"))?;
    let sid = statement.get("Sid").and_then(Value::as_str);
    let sid = sid.filter(|sid| !sid.is_empty());
    let key = match sid {
        Some(sid) => sid.to_owned(),
        None => digest(&canonical(statement)),
    };
    let mut element = Map::from_iter([("statement".to_owned(), statement.clone())]);
    if let Some(sid) = sid {
        element.insert("sid".to_owned(), json!(sid));
    }
    Ok((ElementKey(key), Value::Object(element)))
}

/// What a statement says, whatever its words.
#[must_use]
pub fn substance(element: &Element) -> Value {
    element.get("statement").map_or(Value::Null, canonical)
}

/// The text of a document with these statements: `earlier`, word for word, if it says just that;
/// otherwise with `live`'s version and id. `None`: without statements there is no document.
#[must_use]
pub fn compose(facet: &Facet, earlier: Option<&str>, live: Option<&str>) -> Option<String> {
    if facet.is_empty() {
        return None;
    }
    let says = |text: &&str| {
        let said = parse(text).unwrap_or_default();
        let substances = |f: &Facet| -> Vec<Value> { f.values().map(substance).collect() };
        said.keys().eq(facet.keys()) && substances(&said) == substances(facet)
    };
    if let Some(text) = earlier.filter(says) {
        return Some(text.to_owned());
    }
    let around = [live, earlier].into_iter().flatten().find_map(|text| {
        let document: Value = serde_json::from_str(text).ok()?;
        document.as_object().cloned()
    });
    let mut document =
        around.unwrap_or_else(|| Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]));
    let statements = facet.values().filter_map(|e| e.get("statement"));
    document.insert("Statement".to_owned(), statements.cloned().collect());
    Some(Value::Object(document).to_string())
}

/// A statement in one line for people.
#[must_use]
pub fn describe(element: &Element) -> String {
    let Some(statement) = element.get("statement").and_then(Value::as_object) else {
        return super::one_line(element);
    };
    let shown = |names: &[&str], not: &str| {
        let found = names.iter().find_map(|n| Some((*n, statement.get(*n)?)));
        found.map_or_else(String::new, |(name, value)| {
            let not = if name.starts_with("Not") { not } else { "" };
            format!(" {not}{}", list(value))
        })
    };
    let effect = statement.get("Effect").and_then(Value::as_str);
    let mut line = format!(
        "{}{}{}",
        effect.unwrap_or("?"),
        shown(&["Principal", "NotPrincipal"], "all but "),
        shown(&["Action", "NotAction"], "all but "),
    );
    let on = shown(&["Resource", "NotResource"], "all but ");
    if !on.is_empty() {
        line = format!("{line} on{on}");
    }
    if let Some(condition) = statement.get("Condition") {
        line = format!("{line} if {condition}");
    }
    if let Some(sid) = element.get("sid").and_then(Value::as_str) {
        line = format!("{sid}: {line}");
    }
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    line.chars().take(300).map(plain).collect()
}

/// The JSON Schema of a statement as documents write it.
#[must_use]
pub fn schema() -> Value {
    json!({
        "type": "object",
        "description": "A statement of a policy document.",
        "properties": {
            "sid": {"description": "Its `Sid`; taken from the statement.", "type": "string"},
            "statement": {"description": "The statement, as IAM writes it.", "type": "object"},
        },
        "required": ["statement"],
        "additionalProperties": false,
    })
}

/// A document whose words are of no account.
#[must_use]
pub fn said(document: &Value) -> Value {
    let parsed = match document {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| document.clone()),
        other => other.clone(),
    };
    let Some(members) = parsed.as_object() else {
        return parsed;
    };
    let mut said = members.clone();
    if let Some(statements) = said.get_mut("Statement") {
        let all = match &*statements {
            Value::Array(all) => all.iter().map(canonical).collect(),
            one => vec![canonical(one)],
        };
        *statements = Value::Array(all);
    }
    Value::Object(said)
}

fn list(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().map(list).collect();
            all.join(", ")
        }
        Value::Object(members) => {
            let all: Vec<String> = members.values().map(list).collect();
            all.join(", ")
        }
        other => other.to_string(),
    }
}

fn canonical(statement: &Value) -> Value {
    let Some(members) = statement.as_object() else {
        return statement.clone();
    };
    let member = |(name, value): (&String, &Value)| {
        let value = match name.as_str() {
            n if LISTS.contains(&n) => texts(value, str::to_owned),
            n if PRINCIPALS.contains(&n) => principals(value),
            "Condition" => condition(value),
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    Value::Object(members.iter().map(member).collect())
}

fn texts(value: &Value, read: impl Fn(&str) -> String) -> Value {
    let one = |value: &Value| match value {
        Value::String(text) => read(text),
        other => other.to_string(),
    };
    let all: BTreeSet<String> = match value {
        Value::Array(all) => all.iter().map(one).collect(),
        other => BTreeSet::from([one(other)]),
    };
    json!(all)
}

fn principals(value: &Value) -> Value {
    // Of an account's id AWS makes its root, in the partition's own words.
    let root = |text: &str| match text.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "iam", "", id, "root"] => id.to_owned(),
        _ => text.to_owned(),
    };
    match value {
        // The same as `{"AWS": "*"}` (IAM User Guide, "AWS JSON policy elements: Principal").
        Value::String(all) if all == "*" => json!({"AWS": ["*"]}),
        Value::Object(by) => {
            let by = by.iter();
            by.map(|(name, list)| (name.clone(), texts(list, root)))
                .collect()
        }
        other => other.clone(),
    }
}

fn condition(value: &Value) -> Value {
    let Some(operators) = value.as_object() else {
        return value.clone();
    };
    let operator = |(name, keys): (&String, &Value)| {
        let keys = match keys.as_object() {
            Some(keys) => {
                let keys = keys.iter();
                keys.map(|(key, values)| (key.clone(), texts(values, str::to_owned)))
                    .collect()
            }
            None => keys.clone(),
        };
        (name.clone(), keys)
    };
    Value::Object(operators.iter().map(operator).collect())
}

/// AWS may show the one statement as the other: S3 makes an ARN of a canonical user (S3 User Guide,
/// "Policy elements: Principal").
#[must_use]
pub fn may_be(made: &Element, standing: &Element) -> bool {
    let without = |element: &Element| {
        let mut substance = substance(element);
        let members = substance.as_object_mut();
        let named = members.map(|m| (m.remove("Principal"), m.remove("NotPrincipal")));
        (substance, named)
    };
    let ((made, by), (standing, _)) = (without(made), without(standing));
    let canonical = |named: &Option<Value>| {
        let users = named.as_ref().and_then(|n| n.get("CanonicalUser"));
        users.is_some()
    };
    made == standing && by.is_some_and(|(is, isnt)| canonical(&is) || canonical(&isnt))
}

fn digest(value: &Value) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(value.to_string().as_bytes());
    let mut key = "sha256:".to_owned();
    for byte in digest.iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

fn malformed(why: &str) -> KindError {
    KindError::Malformed {
        what: "a policy document".to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_for_the_same_are_the_same() {
        let one = parse(
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":["b","a"]}}"#,
        );
        let other = parse(
            r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:Get*"],"Resource":["a","b"]}]}"#,
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.keys().eq(other.keys()));
        assert_eq!(
            one.values().map(substance).collect::<Vec<_>>(),
            other.values().map(substance).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_account_is_its_root_in_every_partition() {
        let of = |who: &str| {
            let statement = json!({"Effect": "Allow", "Principal": {"AWS": who}, "Action": "*"});
            let said = statements(&json!({"Statement": statement})).unwrap();
            said.into_keys().collect::<Vec<_>>()
        };
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let root = format!("arn:{partition}:iam::111122223333:root");
            assert_eq!(of(&root), of("111122223333"));
        }
        assert_ne!(
            of("arn:aws:iam::111122223333:user/root"),
            of("111122223333")
        );
    }

    #[test]
    fn twins_are_both_kept() {
        let text = r#"{"Statement":[{"Sid":"A","Effect":"Allow"},{"Sid":"A","Effect":"Deny"},{"Effect":"Allow"},{"Effect":"Allow"}]}"#;
        assert_eq!(parse(text).unwrap().len(), 4);
    }

    #[test]
    fn a_text_that_says_just_that_is_taken_word_for_word() {
        let text = "{ \"Version\": \"2008-10-17\",\n \"Statement\": [{\"Sid\":\"A\",\"Effect\":\"Allow\"}] }";
        let facet = parse(text).unwrap();
        assert_eq!(compose(&facet, Some(text), None).as_deref(), Some(text));
        let live = r#"{"Version":"2012-10-17","Id":"x","Statement":[]}"#;
        let composed = compose(&facet, Some("{}"), Some(live)).unwrap();
        assert_eq!(
            composed,
            r#"{"Id":"x","Statement":[{"Effect":"Allow","Sid":"A"}],"Version":"2012-10-17"}"#
        );
        assert_eq!(compose(&Facet::new(), Some(text), None), None);
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        for text in [
            "{",
            "{}",
            "[]",
            "null",
            r#"{"Statement":[1]}"#,
            r#"{"Statement":"x"}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

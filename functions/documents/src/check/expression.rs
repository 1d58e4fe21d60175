//! What is wrong with a policy's expression, at its place in the YAML.

use serde_json::{Map, Value};
use undrift_core::expression::{Expression, ExpressionError};
use undrift_core::kind::Kind;
use undrift_core::net;
use undrift_core::policy::{Policy, schema};

use crate::error::{Fault, Place};
use crate::json::at;
use crate::nearest::did_you_mean;
use crate::read::fault;
use crate::scalar::in_scalar;
use crate::shape::{self, Part, Wrong};
use crate::yaml::{Node, Step, Step::In};

/// The expression itself, and the document's own params.
pub(super) fn violation(policy: &Policy, places: &Node, text: &str, kind: &dyn Kind) -> Vec<Fault> {
    let source = &policy.violation;
    let Err(error) = Expression::compile(source, kind, &policy.params) else {
        return Vec::new();
    };
    if let ExpressionError::Params { .. } = &error {
        let at = if policy.params.is_empty() {
            places.key(&[In("violation")])
        } else {
            places.key(&[In("params")])
        };
        return params(&error, &policy.params, &[In("params")], at, (places, text));
    }
    let (offset, message) = told(&error, source);
    let value = places.value(&[In("violation")]);
    let inside = offset.zip(value).and_then(|((offset, length), value)| {
        let place = in_scalar(text, value, source, offset)?;
        Some(Place { length, ..place })
    });
    // The text may begin on a later line: else the key is where people look.
    vec![Fault::new(
        inside.or(places.key(&[In("violation")])),
        message,
    )]
}

/// What a function refuses of its params, each value at its place; `at`: the place of them all.
pub(super) fn params(
    error: &ExpressionError,
    params: &Map<String, Value>,
    way: &[Step<'_>],
    at: Option<Place>,
    (places, text): (&Node, &str),
) -> Vec<Fault> {
    let wrong = shape::check(&schema::net_open(), &Value::Object(params.clone()));
    if wrong.is_empty() {
        let wrong = misread(params);
        if wrong.is_empty() {
            return vec![Fault::new(at, error.to_string())];
        }
        return wrong.iter().map(|w| fault(w, way, places, text)).collect();
    }
    wrong.iter().map(|w| fault(w, way, places, text)).collect()
}

/// Items that have the right form and yet can't be read, such as a range that is turned round.
fn misread(params: &Map<String, Value>) -> Vec<Wrong> {
    let schema = schema::net_open();
    let mut wrong = Vec::new();
    for (name, items) in params {
        let lists = at(&schema, &["properties", name]);
        let form = lists
            .get("items")
            .or_else(|| lists.pointer("/anyOf/1/items"));
        let message = ["errorMessage", "patternErrorMessage"]
            .iter()
            .find_map(|m| form?.get(m)?.as_str());
        let Some(message) = message else { continue };
        for (index, item) in items.as_array().into_iter().flatten().enumerate() {
            let mut alone = Map::from_iter([("ports".to_owned(), "any".into())]);
            alone.insert(name.clone(), Value::Array(vec![item.clone()]));
            if serde_json::from_value::<net::Params>(Value::Object(alone)).is_err() {
                let said = shape::about(message, item);
                wrong.push(Wrong::new(Part::Value, said).at(index).inside(name));
            }
        }
    }
    wrong
}

/// Where in the source an error is, as an offset and a length in characters, and what to say.
fn told(error: &ExpressionError, source: &str) -> (Option<(usize, usize)>, String) {
    match error {
        ExpressionError::Syntax(said) => {
            let (at, said) = syntax(said);
            let offset = at.and_then(|at| offset(source, at));
            (
                offset.map(|o| (o, 1)),
                format!("the expression is not CEL: {said}"),
            )
        }
        ExpressionError::Unknown { name, known } => {
            let known: Vec<&str> = known.split(", ").collect();
            let (root, last) = name.rsplit_once('.').unwrap_or(("", name));
            let near = did_you_mean(name, &known)
                .map(str::to_owned)
                .or_else(|| did_you_mean(last, &known).map(|near| format!("{root}.{near}")));
            let message = match near {
                Some(near) => format!("`{name}` is unknown here; did you mean `{near}`?"),
                None if known.iter().all(|k| k.is_empty()) => {
                    format!("`{name}` is unknown here; `{root}` has no members")
                }
                None => format!("`{name}` is unknown here; known are {}", known.join(", ")),
            };
            let length = name.chars().count();
            (word(source, name).map(|o| (o, length)), message)
        }
        _ => (None, error.to_string()),
    }
}

/// Where a name stands, in bytes, if it stands there once.
fn word(source: &str, name: &str) -> Option<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut found = source.match_indices(name).filter(|(at, _)| {
        let before = source.get(..*at).and_then(|s| s.chars().next_back());
        let after = source.get(at + name.len()..).and_then(|s| s.chars().next());
        !part(before) && !part(after)
    });
    let (at, _) = found.next()?;
    found.next().is_none().then_some(at)
}

/// The offset in bytes of a line and a column, both from 1.
fn offset(source: &str, (line, column): (usize, usize)) -> Option<usize> {
    let before: usize = source
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let rest = source.get(before..)?;
    let column = rest.char_indices().nth(column.checked_sub(1)?);
    Some(before + column.map_or(rest.trim_end().len(), |(at, _)| at))
}

/// The place and the first line of a parser's message (`ERROR: <input>:1:31: Syntax error: …`), in
/// plain words.
fn syntax(said: &str) -> (Option<(usize, usize)>, String) {
    let line = said.lines().next().unwrap_or(said);
    let parts = || {
        let mut parts = line.strip_prefix("ERROR: <input>:")?.splitn(3, ':');
        let at = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let rest = parts.next()?.trim().trim_start_matches("Syntax error: ");
        Some((at, rest))
    };
    match parts() {
        Some((at, rest)) => (Some(at), plainly(rest)),
        None => (None, line.to_owned()),
    }
}

/// A grammar's messages, as people would say them.
fn plainly(said: &str) -> String {
    let said = said.split(" expecting ").next().unwrap_or(said);
    let quoted = |text: &str| match text.trim_matches('\'') {
        "<EOF>" => "its end".to_owned(),
        other => format!("`{other}`"),
    };
    if let Some((what, at)) = said
        .strip_prefix("missing ")
        .and_then(|s| s.split_once(" at "))
    {
        return format!("{} is missing before {}", quoted(what), quoted(at));
    }
    for (begins, says) in [
        ("extraneous input ", "doesn't belong here"),
        ("mismatched input ", "doesn't belong here"),
        ("no viable alternative at input ", "can't be read here"),
        (
            "token recognition error at: ",
            "is no part of an expression",
        ),
    ] {
        if let Some(what) = said.strip_prefix(begins) {
            return format!("{} {says}", quoted(what));
        }
    }
    said.to_owned()
}

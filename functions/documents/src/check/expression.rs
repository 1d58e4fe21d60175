//! What is wrong with a policy's expression, at its place in the YAML.

use serde_json::{Map, Value};
use undrift_core::expression::{Expression, ExpressionError};
use undrift_core::kind::Kind;
use undrift_core::policy::{Policy, schema};

use crate::error::{Fault, Place};
use crate::nearest::did_you_mean;
use crate::read::fault;
use crate::shape;
use crate::yaml::{Node, Step, Step::In, in_scalar};

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
        return vec![Fault::new(at, error.to_string())];
    }
    wrong.iter().map(|w| fault(w, way, places, text)).collect()
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

/// The place and the first line of a parser's message: `ERROR: <input>:1:31: Syntax error: …`.
/// What it expects instead is left out where it is everything.
fn syntax(said: &str) -> (Option<(usize, usize)>, &str) {
    let line = said.lines().next().unwrap_or(said);
    let parts = || {
        let mut parts = line.strip_prefix("ERROR: <input>:")?.splitn(3, ':');
        let at = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let rest = parts.next()?.trim().trim_start_matches("Syntax error: ");
        Some((at, rest.split(" expecting {").next().unwrap_or(rest)))
    };
    match parts() {
        Some((at, rest)) => (Some(at), rest),
        None => (None, line),
    }
}

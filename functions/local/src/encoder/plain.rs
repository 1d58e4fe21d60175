//! Most services: the API's member names with the first letter in lower case.

use serde_json::{Map, Value};

use super::exceptions::{Rule, rules};
use super::{HIDDEN, lower};
use crate::model::{Kind, Service, Shape};

/// Which side of a call is encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Asked,
    Answered,
}

struct Encoder<'a> {
    service: &'a Service,
    operation: &'a str,
    side: Side,
    keeps_capitals: bool,
}

pub(super) fn request(service: &Service, operation: &str, input: &Value) -> Value {
    let Some(shape) = service.input(operation) else {
        return Value::Null;
    };
    let encoder = Encoder::new(service, operation, Side::Asked);
    let mut out = encoder.structure(shape, None, input);
    for rule in rules(service, operation) {
        if let (Rule::Always(path, json), Value::Object(out)) = (rule, &mut out) {
            let there = path
                .split('.')
                .next()
                .is_some_and(|first| out.contains_key(first));
            if !there {
                super::put(out, path, serde_json::from_str(json).unwrap_or(Value::Null));
            }
        }
    }
    out
}

pub(super) fn response(service: &Service, operation: &str, output: &Value) -> Value {
    let Some(shape) = service.output(operation) else {
        return Value::Null;
    };
    if rules(service, operation).any(|rule| *rule == Rule::NoAnswer) {
        return Value::Null;
    }
    Encoder::new(service, operation, Side::Answered).structure(shape, None, output)
}

impl<'a> Encoder<'a> {
    fn new(service: &'a Service, operation: &'a str, side: Side) -> Self {
        let keeps_capitals = rules(service, operation).any(|rule| *rule == Rule::KeepsCapitals);
        Self {
            service,
            operation,
            side,
            keeps_capitals,
        }
    }

    /// `owner` is the structure's shape below the top.
    fn structure(&self, shape: &Shape, owner: Option<&str>, value: &Value) -> Value {
        let Some(given) = value.as_object() else {
            return value.clone();
        };
        let mut out = Map::new();
        for (name, value) in given {
            let Some(member) = shape.members.get(name) else {
                continue;
            };
            if value.is_null() || member.location.as_deref() == Some("statusCode") {
                continue;
            }
            let inner = self.service.shape_of(member);
            let sensitive = member.sensitive || inner.is_some_and(|inner| inner.sensitive);
            let mut key = if self.keeps_capitals {
                name.clone()
            } else {
                lower(name)
            };
            let mut masked = sensitive.then_some(HIDDEN);
            let mut omitted = false;
            for rule in rules(self.service, self.operation) {
                match rule {
                    Rule::Asked(of, to) if self.side == Side::Asked && is(of, owner, name) => {
                        (*to).clone_into(&mut key);
                    }
                    Rule::Answered(of, to)
                        if self.side == Side::Answered && is(of, owner, name) =>
                    {
                        (*to).clone_into(&mut key);
                    }
                    Rule::Omitted(of) if is(of, owner, name) => omitted = true,
                    Rule::Masked(of, text) if is(of, owner, name) => masked = Some(text),
                    _ => {}
                }
            }
            if omitted {
                continue;
            }
            let value = match (masked, inner) {
                (Some(text), _) => Value::from(text),
                (None, Some(inner)) => self.value(inner, &member.shape, value),
                (None, None) => value.clone(),
            };
            super::put(&mut out, &key, value);
        }
        Value::Object(out)
    }

    fn value(&self, shape: &Shape, name: &str, value: &Value) -> Value {
        match (shape.kind, value) {
            _ if shape.sensitive => Value::from(HIDDEN),
            (Kind::Structure, _) => self.structure(shape, Some(name), value),
            (Kind::List, Value::Array(all)) => {
                let Some(member) = shape.member.as_ref() else {
                    return value.clone();
                };
                let Some(inner) = self.service.shape_of(member) else {
                    return value.clone();
                };
                all.iter()
                    .map(|one| self.value(inner, &member.shape, one))
                    .collect()
            }
            (Kind::Map, Value::Object(all)) => {
                let Some(member) = shape.value.as_ref() else {
                    return value.clone();
                };
                let Some(inner) = self.service.shape_of(member) else {
                    return value.clone();
                };
                all.iter()
                    .map(|(key, one)| (key.clone(), self.value(inner, &member.shape, one)))
                    .collect()
            }
            (Kind::Timestamp, _) => time(value),
            _ => value.clone(),
        }
    }
}

/// Whether a row's `Member` or `Shape.Member` is this one.
pub(super) fn is(of: &str, owner: Option<&str>, name: &str) -> bool {
    match of.split_once('.') {
        Some((shape, member)) => member == name && owner == Some(shape),
        None => of == name && owner.is_none(),
    }
}

/// A time as records write it: `Jul 10, 2023 11:54:39 AM`.
fn time(value: &Value) -> Value {
    let read = match value {
        Value::String(text) => text.parse::<jiff::Timestamp>().ok(),
        Value::Number(number) => number
            .as_f64()
            .and_then(|seconds| jiff::SignedDuration::try_from_secs_f64(seconds).ok())
            .and_then(|since| jiff::Timestamp::UNIX_EPOCH.checked_add(since).ok()),
        _ => None,
    };
    read.map_or_else(
        || value.clone(),
        |time| Value::from(time.strftime("%b %-d, %Y %-I:%M:%S %p").to_string()),
    )
}

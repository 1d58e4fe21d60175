//! Most services: the API's member names with the first letter in lower case.

use serde_json::{Map, Value, json};

use super::exceptions::{Rule, rules};
use super::{HIDDEN, lower};
use crate::model::{Kind, Member, Service, Shape};

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
    omits_sensitive: bool,
}

pub(super) fn request(service: &Service, operation: &str, input: &Value) -> Value {
    let Some(shape) = service.input(operation) else {
        return Value::Null;
    };
    let encoder = Encoder::new(service, operation, Side::Asked);
    let Value::Object(mut out) = encoder.structure(shape, None, input) else {
        return Value::Null;
    };
    for rule in rules(service, operation) {
        match rule {
            Rule::BodyUnder => body_under(operation, shape, &mut out),
            Rule::FunctionArn(name) => function_arn(name, &mut out),
            _ => {}
        }
    }
    super::always(service, operation, &mut out);
    Value::Object(out)
}

/// Moves the members that an HTTP body carries under `<operation>Input`.
fn body_under(operation: &str, shape: &Shape, out: &mut Map<String, Value>) {
    let in_body = |name: &str| {
        let member = shape.members.iter().find(|(own, _)| lower(own) == name);
        member.is_some_and(|(_, member)| member.location.is_none())
    };
    let (body, rest): (Map<_, _>, Map<_, _>) = std::mem::take(out)
        .into_iter()
        .partition(|(name, _)| in_body(name));
    *out = rest;
    let has_body = shape
        .members
        .values()
        .any(|member| member.location.is_none());
    if has_body || !body.is_empty() {
        out.insert(format!("{}Input", lower(operation)), Value::Object(body));
    }
}

/// `arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]`, part by part.
fn function_arn(member: &str, out: &mut Map<String, Value>) {
    let Some(arn) = out.get(&lower(member)).and_then(Value::as_str) else {
        return;
    };
    let mut parts = arn.split(':').map(str::to_owned);
    let (Some(start), Some(partition), Some(_), Some(region), Some(account), Some(_), Some(name)) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return;
    };
    if start != "arn" {
        return;
    }
    let qualifier = parts.next().map_or_else(|| json!({}), Value::from);
    let whole = json!({
        "arnPrefix": { "partition": partition, "region": region, "account": account },
        "relativeId": { "functionName": name },
        "functionQualifier": qualifier,
    });
    out.insert("fullyQualifiedArn".to_owned(), whole);
}

pub(super) fn response(service: &Service, operation: &str, output: &Value) -> Value {
    let Some(shape) = service.output(operation) else {
        return Value::Null;
    };
    if rules(service, operation).any(|rule| *rule == Rule::NoAnswer) {
        return Value::Null;
    }
    let unwrapped = rules(service, operation).any(|rule| *rule == Rule::Unwrapped);
    let mut output = output;
    let mut top = (shape, None);
    if unwrapped
        && let Some((name, member)) = only_structure(service, shape)
        && let (Some(inner), Some(below)) = (service.shape_of(member), output.get(name))
    {
        (top, output) = ((inner, Some(member.shape.as_str())), below);
    }
    let mut out = Encoder::new(service, operation, Side::Answered).structure(top.0, top.1, output);
    for rule in rules(service, operation) {
        if let Rule::Answers(path, json) = rule {
            super::fill(&mut out, path, json);
        }
    }
    out
}

/// The member of an output that has no other and is a structure.
fn only_structure<'s>(service: &Service, shape: &'s Shape) -> Option<(&'s String, &'s Member)> {
    let mut all = shape.members.iter();
    let first = all.next()?;
    let alone = all.next().is_none() && service.shape_of(first.1)?.kind == Kind::Structure;
    alone.then_some(first)
}

impl<'a> Encoder<'a> {
    fn new(service: &'a Service, operation: &'a str, side: Side) -> Self {
        let keeps_capitals = rules(service, operation).any(|rule| *rule == Rule::KeepsCapitals);
        Self {
            service,
            operation,
            side,
            keeps_capitals,
            omits_sensitive: rules(service, operation).any(|rule| *rule == Rule::OmitsSensitive),
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
            // Nothing is no secret.
            let mut masked = (sensitive && value != "").then_some(HIDDEN);
            let mut omitted = sensitive && self.omits_sensitive;
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
            _ if shape.sensitive && value != "" => Value::from(HIDDEN),
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

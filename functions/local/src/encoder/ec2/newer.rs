//! EC2 actions since 2015: the request's XML under `<Operation>Request`, the answer's under `<Operation>Response`.

use serde_json::{Map, Value, json};

use crate::codec::form::capital;
use crate::codec::scalar;
use crate::encoder::{HIDDEN, loose_xml};
use crate::model::{Kind, Member, Service, Shape};

pub(in crate::encoder) fn request(service: &Service, operation: &str, input: &Value) -> Value {
    let wrapper = format!("{operation}Request");
    let mut out = Map::new();
    if let (Some(shape), Some(given)) = (service.input(operation), input.as_object()) {
        newer_members(service, shape, given, &mut out);
    }
    out.remove("DryRun");
    let content = if out.is_empty() {
        Value::from("")
    } else {
        Value::Object(out)
    };
    json!({ wrapper: content })
}

fn newer_members(
    service: &Service,
    shape: &Shape,
    given: &Map<String, Value>,
    out: &mut Map<String, Value>,
) {
    for (name, value) in given {
        let Some(member) = shape.members.get(name) else {
            continue;
        };
        let Some(inner) = service.shape_of(member) else {
            continue;
        };
        let key = newer_key(name, member);
        if inner.sensitive || member.sensitive {
            out.insert(key, Value::from(HIDDEN));
            continue;
        }
        match (inner.kind, value) {
            (_, Value::Null) => {}
            (Kind::List, Value::Array(all)) => {
                for (at, one) in all.iter().enumerate() {
                    let element = inner
                        .member
                        .as_ref()
                        .and_then(|member| service.shape_of(member));
                    let mut content = match (element, one) {
                        (Some(element), Value::Object(given)) => {
                            let mut below = Map::new();
                            newer_members(service, element, given, &mut below);
                            below
                        }
                        _ => Map::from_iter([(
                            "content".to_owned(),
                            loose_xml::coerce(&scalar::to_text(one)),
                        )]),
                    };
                    content.insert("tag".to_owned(), Value::from(at + 1));
                    loose_xml::add(out, &key, Value::Object(content));
                }
            }
            (Kind::Structure, Value::Object(given)) => {
                let mut below = Map::new();
                newer_members(service, inner, given, &mut below);
                out.insert(key, Value::Object(below));
            }
            _ => {
                out.insert(key, loose_xml::coerce(&scalar::to_text(value)));
            }
        }
    }
}

fn newer_key(name: &str, member: &Member) -> String {
    member
        .query_name
        .clone()
        .unwrap_or_else(|| capital(member.location_name.as_deref().unwrap_or(name)))
}

pub(in crate::encoder) fn response(
    service: &Service,
    operation: &str,
    output: &Value,
    request_id: &str,
) -> Value {
    let mut out = Map::new();
    if let Some(shape) = service.output(operation) {
        newer_output(service, shape, output, &mut out);
    } else {
        out.insert("return".to_owned(), Value::Bool(true));
    }
    out.insert(
        "xmlns".to_owned(),
        Value::from("http://ec2.amazonaws.com/doc/2016-11-15/"),
    );
    out.insert("requestId".to_owned(), Value::from(request_id));
    json!({ format!("{operation}Response"): out })
}

fn newer_output(service: &Service, shape: &Shape, value: &Value, out: &mut Map<String, Value>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let Some(member) = shape.members.get(name) else {
            continue;
        };
        let key = member.location_name.as_deref().unwrap_or(name);
        let inner = service.shape_of(member);
        let value = match inner {
            _ if member.sensitive || inner.is_some_and(|inner| inner.sensitive) => {
                Value::from(HIDDEN)
            }
            Some(inner) => newer_value(service, inner, value),
            None => value.clone(),
        };
        out.insert(key.to_owned(), value);
    }
}

fn newer_value(service: &Service, shape: &Shape, value: &Value) -> Value {
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(_)) => {
            let mut out = Map::new();
            newer_output(service, shape, value, &mut out);
            if out.is_empty() {
                Value::from("")
            } else {
                Value::Object(out)
            }
        }
        (Kind::List, Value::Array(all)) => {
            let Some(inner) = shape
                .member
                .as_ref()
                .and_then(|member| service.shape_of(member))
            else {
                return value.clone();
            };
            let mut out = Map::new();
            for one in all {
                loose_xml::add(&mut out, "item", newer_value(service, inner, one));
            }
            if out.is_empty() {
                Value::from("")
            } else {
                Value::Object(out)
            }
        }
        (_, Value::String(text)) => loose_xml::coerce(text),
        _ => value.clone(),
    }
}

//! The `rest-json` and `rest-xml` protocols: which operation a method and path mean, and where its input is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use serde_json::{Map, Value};

use super::{json, scalar, uri, xml, xml_shape};
use crate::model::{Kind, Operation, Protocol, Service, Shape};

/// What a REST request is made of.
pub(crate) struct Parts<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(String, String)],
    pub(crate) headers: &'a HeaderMap,
}

/// The values of a template's variables, by name.
pub(crate) type PathValues = Vec<(String, String)>;

/// The operation a request means, with its path's values. Of several that match, the one whose template says most.
pub(crate) fn matching<'s>(
    service: &'s Service,
    parts: &Parts<'_>,
) -> Option<(&'s Operation, PathValues)> {
    let mut best: Option<(usize, &Operation, PathValues)> = None;
    for operation in service.operations.values() {
        if operation.http.method != parts.method {
            continue;
        }
        let (template, literals) = operation
            .http
            .request_uri
            .split_once('?')
            .unwrap_or((&operation.http.request_uri, ""));
        let Some((fixed, values)) = match_path(template, parts.path) else {
            continue;
        };
        let literals: Vec<(String, String)> = form_urlencoded::parse(literals.as_bytes())
            .into_owned()
            .collect();
        let here = |name: &str| parts.query.iter().find(|(key, _)| key == name);
        if !literals.iter().all(|(key, value)| {
            here(key).is_some_and(|(_, given)| value.is_empty() || value == given)
        }) {
            continue;
        }
        let Some(required) = required_present(service, operation, parts) else {
            continue;
        };
        let score = fixed * 1_000 + literals.len() * 100 + required;
        let better = best
            .as_ref()
            .is_none_or(|(known, other, _)| (score, &other.name) > (*known, &operation.name));
        if better {
            best = Some((score, operation, values));
        }
    }
    best.map(|(_, operation, values)| (operation, values))
}

/// How many members an operation demands in the query or headers; none if one of them is missing.
fn required_present(service: &Service, operation: &Operation, parts: &Parts<'_>) -> Option<usize> {
    let shape = operation
        .input
        .as_ref()
        .and_then(|input| service.shape_of(input));
    let Some(shape) = shape else { return Some(0) };
    let mut present = 0;
    for name in &shape.required {
        let Some(member) = shape.members.get(name) else {
            continue;
        };
        let wire = member.location_name.as_deref().unwrap_or(name);
        let there = match member.location.as_deref() {
            Some("querystring") => parts.query.iter().any(|(key, _)| key == wire),
            Some("header") => parts.headers.contains_key(wire),
            _ => continue,
        };
        if !there {
            return None;
        }
        present += 1;
    }
    Some(present)
}

/// A path against a template: the number of fixed segments, and the values of the others.
fn match_path(template: &str, path: &str) -> Option<(usize, Vec<(String, String)>)> {
    let mut given = path
        .trim_start_matches('/')
        .trim_end_matches('/')
        .split('/')
        .peekable();
    let mut values = Vec::new();
    let mut fixed = 0;
    for part in template
        .trim_start_matches('/')
        .trim_end_matches('/')
        .split('/')
    {
        let name = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        match name {
            Some(name) => {
                if let Some(name) = name.strip_suffix('+') {
                    let rest: Vec<&str> = given.by_ref().collect();
                    if rest.is_empty() {
                        return None;
                    }
                    let tail = if path.ends_with('/') { "/" } else { "" };
                    values.push((name.to_owned(), uri::decode(&rest.join("/")) + tail));
                } else {
                    let value = given.next().filter(|value| !value.is_empty())?;
                    values.push((name.to_owned(), uri::decode(value)));
                }
            }
            None if given.next()? == part => fixed += usize::from(!part.is_empty()),
            None => return None,
        }
    }
    given.peek().is_none().then_some((fixed, values))
}

/// The input of a matched request.
pub(crate) fn input(
    service: &Service,
    operation: &Operation,
    parts: &Parts<'_>,
    path_values: &[(String, String)],
    body: &[u8],
) -> Value {
    let Some(shape) = operation
        .input
        .as_ref()
        .and_then(|input| service.shape_of(input))
    else {
        return Value::Object(Map::new());
    };
    let mut out = body_members(service, shape, body);
    for (name, member) in &shape.members {
        let Some(inner) = service.shape_of(member) else {
            continue;
        };
        let wire = member.location_name.as_deref().unwrap_or(name);
        let found = match member.location.as_deref() {
            Some("uri") => path_values
                .iter()
                .find(|(key, _)| key == wire)
                .map(|(_, text)| scalar::from_text(inner, text)),
            Some("querystring") => from_query(service, inner, wire, parts.query),
            Some(place @ ("header" | "headers")) => from_headers(inner, place, wire, parts.headers),
            _ => None,
        };
        if let Some(value) = found {
            out.insert(name.clone(), value);
        }
    }
    Value::Object(out)
}

/// What an answer's headers, status and body say.
pub(crate) fn output(
    service: &Service,
    shape: &Shape,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Value {
    let mut out = body_members(service, shape, body);
    for (name, member) in &shape.members {
        let Some(inner) = service.shape_of(member) else {
            continue;
        };
        let wire = member.location_name.as_deref().unwrap_or(name);
        let found = match member.location.as_deref() {
            Some(place @ ("header" | "headers")) => from_headers(inner, place, wire, headers),
            Some("statusCode") => Some(Value::from(status)),
            _ => None,
        };
        if let Some(value) = found {
            out.insert(name.clone(), value);
        }
    }
    Value::Object(out)
}

fn from_query(
    service: &Service,
    shape: &Shape,
    wire: &str,
    query: &[(String, String)],
) -> Option<Value> {
    let mut given = query
        .iter()
        .filter(|(key, _)| key == wire)
        .map(|(_, value)| value);
    if shape.kind == Kind::List {
        let inner = service.shape_of(shape.member.as_ref()?)?;
        let all: Vec<Value> = given.map(|text| scalar::from_text(inner, text)).collect();
        return (!all.is_empty()).then_some(Value::Array(all));
    }
    given.next().map(|text| scalar::from_text(shape, text))
}

fn from_headers(shape: &Shape, place: &str, wire: &str, headers: &HeaderMap) -> Option<Value> {
    if place == "headers" {
        let wire = wire.to_ascii_lowercase();
        let all: Map<String, Value> = headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().strip_prefix(&wire)?, value.to_str().ok()?))
            })
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        return (!all.is_empty()).then_some(Value::Object(all));
    }
    headers
        .get(wire)?
        .to_str()
        .ok()
        .map(|text| scalar::from_text(shape, text))
}

/// The members a body holds. A payload of bytes that is not text is given as base64.
fn body_members(service: &Service, shape: &Shape, body: &[u8]) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(payload) = &shape.payload {
        let inner = shape
            .members
            .get(payload)
            .and_then(|member| service.shape_of(member));
        let Some(inner) = inner.filter(|_| !body.is_empty()) else {
            return out;
        };
        let value = match inner.kind {
            Kind::Blob => Value::from(STANDARD.encode(body)),
            Kind::Structure | Kind::List | Kind::Map => document(service, inner, body),
            _ => Value::from(String::from_utf8_lossy(body).into_owned()),
        };
        out.insert(payload.clone(), value);
    } else if !body.is_empty()
        && let Value::Object(members) = document(service, shape, body)
    {
        out = members;
    }
    out
}

fn document(service: &Service, shape: &Shape, body: &[u8]) -> Value {
    if service.protocol == Protocol::RestXml {
        let tree = std::str::from_utf8(body).ok().and_then(xml::parse);
        return tree.map_or(Value::Null, |tree| {
            xml_shape::to_json(service, shape, &tree)
        });
    }
    let value = serde_json::from_slice(body).unwrap_or(Value::Null);
    json::rename(service, shape, &value, json::Names::ToApi)
}

/// A request ready to be sent: target, headers and body.
pub(crate) struct Built {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An operation's input as a request.
pub(crate) fn build(service: &Service, operation: &Operation, input: &Value) -> Built {
    let shape = operation
        .input
        .as_ref()
        .and_then(|input| service.shape_of(input));
    let (template, literals) = operation
        .http
        .request_uri
        .split_once('?')
        .unwrap_or((&operation.http.request_uri, ""));
    let mut path = template.to_owned();
    let mut query: Vec<String> = literals
        .split('&')
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect();
    let mut built = Built {
        target: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let empty = Map::new();
    let given = input.as_object().unwrap_or(&empty);
    if let Some(shape) = shape {
        for (name, value) in given {
            let Some(member) = shape.members.get(name) else {
                continue;
            };
            let wire = member.location_name.as_deref().unwrap_or(name);
            match (member.location.as_deref(), value) {
                (Some("uri"), _) => {
                    let text = scalar::to_text(value);
                    path = path.replace(&format!("{{{wire}}}"), &uri::encode(&text, false));
                    path = path.replace(&format!("{{{wire}+}}"), &uri::encode(&text, true));
                }
                (Some("querystring"), Value::Array(all)) => query
                    .extend(all.iter().map(|one| {
                        format!("{wire}={}", uri::encode(&scalar::to_text(one), false))
                    })),
                (Some("querystring"), _) => {
                    query.push(format!(
                        "{wire}={}",
                        uri::encode(&scalar::to_text(value), false)
                    ));
                }
                (Some("header"), _) => built
                    .headers
                    .push((wire.to_owned(), scalar::to_text(value))),
                (Some("headers"), Value::Object(all)) => {
                    built.headers.extend(
                        all.iter()
                            .map(|(key, one)| (format!("{wire}{key}"), scalar::to_text(one))),
                    );
                }
                _ => {}
            }
        }
        built.body = body(service, operation, shape, input);
    }
    built.target = if query.is_empty() {
        path
    } else {
        format!("{path}?{}", query.join("&"))
    };
    built
}

fn body(service: &Service, operation: &Operation, shape: &Shape, input: &Value) -> Vec<u8> {
    let as_document =
        |shape: &Shape, value: &Value, member: Option<&crate::model::Member>, name: &str| {
            if service.protocol == Protocol::RestXml {
                let mut text = String::new();
                xml_shape::from_json(service, shape, member, name, value).write(&mut text);
                return text.into_bytes();
            }
            json::rename(service, shape, value, json::Names::ToWire)
                .to_string()
                .into_bytes()
        };
    if let Some(payload) = &shape.payload {
        let (Some(member), Some(value)) = (shape.members.get(payload), input.get(payload)) else {
            return Vec::new();
        };
        let Some(inner) = service.shape_of(member) else {
            return Vec::new();
        };
        return match inner.kind {
            Kind::Structure | Kind::List | Kind::Map => as_document(
                inner,
                value,
                Some(member),
                member.location_name.as_deref().unwrap_or(payload),
            ),
            Kind::Blob => STANDARD.decode(scalar::to_text(value)).unwrap_or_default(),
            _ => scalar::to_text(value).into_bytes(),
        };
    }
    if !shape
        .members
        .values()
        .any(|member| member.location.is_none())
    {
        return Vec::new();
    }
    let member = operation.input.as_ref();
    let name = member
        .and_then(|member| member.location_name.as_deref())
        .unwrap_or("Request");
    as_document(shape, input, member, name)
}

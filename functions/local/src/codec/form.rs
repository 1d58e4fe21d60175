//! Form bodies: the `ec2` and `query` protocols.
//!
//! Both flatten a structure into dotted keys. In `ec2` every list is flat (`Filter.1.Value.1`) and names start
//! with a capital; in `query` lists have a `member` level unless the model says otherwise.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::scalar;
use crate::model::{Kind, Member, Protocol, Service, Shape};

/// No AWS input nests deeper; keys that do are cut.
const MAX_DEPTH: usize = 40;

#[derive(Default)]
struct Node {
    value: Option<String>,
    below: BTreeMap<String, Node>,
}

impl Node {
    /// The numbered children in numeric order.
    fn elements(&self) -> Vec<&Node> {
        let mut all: Vec<(u64, &Node)> = self
            .below
            .iter()
            .filter_map(|(key, node)| Some((key.parse().ok()?, node)))
            .collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, node)| node).collect()
    }
}

/// A form as the input of a shape.
pub(crate) fn to_json(service: &Service, shape: &Shape, pairs: &[(String, String)]) -> Value {
    let mut root = Node::default();
    for (key, value) in pairs {
        let mut node = &mut root;
        for part in key.split('.').take(MAX_DEPTH) {
            node = node.below.entry(part.to_owned()).or_default();
        }
        node.value = Some(value.clone());
    }
    structure(service, shape, &root)
}

fn structure(service: &Service, shape: &Shape, node: &Node) -> Value {
    let mut out = Map::new();
    for (name, member) in &shape.members {
        let Some(inner) = service.shape_of(member) else {
            continue;
        };
        let below = keys(service, name, member, inner)
            .into_iter()
            .find_map(|key| node.below.get(&key));
        if let Some(value) = below.and_then(|below| value(service, inner, member, below)) {
            out.insert(name.clone(), value);
        }
    }
    Value::Object(out)
}

fn value(service: &Service, shape: &Shape, member: &Member, node: &Node) -> Option<Value> {
    match shape.kind {
        Kind::Structure => Some(structure(service, shape, node)),
        Kind::List => {
            let element = shape.member.as_ref()?;
            let inner = service.shape_of(element)?;
            // An empty list is written as the bare key.
            let wrapper = element.location_name.as_deref().unwrap_or("member");
            let nested = node.below.get(wrapper).or_else(|| node.below.get("member"));
            let list = if is_flat(service, shape, member) {
                node
            } else {
                nested.unwrap_or(node)
            };
            Some(
                list.elements()
                    .into_iter()
                    .filter_map(|one| value(service, inner, element, one))
                    .collect(),
            )
        }
        Kind::Map => {
            let (key, item) = (shape.key.as_ref()?, shape.value.as_ref()?);
            let inner = service.shape_of(item)?;
            let list = node.below.get("entry").unwrap_or(node);
            let name = |one: &Member, default: &str| {
                one.location_name
                    .clone()
                    .unwrap_or_else(|| default.to_owned())
            };
            let entries = list.elements().into_iter().filter_map(|one| {
                let text = one.below.get(&name(key, "key"))?.value.clone()?;
                Some((
                    text,
                    value(service, inner, item, one.below.get(&name(item, "value"))?)?,
                ))
            });
            Some(Value::Object(entries.collect()))
        }
        _ => node
            .value
            .as_deref()
            .map(|text| scalar::from_text(shape, text)),
    }
}

/// A shape's input as form pairs.
pub(crate) fn from_json(service: &Service, shape: &Shape, input: &Value) -> Vec<(String, String)> {
    let mut out = Vec::new();
    write_structure(service, shape, input, "", &mut out);
    out
}

fn write_structure(
    service: &Service,
    shape: &Shape,
    input: &Value,
    prefix: &str,
    out: &mut Vec<(String, String)>,
) {
    let Some(members) = input.as_object() else {
        return;
    };
    for (name, value) in members {
        let Some(member) = shape.members.get(name) else {
            continue;
        };
        let Some(inner) = service.shape_of(member) else {
            continue;
        };
        let Some(key) = keys(service, name, member, inner).into_iter().next() else {
            continue;
        };
        let key = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        write(service, inner, member, value, &key, out);
    }
}

fn write(
    service: &Service,
    shape: &Shape,
    member: &Member,
    value: &Value,
    key: &str,
    out: &mut Vec<(String, String)>,
) {
    match (shape.kind, value) {
        (_, Value::Null) => {}
        (Kind::Structure, _) => write_structure(service, shape, value, key, out),
        (Kind::List, Value::Array(elements)) => {
            let Some(element) = shape.member.as_ref() else {
                return;
            };
            let Some(inner) = service.shape_of(element) else {
                return;
            };
            let wrapper = element.location_name.as_deref().unwrap_or("member");
            let key = if is_flat(service, shape, member) {
                key.to_owned()
            } else {
                format!("{key}.{wrapper}")
            };
            if elements.is_empty() && service.protocol == Protocol::Query {
                out.push((key.clone(), String::new()));
            }
            for (at, one) in elements.iter().enumerate() {
                write(
                    service,
                    inner,
                    element,
                    one,
                    &format!("{key}.{}", at + 1),
                    out,
                );
            }
        }
        (Kind::Map, Value::Object(entries)) => {
            let (Some(map_key), Some(item)) = (shape.key.as_ref(), shape.value.as_ref()) else {
                return;
            };
            let Some(inner) = service.shape_of(item) else {
                return;
            };
            let key = if shape.flattened {
                key.to_owned()
            } else {
                format!("{key}.entry")
            };
            for (at, (name, one)) in entries.iter().enumerate() {
                let at = format!("{key}.{}", at + 1);
                let key_name = map_key.location_name.as_deref().unwrap_or("key");
                let value_name = item.location_name.as_deref().unwrap_or("value");
                out.push((format!("{at}.{key_name}"), name.clone()));
                write(
                    service,
                    inner,
                    item,
                    one,
                    &format!("{at}.{value_name}"),
                    out,
                );
            }
        }
        _ => out.push((key.to_owned(), scalar::to_text(value))),
    }
}

fn is_flat(service: &Service, shape: &Shape, member: &Member) -> bool {
    service.protocol == Protocol::Ec2 || shape.flattened || member.flattened
}

/// The keys a member may have; the first is the one that SDKs write.
fn keys(service: &Service, name: &str, member: &Member, shape: &Shape) -> Vec<String> {
    if service.protocol == Protocol::Ec2 {
        let own = member.query_name.clone();
        let wire = own.unwrap_or_else(|| capital(member.location_name.as_deref().unwrap_or(name)));
        return vec![wire];
    }
    let own = member
        .location_name
        .clone()
        .unwrap_or_else(|| name.to_owned());
    let element = shape
        .member
        .as_ref()
        .and_then(|element| element.location_name.clone());
    match element {
        // A flat list takes its element's name in place of its own.
        Some(element) if shape.kind == Kind::List && is_flat(service, shape, member) => {
            vec![element, own]
        }
        _ => vec![own],
    }
}

/// With the first letter in upper case.
pub(crate) fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

//! XML bodies and answers by shape: `rest-xml` both ways, `ec2` and `query` answers.

use serde_json::{Map, Value};

use super::scalar;
use super::xml::Element;
use crate::model::{Kind, Member, Service, Shape};

/// An element as a value of a shape.
pub(crate) fn to_json(service: &Service, shape: &Shape, element: &Element) -> Value {
    match shape.kind {
        Kind::Structure => {
            let mut out = Map::new();
            for (name, member) in &shape.members {
                if member.location.is_some() {
                    continue;
                }
                if let Some(value) = member_value(service, name, member, element) {
                    out.insert(name.clone(), value);
                }
            }
            Value::Object(out)
        }
        Kind::List => {
            let inner = shape
                .member
                .as_ref()
                .and_then(|member| service.shape_of(member));
            let Some(inner) = inner else {
                return Value::Null;
            };
            element
                .children
                .iter()
                .map(|child| to_json(service, inner, child))
                .collect()
        }
        Kind::Map => map(service, shape, element.children.iter()),
        _ => scalar::from_text(shape, &element.text),
    }
}

fn member_value(
    service: &Service,
    name: &str,
    member: &Member,
    element: &Element,
) -> Option<Value> {
    let shape = service.shape_of(member)?;
    let wire = member.location_name.as_deref().unwrap_or(name);
    if member.xml_attribute {
        return element
            .attribute(wire)
            .map(|text| scalar::from_text(shape, text));
    }
    let flat = shape.flattened || member.flattened;
    match shape.kind {
        Kind::List if flat => {
            let inner = shape.member.as_ref()?;
            let wire = inner
                .location_name
                .as_deref()
                .filter(|_| member.location_name.is_none())
                .unwrap_or(wire);
            let inner = service.shape_of(inner)?;
            let all: Vec<Value> = element
                .children
                .iter()
                .filter(|child| child.name == wire)
                .map(|child| to_json(service, inner, child))
                .collect();
            (!all.is_empty()).then_some(Value::Array(all))
        }
        Kind::Map if flat => {
            let mut all = element
                .children
                .iter()
                .filter(|child| child.name == wire)
                .peekable();
            all.peek()?;
            Some(map(service, shape, all))
        }
        _ => element
            .child(wire)
            .map(|child| to_json(service, shape, child)),
    }
}

fn map<'a>(service: &Service, shape: &Shape, entries: impl Iterator<Item = &'a Element>) -> Value {
    let name = |member: &Option<Member>, default: &str| {
        member
            .as_ref()
            .and_then(|member| member.location_name.clone())
            .unwrap_or_else(|| default.to_owned())
    };
    let (key, value) = (name(&shape.key, "key"), name(&shape.value, "value"));
    let inner = shape
        .value
        .as_ref()
        .and_then(|member| service.shape_of(member));
    let entries = entries.filter_map(|entry| {
        let text = entry.child(&key)?.text.clone();
        Some((text, to_json(service, inner?, entry.child(&value)?)))
    });
    Value::Object(entries.collect())
}

/// A value as the element `name`.
pub(crate) fn from_json(
    service: &Service,
    shape: &Shape,
    member: Option<&Member>,
    name: &str,
    value: &Value,
) -> Element {
    let mut out = Element {
        name: name.to_owned(),
        ..Element::default()
    };
    if let Some(namespace) = member.and_then(|member| member.xml_namespace.as_ref()) {
        let uri = namespace
            .get("uri")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let prefix = namespace.get("prefix").and_then(Value::as_str);
        out.attributes.push((
            prefix.map_or_else(|| "xmlns".to_owned(), |prefix| format!("xmlns:{prefix}")),
            uri,
        ));
    }
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            for (name, value) in members {
                let Some(member) = shape
                    .members
                    .get(name)
                    .filter(|member| member.location.is_none())
                else {
                    continue;
                };
                let Some(inner) = service.shape_of(member) else {
                    continue;
                };
                let wire = member.location_name.as_deref().unwrap_or(name);
                if member.xml_attribute {
                    out.attributes
                        .push((wire.to_owned(), scalar::to_text(value)));
                    continue;
                }
                let flat = inner.flattened || member.flattened;
                match (inner.kind, value) {
                    (_, Value::Null) => {}
                    (Kind::List, Value::Array(all)) if flat => {
                        out.children.extend(elements(service, inner, wire, all));
                    }
                    _ => out
                        .children
                        .push(from_json(service, inner, Some(member), wire, value)),
                }
            }
        }
        (Kind::List, Value::Array(all)) => {
            let wire = shape
                .member
                .as_ref()
                .and_then(|member| member.location_name.as_deref())
                .unwrap_or("member");
            out.children.extend(elements(service, shape, wire, all));
        }
        _ => out.text = scalar::to_text(value),
    }
    out
}

fn elements(service: &Service, list: &Shape, wire: &str, all: &[Value]) -> Vec<Element> {
    let inner = list
        .member
        .as_ref()
        .and_then(|member| service.shape_of(member));
    let Some(inner) = inner else {
        return Vec::new();
    };
    all.iter()
        .map(|one| from_json(service, inner, list.member.as_ref(), wire, one))
        .collect()
}

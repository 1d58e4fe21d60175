//! JSON bodies by shape. The `json` protocol writes API names; `rest-json` may rename members.

use serde_json::{Map, Value};

use crate::model::{Kind, Service, Shape};

/// Which way names are translated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// From the wire's to the API's.
    ToApi,
    /// From the API's to the wire's.
    ToWire,
}

/// A value with its member names translated. Members the model does not know are kept as they are, members that
/// are not in the body are left out.
pub(crate) fn rename(service: &Service, shape: &Shape, value: &Value, names: Names) -> Value {
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(given)) => {
            let mut out = Map::new();
            for (key, value) in given {
                let found = match names {
                    Names::ToWire => shape.members.get_key_value(key),
                    Names::ToApi => shape
                        .members
                        .iter()
                        .find(|(name, member)| {
                            member.location_name.as_deref().unwrap_or(name) == key
                        })
                        .or_else(|| shape.members.get_key_value(key)),
                };
                match found {
                    Some((_, member)) if member.location.is_some() => {}
                    Some((name, member)) => {
                        let wire = member.location_name.as_ref().unwrap_or(name);
                        let key = if names == Names::ToWire { wire } else { name };
                        let inner = service.shape_of(member);
                        let value = inner.map_or_else(
                            || value.clone(),
                            |inner| rename(service, inner, value, names),
                        );
                        out.insert(key.clone(), value);
                    }
                    None => {
                        out.insert(key.clone(), value.clone());
                    }
                }
            }
            Value::Object(out)
        }
        (Kind::List, Value::Array(all)) => {
            let inner = shape
                .member
                .as_ref()
                .and_then(|member| service.shape_of(member));
            let Some(inner) = inner else {
                return value.clone();
            };
            all.iter()
                .map(|one| rename(service, inner, one, names))
                .collect()
        }
        (Kind::Map, Value::Object(all)) => {
            let inner = shape
                .value
                .as_ref()
                .and_then(|member| service.shape_of(member));
            let Some(inner) = inner else {
                return value.clone();
            };
            all.iter()
                .map(|(key, one)| (key.clone(), rename(service, inner, one, names)))
                .collect()
        }
        _ => value.clone(),
    }
}

//! Requests of EC2 actions from before 2015: lower camel case, and lists as `{"items": […]}`.

use serde_json::{Map, Value, json};

use crate::encoder::exceptions::{Rule, rules};
use crate::encoder::plain::is;
use crate::encoder::{always, lower, put};
use crate::model::{Kind, Service, Shape};

/// What EC2 masks its own sensitive members with.
pub(super) const REMOVED: &str = "<sensitiveDataRemoved>";

/// Lists that stand in every permission, given or not.
const PERMISSION_LISTS: [&str; 4] = ["groups", "ipRanges", "ipv6Ranges", "prefixListIds"];

pub(in crate::encoder) fn request(service: &Service, operation: &str, input: &Value) -> Value {
    let mut out = Map::new();
    if let (Some(shape), Some(given)) = (service.input(operation), input.as_object()) {
        older_members(service, operation, shape, None, given, &mut out);
    }
    attribute_permissions(input, &mut out);
    always(service, operation, &mut out);
    Value::Object(out)
}

fn older_members(
    service: &Service,
    operation: &str,
    shape: &Shape,
    owner: Option<&str>,
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
        if value.is_null() || (owner.is_none() && name == "DryRun") {
            continue;
        }
        let wire = lower(member.location_name.as_deref().unwrap_or(name));
        let mut key = wire.clone();
        let mut list = if wire.ends_with("Set") {
            wire.clone()
        } else {
            format!("{wire}Set")
        };
        let mut element = wire;
        let mut array = false;
        let mut omitted = false;
        let mut merged = false;
        let mut masked = None;
        for rule in rules(service, operation) {
            match rule {
                Rule::Asked(of, to) if is(of, owner, name) => (*to).clone_into(&mut key),
                Rule::Items(of, to, one) if is(of, owner, name) => {
                    (*to).clone_into(&mut list);
                    (*one).clone_into(&mut element);
                }
                Rule::Array(of, to) if is(of, owner, name) => {
                    (*to).clone_into(&mut list);
                    array = true;
                }
                Rule::Omitted(of) if is(of, owner, name) => omitted = true,
                Rule::Merged(of) if is(of, owner, name) => merged = true,
                Rule::Masked(of, text) if is(of, owner, name) => masked = Some(*text),
                _ => {}
            }
        }
        if omitted {
            continue;
        }
        if inner.sensitive || member.sensitive {
            masked = Some(REMOVED);
        }
        match (masked, inner.kind, value) {
            (Some(text), ..) => put(out, &key, Value::from(text)),
            (None, Kind::List, Value::Array(all)) => {
                let all: Vec<Value> = all
                    .iter()
                    .map(|one| older_element(service, operation, inner, &element, one))
                    .collect();
                let value = match (array, all.is_empty()) {
                    (true, _) => Value::Array(all),
                    (false, true) => json!({}),
                    (false, false) => json!({ "items": all }),
                };
                put(out, &list, value);
            }
            (None, Kind::Structure, Value::Object(below)) if merged => {
                older_members(service, operation, inner, Some(&member.shape), below, out);
            }
            (None, Kind::Structure, Value::Object(below)) => {
                put(
                    out,
                    &key,
                    older_structure(service, operation, inner, &member.shape, below),
                );
            }
            _ => put(out, &key, value.clone()),
        }
    }
}

fn older_structure(
    service: &Service,
    operation: &str,
    shape: &Shape,
    name: &str,
    given: &Map<String, Value>,
) -> Value {
    let mut out = Map::new();
    older_members(service, operation, shape, Some(name), given, &mut out);
    if name == "IpPermission" {
        for list in PERMISSION_LISTS {
            out.entry(list).or_insert_with(|| json!({}));
        }
    }
    Value::Object(out)
}

fn older_element(
    service: &Service,
    operation: &str,
    list: &Shape,
    element: &str,
    value: &Value,
) -> Value {
    let member = list.member.as_ref();
    let inner = member.and_then(|member| service.shape_of(member));
    match (inner, member, value) {
        (Some(inner), Some(member), Value::Object(given)) => {
            older_structure(service, operation, inner, &member.shape, given)
        }
        _ if element.is_empty() => value.clone(),
        _ => json!({ element: value }),
    }
}

/// Permissions of images and snapshots may be asked for flat (`OperationType` with `UserIds` or `GroupNames`);
/// records hold the nested form in both cases, and the attribute by its name.
fn attribute_permissions(input: &Value, out: &mut Map<String, Value>) {
    let (attribute, key) = if input.get("SnapshotId").is_some() {
        ("CREATE_VOLUME_PERMISSION", "createVolumePermission")
    } else if input.get("ImageId").is_some() {
        ("launchPermission", "launchPermission")
    } else {
        return;
    };
    let Some(operation) = input.get("OperationType").and_then(Value::as_str) else {
        if out.contains_key(key) {
            out.insert("attributeType".to_owned(), Value::from(attribute));
        }
        return;
    };
    let list = |member: &str, name: &str| -> Vec<Value> {
        let given = input.get(member).and_then(Value::as_array);
        given
            .into_iter()
            .flatten()
            .map(|one| json!({ name: one }))
            .collect()
    };
    let mut items = list("UserIds", "userId");
    items.extend(list("GroupNames", "group"));
    items.extend(list("UserGroups", "group"));
    for flat in ["operationType", "userIdSet", "userGroupSet"] {
        out.remove(flat);
    }
    out.insert(key.to_owned(), json!({ operation: { "items": items } }));
    out.insert("attributeType".to_owned(), Value::from(attribute));
}

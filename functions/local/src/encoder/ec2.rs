//! EC2, whose older actions are recorded in a form of their own and whose newer ones as XML.

use serde_json::{Map, Value, json};

use super::exceptions::{Rule, rules};
use super::plain::is;
use super::{HIDDEN, Place, loose_xml, lower, put};
use crate::codec::form::capital;
use crate::codec::scalar;
use crate::model::{Kind, Member, Service, Shape};

/// What EC2 masks its own sensitive members with.
const REMOVED: &str = "<sensitiveDataRemoved>";

/// Lists that stand in every permission, given or not.
const PERMISSION_LISTS: [&str; 4] = ["groups", "ipRanges", "ipv6Ranges", "prefixListIds"];

pub(super) fn older_request(service: &Service, operation: &str, input: &Value) -> Value {
    let mut out = Map::new();
    if let (Some(shape), Some(given)) = (service.input(operation), input.as_object()) {
        older_members(service, operation, shape, None, given, &mut out);
    }
    attribute_permissions(input, &mut out);
    for rule in rules(service, operation) {
        if let Rule::Always(path, json) = rule {
            let there = path
                .split('.')
                .try_fold(&Value::Object(out.clone()), |at, key| at.get(key))
                .is_some();
            if !there {
                put(
                    &mut out,
                    path,
                    serde_json::from_str(json).unwrap_or(Value::Null),
                );
            }
        }
    }
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

pub(super) fn older_response(
    service: &Service,
    operation: &str,
    output: &Value,
    request_id: &str,
    place: Place<'_>,
) -> Value {
    let mut out = Map::new();
    out.insert("requestId".to_owned(), Value::from(request_id));
    match service.output(operation) {
        Some(shape) => older_output(service, shape, output, place, &mut out),
        // An action without an output answers `<return>true</return>`.
        None => {
            out.insert("_return".to_owned(), Value::Bool(true));
        }
    }
    if rules(service, operation).any(|rule| *rule == Rule::Returns) {
        out.entry("_return").or_insert(Value::Bool(true));
    }
    Value::Object(out)
}

fn older_output(
    service: &Service,
    shape: &Shape,
    value: &Value,
    place: Place<'_>,
    out: &mut Map<String, Value>,
) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let Some(member) = shape.members.get(name) else {
            continue;
        };
        let wire = lower(member.location_name.as_deref().unwrap_or(name));
        let key = if wire == "return" {
            "_return".to_owned()
        } else {
            wire
        };
        let inner = service.shape_of(member);
        let masked = member.sensitive || inner.is_some_and(|inner| inner.sensitive);
        let value = match inner {
            _ if masked => Value::from(REMOVED),
            Some(inner) => older_value(service, inner, &member.shape, value, place),
            None => value.clone(),
        };
        // Within a rule an empty tag set is left out.
        if key == "tagSet"
            && shape.members.contains_key("SecurityGroupRuleId")
            && value == json!({})
        {
            continue;
        }
        out.insert(key, value);
    }
}

fn older_value(
    service: &Service,
    shape: &Shape,
    name: &str,
    value: &Value,
    place: Place<'_>,
) -> Value {
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(_)) => {
            let mut out = Map::new();
            older_output(service, shape, value, place, &mut out);
            if name == "SecurityGroupRule" {
                complete_rule(&mut out, place);
            }
            Value::Object(out)
        }
        (Kind::List, Value::Array(all)) => {
            let member = shape.member.as_ref();
            let Some((inner, name)) =
                member.and_then(|member| Some((service.shape_of(member)?, &member.shape)))
            else {
                return value.clone();
            };
            let all: Vec<Value> = all
                .iter()
                .map(|one| older_value(service, inner, name, one, place))
                .collect();
            if all.is_empty() {
                json!({})
            } else {
                json!({ "items": all })
            }
        }
        (Kind::Timestamp, Value::String(text)) => text
            .parse::<jiff::Timestamp>()
            .map_or_else(|_| value.clone(), |time| Value::from(time.as_millisecond())),
        _ => value.clone(),
    }
}

/// Members of a rule that AWS always answers and moto leaves out.
fn complete_rule(rule: &mut Map<String, Value>, place: Place<'_>) {
    rule.entry("groupOwnerId")
        .or_insert_with(|| Value::from(place.account));
    if let Some(id) = rule.get("securityGroupRuleId").and_then(Value::as_str) {
        let arn = format!(
            "arn:aws:ec2:{}:{}:security-group-rule/{id}",
            place.region, place.account
        );
        rule.entry("securityGroupRuleArn")
            .or_insert_with(|| Value::from(arn));
    }
}

pub(super) fn newer_request(service: &Service, operation: &str, input: &Value) -> Value {
    let wrapper = rules(service, operation)
        .find_map(|rule| match rule {
            Rule::Wrapper(name) => Some((*name).to_owned()),
            _ => None,
        })
        .unwrap_or_else(|| format!("{operation}Request"));
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

pub(super) fn newer_response(
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

//! Answers of EC2 actions from before 2015, in the same form as their requests.

use serde_json::{Map, Value, json};

use super::older::REMOVED;
use crate::encoder::exceptions::{Rule, rules};
use crate::encoder::plain::is;
use crate::encoder::{Place, fill, lower};
use crate::model::{Kind, Service, Shape};

struct Encoder<'a> {
    service: &'a Service,
    operation: &'a str,
    place: Place<'a>,
}

pub(in crate::encoder) fn response(
    service: &Service,
    operation: &str,
    output: &Value,
    request_id: &str,
    place: Place<'_>,
) -> Value {
    let mut out = Map::new();
    out.insert("requestId".to_owned(), Value::from(request_id));
    match service.output(operation) {
        Some(shape) => {
            let encoder = Encoder {
                service,
                operation,
                place,
            };
            encoder.members(shape, None, output, &mut out);
        }
        // An action without an output answers `<return>true</return>`.
        None => {
            out.insert("_return".to_owned(), Value::Bool(true));
        }
    }
    if rules(service, operation).any(|rule| *rule == Rule::Returns) {
        out.entry("_return").or_insert(Value::Bool(true));
    }
    let mut out = Value::Object(out);
    for rule in rules(service, operation) {
        if let Rule::Answers(path, json) = rule {
            fill(&mut out, path, json);
        }
    }
    out
}

impl Encoder<'_> {
    /// `owner` is the structure's shape below the top.
    fn members(
        &self,
        shape: &Shape,
        owner: Option<&str>,
        value: &Value,
        out: &mut Map<String, Value>,
    ) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let Some(member) = shape.members.get(name) else {
                continue;
            };
            let wire = lower(member.location_name.as_deref().unwrap_or(name));
            let mut key = if wire == "return" {
                "_return".to_owned()
            } else {
                wire
            };
            let mut word = "items";
            for rule in rules(self.service, self.operation) {
                match rule {
                    Rule::Answered(of, to) if is(of, owner, name) => (*to).clone_into(&mut key),
                    Rule::ItemWord(of, other) if is(of, owner, name) => word = other,
                    _ => {}
                }
            }
            let inner = self.service.shape_of(member);
            let masked = member.sensitive || inner.is_some_and(|inner| inner.sensitive);
            let value = match inner {
                _ if masked => Value::from(REMOVED),
                Some(inner) => self.value(inner, &member.shape, word, value),
                None => value.clone(),
            };
            // Within a rule an empty tag set is left out.
            if key == "tagSet" && owner == Some("SecurityGroupRule") && value == json!({}) {
                continue;
            }
            out.insert(key, value);
        }
    }

    fn value(&self, shape: &Shape, name: &str, word: &str, value: &Value) -> Value {
        match (shape.kind, value) {
            (Kind::Structure, Value::Object(_)) => {
                let mut out = Map::new();
                self.members(shape, Some(name), value, &mut out);
                if name == "SecurityGroupRule" {
                    complete_rule(&mut out, self.place);
                }
                Value::Object(out)
            }
            (Kind::List, Value::Array(all)) => {
                let member = shape.member.as_ref();
                let Some((inner, name)) =
                    member.and_then(|member| Some((self.service.shape_of(member)?, &member.shape)))
                else {
                    return value.clone();
                };
                let all: Vec<Value> = all
                    .iter()
                    .map(|one| self.value(inner, name, "items", one))
                    .collect();
                if all.is_empty() {
                    json!({})
                } else {
                    json!({ word: all })
                }
            }
            (Kind::Timestamp, Value::String(text)) => text
                .parse::<jiff::Timestamp>()
                .map_or_else(|_| value.clone(), |time| Value::from(time.as_millisecond())),
            _ => value.clone(),
        }
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

//! From a record back to the API call it tells of: tolerant of case, wrappers and old spellings, so that whatever
//! it can make out is given to the strict encoder.

use serde_json::{Map, Value, json};
use undrift_local::encoder;
use undrift_local::{Kind, Member, Service, Shape};

/// What AWS and the sources of the corpus write in place of a value.
pub(crate) const MASKS: [&str; 5] = [
    "HIDDEN_DUE_TO_SECURITY_REASONS",
    "<sensitiveDataRemoved>",
    "****",
    "***(Redacted)",
    "***MASKED***",
];

/// Which side of a call is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Asked,
    Answered,
}

pub(crate) struct Inverter<'a> {
    pub(crate) service: &'a Service,
    pub(crate) operation: &'a str,
    pub(crate) side: Side,
}

impl Inverter<'_> {
    /// The API's input or output, as far as it can be made out.
    pub(crate) fn call(&self, recorded: &Value) -> Value {
        let shape = match self.side {
            Side::Asked => self.service.input(self.operation),
            Side::Answered => self.service.output(self.operation),
        };
        let Some(shape) = shape else {
            return json!({});
        };
        let empty = Map::new();
        let mut given = recorded.as_object().unwrap_or(&empty).clone();
        // The wrapper of newer EC2 requests and answers.
        let suffix = if self.side == Side::Asked {
            "Request"
        } else {
            "Response"
        };
        if self.service.name == "ec2" && given.len() == 1 {
            let wrapped = given.iter().next().filter(|(key, _)| key.ends_with(suffix));
            if let Some(below) =
                wrapped.map(|(_, below)| below.as_object().cloned().unwrap_or_default())
            {
                given = below;
            }
        }
        if self.service.name.starts_with("s3") {
            s3_names(&mut given);
        }
        // API Gateway's body under one name, beside what its path holds.
        let under = given
            .keys()
            .find(|key| key.to_lowercase() == format!("{}input", self.operation.to_lowercase()));
        if let Some(Value::Object(body)) = under.cloned().and_then(|under| given.remove(&under)) {
            given.extend(body);
        }
        // RDS's answers lack the name of their only structure.
        let mut members = shape.members.iter();
        if let (Side::Answered, Some((name, member)), None) =
            (self.side, members.next(), members.next())
            && let Some(inner) = self
                .service
                .shape_of(member)
                .filter(|inner| inner.kind == Kind::Structure)
            && !given
                .keys()
                .any(|key| (0..3).any(|lenience| is_called(name, member, key, lenience)))
        {
            let below = self.structure(inner, Some(&member.shape), &given);
            return if below == json!({}) {
                below
            } else {
                json!({ name: below })
            };
        }
        self.structure(shape, None, &given)
    }

    fn structure(&self, shape: &Shape, owner: Option<&str>, given: &Map<String, Value>) -> Value {
        let mut out = Map::new();
        let mut used = Vec::new();
        for (name, member) in &shape.members {
            let paths = encoder::recorded_names(
                self.service,
                self.operation,
                owner,
                name,
                self.side == Side::Answered,
            );
            let found = paths
                .iter()
                .find_map(|path| Some((path, dig(given, path)?)));
            if let (Some((path, value)), Some(inner)) = (found, self.service.shape_of(member)) {
                used.push(path.split('.').next().unwrap_or_default().to_owned());
                out.insert(name.clone(), self.value(inner, &member.shape, value));
            }
        }
        // The exact spellings first, so that a lenient one takes no other member's key.
        for lenience in 0..4 {
            for (key, value) in given {
                if used.contains(key) || value.is_null() {
                    continue;
                }
                let found = shape
                    .members
                    .iter()
                    .filter(|(name, _)| !out.contains_key(*name))
                    .filter(|(name, member)| is_called(name, member, key, lenience))
                    .min_by_key(|(name, _)| name.len());
                let Some((name, member)) = found else {
                    continue;
                };
                let Some(inner) = self.service.shape_of(member) else {
                    continue;
                };
                out.insert(name.clone(), self.value(inner, &member.shape, value));
                used.push(key.clone());
            }
        }
        // What is recorded beside the structure it is a member of, such as an instance's placement.
        for (name, member) in &shape.members {
            if !encoder::is_merged(self.service, self.operation, name) || out.contains_key(name) {
                continue;
            }
            let left: Map<String, Value> = given
                .iter()
                .filter(|(key, _)| !used.contains(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let below = self
                .service
                .shape_of(member)
                .map(|inner| self.structure(inner, Some(&member.shape), &left));
            if let Some(below) = below.filter(|below| *below != json!({})) {
                out.insert(name.clone(), below);
            }
        }
        Value::Object(out)
    }

    fn value(&self, shape: &Shape, name: &str, value: &Value) -> Value {
        if value.as_str().is_some_and(|text| MASKS.contains(&text)) {
            return Self::sample(shape);
        }
        match (shape.kind, value) {
            (Kind::Structure, Value::Object(given)) => self.structure(shape, Some(name), given),
            (Kind::Structure, Value::Array(all)) if all.len() == 1 => {
                self.value(shape, name, &all[0])
            }
            (Kind::Structure, Value::String(text)) if text.is_empty() => json!({}),
            (Kind::List, _) => {
                let Some((element, inner)) = shape
                    .member
                    .as_ref()
                    .and_then(|element| Some((element, self.service.shape_of(element)?)))
                else {
                    return value.clone();
                };
                elements(value, element)
                    .into_iter()
                    .map(|one| self.value(inner, &element.shape, &one))
                    .collect()
            }
            (Kind::Map, Value::Object(all)) => {
                let inner = shape
                    .value
                    .as_ref()
                    .and_then(|item| Some((item, self.service.shape_of(item)?)));
                let Some((item, inner)) = inner else {
                    return value.clone();
                };
                all.iter()
                    .map(|(key, one)| (key.clone(), self.value(inner, &item.shape, one)))
                    .collect()
            }
            (Kind::Structure | Kind::Map, _) => value.clone(),
            // A bare element of a list, under a name: `{"instanceId": "i-1"}`, `{"content": "fl-1", "tag": 1}`.
            (_, Value::Object(one)) => one
                .get("content")
                .or_else(|| {
                    one.iter()
                        .find(|(key, _)| *key != "tag")
                        .map(|(_, value)| value)
                })
                .cloned()
                .unwrap_or_else(|| json!("")),
            (_, Value::Array(all)) if all.len() == 1 => all[0].clone(),
            _ => value.clone(),
        }
    }

    /// A value to be masked again.
    fn sample(shape: &Shape) -> Value {
        match shape.kind {
            Kind::Structure | Kind::Map => json!({}),
            Kind::List => json!([]),
            Kind::Boolean => json!(true),
            Kind::Integer | Kind::Long | Kind::Float | Kind::Double => json!(1),
            _ => json!("x"),
        }
    }
}

/// The elements of a list, whatever it is wrapped in.
fn elements(value: &Value, element: &Member) -> Vec<Value> {
    match value {
        Value::Array(all) => all.clone(),
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::Object(members) if members.is_empty() => Vec::new(),
        Value::Object(members) if members.len() == 1 => {
            let own = element.location_name.as_deref().unwrap_or("member");
            match members
                .get("items")
                .or_else(|| members.get("item"))
                .or_else(|| members.get("member"))
                .or_else(|| members.get(own))
            {
                Some(below) => elements(below, element),
                None => vec![value.clone()],
            }
        }
        _ => vec![value.clone()],
    }
}

/// A value at a dotted path, through the first element of lists.
fn dig<'v>(given: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(first, rest)| (first, Some(rest)));
    let below = given.get(first)?;
    let Some(rest) = rest else { return Some(below) };
    match below {
        Value::Object(members) => dig(members, rest),
        Value::Array(all) => dig(all.first()?.as_object()?, rest),
        _ => None,
    }
}

fn is_called(name: &str, member: &Member, key: &str, lenience: usize) -> bool {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let stem = |text: &str| -> String {
        let text = plain(text);
        let text = text.strip_suffix("set").unwrap_or(&text).to_owned();
        let text = text
            .strip_suffix("ies")
            .map_or(text.clone(), |start| format!("{start}y"));
        text.strip_suffix('s').unwrap_or(&text).to_owned()
    };
    let names = [
        Some(name),
        member.location_name.as_deref(),
        member.query_name.as_deref(),
    ];
    let mut names = names.into_iter().flatten();
    match lenience {
        0 => member.location_name.as_deref().unwrap_or(name) == key,
        1 => names.any(|name| plain(name) == plain(key)),
        2 => names.any(|name| stem(name) == stem(key)),
        _ => key.trim_start_matches('_') == member.location_name.as_deref().unwrap_or(name),
    }
}

/// S3's pseudo members, by the names of the API.
fn s3_names(given: &mut Map<String, Value>) {
    if let Some(bucket) = given.remove("bucketName") {
        given.insert("Bucket".into(), bucket);
    }
    let host = ["host", "Host"].iter().find_map(|name| given.remove(*name));
    if let Some(host) = host.as_ref().and_then(Value::as_str)
        && let Some((account, _)) = host.split_once(".s3-control")
    {
        given.insert("AccountId".into(), json!(account));
    }
    if let Some(policy) = given.remove("bucketPolicy") {
        given.insert("Policy".into(), json!(policy.to_string()));
    } else {
        given.remove("policy");
    }
    if let Some(Value::Object(grants)) = given.remove("accessControlList") {
        given.extend(grants);
    }
    // Markers, which would be taken for members of the same name.
    given.retain(|_, value| *value != json!("") && *value != json!([""]));
}

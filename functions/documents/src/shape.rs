//! What is wrong with a document's structure: all of it at once, by the same schemas that editors
//! read. A reader of types stops at the first mistake, and says it in a program's words.

mod words;

use std::fmt::Write as _;

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::json::at;
use crate::nearest::did_you_mean;
use crate::yaml::Step;

pub(crate) use words::about;
use words::{brief, not_one_of, one_line, quoted, shown};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    way: Vec<Way>,
    /// What the place is of.
    pub(crate) part: Part,
    /// What is wrong, and what to do about it.
    pub(crate) message: String,
}

/// A part of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The key of a member.
    Key,
    /// The value.
    Value,
    /// Where a mapping begins.
    Start,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    In(String),
    At(usize),
}

impl Wrong {
    /// Something wrong with the checked value itself.
    pub(crate) fn new(part: Part, message: impl Into<String>) -> Self {
        Self {
            way: Vec::new(),
            part,
            message: message.into(),
        }
    }

    /// The same, of a member.
    pub(crate) fn inside(mut self, member: &str) -> Self {
        self.way.insert(0, Way::In(member.to_owned()));
        self
    }

    /// The same, of an item.
    pub(crate) fn at(mut self, index: usize) -> Self {
        self.way.insert(0, Way::At(index));
        self
    }

    /// The way to it, from where the checked value stands.
    pub(crate) fn way(&self) -> Vec<Step<'_>> {
        self.way
            .iter()
            .map(|step| match step {
                Way::In(name) => Step::In(name),
                Way::At(index) => Step::At(*index),
            })
            .collect()
    }
}

/// Everything of a value that its schema refuses. Of JSON Schema it knows what ours use.
pub(crate) fn check(schema: &Value, value: &Value) -> Vec<Wrong> {
    let mut check = Check {
        root: schema,
        way: Vec::new(),
        wrong: Vec::new(),
    };
    check.value(schema, value);
    check.wrong
}

struct Check<'s> {
    root: &'s Value,
    way: Vec<Way>,
    wrong: Vec<Wrong>,
}

impl<'s> Check<'s> {
    fn say(&mut self, part: Part, message: impl Into<String>) {
        self.wrong.push(Wrong {
            way: self.way.clone(),
            part,
            message: message.into(),
        });
    }

    fn inside(&mut self, step: Way, schema: &'s Value, value: &Value) {
        self.way.push(step);
        self.value(schema, value);
        self.way.pop();
    }

    /// What would be said of a value, without saying it.
    fn trial(&mut self, schema: &'s Value, value: &Value) -> Vec<Wrong> {
        let before = self.wrong.len();
        self.value(schema, value);
        self.wrong.split_off(before)
    }

    fn value(&mut self, schema: &'s Value, value: &Value) {
        if let Some(to) = at(schema, &["$ref"])
            .as_str()
            .and_then(|r| r.strip_prefix('#'))
        {
            let root = self.root;
            if let Some(target) = root.pointer(to) {
                self.value(target, value);
            }
        }
        for part in at(schema, &["allOf"]).as_array().into_iter().flatten() {
            self.value(part, value);
        }
        if !self.typed(schema, value) {
            return;
        }
        self.one_of(schema, value);
        self.alternatives(schema, value);
        match value {
            Value::String(text) => self.text(schema, text),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or(f64::NAN)),
            Value::Array(items) => self.items(schema, items),
            Value::Object(members) => self.members(schema, members),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn typed(&mut self, schema: &'s Value, value: &Value) -> bool {
        let Some(wanted) = at(schema, &["type"]).as_str() else {
            return true;
        };
        let fits = match (wanted, value) {
            ("object", Value::Object(_))
            | ("array", Value::Array(_))
            | ("string", Value::String(_))
            | ("boolean", Value::Bool(_)) => true,
            ("integer", Value::Number(n)) => n.is_i64() || n.is_u64(),
            _ => false,
        };
        // What is none of a few values is said to be that.
        if fits || schema.get("enum").is_some() && !value.is_array() && !value.is_object() {
            return true;
        }
        if let Some(message) = at(schema, &["errorMessage"]).as_str() {
            self.say(Part::Value, about(message, value));
            return false;
        }
        let noun = match wanted {
            "object" => "a mapping (`name: value`)",
            "array" => "a list (`[…]`, or lines that begin with `- `)",
            "integer" => "a whole number",
            "boolean" => "`true` or `false`",
            _ => "a text",
        };
        let (is, quotes) = match value {
            Value::Null => ("nothing", false),
            Value::Bool(_) => ("true or false", true),
            Value::Number(_) => ("a number", true),
            Value::String(_) => ("a text", false),
            Value::Array(_) => ("a list", false),
            Value::Object(_) => ("a mapping", false),
        };
        let name = self.name();
        let hint = match value {
            Value::Null => "; write one, or leave the field out".to_owned(),
            _ if quotes && wanted == "string" => "; put it in quotes".to_owned(),
            Value::String(text) if wanted == "array" => format!("; write `[{}]`", brief(text)),
            _ => String::new(),
        };
        self.say(
            Part::Value,
            format!("{name}{noun} is wanted here, and this is {is}{hint}"),
        );
        false
    }

    /// The member that a value is of, for the beginning of a message.
    fn name(&self) -> String {
        match self.way.last() {
            Some(Way::In(name)) => format!("`{name}`: "),
            _ => String::new(),
        }
    }

    fn one_of(&mut self, schema: &'s Value, value: &Value) {
        let constant = schema.get("const").map(std::slice::from_ref);
        let Some(known) = constant.or_else(|| at(schema, &["enum"]).as_array().map(Vec::as_slice))
        else {
            return;
        };
        if known.contains(value) {
            return;
        }
        let written = shown(value);
        let known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
        self.say(Part::Value, not_one_of(&written, &known));
    }

    /// Some alternative fits; else the one that comes nearest says why not.
    fn alternatives(&mut self, schema: &'s Value, value: &Value) {
        let Some(all) = at(schema, &["anyOf"]).as_array() else {
            return;
        };
        let mut nearest: Option<Vec<Wrong>> = None;
        for one in all {
            let wrong = self.trial(one, value);
            if wrong.is_empty() {
                return;
            }
            let deep = |w: &[Wrong]| w.iter().map(|w| w.way.len()).max();
            if nearest.as_ref().is_none_or(|n| deep(&wrong) > deep(n)) {
                nearest = Some(wrong);
            }
        }
        let deeper = |w: &[Wrong]| w.iter().any(|w| w.way.len() > self.way.len());
        match (nearest, at(schema, &["errorMessage"]).as_str()) {
            (Some(wrong), _) if deeper(&wrong) => self.wrong.extend(wrong),
            (_, Some(message)) => {
                self.say(Part::Value, about(message, value));
            }
            (Some(wrong), None) => self.wrong.extend(wrong),
            (None, None) => {}
        }
    }

    fn text(&mut self, schema: &'s Value, text: &str) {
        let fits = |p: &str| Regex::new(p).is_ok_and(|r| r.is_match(text));
        if at(schema, &["pattern"]).as_str().is_some_and(|p| !fits(p)) {
            let message = at(schema, &["patternErrorMessage"]).as_str();
            let message = message.unwrap_or("this is not what is wanted here");
            let mut said = about(message, &text.into());
            if message.contains("-digit") && text.bytes().all(|b| b.is_ascii_digit()) {
                let _ = write!(said, ": it has {} digits", text.len());
            }
            self.say(Part::Value, said);
        }
    }

    fn number(&mut self, schema: &'s Value, number: f64) {
        let bounds = (
            at(schema, &["minimum"]).as_f64(),
            at(schema, &["maximum"]).as_f64(),
        );
        let within = bounds.0.is_none_or(|least| number >= least)
            && bounds.1.is_none_or(|most| number <= most);
        if within {
            return;
        }
        let name = self.name();
        self.say(
            Part::Value,
            match bounds {
                (Some(least), Some(most)) => {
                    format!("{name}{number} is not a number from {least} to {most}")
                }
                (Some(least), None) => format!("{name}{number} is less than {least}"),
                _ => format!("{name}{number} is too much"),
            },
        );
    }

    fn items(&mut self, schema: &'s Value, items: &[Value]) {
        let first = at(schema, &["prefixItems"])
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter().enumerate() {
            let schema = first.get(index).or_else(|| schema.get("items"));
            if let Some(schema) = schema.filter(|s| s.is_object()) {
                self.inside(Way::At(index), schema, item);
            }
        }
        if let Some(message) = at(schema, &["errorMessage"]).as_str() {
            let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
            let (least, most) = (
                at(schema, &["minItems"]).as_u64(),
                at(schema, &["maxItems"]).as_u64(),
            );
            if least.is_some_and(|l| count < l) || most.is_some_and(|m| count > m) {
                self.say(Part::Value, message);
            }
        }
    }

    fn members(&mut self, schema: &'s Value, members: &Map<String, Value>) {
        let properties = at(schema, &["properties"]).as_object();
        let mut meant = Vec::new();
        for (name, value) in members {
            let known = properties.and_then(|p| p.get(name));
            let rest = schema.get("additionalProperties");
            let before = self.wrong.len();
            if let Some(names) = schema.get("propertyNames") {
                self.way.push(Way::In(name.clone()));
                self.text(names, name);
                self.way.pop();
                self.wrong
                    .iter_mut()
                    .skip(before)
                    .for_each(|w| w.part = Part::Key);
            }
            if let Some(schema) = known.or(rest.filter(|r| r.is_object())) {
                self.inside(Way::In(name.clone()), schema, value);
            } else if rest == Some(&Value::Bool(false)) {
                self.way.push(Way::In(name.clone()));
                meant.extend(self.stranger(schema, name, members));
                self.way.pop();
            }
        }
        self.missing(schema, members, &meant);
    }

    /// A member that isn't known; gives the one that was meant.
    fn stranger(
        &mut self,
        schema: &'s Value,
        name: &str,
        members: &Map<String, Value>,
    ) -> Option<&'s str> {
        let known: Vec<&'s str> = at(schema, &["properties"])
            .as_object()
            .into_iter()
            .flatten()
            .map(|(n, _)| n.as_str())
            .collect();
        let unused: Vec<&'s str> = known
            .iter()
            .copied()
            .filter(|k| !members.contains_key(*k))
            .collect();
        let name = brief(name);
        let near = did_you_mean(&name, &unused);
        let message = match near {
            Some(near) => format!("unknown field `{name}`; did you mean `{near}`?"),
            None => format!("unknown field `{name}`; known are {}", quoted(&known)),
        };
        self.say(Part::Key, message);
        near
    }

    /// `meant`: members that are there under a wrong name.
    fn missing(&mut self, schema: &'s Value, members: &Map<String, Value>, meant: &[&str]) {
        let required = at(schema, &["required"]).as_array().into_iter().flatten();
        let missing: Vec<&str> = required
            .filter_map(Value::as_str)
            .filter(|name| !members.contains_key(*name) && !meant.contains(name))
            .collect();
        let [name] = missing.as_slice() else {
            if !missing.is_empty() {
                let names = quoted(&missing);
                self.say(Part::Start, format!("fields are missing: {names}"));
            }
            return;
        };
        let property = &at(schema, &["properties", name]);
        let says = at(property, &["description"]).as_str();
        let says = says.and_then(|s| s.split("\n\n").next()).map(one_line);
        let says = says.map_or(String::new(), |says| format!(": {says}"));
        let values = at(property, &["enum"]).as_array().into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Value::as_str).collect();
        let values = match values.as_slice() {
            [] => String::new(),
            [one] => format!(" (`{one}`)"),
            _ => format!(" (one of {})", quoted(&values)),
        };
        let message = format!("the field `{name}` is missing{says}{values}");
        self.say(Part::Start, message);
    }
}

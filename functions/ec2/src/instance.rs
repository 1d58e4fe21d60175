//! `ec2/instance`: how an instance's metadata service answers.
//!
//! *Restores* the options that a change set to what they were; one call.
//! *Leaves alone* every other option, and everything else of the instance.
//! *Undo* sets them again as the change had.
//! *Safety*: software that speaks version 1 only loses its credentials where tokens are required
//! again; it had none before the change either (EC2 User Guide, "Configure the Instance Metadata
//! Service options").

#[cfg(feature = "aws")]
pub(crate) mod live;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{
    Before, Call, Effect, Element, ElementKey, ElementPath, Facet, FacetName, Image, Kind,
    KindError, KindEvents, Lookup, Need, ResourceRef, Right, Step, Target, Touch, Touched,
};
use undrift_core::name::{KindId, ResourceId};

use undrift_core::kind::written::{first_of, integer, items, member, text};

pub(crate) const KIND: &str = "ec2/instance";
pub(crate) const OPTIONS: &str = "metadata_options";
const MODIFY: &str = "ModifyInstanceMetadataOptions";

/// The options, as the API names them.
pub(crate) const NAMES: [&str; 5] = [
    "HttpTokens",
    "HttpEndpoint",
    "HttpPutResponseHopLimit",
    "HttpProtocolIpv6",
    "InstanceMetadataTags",
];
/// The one that is a number.
const HOPS: &str = "HttpPutResponseHopLimit";

/// An instance.
#[derive(Debug, Clone, Copy)]
pub struct Instance;

impl Kind for Instance {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "ec2.amazonaws.com",
            names: &[MODIFY, "RunInstances", "TerminateInstances"],
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[OPTIONS]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        match change.name.as_str() {
            "RunInstances" => each(instances(&change.response), created),
            "TerminateInstances" => each(instances(&change.request), |_| Effect::Deleted),
            _ => {
                let wrapper = format!("{MODIFY}Request");
                let request = change.request.get(wrapper).unwrap_or(&change.request);
                let id = text(request, &["instanceId"]).ok_or(KindError::NotShown {
                    event: change.name.to_string(),
                    what: "instance",
                })?;
                let effect = modified(request).unwrap_or_else(|e| Effect::Unclear(e.to_string()));
                Ok(vec![touched(&id, effect)?])
            }
        }
    }

    fn arn(&self) -> &'static str {
        "arn:${Partition}:ec2:${Region}:${Account}:instance/${Id}"
    }

    fn unseen(&self, _: &FacetName) -> Vec<Element> {
        [("HttpEndpoint", "disabled"), ("HttpTokens", "required")]
            .map(|(name, value)| json!({"option": name, "value": value}))
            .to_vec()
    }

    fn element(&self, _: &FacetName, written: &Value) -> Result<(ElementKey, Element), KindError> {
        let name = written.get("option").and_then(Value::as_str);
        let name = name.filter(|n| NAMES.contains(n));
        let name = name.ok_or_else(|| malformed("it names no option of the metadata service"))?;
        let value = written
            .get("value")
            .ok_or_else(|| malformed("it has no value"))?;
        option(name, value)
    }

    fn element_schema(&self, _: &FacetName) -> Value {
        json!({
            "type": "object",
            "description": "An option of the metadata service.",
            "properties": {
                "option": {
                    "description": "Its name in the API.",
                    "enum": NAMES,
                },
                "value": {
                    "description": "What it is set to: `optional` or `required`, `enabled` or `disabled`, a number of hops.",
                    "anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1, "maximum": 64}],
                },
            },
            "required": ["option", "value"],
            "additionalProperties": false,
        })
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let facet = FacetName::from(OPTIONS);
        let Some(wanted) = to.facets.get(&facet) else {
            return Ok(Vec::new());
        };
        let now = from.facets.get(&facet);
        let mut input = Map::from_iter([("InstanceId".to_owned(), json!(resource.id))]);
        let mut writes = Vec::new();
        for (key, element) in wanted {
            let stands = now.and_then(|n| n.get(key));
            if stands == Some(element) {
                continue;
            }
            let value = element.get("value").cloned().unwrap_or_default();
            input.insert(key.0.clone(), value);
            writes.push(ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            });
        }
        if now.is_some_and(|now| now.keys().any(|key| !wanted.contains_key(key))) {
            return Err(KindError::NoWay("an option can't be taken away".to_owned()));
        }
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Step {
            call: Call {
                service: "ec2".to_owned(),
                operation: MODIFY.to_owned(),
                input: Value::Object(input),
            },
            writes,
            // It would overwrite what somebody else sets meanwhile.
            commutes: false,
        }])
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, _: &FacetName, element: &Element) -> String {
        let name = element.get("option").and_then(Value::as_str);
        let value = element.get("value");
        match (name, value) {
            (Some(name), Some(Value::String(value))) => format!("{name} {}", value.escape_debug()),
            (Some(name), Some(value)) => format!("{name} {value}"),
            _ => undrift_core::kind::one_line(element),
        }
    }
}

const INSTANCE: &str = "arn:${Partition}:ec2:${Region}:${Account}:instance/*";

const RIGHTS: &[Right] = &[
    // EC2's Describe actions know no resources (Service Authorization Reference).
    Right::new("ec2:DescribeInstances", "*", Need::Read),
    Right::new("ec2:ModifyInstanceMetadataOptions", INSTANCE, Need::Revert),
    Right::new("ec2:ModifyInstanceMetadataOptions", INSTANCE, Need::Undo),
];

/// An option and its key: its name.
pub(crate) fn option(name: &str, value: &Value) -> Result<(ElementKey, Element), KindError> {
    let value = if name == HOPS {
        let hops = integer(value).filter(|hops| (1..=64).contains(hops));
        json!(hops.ok_or_else(|| malformed("the hop limit is no number of hops"))?)
    } else {
        let words: &[&str] = match name {
            "HttpTokens" => &["optional", "required"],
            _ => &["enabled", "disabled"],
        };
        let word = value.as_str().filter(|v| words.contains(v));
        json!(word.ok_or_else(|| malformed("an option has a value that isn't known"))?)
    };
    Ok((
        ElementKey(name.to_owned()),
        json!({"option": name, "value": value}),
    ))
}

/// The options that an object shows, under the API's names or with a small first letter.
fn options(shown: &Value) -> Result<Facet, KindError> {
    let mut options = Facet::new();
    for name in NAMES {
        if let Some(value) = first_of(shown, &[&lowered(name)]).filter(|v| !v.is_null()) {
            let (key, element) = option(name, value)?;
            options.insert(key, element);
        }
    }
    Ok(options)
}

fn lowered(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// The instances of a list, in requests or answers.
fn instances(value: &Value) -> &[Value] {
    let lists = ["instancesSet", "terminatingInstances"];
    items(first_of(value, &lists)).unwrap_or_default()
}

fn each(instances: &[Value], effect: impl Fn(&Value) -> Effect) -> Result<Vec<Touched>, KindError> {
    // Scrubbed records may name several alike.
    let mut named = BTreeSet::new();
    let shown = instances.iter().filter_map(|i| {
        let id = text(i, &["instanceId"])?;
        named.insert(id.clone()).then(|| touched(&id, effect(i)))
    });
    shown.collect()
}

fn touched(id: &str, effect: Effect) -> Result<Touched, KindError> {
    let id = ResourceId::parse(id).map_err(|e| KindError::Malformed {
        what: "instanceId".to_owned(),
        why: e.to_string(),
    })?;
    Ok(Touched {
        resource: Lookup::Id(id),
        effect,
    })
}

/// A new instance, with its options where the answer shows all that there were then.
fn created(instance: &Value) -> Effect {
    let shown = member(instance, "metadataOptions").and_then(|m| options(m).ok());
    let whole = shown.filter(|o| o.len() >= 3);
    Effect::Created(whole.map(|options| Image::of([(OPTIONS, options)])))
}

fn modified(request: &Value) -> Result<Effect, KindError> {
    let set = options(request)?;
    if set.is_empty() {
        return Err(malformed("the record shows no option"));
    }
    let touch = |(key, element): (ElementKey, Element)| Touch {
        facets: vec![FacetName::from(OPTIONS)],
        target: Target::Key(key),
        // Each option always has a value; the record shows the new one only.
        before: Before::Existed,
        after: Some(element),
    };
    Ok(Effect::Edited(set.into_iter().map(touch).collect()))
}

fn malformed(why: &str) -> KindError {
    KindError::Malformed {
        what: "an option of the metadata service".to_owned(),
        why: why.to_owned(),
    }
}

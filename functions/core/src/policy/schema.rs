//! JSON Schemas of the types that documents are read as: what the types alone can say. What
//! depends on the kinds of resource is added by `undrift-documents`.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{Exemptions, Mode, ModeList, Policy, Settings};
use crate::net::{Params, PortRange, Ports};

/// A block of addresses, loosely: its reader counts the digits.
const BLOCK: &str = "^[0-9A-Fa-f:.]+/[0-9]{1,3}$";

/// The schema of a policy document.
#[must_use]
pub fn policy() -> Value {
    of::<Policy>()
}

/// The schema of `settings.yaml`.
#[must_use]
pub fn settings() -> Value {
    of::<Settings>()
}

/// The schema of `exemptions.yaml`.
#[must_use]
pub fn exemptions() -> Value {
    of::<Exemptions>()
}

/// The schema of `net.open`'s parameters, without definitions of its own.
#[must_use]
pub fn net_open() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<Params>();
    schema.remove("title");
    schema.to_value()
}

fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// A point in time as documents write it (RFC 3339).
pub(super) struct Time;

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A point in time with its offset, such as `2026-01-31T18:00:00Z`.",
            "patternErrorMessage": "this is no time; write it like 2026-01-31T18:00:00Z",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$",
        })
    }
}

/// A scope names something besides the account.
pub(super) fn bounded() -> Value {
    let members = ["policy", "resource", "actor", "element"];
    json!([{
        "anyOf": members.map(|member| json!({"required": [member]})),
        "errorMessage": "this covers everything; name a policy, a resource, an actor or an element",
    }])
}

impl<K: Ord + JsonSchema> JsonSchema for ModeList<K> {
    fn schema_name() -> Cow<'static, str> {
        format!("ModesBy{}", K::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mode = generator.subschema_for::<Mode>();
        let key = K::json_schema(generator);
        let text = |member| key.get(member).and_then(Value::as_str).unwrap_or_default();
        let pattern = text("pattern")
            .trim_start_matches('^')
            .trim_end_matches('$');
        json_schema!({
            "type": "object",
            "properties": {
                "default": {
                    "description": "For whatever the list doesn't name.",
                    "allOf": [mode],
                },
            },
            "additionalProperties": mode,
            "propertyNames": {
                "pattern": format!("^(default|{pattern})$"),
                "patternErrorMessage": format!("{} and not `default`", text("patternErrorMessage")),
            },
        })
    }
}

impl JsonSchema for PortRange {
    fn schema_name() -> Cow<'static, str> {
        "PortRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A port, or a range such as `5900-5903`.",
            "errorMessage": "this is not a port (0 to 65535) or a range such as 5900-5903",
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": u16::MAX},
                {"type": "string", "pattern": "^ *[0-9]{1,5} *(- *[0-9]{1,5} *)?$"},
            ],
        })
    }
}

impl JsonSchema for Ports {
    fn schema_name() -> Cow<'static, str> {
        "Ports".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "errorMessage": "this is neither `any` nor a list of ports",
            "anyOf": [
                {
                    "const": "any",
                    "description": "Every TCP and UDP port, and every other protocol but ICMP.",
                },
                {
                    "type": "array",
                    "description": "These TCP and UDP ports.",
                    "items": generator.subschema_for::<PortRange>(),
                },
            ],
        })
    }
}

impl JsonSchema for Params {
    fn schema_name() -> Cow<'static, str> {
        "NetOpen".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let described = |what: &str, mut schema: Schema| {
            schema.insert("description".to_owned(), what.into());
            schema
        };
        let ports = generator.subschema_for::<Ports>();
        let ranges = generator.subschema_for::<Vec<PortRange>>();
        let blocks = json_schema!({
            "type": "array",
            "items": {"type": "string", "pattern": BLOCK,
                "patternErrorMessage": "this is no block of addresses, such as 198.18.0.0/15"},
        });
        json_schema!({
            "type": "object",
            "properties": {
                "ports": described(
                    "The ports that must not be public: a list of ports and ranges, or `any`.",
                    ports,
                ),
                "except": described("TCP ports that may be public, taken out of `ports`.", ranges),
                "own": described(
                    "Public blocks of your own, such as an office's: they aren't counted.",
                    blocks,
                ),
            },
            "required": ["ports"],
            "additionalProperties": false,
        })
    }
}

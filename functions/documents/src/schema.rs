//! JSON Schemas of the documents, for editors: the types' own, and what the kinds add.

mod polish;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use undrift_core::kind::{FacetName, Kind, Kinds};
use undrift_core::policy::schema as types;

use crate::json::{at, put};

/// A sort of document that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A policy.
    Policy,
    /// `settings.yaml`.
    Settings,
    /// `exemptions.yaml`.
    Exemptions,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Policy, Self::Settings, Self::Exemptions];

    /// The name of its file in `policies/schema/`.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Policy => "policy-v1.json",
            Self::Settings => "settings-v1.json",
            Self::Exemptions => "exemptions-v1.json",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Policy => "A policy of Undrift",
            Self::Settings => "The settings of a deployment of Undrift",
            Self::Exemptions => "The reviewed exemptions of a deployment of Undrift",
        }
    }

    /// Its JSON Schema (draft 2020-12).
    #[must_use]
    pub fn schema(self, kinds: Kinds<'_>) -> Value {
        let mut schema = match self {
            Self::Policy => policy(kinds),
            Self::Settings => types::settings(),
            Self::Exemptions => exemptions(kinds),
        };
        schema = polished(schema);
        if self != Self::Policy {
            // A file of comments only is a fine file.
            let own = at(&schema, &["type"]).clone();
            put(&mut schema, &["type"], json!([own, "null"]));
        }
        put(&mut schema, &["title"], self.title().into());
        schema
    }

    /// What its types alone say, for checking its structure.
    pub(crate) fn structure(self) -> &'static Value {
        static POLICY: LazyLock<Value> = LazyLock::new(|| polished(types::policy()));
        static SETTINGS: LazyLock<Value> = LazyLock::new(|| polished(types::settings()));
        static EXEMPTIONS: LazyLock<Value> = LazyLock::new(|| polished(types::exemptions()));
        match self {
            Self::Policy => &POLICY,
            Self::Settings => &SETTINGS,
            Self::Exemptions => &EXEMPTIONS,
        }
    }

    /// As it is written to its file.
    #[must_use]
    pub fn text(self, kinds: Kinds<'_>) -> String {
        format!("{:#}\n", self.schema(kinds))
    }
}

fn polished(mut schema: Value) -> Value {
    polish::polish(&mut schema);
    schema
}

fn policy(kinds: Kinds<'_>) -> Value {
    let mut schema = types::policy();
    let description = at(&schema, &["properties", "kind", "description"]).clone();
    put(
        &mut schema,
        &["properties", "kind"],
        json!({
            "description": description,
            "enum": kinds.0.iter().map(|k| k.id().to_string()).collect::<Vec<_>>(),
        }),
    );
    put(&mut schema, &["$defs", "net.open"], types::net_open());
    let mut rules = vec![json!({
        "if": {"properties": {"violation": {"pattern": "net\\.open\\("}}, "required": ["violation"]},
        "then": {"properties": {"params": {"$ref": "#/$defs/net.open"}}, "required": ["params"]},
    })];
    for kind in kinds.0 {
        put(&mut schema, &["$defs", &definition(*kind)], facets(*kind));
        rules.push(of_kind(*kind));
    }
    put(&mut schema, &["allOf"], rules.into());
    schema
}

/// What a document about a kind may name: its events, facets and elements.
fn of_kind(kind: &dyn Kind) -> Value {
    let on: Map<String, Value> = kind
        .events()
        .iter()
        .map(|events| {
            let list = json!({
                "type": "array",
                "items": {"enum": events.names},
                "minItems": 1,
                "uniqueItems": true,
            });
            (events.source.to_owned(), list)
        })
        .collect();
    let names: Vec<&str> = kind
        .events()
        .iter()
        .flat_map(|e| e.names)
        .copied()
        .collect();
    let facets = json!({"$ref": format!("#/$defs/{}", definition(kind))});
    json!({
        "if": {"properties": {"kind": {"const": kind.id()}}, "required": ["kind"]},
        "then": {"properties": {
            "on": {"properties": on, "additionalProperties": false, "minProperties": 1},
            "set": facets,
            "cases": {"items": {"properties": {
                "change": {"enum": names},
                "before": {"anyOf": [{"enum": ["nothing"]}, facets]},
                "after": facets,
                "expect": {"properties": {
                    "desired": {"anyOf": [{"enum": ["before", "after"]}, facets]},
                }},
            }}},
        }},
    })
}

fn facets(kind: &dyn Kind) -> Value {
    let lists: Map<String, Value> = kind
        .facets()
        .iter()
        .map(|facet| {
            let items = kind.element_schema(&FacetName::from(*facet));
            (
                (*facet).to_owned(),
                json!({"type": "array", "items": items}),
            )
        })
        .collect();
    json!({"type": "object", "properties": lists, "additionalProperties": false})
}

fn exemptions(kinds: Kinds<'_>) -> Value {
    let mut schema = types::exemptions();
    let mut by_facet: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for kind in kinds.0 {
        for facet in kind.facets() {
            let element = kind.element_schema(&FacetName::from(*facet));
            by_facet.entry(facet).or_default().push(element);
        }
    }
    let names: Vec<&str> = by_facet.keys().copied().collect();
    let rules = by_facet.iter().map(|(facet, elements)| {
        json!({
            "if": {"prefixItems": [{"const": facet}]},
            "then": {"prefixItems": [{}, {"anyOf": elements}]},
        })
    });
    let rules: Vec<Value> = rules.collect();
    let way = ["$defs", "Scope", "properties", "element"];
    let element = at(&schema, &way);
    let element = json!({
        "description": at(element, &["description"]),
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "errorMessage": at(element, &["errorMessage"]),
        "prefixItems": [{"enum": names}, {"type": "object"}],
        "allOf": rules,
    });
    put(&mut schema, &way, element);
    // What this file holds has one source.
    put(
        &mut schema,
        &["$defs", "Exemption", "properties", "source"],
        json!({
            "description": "Always `file` here: leave it out.",
            "const": "file",
        }),
    );
    schema
}

/// The name of a kind's facets under `$defs`.
fn definition(kind: &dyn Kind) -> String {
    kind.id().to_string().replace('/', ".")
}

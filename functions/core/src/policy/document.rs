//! One policy document (`policy/v1`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::{EventName, EventSource, KindId, PolicyId};

/// The version of the document's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaVersion {
    /// The first.
    #[serde(rename = "policy/v1")]
    V1,
}

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth mending.
    Medium,
    /// An exposure.
    High,
    /// An exposure that is found and used within minutes.
    Critical,
}

/// What may be done about a violation. The least active of all lists that name one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Record it and tell people.
    Observe,
    /// Prepare the plan and wait for a person.
    Approve,
    /// Put back what was there before.
    Revert,
}

/// How a violation is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// Put back what was there before the change.
    Restore,
    /// Take the evidence out, also where what was before isn't known.
    Remove,
}

/// What must be known before acting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// The state before the change, with certainty; otherwise the plan is only proposed.
    ExactBefore,
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The format's version.
    pub schema: SchemaVersion,
    /// Its id: the wrong it catches.
    pub id: PolicyId,
    /// The wrong in one sentence.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Why it is wrong.
    pub why: String,
    /// The kind of resource it judges.
    pub kind: KindId,
    /// The events that can bring the wrong about, by event source.
    pub on: BTreeMap<EventSource, Vec<EventName>>,
    /// What `violation` reads as `params`.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// A CEL expression that gives the evidence; an empty list is compliant.
    pub violation: String,
    /// How it is mended.
    pub remedy: Remedy,
    /// What may be done about it.
    pub mode: Mode,
    /// What must be known before acting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// Numbers in standards: `fsbp: [EC2.13]`.
    #[serde(default)]
    pub references: BTreeMap<String, Vec<String>>,
    /// What would stop it from coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevent: Option<String>,
    /// The document's own tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
}

/// One test of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub it: String,
    /// The event that led from `before` to `after`.
    pub change: EventName,
    /// Facets before: lists of elements.
    pub before: BTreeMap<String, Vec<Value>>,
    /// Facets after.
    pub after: BTreeMap<String, Vec<Value>>,
    /// What must come out.
    pub expect: Expect,
}

/// What a case must come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How many elements that the change brought are evidence.
    pub violated: usize,
    /// The state that is wanted instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Desired>,
}

/// The state a case wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Desired {
    /// What was before.
    Before,
    /// What the change made: nothing is to be done.
    After,
    /// These facets.
    #[serde(untagged)]
    Facets(BTreeMap<String, Vec<Value>>),
}

impl Policy {
    /// The document speaks about this event.
    #[must_use]
    pub fn listens_to(&self, source: &EventSource, name: &EventName) -> bool {
        self.on
            .get(source)
            .is_some_and(|names| names.contains(name))
    }
}

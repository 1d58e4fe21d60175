//! One policy document (`policy/v1`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kind::{Element, ElementPath, Kind};
use crate::name::{EventName, EventSource, KindId, PolicyId};

/// The version of the document's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SchemaVersion {
    /// The first.
    #[serde(rename = "policy/v1")]
    V1,
}

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// Put back what was there before the change.
    Restore,
    /// Take the evidence out, also where what was before isn't known.
    Remove,
    /// Make the evidence harmless without losing anything of it: keys are deactivated, logging is
    /// switched on. Where what was before is known and was there, that is put back.
    Contain,
}

/// What must be known before acting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// The state before the change, with certainty; otherwise the plan is only proposed.
    ExactBefore,
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The format's version.
    pub schema: SchemaVersion,
    /// Its id, named for the wrong it catches, never for the remedy. The file is named for it.
    pub id: PolicyId,
    /// The wrong in one sentence: notices begin with it.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Why it is wrong, for whoever is told of a revert.
    pub why: String,
    /// The kind of resource it judges.
    pub kind: KindId,
    /// The events that can bring the wrong about, by event source.
    pub on: BTreeMap<EventSource, Vec<EventName>>,
    /// What `violation` reads as `params`. Settings may replace each as a whole.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// A CEL expression over `state` (the facets, as lists of elements) and `params` that gives the
    /// elements that are wrong; an empty list is compliant. `net.open(state.ingress, params)` gives
    /// the rules that let the internet reach `params.ports`; `iam.public(state.policy, params)` and
    /// `iam.foreign(…)` the statements that let everybody or a stranger's account in,
    /// `iam.admin(state.attached, params)` the policies that make an administrator,
    /// `iam.privesc(…)` also those by which one can become one.
    pub violation: String,
    /// How it is mended.
    pub remedy: Remedy,
    /// With `restore`: what is set instead where it isn't known what was there before, or where the
    /// resource is new: elements by facet. With `needs: exact_before` a person decides on it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, Vec<Value>>,
    /// The most that may be done about it; settings may lower it.
    pub mode: Mode,
    /// What must be known before acting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// Numbers in standards: `fsbp: [EC2.13]`.
    #[serde(default)]
    pub references: BTreeMap<String, Vec<String>>,
    /// What would stop it from coming back: people read it in the notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevent: Option<String>,
    /// The document's own tests (`undrift test`): at least one that is violated, one that is
    /// compliant, and another that leaves something alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
}

/// One test of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows, in a few words.
    pub it: String,
    /// The event that led from `before` to `after`: one of those in `on`.
    pub change: EventName,
    /// The resource's facets before the change: lists of elements. `nothing`: the change made it.
    pub before: Earlier,
    /// The same facets after it.
    pub after: BTreeMap<String, Vec<Value>>,
    /// What must come out.
    pub expect: Expect,
}

/// What there was before a case's change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("errorMessage" = "this is neither `nothing` nor the facets of before"))
)]
#[serde(rename_all = "lowercase")]
pub enum Earlier {
    /// The change made the resource.
    Nothing,
    /// These facets.
    #[serde(untagged)]
    Facets(BTreeMap<String, Vec<Value>>),
}

/// What a case must come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How many elements that the change brought are evidence.
    pub violated: usize,
    /// The state that is wanted instead: `before`, `after`, or facets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Desired>,
}

/// The state a case wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend(
        "errorMessage" = "this is neither `before`, `after`, nor the facets that are wanted"
    ))
)]
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
    /// What the policy states for an element, where there is no way back.
    #[must_use]
    pub fn stated(&self, kind: &dyn Kind, path: &ElementPath) -> Option<Element> {
        let mut stated = self.set.get(&path.facet.0)?.iter();
        stated.find_map(|written| {
            let (key, element) = kind.element(&path.facet, written).ok()?;
            (key == path.key).then_some(element)
        })
    }

    /// The document speaks about this event.
    #[must_use]
    pub fn listens_to(&self, source: &EventSource, name: &EventName) -> bool {
        self.on
            .get(source)
            .is_some_and(|names| names.contains(name))
    }
}

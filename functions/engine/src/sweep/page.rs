//! What goes in and out of a sweep: requests and answers of the service's function.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use undrift_core::kind::ResourceRef;
use undrift_core::name::{EventName, KindId, PolicyId};
use undrift_core::record::{ChangeKey, OutcomeKind};

/// Where a sweep stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The kind's place among those that policies are about.
    pub kind: usize,
    /// Where its next page begins; absent: at its first resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How many resources of that page were looked at already, when time ran out.
    #[serde(default)]
    pub done: usize,
}

/// What a page of a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The kind that was looked at, and its place among how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindId>,
    /// How many kinds there are.
    pub kinds: usize,
    /// How many resources were seen.
    pub seen: usize,
    /// How many findings could not be told.
    pub undecided: usize,
    /// What is wrong and was not known before.
    pub findings: Vec<Finding>,
    /// Resources whose events are to be looked for.
    pub missed: Vec<Missed>,
    /// What could not be looked at, and why.
    pub unread: Vec<Unread>,
    /// Where the next page begins; absent: this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// Something wrong that no event told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The resource.
    pub resource: ResourceRef,
    /// The policies that it breaks.
    pub policies: BTreeSet<PolicyId>,
    /// What is wrong, a line each.
    pub shown: Vec<String>,
    /// How it ended; absent: nothing was written, as nothing was to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeKind>,
    /// Why so.
    pub reason: String,
    /// Its record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<ChangeKey>,
}

/// A resource with changes that no event told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Missed {
    /// The resource.
    pub resource: ResourceRef,
    /// What the event history knows it by; absent: by the events' names alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was last seen without them.
    pub since: Timestamp,
    /// The events by which such a resource changes.
    pub events: Vec<EventName>,
    /// What is wrong, a line each.
    pub shown: Vec<String>,
}

/// A resource, or a list of them, that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What became of a missed change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Explained {
    /// Every finding has its record now.
    Ended(Vec<Finding>),
    /// Not yet: ask again later, and why.
    Later(String),
}

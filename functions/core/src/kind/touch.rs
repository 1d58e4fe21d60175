//! What a change did to a resource, as its record shows it.

use serde::{Deserialize, Serialize};

use super::{Element, ElementKey, FacetName, Image};
use crate::name::ResourceId;

/// How a record names a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lookup {
    /// By AWS's id.
    Id(ResourceId),
    /// By a name that must be resolved by one more read
    /// (a security group of the default VPC given by its name).
    Name(String),
}

/// One resource and what a change did to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Touched {
    /// The resource.
    pub resource: Lookup,
    /// What was done.
    pub effect: Effect,
}

/// What a change did to a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It came into being; with its first image, where the record or AWS's rules show it whole.
    Created(Option<Image>),
    /// It was deleted.
    Deleted,
    /// Elements of it were added, replaced or removed.
    Edited(Vec<Touch>),
    /// It was touched in a way that can't be told from the record, and why.
    Unclear(String),
}

/// One element that a change added, replaced or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Touch {
    /// The facets it can stand in (a rule id may be an ingress or an egress rule's).
    pub facets: Vec<FacetName>,
    /// Which element.
    pub target: Target,
    /// What the record shows of it before the change.
    pub before: Before,
    /// What the change made of it; `None`: removed.
    pub after: Option<Element>,
}

/// How a record names an element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// By its key.
    Key(ElementKey),
    /// By what it is: the live element of the same substance.
    Like(Element),
}

/// What a record shows of an element before the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Before {
    /// Proved absent: the call would have failed otherwise, or the record says so.
    Absent,
    /// It was this.
    Was(Element),
    /// It was there, and the record doesn't show what it was.
    Existed,
    /// The record doesn't show whether it was there.
    Unknown,
}

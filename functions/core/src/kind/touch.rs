//! What a change did to a resource, as its record shows it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Element, ElementKey, ElementPath, FacetName, Image};
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
    /// Whole facets of it were replaced by this image's: what isn't in them is gone.
    Replaced(Image),
    /// It was touched in a way that can't be told from the record, and why.
    Unclear(String),
}

impl Effect {
    /// What the record alone shows of each element. Of facets that were replaced it shows what is
    /// in them now; see [`Effect::touches_over`].
    #[must_use]
    pub fn touches(&self) -> Cow<'_, [Touch]> {
        match self {
            Self::Edited(touches) => Cow::Borrowed(touches),
            Self::Created(Some(image)) => Cow::Owned(made(image, &Before::Absent)),
            Self::Replaced(image) => Cow::Owned(made(image, &Before::Unknown)),
            Self::Created(None) | Self::Deleted | Self::Unclear(_) => Cow::Borrowed(&[]),
        }
    }

    /// As [`Effect::touches`], with the elements that facets lost when they were replaced, as far
    /// as it is known what was in them.
    #[must_use]
    pub fn touches_over(&self, before: &Image) -> Cow<'_, [Touch]> {
        let Self::Replaced(image) = self else {
            return self.touches();
        };
        let mut touches = made(image, &Before::Unknown);
        for (path, was) in before.elements() {
            if image.facets.contains_key(&path.facet) && image.get(&path).is_none() {
                touches.push(Touch {
                    facets: vec![path.facet],
                    target: Target::Key(path.key),
                    before: Before::Was(was.clone()),
                    after: None,
                });
            }
        }
        Cow::Owned(touches)
    }

    /// What it did to one element, where that is told from the element's place alone.
    #[must_use]
    pub fn touch(&self, path: &ElementPath) -> Option<Touch> {
        let Self::Replaced(image) = self else {
            return None;
        };
        image.facets.get(&path.facet).map(|elements| Touch {
            facets: vec![path.facet.clone()],
            target: Target::Key(path.key.clone()),
            before: Before::Unknown,
            after: elements.get(&path.key).cloned(),
        })
    }
}

fn made(image: &Image, before: &Before) -> Vec<Touch> {
    let elements = image.elements();
    elements
        .map(|(path, element)| Touch {
            facets: vec![path.facet],
            target: Target::Key(path.key),
            before: before.clone(),
            after: Some(element.clone()),
        })
        .collect()
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

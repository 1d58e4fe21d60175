//! A kind: one type of AWS resource, and the three things Undrift must know of it.
//!
//! *touched*: which resources a change touched and what the record itself shows of them;
//! *steps*: the calls that turn one image into another; *read* (in the service's own crate,
//! since it needs the SDK): the live image.

pub mod document;
mod image;
mod touch;
pub mod written;

pub use image::one_line;
pub use image::{Element, ElementKey, ElementPath, Facet, FacetName, Image};
pub use touch::{Before, Effect, Lookup, Target, Touch, Touched};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::Change;
use crate::name::{AccountId, KindId, Region, ResourceId};

/// One resource: the key of everything that is kept or done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceRef {
    /// The owner's account.
    pub account: AccountId,
    /// The region it lives in.
    pub region: Region,
    /// Its type.
    pub kind: KindId,
    /// AWS's id of it.
    pub id: ResourceId,
}

impl std::fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

impl Region {
    /// The partition it is in: its ARNs begin `arn:aws:`, `arn:aws-cn:` or `arn:aws-us-gov:`.
    fn partition(&self) -> &'static str {
        match self.as_str() {
            r if r.starts_with("cn-") => "aws-cn",
            r if r.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

impl ResourceRef {
    /// Its ARN. `kind`: its own.
    #[must_use]
    pub fn arn(&self, kind: &dyn Kind) -> String {
        kind.arn()
            .replace("${Partition}", self.region.partition())
            .replace("${Region}", self.region.as_str())
            .replace("${Account}", self.account.as_str())
            .replace("${Id}", self.id.as_str())
    }
}

/// An AWS API operation with its input, both under AWS's own names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The service's short name, as in IAM actions: `ec2`.
    pub service: String,
    /// The operation, as in the API: `RevokeSecurityGroupIngress`.
    pub operation: String,
    /// The operation's input in the API's member names.
    pub input: Value,
}

impl Call {
    /// The name that CloudTrail gives it, where that isn't the operation's own.
    #[must_use]
    pub fn event_name(&self) -> String {
        let of = match self.service.as_str() {
            "s3" => "Bucket",
            "s3control" => "Account",
            _ => return self.operation.clone(),
        };
        let block = "PublicAccessBlock";
        match self.operation.strip_suffix(block) {
            Some(verb) => format!("{verb}{of}{block}"),
            None => self.operation.clone(),
        }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} {}", self.service, self.operation, self.input)
    }
}

/// A call of a plan, with the elements it writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is sent.
    pub call: Call,
    /// The elements this call alters, by their place in the image it starts from
    /// (or, for an element that it adds, in the image it leads to).
    pub writes: Vec<ElementPath>,
    /// The call commutes with other people's edits and can be sent twice: no second look is
    /// needed before it (revoke by rule id, detach, deactivate).
    pub commutes: bool,
}

/// The calls that name an event by which a kind's resources change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindEvents {
    /// `eventSource`.
    pub source: &'static str,
    /// Names without API date.
    pub names: &'static [&'static str],
}

/// Rights a kind's reads or steps need, as IAM statements are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// The IAM action.
    pub action: &'static str,
    /// The resource, with `${Partition}`, `${Region}` and `${Account}` to fill in.
    pub resource: &'static str,
    /// Who needs it.
    pub need: Need,
    /// The ARN doesn't name the account, so the statement must (`aws:ResourceAccount`).
    pub of_own_account: bool,
}

impl Right {
    /// An action on a resource, and what it is needed for.
    #[must_use]
    pub const fn new(action: &'static str, resource: &'static str, need: Need) -> Self {
        Self {
            action,
            resource,
            need,
            of_own_account: false,
        }
    }

    /// The same, on the own account's resources alone.
    #[must_use]
    pub const fn of_own_account(self) -> Self {
        Self {
            of_own_account: true,
            ..self
        }
    }
}

/// What a right is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Reading live state.
    Read,
    /// Listing what there is, for the sweep.
    List,
    /// Reverting.
    Revert,
    /// Undoing a revert: never in the revert role.
    Undo,
}

/// Why a kind can't say what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// The record should name a resource and doesn't.
    #[error("the record of {event} shows no {what}")]
    NotShown {
        /// The event's name.
        event: String,
        /// What is missing.
        what: &'static str,
    },
    /// A document or record holds something the kind doesn't know.
    #[error("{what}: {why}")]
    Malformed {
        /// The part that is wrong.
        what: String,
        /// Why.
        why: String,
    },
    /// No call of the service leads from one image to the other.
    #[error("no call leads there: {0}")]
    NoWay(String),
}

/// One type of AWS resource. All of it is pure.
pub trait Kind: Send + Sync {
    /// Its name.
    fn id(&self) -> KindId;

    /// Every event that alters such a resource, whether or not a policy lists it:
    /// observed images are kept current by them.
    fn events(&self) -> &'static [KindEvents];

    /// The facets of its state, in the order people read them.
    fn facets(&self) -> &'static [&'static str];

    /// Which resources a change touched, and what the record shows of before and after.
    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError>;

    /// The account that owns the resource of a call that two accounts were told of, where the
    /// record tells. The default: the owner of the resources that the record lists.
    fn owner(&self, change: &Change) -> Option<AccountId> {
        change.owner.clone()
    }

    /// The ARN of its resources, with `${Partition}`, `${Region}`, `${Account}` and `${Id}` to
    /// fill in (Service Authorization Reference).
    fn arn(&self) -> &'static str;

    /// An id as resources that such an event touches may have it, for documents' own cases.
    fn example(&self, event: &str) -> String {
        let _ = event;
        "case".to_owned()
    }

    /// The elements that would make the greatest difference, if they stood in a facet of which
    /// records show only a part. Judging with and without them tells whether what isn't seen
    /// matters.
    fn unseen(&self, facet: &FacetName) -> Vec<Element> {
        let _ = facet;
        Vec::new()
    }

    /// The key is no id of AWS's, but what the element is. A kind whose elements have ids that
    /// records may or may not show tells one from the other.
    fn is_unnamed(&self, key: &ElementKey) -> bool {
        let _ = key;
        true
    }

    /// Reads one element as a policy document's case or a record writes it, and keys it:
    /// by AWS's id where it shows one, else by its substance.
    fn element(
        &self,
        facet: &FacetName,
        written: &Value,
    ) -> Result<(ElementKey, Element), KindError>;

    /// The JSON Schema of a facet's elements as policy documents write them, its members under
    /// `properties`: editors offer them, and a misspelt one is told from them. The default says
    /// nothing of them.
    fn element_schema(&self, facet: &FacetName) -> Value {
        let _ = facet;
        serde_json::json!({"type": "object"})
    }

    /// The part of an element that policies judge and that identifies it: without what AWS
    /// assigns (ids, versions, times) and without what people only read (descriptions, tags).
    /// The default: all of it.
    fn substance(&self, facet: &FacetName, element: &Element) -> Value {
        let _ = facet;
        element.clone()
    }

    /// AWS may show an element that a call made as another one: it has words of its own for some of
    /// whom calls name. The default: never.
    fn may_be(&self, facet: &FacetName, made: &Element, standing: &Element) -> bool {
        let _ = (facet, made, standing);
        false
    }

    /// The part of an element that Undrift can write: all but what AWS assigns.
    /// Undo and verification compare by it. The default: what identifies it.
    fn written(&self, facet: &FacetName, element: &Element) -> Value {
        self.substance(facet, element)
    }

    /// The part of an element that is worth remembering between events.
    fn remembered(&self, facet: &FacetName, element: &Element) -> Element {
        let _ = facet;
        element.clone()
    }

    /// A call writes the facet as a whole: policy documents and access lists are such. What such
    /// a call took away is put back with what it made wrong.
    fn is_whole(&self, facet: &FacetName) -> bool {
        let _ = facet;
        false
    }

    /// The elements that a document's text says, for facets that are documents.
    fn document(&self, facet: &FacetName, text: &str) -> Option<Facet> {
        let _ = (facet, text);
        None
    }

    /// What makes an element harmless without losing anything of it: a key that is inactive, a
    /// trail that logs. The default: there is nothing.
    fn contained(&self, facet: &FacetName, element: &Element) -> Option<Element> {
        let _ = (facet, element);
        None
    }

    /// The elements of a facet that are not in both images as Undrift can write them.
    fn differences(&self, facet: &FacetName, from: &Image, to: &Image) -> Vec<ElementPath> {
        let Some(wanted) = to.facets.get(facet) else {
            return Vec::new();
        };
        let none = Facet::new();
        let standing = from.facets.get(facet).unwrap_or(&none);
        let written = |e: &Element| self.written(facet, e);
        let keys: std::collections::BTreeSet<_> = standing.keys().chain(wanted.keys()).collect();
        keys.into_iter()
            .filter(|key| standing.get(*key).map(written) != wanted.get(*key).map(written))
            .map(|key| ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            })
            .collect()
    }

    /// The fewest calls that turn `from` into `to`, touching nothing that is equal in both.
    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError>;

    /// What CloudTrail's event history lists its resources under (`ResourceName` of
    /// `LookupEvents`); `None`: under nothing, so that events are found by their names alone.
    /// The default: the last part of its id.
    fn lookup_name(&self, resource: &ResourceRef) -> Option<String> {
        let id = resource.id.as_str();
        Some(id.rsplit('/').next().unwrap_or(id).to_owned())
    }

    /// The rights its reads and steps need.
    fn rights(&self) -> &'static [Right];

    /// An element in one line for people: `tcp/22 from 0.0.0.0/0`.
    fn describe(&self, facet: &FacetName, element: &Element) -> String;
}

/// The kinds a binary knows.
#[derive(Clone, Copy)]
pub struct Kinds<'k>(pub &'k [&'k dyn Kind]);

impl<'k> Kinds<'k> {
    /// The kind of that name.
    #[must_use]
    pub fn get(&self, id: &KindId) -> Option<&'k dyn Kind> {
        self.0.iter().copied().find(|k| k.id() == *id)
    }

    /// The kinds whose resources such an event alters.
    pub fn altered_by<'a>(&'a self, change: &'a Change) -> impl Iterator<Item = &'k dyn Kind> + 'a {
        self.0.iter().copied().filter(|k| {
            k.events().iter().any(|e| {
                e.source == change.source.as_str() && e.names.contains(&change.name.as_str())
            })
        })
    }
}

impl std::fmt::Debug for Kinds<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|k| k.id()))
            .finish()
    }
}

//! A change: one API call that altered something, as CloudTrail recorded it.

mod actor;
mod decode;
mod envelope;

pub use actor::Actor;
pub use decode::{DecodeError, Decoded, Ignored, decode};
pub use envelope::{EnvelopeError, Expected, open_envelope};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::{AccountId, EventId, EventName, EventSource, Region};

/// One API call that altered something: who, what, when, where, through what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// CloudTrail's `eventID`.
    pub id: EventId,
    /// `sharedEventID`: the same call as another account was told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_id: Option<EventId>,
    /// `eventTime`, to the second: when AWS completed the call.
    pub time: Timestamp,
    /// `eventSource`.
    pub source: EventSource,
    /// `eventName` without an API date.
    pub name: EventName,
    /// `recipientAccountId`: the account to act in, if it owns the resource.
    pub account: AccountId,
    /// `awsRegion`.
    pub region: Region,
    /// Who made the call, and through what.
    pub actor: Actor,
    /// `requestID`: what ties a record to a call of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `requestParameters`, as recorded.
    pub request: Value,
    /// `responseElements`, as recorded.
    pub response: Value,
    /// Part of the record is missing (`omitted`): nothing may be concluded from an absent member.
    pub cut: bool,
    /// The account that owns every resource the record lists (`resources`), where it lists any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
    /// What the record doesn't say, or says in no known form, and what therefore is a stand-in.
    /// Not empty: it may be judged, and must not be acted on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<Assumed>,
}

/// A member of a change that stands in for what its record doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumed {
    /// `id` is the record's digest.
    Id,
    /// `time` is 1970.
    Time,
    /// `account` is `000000000000`.
    Account,
    /// `region` is `unknown`.
    Region,
}

impl Assumed {
    /// The record's member that is missing or unreadable.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Id => "eventID",
            Self::Time => "eventTime",
            Self::Account => "recipientAccountId",
            Self::Region => "awsRegion",
        }
    }
}

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
}

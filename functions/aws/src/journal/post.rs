//! Messages on channels that are kept up to date.

use undrift_core::kind::ResourceRef;
use undrift_core::notice::Repeats;
use undrift_core::record::{ChangeKey, Record};

/// What has one message on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thread<'a> {
    /// An incident.
    Incident(&'a ChangeKey),
    /// All violations of one severity by an actor on a resource, of a day.
    Repeats(&'a Repeats, &'a ResourceRef),
}

/// A message on a channel that is kept up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The channel's id of the message.
    pub id: String,
    /// The revision that it was sent for.
    pub first: Shown,
    /// The revision that it shows.
    pub shows: Shown,
}

/// Which revision a message shows. Later ones are greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// When its change happened, in milliseconds since 1970.
    pub at: i64,
    /// When it was seen: CloudTrail dates changes to the second.
    pub seen: i64,
    /// The change's event.
    pub event: String,
    /// The record's revision.
    pub revision: u32,
}

impl Shown {
    /// That revision.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self {
            at: record.happened().map_or(0, jiff::Timestamp::as_millisecond),
            seen: record
                .stages
                .seen
                .map_or(0, jiff::Timestamp::as_millisecond),
            event: record.key.event.to_string(),
            revision: record.revision,
        }
    }
}

//! What comes of a person's request: an undo, an approval.

use serde::{Deserialize, Serialize};
use undrift_core::plan::Moved;
use undrift_core::record::Record;

use crate::look::LookError;
use crate::port::JournalError;

/// What an undo or an approval came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// It is done: the request's own record.
    Done(Box<Record>),
    /// It was refused: these elements were edited since.
    Moved(Vec<Moved>),
    /// It was refused for another reason.
    Refused(String),
}

/// Why what a person asked for could not be tried, or was not done.
#[derive(Debug, thiserror::Error)]
pub enum AskedError {
    /// AWS or the journal can't be read.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The journal can't be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Somebody else is changing the resource through Undrift right now.
    #[error("{0} is being worked on by another invocation; try again in a moment")]
    Busy(String),
    /// The calls failed.
    #[error("it did not succeed: {0}")]
    Failed(String),
}

//! What keeps a person's request from being carried out.

use crate::look::LookError;
use crate::port::JournalError;

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

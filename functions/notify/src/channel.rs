//! A way to tell people or programs.

use std::future::{Future, ready};
use std::time::Duration;

use jiff::Timestamp;
use undrift_core::notice::{Notice, notice};
use undrift_core::record::Record;

/// One revision of a record, and what is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The revision.
    pub record: Record,
    /// What people are told; `None`: it is no news.
    pub notice: Option<Notice>,
    /// How often its actor broke policies as badly that day.
    pub times_today: Option<u64>,
}

impl Told {
    /// What is told of a revision.
    #[must_use]
    pub fn of(record: Record, times_today: Option<u64>) -> Self {
        Self {
            notice: notice(&record, times_today),
            record,
            times_today,
        }
    }

    /// The revision's own name, wherever it is told.
    #[must_use]
    pub fn id(&self) -> String {
        let (key, resource) = (&self.record.key, &self.record.key.resource);
        let revision = self.record.revision;
        format!("{}/{}/{key}/r{revision}", resource.account, resource.region)
    }
}

/// Why a channel didn't do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It was not done.
    Not {
        /// Why, without any secret.
        why: String,
        /// How long the channel wants to be left alone.
        wait: Option<Duration>,
    },
    /// It may have been done: the answer was lost, or says nothing of it.
    Unknown(String),
    /// The message that was to be edited is there no more.
    Gone,
}

impl Failure {
    /// It was not done, and nothing says when it could be.
    pub fn not(why: impl Into<String>) -> Self {
        Self::Not {
            why: why.into(),
            wait: None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Not { why, .. } => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "may have been sent: {why}"),
            Self::Gone => f.write_str("the message is there no more"),
        }
    }
}

/// A way to tell. One that keeps an incident's message up to date says so by `threads`, and has
/// `edit`, `reply` and `find`; any other is sent each revision by itself.
pub trait Channel: Send + Sync {
    /// Its name in marks, metrics and log lines.
    fn name(&self) -> &str;

    /// It is to be told of this.
    fn takes(&self, told: &Told) -> bool;

    /// It edits and threads.
    fn threads(&self) -> bool {
        false
    }

    /// Sends a message; gives the channel's id of it.
    fn send(&self, told: &Told) -> impl Future<Output = Result<String, Failure>> + Send;

    /// Makes the message of that id say this.
    fn edit(&self, _id: &str, _: &Told) -> impl Future<Output = Result<(), Failure>> + Send {
        ready(Ok(()))
    }

    /// Puts the details under the message of that id; loud: so that people see them who don't
    /// follow the thread.
    fn reply(
        &self,
        _id: &str,
        _: &Told,
        _loud: bool,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        ready(Ok(()))
    }

    /// The message (or, `under` another, the details) of this revision, if it was sent after all
    /// since then.
    fn find(
        &self,
        _: &Told,
        _under: Option<&str>,
        _since: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, Failure>> + Send {
        ready(Ok(None))
    }
}

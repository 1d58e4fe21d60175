//! What the janitor answers.

use serde::{Deserialize, Serialize};

/// What one invocation came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tidied {
    /// How many resources' work was finished that a crash had left open.
    pub finished: usize,
    /// How many dead letters a function has handled now.
    pub handled: usize,
    /// How many were not understood; they are remembered by their digest.
    pub rejected: usize,
    /// How many records were written of changes that no function handles.
    pub recorded: usize,
    /// How many dead letters stay.
    pub kept: usize,
    /// What could not be done, and comes again.
    pub troubles: Vec<Trouble>,
}

/// Something that could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What: a resource, a queue.
    pub what: String,
    /// Why not.
    pub why: String,
}

impl Tidied {
    pub(crate) fn trouble(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        tracing::error!(what, why, "the janitor could not do it; it comes again");
        self.troubles.push(Trouble { what, why });
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.finished += other.finished;
        self.handled += other.handled;
        self.rejected += other.rejected;
        self.recorded += other.recorded;
        self.kept += other.kept;
        self.troubles.extend(other.troubles);
    }
}

/// What became of dead letters that were to be put back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Of each dead-letter queue, in the order of services.
    pub queues: Vec<Emptied>,
    /// Nothing is left that could be put back now.
    pub finished: bool,
}

/// What became of one queue's dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emptied {
    /// The dead-letter queue's name.
    pub queue: String,
    /// The name of the queue that they were put on.
    pub to: String,
    /// How many were put back.
    pub moved: u64,
    /// About how many the janitor, or somebody else, is at: they can be put back in some minutes.
    pub hidden: u64,
    /// What kept the others from being put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A queue's name, from its URL.
pub(crate) fn name(url: &str) -> String {
    url.rsplit('/').next().unwrap_or(url).to_owned()
}

//! Where a sweep stands, and what it saw so far.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use undrift_core::name::KindId;
use undrift_engine::sweep::{Cursor, Finding, Missed, Unread};

/// How many missed changes wait for their event at most: what is beyond is found again by the next
/// sweep.
const WAITING: usize = 200;

/// Where a sweep stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The place of the function that is being asked.
    pub function: usize,
    /// Where that stands.
    pub cursor: Cursor,
    /// How many kinds that function has, as far as it has said.
    #[serde(default)]
    pub kinds: usize,
    /// How often the page that begins there failed.
    #[serde(default)]
    pub failed: u32,
    /// Begin anew when this sweep has ended: a trail logs again since it began.
    #[serde(default)]
    pub again: bool,
    /// Missed changes whose event isn't found yet.
    pub waiting: Vec<Waiting>,
    /// What was seen so far.
    pub counts: Counts,
}

/// A missed change whose event isn't found yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// The function that will decide it.
    pub function: String,
    /// What it is.
    pub missed: Missed,
    /// When it was noticed.
    pub noticed: Timestamp,
    /// Not to be tried again before.
    pub due: Timestamp,
}

/// What a sweep saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Resources.
    pub seen: usize,
    /// Findings that were new.
    pub found: usize,
    /// Findings that could not be told.
    pub undecided: usize,
    /// Resources, lists and functions that could not be looked at.
    pub unread: usize,
}

/// What an invocation tells of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// When the sweep began.
    pub began: Timestamp,
    /// Every resource was looked at.
    pub finished: bool,
    /// How many of how many kinds of resource were looked at, of the function that is asked.
    pub kinds: (usize, usize),
    /// How many of how many functions have been asked.
    pub functions: (usize, usize),
    /// The kind that was looked at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindId>,
    /// What was seen since the sweep began.
    pub counts: Counts,
    /// What this invocation found.
    pub findings: Vec<Finding>,
    /// What it could not look at.
    pub unread: Vec<Unread>,
    /// How many missed changes wait for CloudTrail's event history.
    pub waiting: usize,
    /// Where a dry run stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

impl State {
    /// A sweep that begins.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self {
            began: now,
            ended: None,
            function: 0,
            cursor: Cursor::default(),
            kinds: 0,
            failed: 0,
            again: false,
            waiting: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// It ended so long ago that it is time for the next.
    #[must_use]
    pub fn is_due(&self, every: SignedDuration, now: Timestamp) -> bool {
        self.ended.is_some() && now.duration_since(self.began) >= every
    }

    /// Anew, with what still waits for its event.
    #[must_use]
    pub fn again(&self, now: Timestamp) -> Self {
        Self {
            waiting: self.waiting.clone(),
            ..Self::begin(now)
        }
    }

    /// Remembers a missed change; `false`: too many wait already.
    pub fn wait(&mut self, function: &str, missed: Missed, now: Timestamp) -> bool {
        let known = self
            .waiting
            .iter_mut()
            .find(|w| w.missed.resource == missed.resource);
        if let Some(known) = known {
            // What is new among it has its own time to be told.
            if known.missed.shown != missed.shown {
                known.noticed = now;
            }
            known.missed = missed;
            return true;
        }
        if self.waiting.len() >= WAITING {
            return false;
        }
        self.waiting.push(Waiting {
            function: function.to_owned(),
            missed,
            noticed: now,
            due: now,
        });
        true
    }
}

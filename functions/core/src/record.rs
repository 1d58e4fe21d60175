//! The audit entry of one (change, resource), and the nine questions it answers.

mod answers;

pub(crate) use answers::seconds as seconds_of;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::decide::{Decision, Ruling, Why};
use crate::judge::Assessment;
use crate::kind::{Call, ElementPath, ResourceRef};
use crate::name::{Arn, EventId};
use crate::plan::{Moved, Plan};

/// How long a proposal may be approved.
pub const APPROVABLE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a record is about: one event's effect on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangeKey {
    /// CloudTrail's event id; an undo, a sweep and an approval bring their own.
    pub event: EventId,
    /// The resource, with its account and region.
    pub resource: ResourceRef,
}

impl std::fmt::Display for ChangeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.event, self.resource.id)
    }
}

/// The record format's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordVersion {
    /// The first.
    #[serde(rename = "record/v1")]
    V1,
}

/// What a record's work was occasioned by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody changed the resource.
    Change(Box<Change>),
    /// Somebody undid a revert.
    Undo {
        /// The record whose revert is undone.
        of: ChangeKey,
        /// Who asked for it: the principal's ARN, or a name.
        by: String,
        /// Why.
        reason: String,
    },
    /// Somebody approved what had been proposed.
    Approval {
        /// The record whose plan is carried out.
        of: ChangeKey,
        /// Who approved it: the principal's ARN, or a name.
        by: String,
        /// Why.
        reason: String,
    },
    /// The sweep found it; no event told of it.
    Sweep {
        /// When the resource was last seen without it; absent: it was never seen otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },
}

/// How it ended. Closed: every record ends in one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// What was there before is there again, and was seen there.
    Reverted,
    /// The calls succeeded; the reads don't show it yet.
    Pending,
    /// A plan waits for a person.
    Proposed,
    /// Left as it is.
    Left,
    /// Somebody else had mended it first.
    ClosedByOthers,
    /// The resource is gone.
    Gone,
    /// AWS refuses us: a person must act.
    Blocked,
    /// The resource kept changing under us.
    Conflict,
    /// It went wrong in another way.
    Failed,
    /// It could not be told whether it was wrong.
    Undecided,
    /// A revert was taken back.
    Undone,
}

impl OutcomeKind {
    /// The word people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reverted => "reverted",
            Self::Pending => "pending",
            Self::Proposed => "proposed",
            Self::Left => "left",
            Self::ClosedByOthers => "closed by others",
            Self::Gone => "gone",
            Self::Blocked => "blocked",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Undecided => "undecided",
            Self::Undone => "undone",
        }
    }

    /// The incident may still develop: further revisions are expected.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Proposed)
    }
}

/// How it ended, and why so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The word.
    pub kind: OutcomeKind,
    /// The reason, in a sentence.
    pub reason: String,
}

impl Outcome {
    /// An outcome with its reason.
    pub fn new(kind: OutcomeKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }
}

/// One call that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// The call.
    pub call: Call,
    /// AWS's id of the request, to find it in CloudTrail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it was answered.
    pub at: Timestamp,
    /// How often it was sent.
    pub attempts: u32,
    /// The error it ended in, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A time stamp per stage. A stage that wasn't reached has none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stages {
    /// The function took the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// Live state and what is known were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Timestamp>,
    /// Judged, decided and planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Timestamp>,
    /// The claim was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Timestamp>,
    /// The last call succeeded: the exposure is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Timestamp>,
    /// It was read back and judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Timestamp>,
    /// The record was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
}

/// Who did the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The function's name.
    pub function: String,
    /// The role it runs under.
    pub role: Arn,
    /// Undrift's version.
    pub version: String,
    /// The digest of the bundle that decided.
    pub bundle: String,
}

/// The audit entry of one (change, resource): a row of revisions, each written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format.
    pub schema: RecordVersion,
    /// What it is about.
    pub key: ChangeKey,
    /// The highest counts. From 1.
    pub revision: u32,
    /// What occasioned it.
    pub cause: Cause,
    /// What each policy said.
    pub assessments: Vec<Assessment>,
    /// What was decided on each piece of evidence.
    pub rulings: Vec<Ruling>,
    /// What was decided on the whole.
    pub decision: Decision,
    /// The plan: sent, proposed, or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Elements of the plan that this very change brought (a plan may serve several).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<ElementPath>,
    /// The calls that were sent.
    pub sent: Vec<Sent>,
    /// Elements in a facet the plan wrote that were left alone: how many, by facet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<LeftAlone>,
    /// What keeps an undo from being done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// How it ended.
    pub outcome: Outcome,
    /// When what happened.
    pub stages: Stages,
    /// Who did it.
    pub worker: Worker,
    /// The record of the undo, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<ChangeKey>,
}

/// Elements of one facet that a plan didn't touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// The facet.
    pub facet: String,
    /// How many elements stayed as they were.
    pub count: usize,
    /// Some of them, in a line each.
    pub shown: Vec<String>,
}

/// One of the nine questions, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The question.
    pub question: &'static str,
    /// The answer.
    pub answer: String,
}

impl Record {
    /// The first revision of a record in which nothing was judged or done yet.
    #[must_use]
    pub fn new(
        key: ChangeKey,
        cause: Cause,
        worker: Worker,
        seen: Timestamp,
        outcome: Outcome,
    ) -> Self {
        Self {
            schema: RecordVersion::V1,
            key,
            revision: 1,
            cause,
            assessments: Vec::new(),
            rulings: Vec::new(),
            decision: Decision::Leave(Why::NotJudged),
            plan: None,
            own: Vec::new(),
            sent: Vec::new(),
            left_alone: Vec::new(),
            moved: Vec::new(),
            outcome,
            stages: Stages {
                seen: Some(seen),
                ..Stages::default()
            },
            worker,
            undone_by: None,
        }
    }

    /// The event time of the change; of an undo, an approval, or what the sweep found, the time it was seen.
    #[must_use]
    pub fn happened(&self) -> Option<Timestamp> {
        match &self.cause {
            Cause::Change(change) => Some(change.time),
            Cause::Undo { .. } | Cause::Approval { .. } | Cause::Sweep { .. } => self.stages.seen,
        }
    }

    /// The worst severity among the policies that were violated.
    #[must_use]
    pub fn severity(&self) -> Option<crate::policy::Severity> {
        self.assessments
            .iter()
            .filter(|a| a.verdict == crate::judge::Verdict::Violated)
            .map(|a| a.severity)
            .max()
    }

    /// Nobody could look at the resource: AWS refused it, or no function lived to do it. It is
    /// still to be judged, and that judgement is the next revision.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        let untold = matches!(
            self.outcome.kind,
            OutcomeKind::Blocked | OutcomeKind::Failed
        );
        untold && self.stages.looked.is_none()
    }

    /// A plan waits for a person to approve it.
    #[must_use]
    pub fn is_approvable(&self) -> bool {
        let planned = self.plan.as_ref().is_some_and(|p| !p.writes.is_empty());
        let itself = matches!(self.cause, Cause::Approval { .. });
        planned && !itself && self.outcome.kind == OutcomeKind::Proposed
    }

    /// When a proposal's time is over: after that it isn't carried out any more, since nobody who
    /// approves it would look at what it was made of.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let proposed = self.stages.closed.filter(|_| self.is_approvable())?;
        proposed.checked_add(APPROVABLE).ok()
    }

    /// People are told of it: anything but a change that was left with nothing found, and what
    /// was wrong before Undrift came: of that there may be hundreds on the first day, which lists
    /// and reports show.
    #[must_use]
    pub fn is_news(&self) -> bool {
        if self.cause == (Cause::Sweep { since: None }) {
            return false;
        }
        self.outcome.kind != OutcomeKind::Left
            || self.assessments.iter().any(|a| !a.evidence.is_empty())
    }
}

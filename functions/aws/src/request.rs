//! Direct requests to a service's function: what people and the other functions ask of it.
//!
//! They are Lambda invocations of their own, admitted by the function's resource policy; the
//! member `undrift` tells them from a queue's batch.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use undrift_core::kind::ResourceRef;
use undrift_core::name::EventId;
use undrift_core::record::ChangeKey;
use undrift_engine::sweep::Cursor;

/// The member that names what is asked.
pub const TAG: &str = "undrift";
/// What [`TAG`] says of [`Redeliver`].
pub(crate) const REDELIVER: &str = "redeliver";

/// A direct request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "undrift", rename_all = "snake_case")]
pub enum Request {
    /// Take a revert back.
    Undo(Undo),
    /// Carry out what was proposed.
    Approve(Approve),
    /// Look at a page of resources for what no event told of.
    Sweep(Sweep),
    /// Decide changes that no event told of.
    Missed(Missed),
    /// Finish what a crash left open on a resource.
    Resume(Resume),
    /// Deal with messages that no function dealt with while they were on the queue.
    Redeliver(Redeliver),
}

/// Finish what a crash left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// On what.
    pub resource: ResourceRef,
}

/// Deal with messages as if the queue had delivered them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redeliver {
    /// Their bodies.
    pub messages: Vec<String>,
}

/// What became of a message that was handed over, or of work that was to be finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is dealt with, or can never be: the message may go.
    Done,
    /// It is to come again.
    Again {
        /// Not before this many seconds.
        after: u32,
        /// Why.
        why: String,
    },
    /// It was handed over with others, and the function failed or ran out of time on one of them.
    Failed(String),
}

/// Look at a page of resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Where.
    #[serde(default)]
    pub cursor: Cursor,
    /// Write nothing anywhere.
    #[serde(default)]
    pub dry_run: bool,
}

/// Decide what was done to a resource and never told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// The resource.
    pub resource: ResourceRef,
    /// CloudTrail's records of what may have been done to it, as its event history gives them:
    /// a text each. They decide nothing by themselves: only what stands so is acted on.
    pub records: Vec<String>,
    /// There will be no others: what they don't explain is proposed.
    pub all: bool,
}

/// Take a revert back, and leave what that re-opens alone until a given time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The record whose revert is taken back.
    pub record: ChangeKey,
    /// The undo's own id: the same id twice is one undo.
    pub id: EventId,
    /// Who asks for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The ticket it hangs from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How long what is re-opened is exempt; absent: the function's own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Carry out what a record proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The record that proposes.
    pub record: ChangeKey,
    /// The approval's own id: the same id twice is one approval.
    pub id: EventId,
    /// Who asks for it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Why a request was not carried out. It is answered, not thrown: the invocation succeeds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The request is none that this function knows.
    #[error("the request is not understood: {0}")]
    NotUnderstood(String),
    /// There is no such record, or it holds no revert.
    #[error("{0}")]
    NotFound(String),
    /// It may not be done, or not any more; nothing was altered.
    #[error("refused: {0}")]
    Refused(String),
    /// It went wrong; sending the same request again may help.
    #[error("failed: {0}")]
    Failed(String),
}

impl RequestError {
    /// The error's word in answers.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotUnderstood(_) => "not_understood",
            Self::NotFound(_) => "not_found",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }

    /// The answer that tells the caller: `{"error": {"kind": …, "message": …}}`.
    #[must_use]
    pub fn answer(&self) -> Value {
        serde_json::json!({"error": {"kind": self.word(), "message": self.to_string()}})
    }
}

impl Request {
    /// Reads a request.
    pub fn parse(value: Value) -> Result<Self, RequestError> {
        serde_json::from_value(value).map_err(|e| RequestError::NotUnderstood(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    #[test]
    fn requests_are_read_as_they_are_written() {
        let undo = Request::Undo(Undo {
            record: testing::key("e-1"),
            id: EventId::parse("undo-1").unwrap(),
            by: "maya".into(),
            reason: "wanted".into(),
            ticket: None,
            until: None,
        });
        let written = serde_json::to_value(&undo).unwrap();
        assert_eq!(written[TAG], "undo");
        assert_eq!(Request::parse(written.clone()).unwrap(), undo);
        let redeliver = Request::Redeliver(Redeliver {
            messages: vec!["{}".into()],
        });
        let again = serde_json::to_value(&redeliver).unwrap();
        assert_eq!(again, json!({"undrift": "redeliver", "messages": ["{}"]}));
        assert_eq!(Request::parse(again).unwrap(), redeliver);
        let mut extra = written.clone();
        extra["forever"] = json!(true);
        assert!(Request::parse(extra).is_err());
        let mut other = written;
        other[TAG] = json!("erase");
        let error = Request::parse(other).unwrap_err();
        assert_eq!(error.answer()["error"]["kind"], "not_understood");
    }
}

//! What the function is invoked with.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::state::State;

/// What is asked of the sweep.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// Go on, or begin anew if it is time: the schedule's.
    Tick,
    /// Begin anew: a trail logs again, and what happened meanwhile was told by no event.
    Gap,
    /// Somebody wants it now.
    Now(Box<Now>),
}

/// Somebody wants a sweep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Now {
    /// Anew, even if one is under way; otherwise it goes on.
    #[serde(default)]
    pub begin: bool,
    /// Write nothing anywhere: not even where it stands, which the answer holds.
    #[serde(default)]
    pub dry_run: bool,
    /// Where a dry run stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// The invocation is none that the sweep knows.
#[derive(Debug, thiserror::Error)]
pub enum AskedError {
    /// Neither the schedule's, nor an event's, nor a request.
    #[error("the invocation is neither the schedule's, nor a trail's event, nor a request")]
    Unknown,
    /// A request that isn't understood.
    #[error("the request is not understood: {0}")]
    Request(#[from] serde_json::Error),
}

impl Asked {
    /// Reads an invocation's payload.
    pub fn of(mut payload: Value) -> Result<Self, AskedError> {
        let tag = payload.get(undrift_aws::request::TAG).is_some();
        if let (true, Some(members)) = (tag, payload.as_object_mut()) {
            members.remove(undrift_aws::request::TAG);
            return Ok(Self::Now(Box::new(serde_json::from_value(payload)?)));
        }
        // A queue's messages are such events too.
        if payload.get("Records").is_some_and(Value::is_array) {
            return Ok(Self::Gap);
        }
        match payload.get("detail-type").and_then(Value::as_str) {
            Some("Scheduled Event") => Ok(Self::Tick),
            Some("AWS API Call via CloudTrail") => Ok(Self::Gap),
            _ => Err(AskedError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_caller_is_known_and_nobody_else() {
        for (payload, asked) in [
            (json!({"detail-type": "Scheduled Event"}), Asked::Tick),
            (json!({"Records": [{"body": "{}"}]}), Asked::Gap),
            (
                json!({"detail-type": "AWS API Call via CloudTrail", "detail": {}}),
                Asked::Gap,
            ),
            (
                json!({"undrift": "sweep", "begin": true}),
                Asked::Now(Box::new(Now {
                    begin: true,
                    ..Now::default()
                })),
            ),
        ] {
            assert_eq!(Asked::of(payload).unwrap(), asked);
        }
        for payload in [json!({}), json!({"undrift": "sweep", "all": 1}), json!([])] {
            assert!(Asked::of(payload).is_err());
        }
    }
}

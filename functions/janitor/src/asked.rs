//! What the function is invoked with.

use serde_json::Value;
use undrift_aws::request::TAG;

/// What is asked of the janitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Tidy up: the schedule's.
    Tick,
    /// Put the dead letters back on their queues.
    Redrive,
}

/// The invocation is none that the janitor knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the invocation is neither the schedule's nor the request `redrive`")]
pub struct Unknown;

impl Asked {
    /// Reads an invocation's payload.
    pub fn of(payload: &Value) -> Result<Self, Unknown> {
        let member = |name: &str| payload.get(name).and_then(Value::as_str);
        match (member(TAG), member("detail-type")) {
            (Some("redrive"), _) => Ok(Self::Redrive),
            (None, Some("Scheduled Event")) => Ok(Self::Tick),
            _ => Err(Unknown),
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
            (json!({"detail-type": "Scheduled Event"}), Ok(Asked::Tick)),
            (json!({"undrift": "redrive"}), Ok(Asked::Redrive)),
            (json!({"undrift": "sweep"}), Err(Unknown)),
            (json!({"Records": []}), Err(Unknown)),
            (json!([]), Err(Unknown)),
        ] {
            assert_eq!(Asked::of(&payload), asked);
        }
    }
}

//! The pause switch: one SSM parameter per region.

use std::future::Future;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use tokio::sync::Mutex;
use tokio::time::Instant;
use undrift_engine::port::{CallError, ErrorClass, JournalError, Switch};

use crate::client::classify;

/// How long a value that was read counts.
const FRESH: Duration = Duration::from_secs(30);

/// How long the last known value counts before the parameter is tried again, while it can't
/// be read.
const STALE: Duration = Duration::from_secs(5);

/// The word that stops everything.
const PAUSED: &str = "paused";

/// The pause switch in an SSM parameter. It is on where the parameter's value is `paused`; any
/// other value, or no such parameter, is off.
#[derive(Debug)]
pub struct ParameterSwitch {
    parameter: Option<(Client, String)>,
    seen: Mutex<Seen>,
}

impl ParameterSwitch {
    /// The switch in the parameter of that name; without a name there is none, and nothing is
    /// ever paused.
    #[must_use]
    pub fn new(config: &SdkConfig, name: Option<&str>) -> Self {
        Self {
            parameter: name.map(|name| (Client::new(config), name.to_owned())),
            seen: Mutex::new(Seen::default()),
        }
    }
}

impl Switch for ParameterSwitch {
    async fn paused(&self) -> Result<bool, JournalError> {
        let Some((client, name)) = &self.parameter else {
            return Ok(false);
        };
        let read = || async move {
            let answer = client.get_parameter().name(name).send().await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(e) => {
                    let error = classify(&e, "ssm:GetParameter", name);
                    return match error.class {
                        ErrorClass::Missing => Ok(false),
                        _ => Err(error),
                    };
                }
            };
            Ok(answer
                .parameter
                .and_then(|p| p.value)
                .is_some_and(|value| is_paused(&value)))
        };
        // Held while reading: changes that come together ask once.
        self.seen.lock().await.get(read, Instant::now()).await
    }
}

fn is_paused(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case(PAUSED)
}

/// The last value read, and until when it counts.
#[derive(Debug, Default)]
struct Seen {
    last: Option<(bool, Instant)>,
}

impl Seen {
    /// The value, read anew if it is too old. One failure that may pass is tried again; then the
    /// last known value counts, and where there is none that is an error.
    async fn get<F>(&mut self, read: impl Fn() -> F, now: Instant) -> Result<bool, JournalError>
    where
        F: Future<Output = Result<bool, CallError>>,
    {
        if let Some((value, until)) = self.last
            && now < until
        {
            return Ok(value);
        }
        let mut answer = read().await;
        if answer
            .as_ref()
            .is_err_and(|e| matches!(e.class, ErrorClass::Throttled | ErrorClass::Transient))
        {
            answer = read().await;
        }
        let error = match answer {
            Ok(value) => {
                self.last = Some((value, now + FRESH));
                return Ok(value);
            }
            Err(e) => e,
        };
        match self.last {
            Some((value, _)) => {
                tracing::warn!(error = %error, paused = value,
                    "the pause switch can't be read; the last known value counts");
                self.last = Some((value, now + STALE));
                Ok(value)
            }
            None => Err(JournalError {
                doing: "reading the pause switch".to_owned(),
                message: error.to_string(),
                transient: matches!(error.class, ErrorClass::Throttled | ErrorClass::Transient),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn failure(class: ErrorClass) -> CallError {
        CallError {
            class,
            operation: "ssm:GetParameter".into(),
            resource: "p".into(),
            code: "c".into(),
            message: "m".into(),
            request_id: None,
        }
    }

    #[test]
    fn only_the_word_pauses() {
        for (value, paused) in [
            ("paused", true),
            (" Paused\n", true),
            ("running", false),
            ("", false),
            ("not paused", false),
        ] {
            assert_eq!(is_paused(value), paused, "{value}");
        }
    }

    #[tokio::test]
    async fn a_value_counts_for_thirty_seconds_and_the_last_one_where_none_can_be_read() {
        let (reads, answer) = (Cell::new(0), Cell::new(Ok(true)));
        let read = || {
            reads.set(reads.get() + 1);
            let now = answer.get();
            async move { now.map_err(failure) }
        };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut seen = Seen::default();

        answer.set(Err(ErrorClass::Denied));
        assert!(seen.get(read, at(0)).await.is_err());
        answer.set(Ok(true));
        assert!(seen.get(read, at(0)).await.unwrap());
        answer.set(Ok(false));
        assert!(seen.get(read, at(29)).await.unwrap());
        assert_eq!(reads.get(), 2);
        assert!(!seen.get(read, at(30)).await.unwrap());
        answer.set(Err(ErrorClass::Transient));
        assert!(!seen.get(read, at(60)).await.unwrap());
        assert_eq!(reads.get(), 5);
        assert!(!seen.get(read, at(64)).await.unwrap());
        assert_eq!(reads.get(), 5);
        answer.set(Ok(true));
        assert!(seen.get(read, at(65)).await.unwrap());
    }
}

//! What a queue's message is: a change, something to leave alone, or nothing that is understood.

use undrift_core::change::{Change, Decoded, Expected, Ignored, decode, open_envelope};

use crate::journal::keys::digest;

/// The largest message taken, in bytes: SQS's own limit (SQS Developer Guide, "Quotas").
pub const LARGEST: usize = 1024 * 1024;

/// How much of a message that isn't understood is kept for people to look at, in characters.
const BEGINNING: usize = 500;

/// A message, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// Somebody changed something.
    Change(Box<Change>),
    /// A record that altered nothing.
    Ignored(Ignored),
    /// It is not understood, or not meant for us: it never will be, so it isn't tried again.
    Rejected(Rejected),
}

/// A message that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its body's SHA-256, in hexadecimal.
    pub digest: String,
    /// Why.
    pub why: String,
    /// How it begins, without control characters.
    pub beginning: String,
}

/// Reads one message's body. Never panics, whatever it holds.
#[must_use]
pub fn take(body: &str, expected: &Expected) -> Taken {
    let reject = |why: String| {
        Taken::Rejected(Rejected {
            digest: digest(body.as_bytes()),
            why: plain(&why, BEGINNING),
            beginning: plain(body, BEGINNING),
        })
    };
    if body.len() > LARGEST {
        return reject(format!(
            "the message has {} bytes; {LARGEST} are the most",
            body.len()
        ));
    }
    let record = match open_envelope(body, expected) {
        Ok(record) => record,
        Err(e) => return reject(e.to_string()),
    };
    match decode(record) {
        // Acting needs to know when and where; what AWS delivers always says it.
        Ok(Decoded::Change(change)) => match change.assumed.first() {
            Some(unknown) => reject(format!("the record shows no readable {}", unknown.member())),
            None => Taken::Change(change),
        },
        Ok(Decoded::Ignored(why)) => Taken::Ignored(why),
        Err(e) => reject(e.to_string()),
    }
}

/// Reads a record of the event history; `None`: it altered nothing, isn't ours, or can't be read.
#[must_use]
pub fn take_record(text: &str, expected: &Expected) -> Option<Change> {
    if text.len() > LARGEST {
        return None;
    }
    let record = serde_json::from_str(text).ok()?;
    match decode(record) {
        Ok(Decoded::Change(change)) if change.assumed.is_empty() => {
            let ours = change.account == expected.account && change.region == expected.region;
            ours.then_some(*change)
        }
        _ => None,
    }
}

/// The first characters of a text that others wrote, without control characters.
#[must_use]
pub fn plain(text: &str, longest: usize) -> String {
    text.chars()
        .take(longest)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    fn why(body: &str) -> String {
        match take(body, &testing::expected()) {
            Taken::Rejected(r) => {
                assert_eq!(r.digest, digest(body.as_bytes()));
                assert!(r.beginning.chars().count() <= BEGINNING);
                assert!(!r.beginning.chars().any(char::is_control));
                r.why
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_change_is_taken_and_a_read_ignored() {
        let event = testing::event("e-1");
        let Taken::Change(change) = take(&event.to_string(), &testing::expected()) else {
            panic!("a change")
        };
        assert_eq!(change.id.as_str(), "e-1");
        let mut read = event;
        read["detail"]["readOnly"] = json!(true);
        assert_eq!(
            take(&read.to_string(), &testing::expected()),
            Taken::Ignored(Ignored::ReadOnly)
        );
    }

    #[test]
    fn what_is_not_understood_is_rejected_with_its_reason() {
        let whole = testing::event("e-1").to_string();
        let truncated: String = whole.chars().take(whole.len() - 20).collect();
        let with = |pointer: &str, value: serde_json::Value| {
            let mut event = testing::event("e-1");
            *event.pointer_mut(pointer).unwrap() = value;
            event.to_string()
        };
        for (body, part) in [
            (String::new(), "not an EventBridge event"),
            ("hello\u{1b}[31m".to_owned(), "not an EventBridge event"),
            (truncated, "not an EventBridge event"),
            ("[".repeat(100_000), "not an EventBridge event"),
            (format!("{whole}x"), "not an EventBridge event"),
            (
                with("/detail-type", json!("Scheduled Event")),
                "detail-type",
            ),
            (with("/account", json!("999999999999")), "999999999999"),
            (with("/source", json!("my.ec2")), "source"),
            (with("/detail/eventTime", json!("yesterday")), "eventTime"),
            (with("/detail/eventID", json!(null)), "eventID"),
            (" ".repeat(LARGEST + 1), "bytes"),
        ] {
            let why = why(&body);
            assert!(why.contains(part), "{part}: {why}");
        }
    }
}

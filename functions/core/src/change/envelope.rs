//! The EventBridge envelope around a record.

use serde_json::Value;

use crate::name::{AccountId, Region};

/// What a function expects of an event that is really meant for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The account the function runs in.
    pub account: AccountId,
    /// The region the function runs in.
    pub region: Region,
}

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or nested too deep, or not an object.
    #[error("the message is not an EventBridge event: {0}")]
    NotAnEvent(String),
    /// Not a call that CloudTrail recorded.
    #[error("detail-type is `{0}`, not `AWS API Call via CloudTrail`")]
    DetailType(String),
    /// `source` and the record's `eventSource` don't belong together, or `source` is not AWS's.
    #[error("source `{source_name}` doesn't match the record's eventSource `{event_source}`")]
    Source {
        /// The envelope's `source`.
        source_name: String,
        /// The record's `eventSource`.
        event_source: String,
    },
    /// Of another account or partition than the function's own.
    #[error("the event is of account `{0}`, not of the function's own")]
    Account(String),
    /// Of another region than the function's own: its clients can't reach the resource.
    #[error("the event is of region `{0}`, not of the function's own")]
    Region(String),
}

/// Takes the CloudTrail record out of an EventBridge event, after checking that the
/// event is one that only AWS can have put on the default bus: `source` is `aws.<service>`
/// (a prefix `PutEvents` refuses), the detail-type is right and the account is our own.
pub fn open_envelope(message: &str, expected: &Expected) -> Result<Value, EnvelopeError> {
    let mut event: Value =
        serde_json::from_str(message).map_err(|e| EnvelopeError::NotAnEvent(e.to_string()))?;
    let text = |member: &str| {
        event
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .chars()
            .take(100)
            .collect::<String>()
    };
    let detail_type = text("detail-type");
    if detail_type != "AWS API Call via CloudTrail" {
        return Err(EnvelopeError::DetailType(detail_type));
    }
    let account = text("account");
    if account != expected.account.as_str() {
        return Err(EnvelopeError::Account(account));
    }
    let recipient = event
        .pointer("/detail/recipientAccountId")
        .and_then(Value::as_str);
    if recipient.is_some_and(|r| r != expected.account.as_str()) {
        return Err(EnvelopeError::Account(
            recipient.unwrap_or_default().chars().take(100).collect(),
        ));
    }
    let region = event
        .pointer("/detail/awsRegion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if region != expected.region.as_str() {
        return Err(EnvelopeError::Region(region.chars().take(100).collect()));
    }
    let source_name = text("source");
    let event_source: String = event
        .pointer("/detail/eventSource")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .chars()
        .take(100)
        .collect();
    let service = source_name.strip_prefix("aws.");
    let recorded = event_source.split_once(".amazonaws.com");
    if service.is_none() || service != recorded.map(|(s, _)| s) {
        return Err(EnvelopeError::Source {
            source_name,
            event_source,
        });
    }
    event
        .get_mut("detail")
        .map(Value::take)
        .ok_or_else(|| EnvelopeError::NotAnEvent("it has no detail".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn own() -> Expected {
        Expected {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("eu-central-1").unwrap(),
        }
    }

    fn event() -> Value {
        json!({"version": "0", "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail",
            "account": "123456789012", "region": "eu-central-1",
            "detail": {"eventSource": "ec2.amazonaws.com", "recipientAccountId": "123456789012",
                "awsRegion": "eu-central-1"}})
    }

    #[test]
    fn aws_own_events_are_opened() {
        let detail = open_envelope(&event().to_string(), &own()).unwrap();
        assert_eq!(detail["eventSource"], "ec2.amazonaws.com");
    }

    #[test]
    fn anything_that_somebody_else_could_have_put_there_is_refused() {
        for (pointer, value) in [
            ("/source", json!("my.ec2")),
            ("/source", json!("aws.s3")),
            ("/detail-type", json!("Scheduled Event")),
            ("/account", json!("999999999999")),
            ("/detail/recipientAccountId", json!("999999999999")),
            ("/detail/eventSource", json!("ec2.evil.example")),
            ("/detail/eventSource", json!(7)),
            ("/detail/awsRegion", json!("cn-north-1")),
        ] {
            let mut e = event();
            *e.pointer_mut(pointer).unwrap() = value;
            assert!(open_envelope(&e.to_string(), &own()).is_err(), "{pointer}");
        }
        for text in ["", "{", "[]", "\"x\"", "null"] {
            assert!(open_envelope(text, &own()).is_err(), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(open_envelope(&deep, &own()).is_err());
    }
}

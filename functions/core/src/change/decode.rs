//! From a CloudTrail record to a change.

use jiff::Timestamp;
use serde_json::Value;

use super::{Actor, Change};
use crate::name::{AccountId, EventId, EventName, EventSource, NameError, Region};

/// What a record turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// It altered something, or may have.
    Change(Box<Change>),
    /// It altered nothing, and why that is certain.
    Ignored(Ignored),
}

/// Why a record is no change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// The call failed with this `errorCode`.
    Failed(String),
    /// A dry run (`Client.DryRunOperation`): it would have succeeded and changed nothing.
    DryRun,
    /// The call only reads.
    ReadOnly,
    /// An event of the service itself, not an API call (`eventType`).
    NotACall(String),
}

/// Why a record can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a JSON object.
    #[error("the record is not a JSON object")]
    NotAnObject,
    /// A member that every record has is missing or no text.
    #[error("the record has no `{0}`")]
    Missing(&'static str),
    /// A member does not hold what it should.
    #[error("`{member}` of the record: {source}")]
    Name {
        /// The member's name.
        member: &'static str,
        /// What is wrong with it.
        source: NameError,
    },
    /// `eventTime` is no RFC 3339 time.
    #[error("`eventTime` of the record is no time")]
    Time,
}

/// Decodes one CloudTrail record (the `detail` of an EventBridge event).
///
/// Success can be read only from an absent or empty `errorCode`: `responseElements` is null
/// for many calls that succeed (CloudTrail User Guide, "CloudTrail record contents").
pub fn decode(record: &Value) -> Result<Decoded, DecodeError> {
    if !record.is_object() {
        return Err(DecodeError::NotAnObject);
    }
    if let Some(event_type) = record.get("eventType").and_then(Value::as_str)
        && !matches!(event_type, "AwsApiCall" | "AwsConsoleAction")
    {
        return Ok(Decoded::Ignored(Ignored::NotACall(short(event_type))));
    }
    match record.get("errorCode").and_then(Value::as_str) {
        None | Some("") => {}
        Some(code) if code.ends_with("DryRunOperation") => {
            return Ok(Decoded::Ignored(Ignored::DryRun));
        }
        Some(code) => return Ok(Decoded::Ignored(Ignored::Failed(short(code)))),
    }
    let raw_name = text(record, "eventName")?;
    if record.get("readOnly").and_then(Value::as_bool) == Some(true) {
        return Ok(Decoded::Ignored(Ignored::ReadOnly));
    }
    let account = match record.get("recipientAccountId").and_then(Value::as_str) {
        Some(id) => id,
        // Records before 2014 have no recipient; there was no cross-account delivery then.
        None => record
            .pointer("/userIdentity/accountId")
            .and_then(Value::as_str)
            .ok_or(DecodeError::Missing("recipientAccountId"))?,
    };
    let request = record
        .get("requestParameters")
        .cloned()
        .unwrap_or(Value::Null);
    // An answer that was left out for its size is no answer: the request says what was asked.
    let response = record
        .get("responseElements")
        .filter(|r| !is_cut(r))
        .cloned()
        .unwrap_or(Value::Null);
    let cut = is_cut(record) || is_cut(&request);
    Ok(Decoded::Change(Box::new(Change {
        id: named("eventID", EventId::parse(text(record, "eventID")?))?,
        shared_id: record
            .get("sharedEventID")
            .and_then(Value::as_str)
            .and_then(|t| EventId::parse(t).ok()),
        time: text(record, "eventTime")?
            .parse::<Timestamp>()
            .map_err(|_| DecodeError::Time)?,
        source: named(
            "eventSource",
            EventSource::parse(text(record, "eventSource")?),
        )?,
        name: named("eventName", EventName::parse_dated(raw_name))?,
        account: named("recipientAccountId", AccountId::parse(account))?,
        region: named("awsRegion", Region::parse(text(record, "awsRegion")?))?,
        actor: Actor::of(record),
        request_id: record
            .get("requestID")
            .and_then(Value::as_str)
            .map(str::to_owned),
        request,
        response,
        cut,
    })))
}

/// CloudTrail marks what it left out for its size with `omitted: true` (record version 1.10 on).
fn is_cut(value: &Value) -> bool {
    value.get("omitted").and_then(Value::as_bool) == Some(true)
}

fn text<'r>(record: &'r Value, member: &'static str) -> Result<&'r str, DecodeError> {
    record
        .get(member)
        .and_then(Value::as_str)
        .ok_or(DecodeError::Missing(member))
}

fn named<T>(member: &'static str, parsed: Result<T, NameError>) -> Result<T, DecodeError> {
    parsed.map_err(|source| DecodeError::Name { member, source })
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Value {
        json!({
            "eventVersion": "1.11", "eventID": "e-1", "eventTime": "2026-01-24T03:45:49Z",
            "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
            "awsRegion": "eu-central-1", "recipientAccountId": "123456789012", "readOnly": false,
            "eventType": "AwsApiCall", "requestParameters": {"groupId": "sg-1"}, "responseElements": null,
            "requestID": "r-1", "sourceIPAddress": "198.51.100.7",
            "userIdentity": {"type": "AssumedRole", "principalId": "AROA1:maya", "accountId": "123456789012",
                "arn": "arn:aws:sts::123456789012:assumed-role/Dev/maya",
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::123456789012:role/Dev"}}}
        })
    }

    fn with(member: &str, value: Value) -> Value {
        let mut r = record();
        r[member] = value;
        r
    }

    #[test]
    fn a_session_is_known_by_its_role() {
        let Decoded::Change(change) = decode(&record()).unwrap() else {
            panic!("a change")
        };
        assert_eq!(change.actor.key(), "arn:aws:iam::123456789012:role/Dev");
        assert_eq!(change.actor.short(), "Dev/maya");
        assert!(!change.cut);
    }

    #[test]
    fn what_altered_nothing_is_ignored_with_its_reason() {
        for (member, value, why) in [
            (
                "errorCode",
                json!("Client.DryRunOperation"),
                Ignored::DryRun,
            ),
            (
                "errorCode",
                json!("AccessDenied"),
                Ignored::Failed("AccessDenied".into()),
            ),
            ("readOnly", json!(true), Ignored::ReadOnly),
            (
                "eventType",
                json!("AwsServiceEvent"),
                Ignored::NotACall("AwsServiceEvent".into()),
            ),
        ] {
            assert_eq!(
                decode(&with(member, value)).unwrap(),
                Decoded::Ignored(why),
                "{member}"
            );
        }
        assert!(matches!(
            decode(&with("errorCode", json!(""))).unwrap(),
            Decoded::Change(_)
        ));
    }

    #[test]
    fn a_cut_record_says_so() {
        let Decoded::Change(change) =
            decode(&with("requestParameters", json!({"omitted": true}))).unwrap()
        else {
            panic!("a change")
        };
        assert!(change.cut);
    }

    #[test]
    fn what_is_no_record_is_an_error_and_no_panic() {
        for value in [json!(null), json!([]), json!("x"), json!({})] {
            assert!(decode(&value).is_err());
        }
        assert!(decode(&with("eventTime", json!("Jul 30, 2024"))).is_err());
        assert!(decode(&with("recipientAccountId", json!("root"))).is_err());
    }
}

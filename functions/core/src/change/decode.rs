//! From a CloudTrail record to a change.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Actor, Assumed, Change};
use crate::name::{AccountId, Arn, EventId, EventName, EventSource, NameError, Region};

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

impl std::fmt::Display for Ignored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(code) => write!(f, "the call failed with {code}"),
            Self::DryRun => f.write_str("it was a dry run"),
            Self::ReadOnly => f.write_str("the call only reads"),
            Self::NotACall(event_type) => write!(f, "it is no API call but an {event_type}"),
        }
    }
}

/// Why a record can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a JSON object.
    #[error("the record is not a JSON object")]
    NotAnObject,
    /// A member without which nothing can be said is missing or no text.
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
    /// Its format is newer than what this was written for.
    #[error("the record's eventVersion is `{0}`; only 1.x is known")]
    Version(String),
}

/// The size in bytes from which on an older record's request may have been cut without a mark
/// (CloudTrail User Guide, "CloudTrail record contents": 100 KB).
const LONGEST_REQUEST: usize = 100_000;
/// The minor version that brought the mark `omitted`.
const MARKS_OMITTED: u32 = 10;

/// The types of events that are no calls (CloudTrail User Guide, "CloudTrail record contents").
/// What isn't known, or hidden, is taken for a call.
const NOT_CALLS: [&str; 5] = [
    "AwsServiceEvent",
    "AwsConsoleSignIn",
    "AwsVpceEvent",
    "AwsCloudTrailInsight",
    "AwsVpceEvents",
];

/// Decodes one CloudTrail record (the `detail` of an EventBridge event).
///
/// Success can be read only from an absent or empty `errorCode`: `responseElements` is null
/// for many calls that succeed (CloudTrail User Guide, "CloudTrail record contents").
///
/// A member that says when, where or in which account, and that is missing or scrubbed, is
/// replaced by a stand-in and listed in [`Change::assumed`]: such a change can be judged, and
/// must not be acted on.
pub fn decode(record: Value) -> Result<Decoded, DecodeError> {
    let Value::Object(mut record) = record else {
        return Err(DecodeError::NotAnObject);
    };
    let minor = minor_version(&record)?;
    if let Some(event_type) = text_of(&record, "eventType")
        && NOT_CALLS.contains(&event_type)
    {
        return Ok(Decoded::Ignored(Ignored::NotACall(short(event_type))));
    }
    if let Some(why) = failed(&record) {
        return Ok(Decoded::Ignored(why));
    }
    let raw_name = text_of(&record, "eventName").ok_or(DecodeError::Missing("eventName"))?;
    let name = named("eventName", EventName::parse_dated(raw_name))?;
    if reads(&record, &name) {
        return Ok(Decoded::Ignored(Ignored::ReadOnly));
    }
    let source = text_of(&record, "eventSource").ok_or(DecodeError::Missing("eventSource"))?;
    let source = named("eventSource", EventSource::parse(source))?;
    let mut assumed = Vec::new();
    let id = text_of(&record, "eventID").and_then(|t| EventId::parse(t).ok());
    let id = if let Some(id) = id {
        id
    } else {
        assumed.push(Assumed::Id);
        named("eventID", EventId::parse(&digest(&record)))?
    };
    let mut stand_in = |what, is_there: bool| {
        if !is_there {
            assumed.push(what);
        }
    };
    let time = text_of(&record, "eventTime").and_then(|t| t.parse::<Timestamp>().ok());
    stand_in(Assumed::Time, time.is_some());
    let account = account(&record);
    stand_in(Assumed::Account, account.is_some());
    let region = text_of(&record, "awsRegion").and_then(|t| Region::parse(t).ok());
    stand_in(Assumed::Region, region.is_some());
    let actor = Actor::of(&record);
    let owner = owner(&record);
    let shared_id = text_of(&record, "sharedEventID").and_then(|t| EventId::parse(t).ok());
    let request_id = text_of(&record, "requestID").map(str::to_owned);
    let marked = omitted(record.get("omitted"));
    let mut take = |member: &str| record.get_mut(member).map(Value::take).unwrap_or_default();
    let request = take("requestParameters");
    // An answer that was left out for its size is no answer: the request says what was asked.
    let response = Some(take("responseElements")).filter(|r| !is_cut(r));
    let over_long = minor.is_none_or(|m| m < MARKS_OMITTED) && is_over_long(&request);
    Ok(Decoded::Change(Box::new(Change {
        id,
        shared_id,
        time: time.unwrap_or(Timestamp::UNIX_EPOCH),
        source,
        name,
        account: match account {
            Some(account) => account,
            None => named("recipientAccountId", AccountId::parse("000000000000"))?,
        },
        region: match region {
            Some(region) => region,
            None => named("awsRegion", Region::parse("unknown"))?,
        },
        actor,
        request_id,
        cut: marked || is_cut(&request) || over_long,
        request,
        response: response.unwrap_or_default(),
        owner,
        assumed,
    })))
}

/// The minor version of the record's format, where it says one.
fn minor_version(record: &Map<String, Value>) -> Result<Option<u32>, DecodeError> {
    let Some(version) = text_of(record, "eventVersion").filter(|v| !v.is_empty()) else {
        return Ok(None);
    };
    let (major, minor) = version.split_once('.').unwrap_or((version, ""));
    if major == "1" {
        Ok(minor.parse().ok())
    } else {
        Err(DecodeError::Version(short(version)))
    }
}

fn failed(record: &Map<String, Value>) -> Option<Ignored> {
    let said = |member: &str| match record.get(member) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()).filter(|t| !t.is_empty()),
        Some(other) => Some(other.to_string()),
    };
    match said("errorCode") {
        Some(code) if code.ends_with("DryRunOperation") => Some(Ignored::DryRun),
        Some(code) => Some(Ignored::Failed(short(&code))),
        None => said("errorMessage").map(|text| Ignored::Failed(short(&text))),
    }
}

/// The call only reads: the record says so, or, where it says nothing (before version 1.06), its
/// name does (EventBridge User Guide, "Receiving read-only management events").
fn reads(record: &Map<String, Value>, name: &EventName) -> bool {
    match record.get("readOnly") {
        Some(Value::Bool(reads)) => *reads,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => {
            let name = name.as_str();
            ["Describe", "Get", "List"]
                .iter()
                .any(|verb| name.starts_with(verb))
                && !matches!(name, "GetFederationToken" | "GetSessionToken")
        }
    }
}

/// The account that the record was delivered to. Records before 2014 have no recipient; there was
/// no cross-account delivery then.
fn account(record: &Map<String, Value>) -> Option<AccountId> {
    let caller = || text_of(record.get("userIdentity")?.as_object()?, "accountId");
    let id = match record.get("recipientAccountId") {
        None | Some(Value::Null) => caller(),
        Some(id) => id.as_str(),
    };
    id.and_then(|id| AccountId::parse(id).ok())
}

/// The account that owns every resource the record lists.
fn owner(record: &Map<String, Value>) -> Option<AccountId> {
    let listed = record.get("resources")?.as_array()?;
    let mut owners = listed.iter().map(|resource| {
        let of = |member: &str| text_of(resource.as_object()?, member);
        of("accountId")
            .and_then(|id| AccountId::parse(id).ok())
            .or_else(|| Arn::parse(of("ARN")?).ok()?.account())
    });
    let first = owners.next()??;
    owners.all(|o| o.as_ref() == Some(&first)).then_some(first)
}

/// CloudTrail marks what it left out for its size with `omitted: true` (record version 1.10 on),
/// in place of the whole request or of some part of it.
fn is_cut(value: &Value) -> bool {
    match value {
        Value::Object(members) => omitted(members.get("omitted")) || members.values().any(is_cut),
        Value::Array(items) => items.iter().any(is_cut),
        _ => false,
    }
}

fn omitted(mark: Option<&Value>) -> bool {
    match mark {
        Some(Value::Bool(mark)) => *mark,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn is_over_long(request: &Value) -> bool {
    fn count(value: &Value, left: usize) -> Option<usize> {
        match value {
            Value::String(text) => left.checked_sub(text.len() + 2),
            Value::Array(items) => items.iter().try_fold(left, |left, i| count(i, left)),
            Value::Object(members) => members.iter().try_fold(left, |left, (name, v)| {
                count(v, left.checked_sub(name.len() + 4)?)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => left.checked_sub(4),
        }
    }
    count(request, LONGEST_REQUEST).is_none()
}

/// What names a record that has no id: the same record has the same name.
fn digest(record: &Map<String, Value>) -> String {
    use std::fmt::Write as _;
    let text = Value::Object(record.clone()).to_string();
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().fold("sha256:".to_owned(), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

fn text_of<'r>(record: &'r Map<String, Value>, member: &str) -> Option<&'r str> {
    record.get(member).and_then(Value::as_str)
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

    fn change(record: Value) -> Change {
        match decode(record).unwrap() {
            Decoded::Change(change) => *change,
            Decoded::Ignored(why) => panic!("{why}"),
        }
    }

    #[test]
    fn a_session_is_known_by_its_role() {
        let Decoded::Change(change) = decode(record()).unwrap() else {
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
            ("errorCode", json!(403), Ignored::Failed("403".into())),
            ("errorMessage", json!("no"), Ignored::Failed("no".into())),
            ("readOnly", json!(true), Ignored::ReadOnly),
            ("readOnly", json!("true"), Ignored::ReadOnly),
            (
                "eventType",
                json!("AwsServiceEvent"),
                Ignored::NotACall("AwsServiceEvent".into()),
            ),
        ] {
            assert_eq!(
                decode(with(member, value)).unwrap(),
                Decoded::Ignored(why),
                "{member}"
            );
        }
        for nothing in [json!(""), json!(null)] {
            change(with("errorCode", nothing));
        }
        let silent = |name: &str| {
            let mut record = with("eventName", json!(name));
            record["readOnly"] = json!(null);
            decode(record).unwrap()
        };
        for reads in ["DescribeSecurityGroups", "GetBucketPolicy", "ListUsers"] {
            assert_eq!(
                silent(reads),
                Decoded::Ignored(Ignored::ReadOnly),
                "{reads}"
            );
        }
        for writes in ["GetSessionToken", "AuthorizeSecurityGroupIngress"] {
            assert!(matches!(silent(writes), Decoded::Change(_)), "{writes}");
        }
    }

    #[test]
    fn a_cut_record_says_so() {
        for (member, value) in [
            ("requestParameters", json!({"omitted": true})),
            (
                "requestParameters",
                json!({"omitted": true, "originalSize": 111_960}),
            ),
            (
                "requestParameters",
                json!({"groupId": "sg-1", "ipPermissions": {"omitted": true}}),
            ),
            (
                "requestParameters",
                json!({"a": {"items": [{"b": 1, "omitted": true}]}}),
            ),
            ("omitted", json!(true)),
        ] {
            assert!(change(with(member, value.clone())).cut, "{value}");
        }
        let answer = change(with("responseElements", json!({"omitted": true})));
        assert!(!answer.cut && answer.response.is_null());
    }

    #[test]
    fn what_is_no_record_is_an_error_and_no_panic() {
        for value in [
            json!(null),
            json!([]),
            json!("x"),
            json!({}),
            json!({"eventName": 1}),
        ] {
            assert!(decode(value).is_err());
        }
        assert!(decode(with("eventSource", json!(null))).is_err());
        assert!(decode(with("eventName", json!("../etc"))).is_err());
        assert!(decode(with("eventVersion", json!("2.0"))).is_err());
    }

    #[test]
    fn what_a_record_does_not_say_is_assumed_and_said() {
        for (member, value, what) in [
            ("eventID", json!(null), Assumed::Id),
            ("eventTime", json!("Jul 30, 2024"), Assumed::Time),
            (
                "recipientAccountId",
                json!("YOUR_ACCOUNT_ID"),
                Assumed::Account,
            ),
            ("awsRegion", json!("XXXX"), Assumed::Region),
        ] {
            let change = change(with(member, value));
            assert_eq!(change.assumed, [what]);
            assert!(!change.cut);
        }
        assert!(change(record()).assumed.is_empty());
        let nameless = with("eventID", json!(null));
        assert_eq!(change(nameless.clone()).id, change(nameless).id);
    }

    #[test]
    fn the_owner_is_what_all_resources_agree_on() {
        let owner = |resources| change(with("resources", resources)).owner.map(String::from);
        let arn = |account: &str| json!({"ARN": format!("arn:aws:kms:eu-west-1:{account}:key/1")});
        let id = |account: &str| json!({"accountId": account, "type": "AWS::S3::Bucket"});
        let (a, b) = ("111122223333", "444455556666");
        assert_eq!(owner(json!([id(a), arn(a)])).as_deref(), Some(a));
        assert_eq!(owner(json!([arn(a)])).as_deref(), Some(a));
        for none in [
            json!([id(a), arn(b)]),
            json!([]),
            json!({}),
            json!([{"ARN": "arn:aws:s3:::bucket"}, id(a)]),
            json!([{"accountId": "x"}]),
        ] {
            assert_eq!(owner(none.clone()), None, "{none}");
        }
    }

    #[test]
    fn an_older_record_as_long_as_the_limit_may_be_cut() {
        let request = json!({"groupId": "sg-1", "ipPermissions": {"items": ["x".repeat(100_000)]}});
        for (version, cut) in [
            ("1.08", true),
            ("1.09", true),
            ("1.10", false),
            ("1.11", false),
        ] {
            let mut record = with("requestParameters", request.clone());
            record["eventVersion"] = json!(version);
            assert_eq!(change(record).cut, cut, "{version}");
        }
    }
}

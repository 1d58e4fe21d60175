//! Who made a call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::{AccountId, Arn};

/// The identity behind a call, from CloudTrail's `userIdentity`
/// (CloudTrail User Guide, "userIdentity element").
///
/// Only `principal` may be trusted to tell one actor from another; the session name,
/// the user agent and `invokedBy` are the caller's own words and are only shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `userIdentity.type`: open, AWS adds types.
    #[serde(rename = "type")]
    pub identity_type: String,
    /// The caller's own ARN; a session's, where the caller is a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<Arn>,
    /// The role behind a session (`sessionIssuer.arn`), or the user or root itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Arn>,
    /// The session's name: what follows the colon in `principalId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The caller's account, which may be foreign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// `sourceIPAddress`: an address, or a service's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// `userAgent`, forgeable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// `invokedBy`: the AWS service that acted for the caller, forgeable by position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
}

/// The longest text kept of a member the caller chooses (AWS's own limit for `userAgent` is 1 KB).
const LONGEST: usize = 1024;

impl Actor {
    /// Reads the actor of a CloudTrail record; members that are missing or odd are left out.
    #[must_use]
    pub fn of(record: &Map<String, Value>) -> Self {
        let identity = record.get("userIdentity");
        let issuer = identity
            .and_then(|i| member(i, "sessionContext"))
            .and_then(|c| member(c, "sessionIssuer"));
        let arn = identity
            .and_then(|i| text(i, "arn"))
            .and_then(|t| Arn::parse(&t).ok());
        Self {
            identity_type: identity
                .and_then(|i| text(i, "type"))
                .unwrap_or_else(|| "Unknown".to_owned()),
            principal: issuer
                .and_then(|i| text(i, "arn"))
                .and_then(|t| Arn::parse(&t).ok())
                .or_else(|| arn.clone()),
            arn,
            session: identity
                .and_then(|i| text(i, "principalId"))
                .and_then(|p| p.split_once(':').map(|(_, s)| s.to_owned())),
            account: identity
                .and_then(|i| text(i, "accountId"))
                .and_then(|t| AccountId::parse(&t).ok()),
            source_ip: own(record, "sourceIPAddress"),
            user_agent: own(record, "userAgent"),
            invoked_by: identity.and_then(|i| text(i, "invokedBy")),
        }
    }

    /// The actor in a few words: role and session, user, root, or the service.
    #[must_use]
    pub fn short(&self) -> String {
        match (&self.principal, &self.session, &self.invoked_by) {
            (Some(p), Some(s), _) if s != p.short() => format!("{}/{}", p.short(), s),
            (Some(p), _, _) => p.short().to_owned(),
            (None, _, Some(service)) => service.clone(),
            _ => self.identity_type.clone(),
        }
    }

    /// What caps, breaker and grouping are keyed on: the principal, never the session's name.
    #[must_use]
    pub fn key(&self) -> &str {
        self.principal
            .as_ref()
            .map_or(self.identity_type.as_str(), Arn::as_str)
    }
}

/// A member by its name; scrubbed records write names in lower case.
fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    })
}

fn own(record: &Map<String, Value>, name: &str) -> Option<String> {
    record.get(name).and_then(shown)
}

fn text(value: &Value, name: &str) -> Option<String> {
    member(value, name).and_then(shown)
}

fn shown(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.is_empty()).then(|| text.chars().take(LONGEST).collect())
}

//! Who gets a notice: by severity, policy and account.

use serde::{Deserialize, Serialize};

use super::Notice;
use crate::name::{AccountId, PolicyId};
use crate::policy::Severity;

/// Which notices go to which channels. What a route doesn't name it doesn't ask about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The channels that it goes to.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub channels: Vec<ChannelName>,
    /// Of this severity or worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Found by one of these policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1)))]
    pub policies: Option<Vec<PolicyId>>,
    /// On a resource of one of these accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1)))]
    pub accounts: Option<Vec<AccountId>>,
}

/// A channel that notices go to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("errorMessage" = "this is no channel: `sns`, `amazon-q`, `webhook`, or `slack:` \
        with a channel's id, such as `slack:C012AB3CD`", "anyOf" = [
        {"enum": ["sns", "amazon-q", "webhook"]},
        {"pattern": "^slack:[A-Za-z0-9]{1,40}$"}
    ]))
)]
#[serde(try_from = "String", into = "String")]
pub enum ChannelName {
    /// `sns`: the topic for mail and programs.
    Sns,
    /// `amazon-q`: the topic that Amazon Q Developer posts to chats from.
    AmazonQ,
    /// `webhook`: Slack's incoming webhook.
    Webhook,
    /// `slack:<id>`: a channel in Slack, by its id, such as `C012AB3CD`.
    Slack(String),
}

/// A text that names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no channel: `sns`, `amazon-q`, `webhook`, or `slack:` with a channel's id, such as \
     `slack:C012AB3CD`"
)]
pub struct NoChannel(String);

impl TryFrom<String> for ChannelName {
    type Error = NoChannel;
    fn try_from(text: String) -> Result<Self, NoChannel> {
        Ok(match text.as_str() {
            "sns" => Self::Sns,
            "amazon-q" => Self::AmazonQ,
            "webhook" => Self::Webhook,
            other => match other.strip_prefix("slack:") {
                Some(id)
                    if (1..=40).contains(&id.len())
                        && id.chars().all(|c| c.is_ascii_alphanumeric()) =>
                {
                    Self::Slack(id.to_owned())
                }
                _ => return Err(NoChannel(text.chars().take(100).collect())),
            },
        })
    }
}

impl From<ChannelName> for String {
    fn from(channel: ChannelName) -> Self {
        channel.to_string()
    }
}

impl std::fmt::Display for ChannelName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sns => f.write_str("sns"),
            Self::AmazonQ => f.write_str("amazon-q"),
            Self::Webhook => f.write_str("webhook"),
            Self::Slack(id) => write!(f, "slack:{id}"),
        }
    }
}

impl Route {
    /// The route takes this notice. A notice that names no severity (an undo, a failure before
    /// anything was judged) passes any severity, and one that names no policy any policy: doubt
    /// is told.
    #[must_use]
    pub fn takes(&self, notice: &Notice) -> bool {
        let severe = match (self.severity, notice.severity) {
            (Some(least), Some(severity)) => severity >= least,
            _ => true,
        };
        let found = &notice.found;
        let policy = self.policies.as_ref().is_none_or(|wanted| {
            found.is_empty()
                || found
                    .iter()
                    .any(|f| wanted.iter().any(|w| w.as_str() == f.policy))
        });
        let account = &notice.key.resource.account;
        let accounts = self.accounts.as_ref();
        severe && policy && accounts.is_none_or(|wanted| wanted.contains(account))
    }
}

/// The channel is one of a notice's: some route that takes the notice names it. Without routes
/// everything goes to every channel.
#[must_use]
pub fn goes_to(routes: &[Route], notice: &Notice, channel: &ChannelName) -> bool {
    routes.is_empty()
        || routes
            .iter()
            .any(|r| r.channels.contains(channel) && r.takes(notice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::{notice, testing};
    use serde_json::{Value, json};

    #[test]
    fn routes_pick_by_severity_policy_and_account() {
        let found = notice(&testing::record("sg-1", "x"), None).unwrap();
        let mut high = found.clone();
        high.severity = Some(Severity::High);
        let mut bare = found.clone();
        bare.severity = None;
        bare.found.clear();
        let to = |route: Value| -> Vec<Route> {
            serde_json::from_value(json!([{"channels": ["slack:C9"]}, route])).unwrap()
        };
        let policy = "ec2-security-group-open-admin-ports";
        for (route, notice, goes) in [
            (json!({"channels": ["sns"]}), &found, true),
            (json!({"channels": ["slack:C1"]}), &found, false),
            (
                json!({"channels": ["sns"], "severity": "critical"}),
                &found,
                true,
            ),
            (
                json!({"channels": ["sns"], "severity": "critical"}),
                &high,
                false,
            ),
            (json!({"channels": ["sns"], "severity": "low"}), &high, true),
            (
                json!({"channels": ["sns"], "severity": "critical"}),
                &bare,
                true,
            ),
            (
                json!({"channels": ["sns"], "policies": [policy]}),
                &found,
                true,
            ),
            (
                json!({"channels": ["sns"], "policies": ["s3-bucket-public"]}),
                &found,
                false,
            ),
            (
                json!({"channels": ["sns"], "policies": ["s3-bucket-public"]}),
                &bare,
                true,
            ),
            (
                json!({"channels": ["sns"], "accounts": ["123456789012"]}),
                &found,
                true,
            ),
            (
                json!({"channels": ["sns"], "accounts": ["210987654321"]}),
                &found,
                false,
            ),
            (
                json!({"channels": ["sns"], "accounts": ["123456789012"], "severity": "critical",
                    "policies": ["s3-bucket-public"]}),
                &found,
                false,
            ),
        ] {
            assert_eq!(
                goes_to(&to(route.clone()), notice, &ChannelName::Sns),
                goes,
                "{route}"
            );
        }
        assert!(goes_to(&[], &found, &ChannelName::Sns));
        for wrong in [
            json!({"severity": "low"}),
            json!({"channels": ["sns"], "tags": []}),
            json!({"channels": ["sns"], "severity": "bad"}),
            json!({"channels": ["mail"]}),
            json!({"channels": ["slack:"]}),
            json!({"channels": ["slack:#general"]}),
        ] {
            assert!(serde_json::from_value::<Route>(wrong).is_err());
        }
    }
}

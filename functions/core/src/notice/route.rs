//! Who gets a notice: by severity, policy and account.

use serde::Deserialize;

use super::Notice;
use crate::name::{AccountId, PolicyId};
use crate::policy::Severity;

/// Which notices go to which channels. What a route doesn't name it doesn't ask about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Where to: `sns`, `amazon-q`, `webhook`, `slack:<channel's id>`.
    pub channels: Vec<String>,
    /// Of this severity or worse.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// Found by one of these policies.
    #[serde(default)]
    pub policies: Option<Vec<PolicyId>>,
    /// On a resource of one of these accounts.
    #[serde(default)]
    pub accounts: Option<Vec<AccountId>>,
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
pub fn goes_to(routes: &[Route], notice: &Notice, channel: &str) -> bool {
    routes.is_empty()
        || routes
            .iter()
            .any(|r| r.channels.iter().any(|c| c == channel) && r.takes(notice))
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
            serde_json::from_value(json!([{"channels": ["elsewhere"]}, route])).unwrap()
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
            assert_eq!(goes_to(&to(route.clone()), notice, "sns"), goes, "{route}");
        }
        assert!(goes_to(&[], &found, "sns"));
        for wrong in [
            json!({"severity": "low"}),
            json!({"channels": ["sns"], "tags": []}),
            json!({"channels": ["sns"], "severity": "bad"}),
        ] {
            assert!(serde_json::from_value::<Route>(wrong).is_err());
        }
    }
}

//! What one deployment sets: modes, trust, approved pipelines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Mode, Policy};
use crate::name::{AccountId, Arn, PolicyId};
use crate::notice::route::Route;

/// Modes of one list: a default and what replaces it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>"))]
pub struct ModeList<K: Ord> {
    /// For whatever the list doesn't name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Mode>,
    /// The specific entries.
    #[serde(flatten)]
    pub named: BTreeMap<K, Mode>,
}

impl<K: Ord> Default for ModeList<K> {
    fn default() -> Self {
        Self {
            default: None,
            named: BTreeMap::new(),
        }
    }
}

impl<K: Ord> ModeList<K> {
    fn of(&self, key: &K) -> Option<Mode> {
        self.named.get(key).copied().or(self.default)
    }
}

/// The settings of one deployment (`policies/settings.yaml`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The whole deployment's mode. Absent: the deployment is new, and observes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Mode>,
    /// Modes per account.
    #[serde(default)]
    pub accounts: ModeList<AccountId>,
    /// Modes per policy.
    #[serde(default)]
    pub policies: ModeList<PolicyId>,
    /// Parameters that replace a policy's own, whole value by whole value.
    #[serde(default)]
    pub params: BTreeMap<PolicyId, Map<String, Value>>,
    /// Roles of approved pipelines: what they break is proposed, never reverted behind their back.
    #[serde(default)]
    pub approved_pipelines: Vec<Arn>,
    /// Roles and users kept for emergencies, and an organisation's own ways into its accounts: what
    /// they change is proposed, and what is changed of them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub break_glass: Vec<Arn>,
    /// Who is told of what. Without any, every channel that the deployment has gets everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Route>,
}

impl Settings {
    /// The mode a policy acts in, in an account. Within a list the specific entry replaces the
    /// default; across lists and the policy's own mode the least active wins.
    #[must_use]
    pub fn mode(&self, policy: &Policy, account: &AccountId) -> Mode {
        self.least_active(policy, self.accounts.of(account))
    }

    /// The mode it acts in, in an account that the settings don't name.
    #[must_use]
    pub fn mode_elsewhere(&self, policy: &Policy) -> Mode {
        self.least_active(policy, self.accounts.default)
    }

    fn least_active(&self, policy: &Policy, account: Option<Mode>) -> Mode {
        [
            self.deployment.unwrap_or(Mode::Observe),
            policy.mode,
            account.unwrap_or(Mode::Revert),
            self.policies.of(&policy.id).unwrap_or(Mode::Revert),
        ]
        .into_iter()
        .min()
        .unwrap_or(Mode::Observe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Approve, Observe, Revert};
    use serde_json::json;

    const MINE: &str = "111122223333";

    fn policy(mode: Mode) -> Policy {
        let policy = json!({
            "schema": "policy/v1", "id": "p", "title": "t", "severity": "low", "why": "w",
            "kind": "ec2/security-group", "on": {"ec2.amazonaws.com": ["E"]},
            "violation": "[]", "remedy": "restore", "mode": mode
        });
        serde_json::from_value(policy).unwrap()
    }

    /// Per row: the policy's own mode, the settings, and what counts.
    #[test]
    fn within_a_list_the_specific_entry_counts_and_across_lists_the_least_active() {
        for (own, settings, counts) in [
            // A new deployment observes, whatever else is set.
            (Revert, json!({}), Observe),
            (Revert, json!({"accounts": {MINE: "revert"}}), Observe),
            (Revert, json!({"policies": {"p": "revert"}}), Observe),
            // An unset list sets no limit.
            (Revert, json!({"deployment": "revert"}), Revert),
            (Approve, json!({"deployment": "revert"}), Approve),
            (Observe, json!({"deployment": "revert"}), Observe),
            (Revert, json!({"deployment": "approve"}), Approve),
            // The specific entry replaces its list's default, in both directions.
            (
                Revert,
                json!({"deployment": "revert", "accounts": {"default": "observe", MINE: "revert"}}),
                Revert,
            ),
            (
                Revert,
                json!({"deployment": "revert", "accounts": {"default": "revert", MINE: "observe"}}),
                Observe,
            ),
            (
                Revert,
                json!({"deployment": "revert", "policies": {"default": "observe", "p": "approve"}}),
                Approve,
            ),
            (
                Revert,
                json!({"deployment": "revert", "policies": {"default": "approve", "other": "revert"}}),
                Approve,
            ),
            // Across lists nothing makes it more active.
            (
                Revert,
                json!({"deployment": "revert", "accounts": {MINE: "approve"}, "policies": {"p": "revert"}}),
                Approve,
            ),
            (
                Approve,
                json!({"deployment": "revert", "accounts": {MINE: "revert"}, "policies": {"p": "revert"}}),
                Approve,
            ),
            (
                Revert,
                json!({"deployment": "approve", "accounts": {MINE: "revert"}, "policies": {"p": "observe"}}),
                Observe,
            ),
        ] {
            let read: Settings = serde_json::from_value(settings.clone()).unwrap();
            let account = AccountId::parse(MINE).unwrap();
            assert_eq!(
                read.mode(&policy(own), &account),
                counts,
                "{own:?}, {settings}"
            );
        }
    }

    #[test]
    fn an_account_that_isnt_named_gets_the_default() {
        let settings =
            json!({"deployment": "revert", "accounts": {"default": "approve", MINE: "revert"}});
        let settings: Settings = serde_json::from_value(settings).unwrap();
        assert_eq!(settings.mode_elsewhere(&policy(Revert)), Approve);
        let other = AccountId::parse("444455556666").unwrap();
        assert_eq!(settings.mode(&policy(Revert), &other), Approve);
    }
}

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

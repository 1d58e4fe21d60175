//! What a document belongs to, and who is no stranger to it.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Params;
use super::document::{Document, Listed, brief};
use crate::name::AccountId;

/// The service whose resource a policy is of: `s3`, `sqs`; `generic` where it isn't known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service(String);

impl Service {
    /// Of a name as actions have it.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        // Types as CloudFormation and Terraform name them: `AWS::SQS::Queue`, `aws_sqs_queue`.
        let own = name
            .strip_prefix("aws::")
            .and_then(|rest| rest.split("::").next())
            .or_else(|| name.strip_prefix("aws_")?.split('_').next());
        // Some call it otherwise than its actions do.
        Self(match own.unwrap_or(&name) {
            "efs" | "elasticfilesystem" => "elasticfilesystem".to_owned(),
            "opensearch" | "elasticsearch" | "opensearchservice" => "es".to_owned(),
            "eventbridge" | "cloudwatch_event" => "events".to_owned(),
            "secrets-manager" => "secretsmanager".to_owned(),
            "cloudwatch-logs" => "logs".to_owned(),
            "backup-vault" => "backup".to_owned(),
            other => other.to_owned(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Default for Service {
    fn default() -> Self {
        Self("generic".to_owned())
    }
}

/// Who is no stranger, as far as somebody has said. `accounts` absent: nobody has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Trusted {
    /// Accounts. An empty list: not even the owner.
    #[serde(deserialize_with = "accounts")]
    pub accounts: Option<Vec<String>>,
    /// Organizations.
    pub orgs: Vec<String>,
    /// Paths in organizations.
    pub org_units: Vec<String>,
    /// VPCs.
    pub vpcs: Vec<String>,
    /// Endpoints in VPCs.
    pub vpces: Vec<String>,
}

/// An account's id, which some write as a number.
pub(super) fn account<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let id = Option::<Value>::deserialize(from)?;
    id.as_ref().map(id_of).transpose()
}

fn accounts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let ids = Option::<Vec<Value>>::deserialize(from)?;
    let all = ids.map(|all| all.iter().map(id_of).collect());
    all.transpose()
}

fn id_of<E: serde::de::Error>(id: &Value) -> Result<String, E> {
    match (id.as_str(), id.as_u64()) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, Some(number)) => Ok(format!("{number:012}")),
        (None, None) => Err(E::custom("an account's id is twelve digits")),
    }
}

/// What a document belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Situation {
    /// The resource's service.
    pub service: Service,
    /// It says who may assume a role.
    pub is_trust: bool,
    /// Whose the resource is, where it is known.
    pub account: Option<String>,
    /// Who is no stranger.
    pub trusted: Trusted,
}

/// Somebody, or something, that a statement or a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Everybody,
    /// The resource's own account or organization.
    Own,
    Account(String),
    Org(String),
    OrgPath(String),
    Network(String),
    Address(String),
    Service(String),
    Provider(String),
    Thing(String),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("everybody"),
            Self::Own => f.write_str("the resource's own"),
            Self::Account(one) => write!(f, "account {}", brief(one)),
            Self::Org(one) => write!(f, "organization {}", brief(one)),
            Self::OrgPath(one)
            | Self::Network(one)
            | Self::Address(one)
            | Self::Service(one)
            | Self::Provider(one)
            | Self::Thing(one) => f.write_str(&brief(one)),
        }
    }
}

impl Situation {
    /// What a document's own words say of what it belongs to.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        let mut services = document.known().flat_map(|s| match &s.actions {
            Listed::Only(all) | Listed::AllBut(all) => all.as_slice(),
            Listed::Unsaid => &[],
        });
        let of_action = |a: &String| a.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let first = services.next().map(of_action).unwrap_or_default();
        let one = services.all(|a| of_action(a) == first);
        let named = one && !first.is_empty() && first.bytes().all(|b| b != b'*' && b != b'?');
        let no_resource = document.known().all(|s| s.resources == Listed::Unsaid);
        Self {
            is_trust: named && first == "sts" && no_resource,
            service: if named {
                Service(first)
            } else {
                of_resources(document).unwrap_or_default()
            },
            ..Self::default()
        }
    }

    /// The same, of a resource in an account whose policy's author says whom it trusts.
    pub(super) fn of_document(document: &Document, account: &AccountId, params: &Params) -> Self {
        Self {
            account: Some(account.to_string()),
            trusted: Trusted {
                accounts: Some(
                    params
                        .trusted
                        .iter()
                        .cloned()
                        .chain([account.to_string()])
                        .collect(),
                ),
                orgs: params.organizations.clone(),
                ..Trusted::default()
            },
            ..Self::of(document)
        }
    }

    /// Who is foreign can be told at all.
    pub(super) fn tells_foreign(&self) -> bool {
        self.account.is_some() || self.trusted.accounts.is_some()
    }

    /// Whether somebody is no stranger; `None`: nobody asks that of the like.
    pub(super) fn trusts(&self, item: &Item) -> Option<bool> {
        if !self.tells_foreign() {
            return None;
        }
        let trusted = &self.trusted;
        let is_in = |list: &[String], one: &str| list.iter().any(|t| t == one);
        match item {
            Item::Own => Some(true),
            Item::Account(account) => Some(match &trusted.accounts {
                Some(all) => is_in(all, account),
                None => Some(account) == self.account.as_ref(),
            }),
            Item::Org(org) => {
                trusted.accounts.as_ref()?;
                Some(is_in(&trusted.orgs, org))
            }
            Item::OrgPath(path) => {
                trusted.accounts.as_ref()?;
                let org = path.split('/').next().unwrap_or_default();
                let under = |unit: &String| {
                    let unit = unit.trim_end_matches('*');
                    !unit.is_empty() && path.starts_with(unit)
                };
                Some(is_in(&trusted.orgs, org) || trusted.org_units.iter().any(under))
            }
            Item::Network(network) => {
                let known = !trusted.vpcs.is_empty() || !trusted.vpces.is_empty();
                known.then(|| is_in(&trusted.vpcs, network) || is_in(&trusted.vpces, network))
            }
            Item::Everybody
            | Item::Address(_)
            | Item::Service(_)
            | Item::Provider(_)
            | Item::Thing(_) => None,
        }
    }
}

/// The one service whose resources a document names.
fn of_resources(document: &Document) -> Option<Service> {
    let mut services = document.known().flat_map(|s| match &s.resources {
        Listed::Only(all) | Listed::AllBut(all) => all.as_slice(),
        Listed::Unsaid => &[],
    });
    let of_arn = |r: &String| match r.split(':').nth(2) {
        Some(service) if r.starts_with("arn:") && !service.contains(['*', '?']) => {
            Some(service.to_ascii_lowercase())
        }
        _ => None,
    };
    let first = services.next().and_then(of_arn)?;
    services
        .all(|r| r == "*" || of_arn(r).as_ref() == Some(&first))
        .then_some(Service(first))
}

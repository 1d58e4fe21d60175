//! One request, and whether a document lets it in.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{Document, Effect, Listed, Statement, Test, Version, Who};
use super::operator::{Variables, resolve};
use super::pattern;

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// Somebody without credentials.
    Anonymous,
    /// A user or a role, by ARN.
    Signed(String),
    /// A service of AWS's.
    Service(String),
    /// Somebody with a token of an identity provider.
    Federated(String),
}

impl Caller {
    fn account(&self) -> Option<&str> {
        match self {
            Self::Signed(arn) => arn.split(':').nth(4),
            _ => None,
        }
    }

    /// A principal's element names it.
    fn is(&self, kind: &str, name: &str) -> bool {
        match (kind, self) {
            // Without an asterisk in it an ARN names one; a wildcard within is refused by AWS.
            ("AWS", Self::Signed(arn)) if name.contains(['*', '?']) => {
                let account = self.account().unwrap_or_default();
                let root = format!("arn:aws:iam::{account}:root");
                pattern::matches(name, &root) || pattern::matches(name, arn)
            }
            ("AWS", Self::Signed(arn)) => {
                let whole = name.strip_suffix(":root").unwrap_or(name);
                name == "*"
                    || name == arn
                    || Some(whole.rsplit(':').next().unwrap_or(whole)) == self.account()
                        && (name.ends_with(":root") || !name.contains(':'))
            }
            ("AWS", _) | ("CanonicalUser", Self::Anonymous | Self::Signed(_)) => name == "*",
            ("Service", Self::Service(service)) => name.eq_ignore_ascii_case(service),
            ("Federated", Self::Federated(provider)) => name == provider,
            _ => false,
        }
    }
}

/// A request: what an evaluation needs of it. Keys of the context are in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Who sends it.
    pub caller: Caller,
    /// The action.
    pub action: String,
    /// The resource's ARN; empty where there is none (a role that is assumed).
    pub resource: String,
    /// The condition keys that are present, each with its values.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Request {
    fn variable(&self, key: &str) -> Option<String> {
        match self.context.get(key).map(Vec::as_slice) {
            Some([one]) => Some(one.clone()),
            _ => None,
        }
    }

    /// A test is true of it.
    pub(super) fn fulfils(&self, test: &Test, version: Version) -> bool {
        let variables = |key: &str| self.variable(key);
        let dynamic: Option<Variables<'_>> = match version {
            Version::Old => None,
            Version::New | Version::Unknown => Some(&variables),
        };
        match self.context.get(&test.key) {
            None => test.operator.holds_absent(&test.values),
            Some(present) => test.operator.holds(&test.values, present, dynamic),
        }
    }

    /// A statement is about it, but for its conditions.
    pub(super) fn concerns(&self, statement: &Statement, version: Version) -> bool {
        let who = match &statement.who {
            Who::These(who) => who.iter().any(|(kind, name)| self.caller.is(kind, name)),
            Who::AllBut(who) => !who.iter().any(|(kind, name)| self.caller.is(kind, name)),
            Who::Unsaid => true,
        };
        let acts = |patterns: &[String]| patterns.iter().any(|p| pattern::action(p, &self.action));
        let on = |patterns: &[String]| {
            patterns.iter().any(|p| {
                if version != Version::Old && p.contains("${") {
                    let variables = |key: &str| self.variable(key);
                    resolve(p, &variables).is_some_and(|p| p.matches(&self.resource))
                } else {
                    pattern::matches(p, &self.resource)
                }
            })
        };
        who && (match &statement.actions {
            Listed::Only(all) => acts(all),
            Listed::AllBut(all) => !acts(all),
            Listed::Unsaid => false,
        }) && match &statement.resources {
            Listed::Only(all) => on(all),
            Listed::AllBut(all) => !on(all),
            Listed::Unsaid => true,
        }
    }

    /// A statement applies to it.
    pub(super) fn meets(&self, statement: &Statement, version: Version) -> bool {
        self.concerns(statement, version)
            && statement.tests.iter().all(|t| self.fulfils(t, version))
    }

    /// The document lets it in: a statement allows it, and none denies it. What can't be read
    /// of the document is not counted.
    #[must_use]
    pub fn gets_in(&self, document: &Document) -> bool {
        let meets = |effect: Effect| {
            let mut all = document.known().filter(move |s| s.effect == effect);
            all.any(|s| self.meets(s, document.version))
        };
        meets(Effect::Allow) && !meets(Effect::Deny)
    }
}

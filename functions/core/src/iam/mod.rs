//! Who can get in, and who is an administrator: policy documents judged.
//!
//! Each answer is certain or is none: what isn't known for sure is said to be untold, and never
//! "no". That a policy is public is shown by a request that gets in.

mod admin;
mod attack;
mod document;
mod identity;
mod json;
mod keys;
mod line;
mod operator;
mod paths;
mod pattern;
mod pins;
mod provider;
mod request;
mod resource;
mod s3;
mod situation;
mod verdict;
mod words;

use serde::Deserialize;
use serde_json::Value;

pub use document::{Document, Version, decoded};
pub use identity::{Identity, IdentityVerdict, Way, identity};
pub use line::{Answer, DocumentKind, Line, Unread};
pub use paths::Tier;
pub use request::{Caller, Request};
pub use s3::{AclGrant, Bucket, Exposure, Grantee, ObjectOwnership, PublicAccessBlock};
pub use situation::{Service, Situation, Trusted};
pub use verdict::{Grant, GrantVerdict, Resource, ResourceVerdict, resource};

pub use words::{Section, explain_identity, explain_resource};

use crate::name::AccountId;
use resource::Stand;
pub(crate) use situation::Item;

/// What policies may set for `iam.public`, `iam.foreign` and `iam.admin`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Accounts that are no strangers.
    #[serde(default)]
    pub trusted: Vec<String>,
    /// Organizations whose accounts are no strangers.
    #[serde(default)]
    pub organizations: Vec<String>,
    /// Managed policies that make an administrator, or one who can become one: AWS's own by their
    /// names, others by their ARNs.
    #[serde(default)]
    pub managed: Vec<String>,
}

/// What is said of one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is so, and why.
    Yes(String),
    /// It certainly isn't.
    No,
    /// It can't be told, and why.
    CannotTell(String),
}

/// A function of policies' expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// `iam.public`: a statement lets everybody in.
    Public,
    /// `iam.foreign`: a statement lets a stranger's account in.
    Foreign,
    /// `iam.admin`: an identity's policy makes it an administrator.
    Admin,
    /// `iam.privesc`: an identity's policy lets it become one.
    Privesc,
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Public, Self::Foreign, Self::Admin, Self::Privesc];

    /// Its name in expressions, without `iam.`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Foreign => "foreign",
            Self::Admin => "admin",
            Self::Privesc => "privesc",
        }
    }

    /// What is to be said of each element of a list. `account`: whose resource it is.
    #[must_use]
    pub fn ask(self, elements: &[Value], account: &AccountId, params: &Params) -> Vec<Said> {
        match self {
            Self::Admin => admin::said(elements, params, IdentityVerdict::Admin),
            Self::Privesc => admin::said(elements, params, IdentityVerdict::Privesc),
            Self::Public | Self::Foreign => self.of_statements(elements, account, params),
        }
    }

    fn of_statements(self, elements: &[Value], account: &AccountId, params: &Params) -> Vec<Said> {
        let document = Document::of_elements(elements);
        let situation = Situation::of_document(&document, account, params);
        let budget = attack::Budget::default();
        let one = |statement: &Result<document::Statement, String>| {
            let statement = match statement {
                Ok(statement) => statement,
                Err(why) => return Said::CannotTell(why.clone()),
            };
            match (
                resource::stand(&document, statement, &situation, &budget),
                self,
            ) {
                (Stand::Public(who, _), Self::Public) => {
                    Said::Yes(format!("lets {who} do {}", statement.does()))
                }
                (Stand::Foreign(who), Self::Foreign) => {
                    Said::Yes(format!("lets {} in, who is foreign", who.join(", ")))
                }
                (Stand::CannotTell(why), _) | (Stand::PerhapsForeign(why), Self::Foreign) => {
                    Said::CannotTell(why)
                }
                _ => Said::No,
            }
        };
        document.statements.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests;

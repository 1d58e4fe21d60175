//! Who can get in, and who is an administrator: policy documents judged, in a first, narrow form.
//!
//! Each answer is certain or is none: what these functions don't know for sure they say they
//! can't tell, and never "no".

mod admin;
mod condition;
mod document;
mod foreign;
mod public;
mod wildcard;

use serde::Deserialize;
use serde_json::Value;

use crate::name::AccountId;

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
    /// Names of managed policies that make an administrator, or one who can become one.
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
}

impl Question {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Public, Self::Foreign, Self::Admin];

    /// Its name in expressions, without `iam.`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Foreign => "foreign",
            Self::Admin => "admin",
        }
    }

    /// What is to be said of each element of a list. `account`: whose resource it is.
    #[must_use]
    pub fn ask(self, elements: &[Value], account: &AccountId, params: &Params) -> Vec<Said> {
        let statements = || {
            elements
                .iter()
                .map(document::Statement::of)
                .collect::<Vec<_>>()
        };
        match self {
            Self::Admin => elements.iter().map(|e| admin::admin(e, params)).collect(),
            Self::Public => public::public(&statements()),
            Self::Foreign => foreign::foreign(&statements(), account, params),
        }
    }
}

#[cfg(test)]
mod tests;

//! `iam.foreign`: a statement of a resource's policy lets a stranger's account in.

use super::document::{Effect, Statement, Who, brief};
use super::wildcard::is_open;
use super::{Params, Said};
use crate::name::AccountId;

/// Keys that say to which account, principal or organization a statement is pinned.
const PINS: [&str; 3] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
];

/// What is to be said of each statement of one document.
pub(super) fn foreign(
    statements: &[Result<Statement, String>],
    account: &AccountId,
    params: &Params,
) -> Vec<Said> {
    let known = |id: &str| id == account.as_str() || params.trusted.iter().any(|t| t == id);
    let one = |statement: &Result<Statement, String>| match statement {
        Err(why) => Said::CannotTell(why.clone()),
        Ok(allow) if allow.effect == Effect::Allow => said(allow, &known, params),
        Ok(_) => Said::No,
    };
    statements.iter().map(one).collect()
}

fn said(allow: &Statement, known: &dyn Fn(&str) -> bool, params: &Params) -> Said {
    let who = match &allow.who {
        Who::These(who) => who,
        // Everybody is another question.
        Who::AllBut(_) => return Said::No,
        Who::Unsaid => return Said::CannotTell("a statement names no principal".to_owned()),
    };
    let mut doubt = None;
    for (kind, name) in who {
        match (kind.as_str(), stranger(kind, name, known)) {
            (_, None) => {}
            (_, Some(Ok(why))) => {
                if !pinned(allow, known, params) {
                    return Said::Yes(why);
                }
            }
            (_, Some(Err(why))) => doubt = Some(why),
        }
    }
    doubt.map_or(Said::No, Said::CannotTell)
}

/// Why a principal is a stranger; an error where that can't be told; `None`: it is none.
fn stranger(
    kind: &str,
    name: &str,
    known: &dyn Fn(&str) -> bool,
) -> Option<Result<String, String>> {
    let is_account = |id: &str| id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
    let account = match name {
        id if is_account(id) => id,
        arn if arn.starts_with("arn:") => arn.split(':').nth(4).unwrap_or_default(),
        _ => "",
    };
    match kind {
        "AWS" if name == "*" => None,
        "AWS" | "Federated" if is_account(account) => {
            (!known(account)).then(|| Ok(format!("lets {} of account {account} in", brief(name))))
        }
        // Somebody who was deleted is left as a unique id (IAM User Guide, "IAM identifiers").
        "AWS" if name.starts_with("AROA") || name.starts_with("AIDA") => {
            Some(Ok(format!("lets {} in, who was deleted", brief(name))))
        }
        // A provider by its name is asked about by `iam.public`.
        "Service" | "Federated" => None,
        "CanonicalUser" => Some(Err(format!("whose {} is can't be told", brief(name)))),
        _ => Some(Err(format!("it isn't known who {} is", brief(name)))),
    }
}

/// A condition pins it to known accounts or organizations.
fn pinned(allow: &Statement, known: &dyn Fn(&str) -> bool, params: &Params) -> bool {
    allow.tests.iter().any(|test| {
        let operator = test.operator.as_str();
        let positive = matches!(
            operator,
            "stringequals" | "stringlike" | "arnequals" | "arnlike" | "stringequalsignorecase"
        );
        let fixed = |value: &String| match test.key.as_str() {
            "aws:principalorgid" => params.organizations.iter().any(|o| o == value),
            "aws:principalaccount" => known(value),
            _ => value.split(':').nth(4).is_some_and(known),
        };
        let right = |value: &String| {
            // Within a known account any pattern will do.
            (!is_open(value) || test.key == "aws:principalarn") && fixed(value)
        };
        positive && PINS.contains(&test.key.as_str()) && test.values.iter().all(right)
    })
}

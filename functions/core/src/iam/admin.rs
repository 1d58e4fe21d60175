//! `iam.admin` and `iam.privesc`: which of an identity's policies make it an administrator, or let
//! it become one.

use serde_json::Value;

use super::document::{Document, brief};
use super::identity::{IdentityVerdict, Level, allows_all, identity, in_words, sure_powers};
use super::paths::Tier;
use super::{Params, Said};

/// A policy of AWS's own that makes an administrator, whatever settings say.
const ADMINISTRATOR: &str = "AdministratorAccess";

/// What an element holds: documents, beside what is known of it without them.
struct Held {
    documents: Vec<Document>,
    beside: Said,
}

impl Held {
    fn known(beside: Said) -> Self {
        Self {
            documents: Vec::new(),
            beside,
        }
    }

    fn said(&self, asked: IdentityVerdict) -> Said {
        if matches!(self.beside, Said::Yes(_)) {
            return self.beside.clone();
        }
        match answer(&self.documents, asked) {
            // What isn't known may still be one.
            Said::No => self.beside.clone(),
            said => said,
        }
    }
}

/// What is to be said of each of an identity's elements: policies, or groups with theirs. Where
/// none alone makes one an administrator but all together do, it is said of each without which
/// they wouldn't.
pub(super) fn said(elements: &[Value], params: &Params, asked: IdentityVerdict) -> Vec<Said> {
    let held: Vec<Held> = elements.iter().map(|e| held(e, params)).collect();
    let mut said: Vec<Said> = held.iter().map(|held| held.said(asked)).collect();
    let is_yes = |s: &Said| matches!(s, Said::Yes(_));
    if said.iter().any(is_yes) {
        return said;
    }
    let together = |without: Option<usize>| {
        let all = held.iter().enumerate().filter(|(n, _)| Some(*n) != without);
        let documents: Vec<Document> = all.flat_map(|(_, h)| h.documents.clone()).collect();
        answer(&documents, asked)
    };
    if held.len() > 1 && is_yes(&together(None)) {
        for (n, said) in said.iter_mut().enumerate() {
            if !is_yes(&together(Some(n))) {
                *said = Said::Yes("together with what else it has, allows every action".to_owned());
            }
        }
    }
    said
}

fn answer(documents: &[Document], asked: IdentityVerdict) -> Said {
    let judged = identity(documents, None, None);
    match (judged.verdict, asked) {
        (IdentityVerdict::Admin, _) | (IdentityVerdict::Privesc, IdentityVerdict::Privesc) => {
            Said::Yes(judged.why)
        }
        (IdentityVerdict::NotAdmin, _) => Said::No,
        (IdentityVerdict::CannotTell, IdentityVerdict::Privesc) => Said::CannotTell(judged.why),
        // All of IAM's own powers are all there is.
        (_, IdentityVerdict::Admin) if sure_powers(documents) == Level::Sure => {
            Said::Yes("allows all of IAM's actions on every resource".to_owned())
        }
        _ => {
            let own = judged
                .ways
                .iter()
                .find(|w| matches!(w.tier, Tier::Own | Tier::OtherPrincipal));
            match own {
                Some(way) => Said::CannotTell(in_words(way)),
                None if judged.verdict == IdentityVerdict::CannotTell && judged.ways.is_empty() => {
                    Said::CannotTell(judged.why)
                }
                None if allows_all(documents) => {
                    Said::CannotTell("it allows everything but what it denies".to_owned())
                }
                None => Said::No,
            }
        }
    }
}

fn held(element: &Value, params: &Params) -> Held {
    if let Some(policies) = element.get("policies") {
        let Some(policies) = policies.as_array() else {
            let why = "the policies are no list".to_owned();
            return Held::known(Said::CannotTell(why));
        };
        let mut all = Held::known(Said::No);
        for policy in policies {
            let one = held(policy, params);
            match one.beside {
                Said::Yes(_) => return one,
                Said::CannotTell(_) => all.beside = one.beside,
                Said::No => {}
            }
            all.documents.extend(one.documents);
        }
        return all;
    }
    if let Some(arn) = element.get("policy").and_then(Value::as_str) {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let own_of_aws = arn.split(':').nth(4) == Some("aws");
        // Anybody may call a policy of their own so.
        let named = |m: &String| m == arn || own_of_aws && m == name;
        if params.managed.iter().any(named) || own_of_aws && name == ADMINISTRATOR {
            let why = format!("{} makes an administrator", brief(name));
            return Held::known(Said::Yes(why));
        }
        if own_of_aws {
            return Held::known(Said::No);
        }
    }
    let unsure = |why: &str| Held::known(Said::CannotTell(why.to_owned()));
    match element.get("document").map(Document::read) {
        // IAM takes no such document (IAM User Guide, Grammar of the IAM JSON policy language).
        Some(Ok(document)) if document.is_empty() => unsure("the policy shown holds no statements"),
        Some(Ok(document)) => Held {
            documents: vec![document],
            beside: Said::No,
        },
        Some(Err(why)) => unsure(&why),
        None => unsure("the policy's document isn't shown"),
    }
}

//! The verdict on a whole document that says who may do what with a resource.

use serde::Serialize;

use super::attack::Budget;
use super::document::{Document, Effect, Listed, Statement, Who, brief};
use super::operator::Base;
use super::pins::Pin;
use super::request::Request;
use super::resource::{Stand, stand};
use super::{Situation, provider};

/// The verdict on a resource's policy, or a role's trust policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceVerdict {
    /// It lets in whom it names, and no stranger that is known for one.
    NotPublic,
    /// It lets a foreign account or organization in.
    CrossAccount,
    /// It can't be told.
    CannotTell,
    /// It lets everybody in.
    Public,
}

/// How a statement that grants something to others stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantVerdict {
    /// To everybody.
    Public,
    /// To strangers that it names.
    CrossAccount,
    /// To whom can't be told.
    CannotTell,
    /// To a service, on whose behalf soever it asks.
    UnguardedService,
    /// To guests of an identity pool.
    Guests,
}

/// What one statement grants to others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grant {
    /// Its `Sid`, or its place, counted from 0.
    pub statement: String,
    /// How it stands.
    pub verdict: GrantVerdict,
    /// To whom.
    pub who: Vec<String>,
    /// The actions, as the statement writes them.
    pub actions: Vec<String>,
    /// Why.
    pub why: String,
    /// A request that gets in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness: Option<Request>,
}

/// What was found of a resource's policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    /// The verdict.
    pub verdict: ResourceVerdict,
    /// What it grants to others than its own.
    pub grants: Vec<Grant>,
}

/// Judges a resource's policy.
#[must_use]
pub fn resource(document: &Document, situation: &Situation) -> Resource {
    let budget = Budget::default();
    let mut grants = Vec::new();
    let mut verdict = ResourceVerdict::NotPublic;
    for (place, read) in document.statements.iter().enumerate() {
        let statement = match read {
            Ok(statement) => statement,
            Err(why) => {
                verdict = verdict.max(ResourceVerdict::CannotTell);
                grants.push(Grant {
                    statement: place.to_string(),
                    verdict: GrantVerdict::CannotTell,
                    who: Vec::new(),
                    actions: Vec::new(),
                    why: why.clone(),
                    witness: None,
                });
                continue;
            }
        };
        let grant = |verdict, who: Vec<String>, why: String, witness| Grant {
            statement: document.name(place).unwrap_or_default(),
            verdict,
            who,
            actions: actions(statement),
            why,
            witness,
        };
        match stand(document, statement, situation, &budget) {
            Stand::Nobody => continue,
            Stand::Inside => {}
            Stand::Foreign(who) => {
                verdict = verdict.max(ResourceVerdict::CrossAccount);
                let why = format!("it lets {} in, who is foreign", who.join(", "));
                grants.push(grant(GrantVerdict::CrossAccount, who, why, None));
            }
            Stand::CannotTell(why) | Stand::PerhapsForeign(why) => {
                verdict = verdict.max(ResourceVerdict::CannotTell);
                grants.push(grant(GrantVerdict::CannotTell, Vec::new(), why, None));
            }
            Stand::Public(who, request) => {
                verdict = ResourceVerdict::Public;
                let why = format!("lets {who} do {}", statement.does());
                grants.push(grant(GrantVerdict::Public, vec![who], why, Some(*request)));
            }
        }
        for (verdict, who, why) in beside(document, statement, situation) {
            grants.push(grant(verdict, vec![who], why.to_owned(), None));
        }
    }
    Resource { verdict, grants }
}

fn actions(statement: &Statement) -> Vec<String> {
    match &statement.actions {
        Listed::Only(all) => all.clone(),
        Listed::AllBut(all) => all.iter().map(|a| format!("all but {a}")).collect(),
        Listed::Unsaid => Vec::new(),
    }
}

/// What is found beside the verdict.
fn beside(
    document: &Document,
    statement: &Statement,
    situation: &Situation,
) -> Vec<(GrantVerdict, String, &'static str)> {
    let Who::These(who) = &statement.who else {
        return Vec::new();
    };
    if statement.effect == Effect::Deny {
        return Vec::new();
    }
    let asks = |keys: &[&str]| {
        statement.tests.iter().any(|t| {
            keys.contains(&t.key.as_str())
                && !t.operator.negated
                && t.operator.base != Base::Null
                && !t.operator.holds_absent(&t.values)
        })
    };
    let guards = [
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
    ];
    // One that says whose: `arn:aws:s3:::*` is anybody's.
    let guarded = statement.tests.iter().any(|t| {
        let pin = Pin::of_allow(t, statement.asks_for(&t.key), document.version);
        guards.contains(&t.key.as_str()) && pin.is_some_and(|p| p.keeps_out(situation))
    });
    let mut all = Vec::new();
    let services = statement.tests.iter().any(|t| {
        let yes = |v: &String| v.eq_ignore_ascii_case("true");
        t.key == "aws:principalisawsservice"
            && t.operator.base == Base::Bool
            && t.values.iter().all(yes)
    });
    for (kind, name) in who {
        if kind == "AWS" && name == "*" && services && !guarded {
            let why = "any service is let in on whose behalf soever it asks: pin aws:SourceArn or aws:SourceAccount";
            all.push((GrantVerdict::UnguardedService, brief(name), why));
        }
        if kind == "Service" && !guarded && !situation.is_trust {
            let why = "the service is let in on whose behalf soever it asks: pin aws:SourceArn or aws:SourceAccount";
            all.push((GrantVerdict::UnguardedService, brief(name), why));
        }
        let pool = kind == "Federated" && provider::host(name) == "cognito-identity.amazonaws.com";
        if pool && !asks(&["cognito-identity.amazonaws.com:amr"]) {
            let why = "an identity pool may give its guests this role: pin cognito-identity.amazonaws.com:amr";
            all.push((GrantVerdict::Guests, brief(name), why));
        }
    }
    all
}

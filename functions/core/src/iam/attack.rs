//! A stranger's request that a document lets in, looked for: whoever is told that a policy is
//! public can try it.
//!
//! A stranger has an account, an organization, a network and resources of its own, and chooses all
//! that callers choose; it has nothing of what a policy names. What is found is evaluated against
//! the whole document, so that it is never wrong to say that it gets in.

mod choice;
mod party;
mod target;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use self::choice::{Choice, options};
use self::party::{
    Party, anonymous, deputies, roles, signed, stranger, through_an_endpoint, with_token,
};
use self::target::is_of;
use super::document::{Document, Effect, Statement, Test, Who};
use super::keys::{Tells, tells};
use super::pattern::is_open;
use super::request::{Caller, Request};
use super::{Item, Situation};

/// Services that take requests without credentials, and where it isn't known which it is.
const UNSIGNED: [&str; 9] = [
    "elasticfilesystem",
    "es",
    "execute-api",
    "generic",
    "glacier",
    "lambda",
    "s3",
    "sns",
    "sqs",
];

/// Requests that are tried for one document.
const MOST: u32 = 1_000;

/// How many requests may still be tried.
#[derive(Debug)]
pub(super) struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

impl Budget {
    fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

pub(super) struct Attack<'d> {
    document: &'d Document,
    statement: &'d Statement,
    situation: &'d Situation,
    callers: Vec<Party>,
    budget: &'d Budget,
}

impl<'d> Attack<'d> {
    /// An attack by strangers.
    pub(super) fn on(
        document: &'d Document,
        statement: &'d Statement,
        situation: &'d Situation,
        budget: &'d Budget,
    ) -> Self {
        let everybody = match &statement.who {
            Who::AllBut(_) => true,
            Who::These(who) => who.iter().any(|(kind, name)| {
                kind == "AWS" && is_open(name) || kind == "CanonicalUser" && name == "*"
            }),
            Who::Unsaid => false,
        };
        let account = stranger(document);
        let mut callers = Vec::new();
        if everybody {
            if !situation.is_trust && UNSIGNED.contains(&situation.service.name()) {
                callers.push(anonymous());
            }
            let user = format!("arn:aws:iam::{account}:user/stranger");
            callers.push(signed(account, &user, &roles(account)));
            callers.push(through_an_endpoint(signed(account, &user, &roles(account))));
            let of_service =
                |t: &Test| matches!(tells(&t.key), Tells::OfService | Tells::ServiceName);
            // Which services are let in or spared is another finding.
            let denies = document.known().filter(|s| s.effect == Effect::Deny);
            let mut tests = denies.chain([statement]).flat_map(|s| &s.tests);
            let asked = tests.any(of_service);
            if !asked && !situation.is_trust {
                callers.extend(deputies(statement, account));
            }
        }
        if let Who::These(who) = &statement.who {
            let federated = who.iter().filter(|(kind, _)| kind == "Federated");
            callers.extend(federated.map(|(_, name)| with_token(name)));
        }
        Self {
            document,
            statement,
            situation,
            callers,
            budget,
        }
    }

    /// The same by somebody whom the statement names; `None`: it isn't known how that one calls.
    pub(super) fn by(
        document: &'d Document,
        statement: &'d Statement,
        situation: &'d Situation,
        name: &str,
        item: &Item,
        budget: &'d Budget,
    ) -> Option<Self> {
        let Item::Account(account) = item else {
            return None;
        };
        if name.contains(":saml-provider/") || name.contains(":oidc-provider/") {
            return None;
        }
        let one = name.starts_with("arn:") && !name.ends_with(":root");
        let (arn, may) = if one {
            (name.to_owned(), vec![name.to_owned()])
        } else {
            (format!("arn:aws:iam::{account}:user/known"), roles(account))
        };
        let mut direct = signed(account, &arn, &may);
        // It may be in any organization.
        for (key, template) in [
            ("aws:principalorgid", "o-?*"),
            ("aws:principalorgpaths", "o-?*/?*"),
        ] {
            direct.may.insert(key, vec![template.to_owned()]);
        }
        Some(Self {
            document,
            statement,
            situation,
            callers: vec![direct.clone(), through_an_endpoint(direct)],
            budget,
        })
    }

    /// A request that gets in by the statement.
    pub(super) fn strike(&self) -> Option<Request> {
        let (actions, resources) = (self.actions(), self.resources());
        for caller in &self.callers {
            for action in &actions {
                // What is in a bucket is another resource than the bucket.
                let of_object = action.to_ascii_lowercase().contains("object");
                let mut resources: Vec<&String> = resources.iter().collect();
                resources.sort_by_key(|r| r.contains('/') != of_object);
                for resource in resources {
                    if !is_of(action, resource) {
                        continue;
                    }
                    let mut request = Request {
                        caller: caller.caller.clone(),
                        action: action.clone(),
                        resource: resource.clone(),
                        context: caller.context.clone(),
                    };
                    if let Some(account) = &self.situation.account {
                        let owner = vec![account.clone()];
                        request
                            .context
                            .insert("aws:resourceaccount".to_owned(), owner);
                    }
                    if let Some(request) = self.solve(caller, request) {
                        return Some(request);
                    }
                }
            }
        }
        None
    }

    fn denies(&self) -> impl Iterator<Item = &'d Statement> + use<'d> {
        self.document.known().filter(|s| s.effect == Effect::Deny)
    }

    /// Chooses what the caller shows so that the statement holds and no denial does.
    fn solve(&self, caller: &Party, mut request: Request) -> Option<Request> {
        let version = self.document.version;
        if !request.concerns(self.statement, version) {
            return None;
        }
        let denies = self.denies().filter(|s| request.concerns(s, version));
        let denies: Vec<&Statement> = denies.collect();
        if denies.iter().any(|d| d.tests.is_empty()) {
            return None;
        }
        let tests = || {
            let all = denies.iter().flat_map(|d| &d.tests);
            self.statement.tests.iter().chain(all)
        };
        let mut choices: BTreeMap<&str, Vec<Choice>> = BTreeMap::new();
        let keys: BTreeSet<&str> = tests().map(|t| t.key.as_str()).collect();
        for key in keys {
            let on_key: Vec<&Test> = tests().filter(|t| t.key == key).collect();
            let own: Vec<&Test> = self
                .statement
                .tests
                .iter()
                .filter(|t| t.key == key)
                .collect();
            let mut open = options(caller, &request, key, &on_key, version);
            open.retain(|choice| {
                let mut tried = request.clone();
                set(&mut tried, key, choice);
                own.iter().all(|t| tried.fulfils(t, version))
            });
            let first = open.first()?;
            set(&mut request, key, first);
            choices.insert(key, open);
        }
        self.evade(&denies, &choices, request, 0)
    }

    /// Changes what is shown until no denial holds.
    fn evade(
        &self,
        denies: &[&Statement],
        choices: &BTreeMap<&str, Vec<Choice>>,
        request: Request,
        depth: u8,
    ) -> Option<Request> {
        let version = self.document.version;
        if !self.budget.spend() || depth > 8 {
            return None;
        }
        let Some(deny) = denies.iter().find(|d| request.meets(d, version)) else {
            let whole = request.meets(self.statement, version) && request.gets_in(self.document);
            return whole.then_some(request);
        };
        for test in &deny.tests {
            for choice in choices.get(test.key.as_str()).into_iter().flatten() {
                let mut tried = request.clone();
                set(&mut tried, &test.key, choice);
                if tried != request
                    && !tried.fulfils(test, version)
                    && let Some(found) = self.evade(denies, choices, tried, depth + 1)
                {
                    return Some(found);
                }
            }
        }
        None
    }
}

fn set(request: &mut Request, key: &str, choice: &Choice) {
    match choice {
        None => {
            request.context.remove(key);
        }
        Some(values) => {
            if let ("aws:principalarn", Caller::Signed(arn), [one]) =
                (key, &mut request.caller, values.as_slice())
            {
                arn.clone_from(one);
            }
            request.context.insert(key.to_owned(), values.clone());
        }
    }
}

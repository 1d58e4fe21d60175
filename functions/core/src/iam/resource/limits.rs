//! What limits whom a statement lets in: its own conditions, and the denials of all that it allows.

use super::{Judge, principal};
use crate::iam::document::{Effect, Listed, Statement, Who};
use crate::iam::pattern::{Meet, Pattern, is_open};
use crate::iam::pins::Pin;
use crate::iam::{Item, Situation, provider};

/// What limits a statement: it is enough for a caller to be let through by one of the pins, or to
/// be one of those that are named.
pub(super) struct Limit<'t> {
    pub(super) pins: Vec<Pin<'t>>,
    pub(super) named: Vec<Item>,
}

impl Limit<'_> {
    pub(super) fn is_fixed(&self, situation: &Situation) -> bool {
        self.pins.iter().all(|p| p.is_fixed(situation))
    }

    pub(super) fn keeps_out(&self, situation: &Situation) -> bool {
        self.pins.iter().all(|p| p.keeps_out(situation))
    }

    /// It says which way a call takes, and nothing of the caller.
    pub(super) fn is_of_path(&self) -> bool {
        self.named.is_empty() && self.pins.iter().all(|p| p.is_of_path())
    }

    pub(super) fn items(&self, situation: &Situation) -> Vec<Item> {
        let of_pins = self.pins.iter().flat_map(|p| p.items(situation));
        of_pins.chain(self.named.iter().cloned()).collect()
    }
}

impl<'d> Judge<'d> {
    /// What limits the statement: its own tests, and the denials of all that it allows. `None`:
    /// all of it is denied.
    pub(super) fn limits(&self) -> Option<Vec<Limit<'d>>> {
        let version = self.document.version;
        let own = self.statement.tests.iter();
        let own = own.filter_map(|t| Pin::of_allow(t, self.statement.asks_for(&t.key), version));
        let mut limits: Vec<Limit<'d>> = own
            .map(|pin| Limit {
                pins: vec![pin],
                named: Vec::new(),
            })
            .collect();
        let whole = |s: &&Statement| s.effect == Effect::Deny && s.odd.is_none();
        let denies = || self.document.known().filter(whole);
        let left = self.left(&denies().collect::<Vec<_>>())?;
        for deny in denies() {
            let named = match &deny.who {
                who if who.is_everybody() => Vec::new(),
                // Whom a shared provider vouches for is anybody.
                Who::AllBut(who)
                    if who.iter().all(|(kind, name)| {
                        !(is_open(name) || kind == "Federated" && provider::is_shared(name))
                    }) =>
                {
                    who.iter()
                        .map(|(kind, name)| principal(kind, name))
                        .collect()
                }
                _ => continue,
            };
            if !left.iter().all(|a| covers_action(&deny.actions, a)) || !self.on_all(deny) {
                continue;
            }
            if deny.tests.is_empty() && named.is_empty() {
                return None;
            }
            let pins = deny.tests.iter().map(|t| Pin::of_deny(t, version));
            if let Some(pins) = pins.collect::<Option<Vec<_>>>() {
                limits.push(Limit { pins, named });
            }
        }
        Some(limits)
    }

    /// The actions that are not denied to everybody; `None`: there is none. Of what is allowed but
    /// for some actions, everything is taken to be left.
    fn left(&self, denies: &[&Statement]) -> Option<Vec<Action<'d>>> {
        let outright =
            |d: &&&Statement| d.who.is_everybody() && d.tests.is_empty() && self.on_all(d);
        let outright: Vec<&&Statement> = denies.iter().filter(outright).collect();
        let left = self.allowed().into_iter();
        let left: Vec<Action<'d>> = left
            .filter(|a| !outright.iter().any(|d| covers_action(&d.actions, a)))
            .collect();
        (!left.is_empty()).then_some(left)
    }

    /// What the statement allows, action by action.
    pub(super) fn allowed(&self) -> Vec<Action<'d>> {
        match &self.statement.actions {
            Listed::Only(all) => all.iter().map(|a| Action::Only(a)).collect(),
            Listed::AllBut(all) => vec![Action::AllBut(all)],
            Listed::Unsaid => Vec::new(),
        }
    }

    /// A Deny is about every resource that the statement is about.
    pub(super) fn on_all(&self, deny: &Statement) -> bool {
        let patterns = |all: &[String]| all.iter().map(|r| Pattern::of(r)).collect::<Vec<_>>();
        match (&deny.resources, &self.statement.resources) {
            (Listed::Unsaid, _) => true,
            (Listed::Only(deny), Listed::Only(allow)) => {
                let (deny, allow) = (patterns(deny), patterns(allow));
                allow.iter().all(|a| deny.iter().any(|d| d.covers(a)))
            }
            (Listed::Only(deny), _) => deny.iter().any(|d| d == "*"),
            (Listed::AllBut(deny), Listed::AllBut(allow)) => {
                let (deny, allow) = (patterns(deny), patterns(allow));
                deny.iter().all(|d| allow.iter().any(|a| a.covers(d)))
            }
            (Listed::AllBut(deny), Listed::Only(allow)) => {
                let (deny, allow) = (patterns(deny), patterns(allow));
                let apart = |a: &Pattern, d: &Pattern| a.meet(d) == Meet::Never;
                allow.iter().all(|a| deny.iter().all(|d| apart(a, d)))
            }
            (Listed::AllBut(deny), Listed::Unsaid) => deny.is_empty(),
        }
    }
}

/// One of the actions that a statement allows.
pub(super) enum Action<'s> {
    Only(&'s str),
    AllBut(&'s [String]),
}

/// A Deny is about all of it.
pub(super) fn covers_action(deny: &Listed, allowed: &Action<'_>) -> bool {
    let lower = |text: &str| Pattern::of(&text.to_ascii_lowercase());
    match (deny, allowed) {
        (Listed::Only(deny), Action::Only(allowed)) => {
            let allowed = lower(allowed);
            deny.iter().any(|d| d == "*" || lower(d).covers(&allowed))
        }
        (Listed::Only(deny), Action::AllBut(_)) => deny.iter().any(|d| d == "*"),
        (Listed::AllBut(spared), Action::Only(allowed)) => {
            let allowed = lower(allowed);
            let apart = |s: &String| lower(s).meet(&allowed) == Meet::Never;
            spared.iter().all(apart)
        }
        (Listed::AllBut(spared), Action::AllBut(allowed)) => {
            let in_allowed = |s: &String| allowed.iter().any(|a| lower(a).covers(&lower(s)));
            spared.iter().all(in_allowed)
        }
        (Listed::Unsaid, _) => false,
    }
}

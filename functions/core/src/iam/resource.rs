//! Who a resource's policy, or a role's trust policy, lets in.
//!
//! Each statement is judged twice: by the letter of what AWS documents as public, and by what
//! strangers can in fact do. Public is what both call so, with a request that gets in to show for
//! it; not public is what neither does; where they differ it can't be told.

mod limits;

use self::limits::{Limit, covers_action};
use super::attack::{Attack, Budget};
use super::document::{Document, Effect, Listed, Statement, Test, Who, brief};
use super::pattern::{action, is_open};
use super::request::Request;
use super::{Item, Situation, provider};

/// Where a statement stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stand {
    /// It grants nobody anything.
    Nobody,
    /// It lets in who belongs to the resource's own, or whom nobody calls a stranger.
    Inside,
    /// It lets in somebody of whom it isn't known whether that is a stranger.
    PerhapsForeign(String),
    /// It lets these strangers in.
    Foreign(Vec<String>),
    /// It can't be told, and why.
    CannotTell(String),
    /// It lets everybody in: who that is, and a request that gets in.
    Public(String, Box<Request>),
}

impl Stand {
    fn rank(&self) -> u8 {
        match self {
            Self::Nobody => 0,
            Self::Inside => 1,
            Self::PerhapsForeign(_) => 2,
            Self::Foreign(_) => 3,
            Self::CannotTell(_) => 4,
            Self::Public(..) => 5,
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Foreign(mut all), Self::Foreign(more)) => {
                all.extend(more);
                Self::Foreign(all)
            }
            (one, other) if one.rank() >= other.rank() => one,
            (_, other) => other,
        }
    }
}

/// Judges one statement of a document.
pub(super) fn stand(
    document: &Document,
    statement: &Statement,
    situation: &Situation,
    budget: &Budget,
) -> Stand {
    if statement.effect == Effect::Deny {
        return Stand::Nobody;
    }
    let of_nothing = |listed: &Listed| match listed {
        Listed::Only(all) => all.is_empty(),
        Listed::AllBut(all) => all.iter().any(|one| one == "*"),
        Listed::Unsaid => false,
    };
    let nothing = of_nothing(&statement.actions) || of_nothing(&statement.resources);
    if nothing || statement.tests.iter().any(Test::never_holds) {
        return Stand::Nobody;
    }
    let judge = |statement: &Statement| {
        let judge = Judge {
            document,
            statement,
            situation,
            budget,
        };
        judge.stand()
    };
    let whole = judge(statement);
    if !matches!(whole, Stand::Public(..) | Stand::CannotTell(_)) {
        return whole;
    }
    // Each action on each resource may be limited by a denial of its own.
    match parts(document, statement) {
        parts if parts.is_empty() => whole,
        parts => parts.iter().map(judge).fold(Stand::Nobody, Stand::or),
    }
}

/// How many parts a statement is taken apart into, at most.
const MOST_PARTS: usize = 40;

/// A statement for each of its actions on each of its resources, where some of them are denied.
fn parts(document: &Document, statement: &Statement) -> Vec<Statement> {
    let denies = document.known().any(|s| s.effect == Effect::Deny);
    let (Listed::Only(actions), true) = (&statement.actions, denies) else {
        return Vec::new();
    };
    let resources: Vec<Listed> = match &statement.resources {
        Listed::Only(all) => all.iter().map(|r| Listed::Only(vec![r.clone()])).collect(),
        other => vec![other.clone()],
    };
    let count = actions.len() * resources.len();
    if !(2..=MOST_PARTS).contains(&count) {
        return Vec::new();
    }
    let one = |action: &String, resource: &Listed| Statement {
        actions: Listed::Only(vec![action.clone()]),
        resources: resource.clone(),
        ..statement.clone()
    };
    actions
        .iter()
        .flat_map(|a| resources.iter().map(move |r| one(a, r)))
        .collect()
}

struct Judge<'d> {
    document: &'d Document,
    statement: &'d Statement,
    situation: &'d Situation,
    budget: &'d Budget,
}

impl<'d> Judge<'d> {
    fn stand(&self) -> Stand {
        let unread = self.document.statements.iter().find_map(|s| match s {
            Err(why) => Some(why),
            Ok(s) if s.effect == Effect::Deny => s.odd.as_ref(),
            Ok(_) => None,
        });
        let unread = self.statement.odd.as_ref().or(unread);
        let Some(limits) = self.limits() else {
            return Stand::Nobody;
        };
        let stand = match &self.statement.who {
            Who::Unsaid => Stand::CannotTell("a statement names no principal".to_owned()),
            Who::AllBut(_) if self.situation.is_trust => {
                Stand::CannotTell("a trust policy can't have NotPrincipal".to_owned())
            }
            Who::AllBut(spared) => {
                let spared: Vec<Item> = spared.iter().map(|(k, n)| principal(k, n)).collect();
                // Only those are left whom it spares.
                let nobody = limits.iter().any(|l| {
                    l.pins.is_empty() && l.named.iter().all(|named| spared.contains(named))
                });
                if nobody {
                    Stand::Nobody
                } else {
                    self.everybody("everybody but whom it names", &limits)
                }
            }
            Who::These(who) => {
                let stands = who
                    .iter()
                    .map(|(kind, name)| self.principal(kind, name, &limits));
                stands.fold(Stand::Nobody, Stand::or)
            }
        };
        match (stand, unread) {
            // It may be a Deny.
            (Stand::Public(..) | Stand::Foreign(_), Some(why)) => Stand::CannotTell(why.clone()),
            (stand, _) => stand,
        }
    }

    fn principal(&self, kind: &str, name: &str, limits: &[Limit<'_>]) -> Stand {
        let trust = self.situation.is_trust;
        let by = |call: &str| !trust || allows(&self.statement.actions, call);
        let shown = brief(name);
        match kind {
            "AWS" if !by("sts:AssumeRole") => {
                let tokens = by("sts:AssumeRoleWithWebIdentity") || by("sts:AssumeRoleWithSAML");
                if name == "*" && tokens {
                    let why =
                        "AWS doesn't document whether `*` is whoever brings a provider's token";
                    Stand::CannotTell(why.to_owned())
                } else {
                    Stand::Nobody
                }
            }
            "AWS" if name == "*" => self.everybody("everybody", limits),
            "AWS" if is_open(name) => {
                let account = name.split(':').nth(4).unwrap_or(name);
                if is_open(account) {
                    self.everybody(&format!("whoever {shown} may be"), limits)
                } else {
                    let why = format!("AWS takes no principal {shown}");
                    Stand::CannotTell(why)
                }
            }
            // Somebody who was deleted (IAM User Guide, "IAM identifiers").
            "AWS" if is_unique_id(name) => Stand::Nobody,
            "AWS"
                if matches!(principal(kind, name), Item::Thing(_)) && !name.starts_with("arn:") =>
            {
                Stand::PerhapsForeign(format!("it isn't known who {shown} is"))
            }
            "AWS" => self.named(&principal(kind, name), name, limits),
            // Which services may, and on whose behalf, is another finding.
            "Service" if !is_open(name) => Stand::Inside,
            "CanonicalUser" if name.starts_with("arn:") && !is_open(name) => {
                self.named(&principal("AWS", name), name, limits)
            }
            "CanonicalUser" if !is_open(name) && !self.situation.tells_foreign() => Stand::Inside,
            "CanonicalUser" if !is_open(name) => {
                Stand::PerhapsForeign(format!("whose canonical user {shown} is isn't known"))
            }
            "CanonicalUser" if name == "*" => self.everybody("everybody", limits),
            "Federated" => self.federated(name, limits),
            _ => Stand::CannotTell(format!("it isn't known who {} {shown} is", brief(kind))),
        }
    }

    /// An identity provider's users are let in: of a shared one everybody who has an account there.
    fn federated(&self, name: &str, limits: &[Limit<'_>]) -> Stand {
        let trust = self.situation.is_trust;
        let by = |call: &str| !trust || allows(&self.statement.actions, call);
        let shown = brief(name);
        if is_open(name) {
            return Stand::CannotTell(format!("AWS takes no provider {shown}"));
        }
        let saml = provider::is_saml(name);
        let call = if saml {
            "sts:AssumeRoleWithSAML"
        } else {
            "sts:AssumeRoleWithWebIdentity"
        };
        if !by(call) {
            Stand::Nobody
        } else if !saml && (provider::is_shared(name) || !trust) {
            self.everybody(&format!("everybody with an account at {shown}"), limits)
        } else {
            self.named(&principal("Federated", name), name, limits)
        }
    }

    /// Everybody is let in, but for what limits them.
    fn everybody(&self, who: &str, limits: &[Limit<'_>]) -> Stand {
        let situation = self.situation;
        let by_letter = limits.iter().any(|l| l.is_fixed(situation));
        let in_fact = limits.iter().any(|l| l.keeps_out(situation));
        match (by_letter, in_fact) {
            (true, true) => self.foreign(&Item::Everybody, limits),
            (false, true) => Stand::CannotTell(format!(
                "by the letter of AWS's documentation it lets {who} in; in fact its conditions keep strangers out"
            )),
            (true, false) => Stand::CannotTell(format!(
                "AWS's documentation takes its conditions for limits, but {who} may fulfil them"
            )),
            (false, false) => match self.attack().strike() {
                Some(request) => Stand::Public(who.to_owned(), Box::new(request)),
                None => Stand::CannotTell(format!(
                    "nothing limits whom it lets in, but no request is known that gets in as {who}"
                )),
            },
        }
    }

    fn attack(&self) -> Attack<'d> {
        Attack::on(self.document, self.statement, self.situation, self.budget)
    }

    /// One principal is let in.
    fn named(&self, item: &Item, name: &str, limits: &[Limit<'_>]) -> Stand {
        let shown = brief(name);
        if self.is_denied(item, name) {
            return Stand::Nobody;
        }
        match self.foreign(item, limits) {
            Stand::Foreign(_) => {}
            other => return other,
        }
        let denied = self.document.known().any(|s| s.effect == Effect::Deny);
        if !denied {
            return Stand::Foreign(vec![shown]);
        }
        match Attack::by(
            self.document,
            self.statement,
            self.situation,
            name,
            item,
            self.budget,
        ) {
            Some(attack) if attack.strike().is_none() => Stand::CannotTell(format!(
                "it lets {shown} in, and another statement may deny that"
            )),
            _ => Stand::Foreign(vec![shown]),
        }
    }

    /// Just this principal, or the whole account, is denied all of it.
    fn is_denied(&self, item: &Item, name: &str) -> bool {
        let actions = self.allowed();
        self.document.known().any(|deny| {
            let Who::These(who) = &deny.who else {
                return false;
            };
            let whole = |denied: &str| !denied.starts_with("arn:") || denied.ends_with(":root");
            let same = who.iter().any(|(kind, denied)| {
                kind == "AWS"
                    && (denied == name || whole(denied) && principal(kind, denied) == *item)
            });
            same && deny.effect == Effect::Deny
                && deny.odd.is_none()
                && deny.tests.is_empty()
                && actions.iter().all(|a| covers_action(&deny.actions, a))
                && self.on_all(deny)
        })
    }

    /// Whether whom it lets in is foreign.
    fn foreign(&self, who: &Item, limits: &[Limit<'_>]) -> Stand {
        let situation = self.situation;
        if let Item::Account(account) = who {
            // Who is of one account is of no other.
            let of_caller = limits.iter().filter(|l| {
                l.named.is_empty()
                    && l.pins
                        .iter()
                        .all(|p| p.is_of_caller() && p.keeps_out(situation))
            });
            for limit in of_caller {
                let items = limit.items(situation);
                let fits = |i: &Item| match i {
                    Item::Account(of) => of == account || is_open(of),
                    Item::Own => Some(account) == situation.account.as_ref(),
                    _ => true,
                };
                if !items.iter().any(fits) {
                    return Stand::Nobody;
                }
            }
        }
        let holding = limits.iter().filter(|l| l.keeps_out(situation));
        let (paths, callers): (Vec<_>, Vec<_>) = holding.partition(|l| l.is_of_path());
        let mut conjuncts: Vec<Vec<Item>> = callers.iter().map(|l| l.items(situation)).collect();
        conjuncts.push(vec![who.clone()]);
        let trusted = |items: &[Item]| items.iter().all(|i| situation.trusts(i) == Some(true));
        let foreign = |items: &[Item]| -> Vec<String> {
            let foreign = items.iter().filter(|i| situation.trusts(i) == Some(false));
            foreign.map(ToString::to_string).collect()
        };
        if conjuncts.iter().any(|items| trusted(items)) {
            return Stand::Inside;
        }
        let mut strangers: Vec<String> = conjuncts.iter().flat_map(|i| foreign(i)).collect();
        // Whoever is known for a stranger is one by whatever way he comes.
        let paths: Vec<Vec<Item>> = paths.iter().map(|l| l.items(situation)).collect();
        if strangers.is_empty() {
            if paths.iter().any(|items| trusted(items)) {
                return Stand::Inside;
            }
            strangers = paths.iter().flat_map(|i| foreign(i)).collect();
        }
        if strangers.is_empty() {
            Stand::Inside
        } else {
            Stand::Foreign(strangers)
        }
    }
}

/// Whom a principal's element names.
fn principal(kind: &str, name: &str) -> Item {
    let of = |account: &str| Item::Account(account.to_owned());
    match kind {
        "AWS" | "Federated" if name.starts_with("arn:") => {
            match name.split(':').nth(4) {
                // An identity of CloudFront's is one distribution's.
                Some(account) if !account.is_empty() && account != "cloudfront" => of(account),
                _ => Item::Thing(name.to_owned()),
            }
        }
        "AWS" if name.bytes().all(|b| b.is_ascii_digit()) => of(name),
        "Service" => Item::Service(name.to_owned()),
        _ => Item::Thing(name.to_owned()),
    }
}

fn is_unique_id(name: &str) -> bool {
    let known = ["AIDA", "AROA", "AGPA", "ANPA", "AIPA"];
    name.len() > 15
        && known.iter().any(|p| name.starts_with(p))
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Statements with these actions allow a call.
pub(super) fn allows(actions: &Listed, call: &str) -> bool {
    match actions {
        Listed::Only(all) => all.iter().any(|pattern| action(pattern, call)),
        Listed::AllBut(all) => !all.iter().any(|pattern| action(pattern, call)),
        Listed::Unsaid => false,
    }
}

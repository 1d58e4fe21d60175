//! What is to be mended, and by which remedy.

use std::collections::BTreeSet;

use super::whole::Taken;
use super::{Located, Weighed};
use crate::decide::{Circumstances, Decision, Ruling, Why};
use crate::kind::{FacetName, Kind};
use crate::name::PolicyId;
use crate::plan::Mend;
use crate::policy::{BundledPolicy, Needs, Remedy};

/// What a policy states instead is set by a person only, where it needs to know for certain what
/// was there before.
pub(super) fn hold_back(
    rulings: &mut [Ruling],
    located: &[Located],
    is_new: bool,
    now: Circumstances<'_>,
) {
    for ruling in rulings {
        let policy = of(&ruling.policy, now).map(|p| &p.policy);
        let careful =
            |p: &crate::policy::Policy| p.needs == Some(Needs::ExactBefore) && !p.set.is_empty();
        if ruling.decision != Decision::Act || !policy.is_some_and(careful) {
            continue;
        }
        let found = located.iter().find(|l| l.path == ruling.path);
        let why = match found.and_then(|l| l.before.as_ref()) {
            Some(None) if is_new => "it is new".to_owned(),
            Some(_) => continue,
            None => format!("neither the record nor a kept image shows {}", ruling.path),
        };
        ruling.decision = Decision::Propose(Why::BeforeUnknown(why));
    }
}

fn of<'c>(policy: &PolicyId, now: Circumstances<'c>) -> Option<&'c BundledPolicy> {
    now.bundle.policies.iter().find(|p| p.policy.id == *policy)
}

/// The elements that rulings want mended, each with its remedy: the more careful one where
/// policies name different ones. With them, what the same calls took away.
pub(super) fn mend(
    changes: &[Weighed],
    act: bool,
    kind: &dyn Kind,
    taken: &dyn Fn(usize, &BTreeSet<FacetName>) -> Taken,
    now: Circumstances<'_>,
) -> Mend {
    let careful = |remedy: Remedy| match remedy {
        Remedy::Remove => 0,
        Remedy::Contain => 1,
        Remedy::Restore => 2,
    };
    let mut mend = Mend::default();
    for (index, change) in changes.iter().enumerate() {
        let mut facets = BTreeSet::new();
        for ruling in &change.rulings {
            let wanted = match ruling.decision {
                Decision::Act => act,
                Decision::Propose(_) => !act,
                Decision::Leave(_) => false,
            };
            if let (true, Some(policy)) = (wanted, of(&ruling.policy, now)) {
                let named = match (policy.policy.remedy, policy.policy.needs) {
                    // What was there before must be certain: nothing is taken out without it.
                    (Remedy::Remove, Some(Needs::ExactBefore)) => Remedy::Restore,
                    (named, _) => named,
                };
                let remedy = mend.wrong.entry(ruling.path.clone()).or_insert(named);
                if careful(named) > careful(*remedy) {
                    *remedy = named;
                }
                if !policy.policy.set.is_empty() {
                    let stated = policy.policy.stated(kind, &ruling.path);
                    let known = mend.set.entry(ruling.path.clone()).or_default();
                    *known = known.take().or(stated);
                }
                facets.insert(ruling.path.facet.clone());
            }
        }
        if !facets.is_empty() {
            let taken = taken(index, &facets);
            mend.taken.extend(taken.elements);
            mend.texts.extend(taken.texts);
        }
    }
    mend
}

//! In which order changes of one second may have come.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{Decision, Why, overall};
use crate::judge::Verdict;
use crate::kind::{Before, Effect, FacetName, Kind, Target, Touch};
use crate::weigh::{Occurred, Scales};

/// How many changes whose order isn't known are tried last, one after the other.
const TRIED: usize = 4;

/// The order in which changes are taken to have come, by their places: what must come first does.
pub(super) fn likely(occurred: &[Occurred<'_>]) -> Vec<usize> {
    let rank = |o: &Occurred<'_>| match o.effect {
        Effect::Created(_) => 0,
        Effect::Edited(touches) if touches.iter().any(adds) => 1,
        Effect::Edited(_) | Effect::Replaced(_) | Effect::Unclear(_) => 2,
        Effect::Deleted => 3,
    };
    let mut order: Vec<usize> = (0..occurred.len()).collect();
    order.sort_by_key(|i| occurred.get(*i).map(rank));
    order
}

fn adds(touch: &Touch) -> bool {
    touch.before == Before::Absent
}

/// The changes that touch what others touch too, and that may have come before or after those. At
/// most [`TRIED`] and one.
pub(super) fn unordered(kind: &dyn Kind, occurred: &[Occurred<'_>]) -> Vec<usize> {
    if occurred.len() < 2 {
        return Vec::new();
    }
    // By id, and by what it is: whether a change adds it is what orders those that name its id.
    let mut by_key: BTreeMap<String, Vec<(usize, bool)>> = BTreeMap::new();
    let mut by_substance: BTreeMap<String, Vec<(usize, Option<String>)>> = BTreeMap::new();
    for (index, one) in occurred.iter().enumerate() {
        for touch in one.effect.touches().iter() {
            let key = match &touch.target {
                Target::Key(key) => Some(key.0.clone()),
                Target::Like(_) => None,
            };
            if let Some(key) = &key {
                by_key
                    .entry(key.clone())
                    .or_default()
                    .push((index, adds(touch)));
            }
            let shown = (&touch.after, &touch.before, &touch.target);
            let ((Some(is), _, _) | (None, Before::Was(is), _) | (None, _, Target::Like(is))) =
                shown
            else {
                continue;
            };
            for facet in &touch.facets {
                let substance = format!("{facet} {}", kind.substance(facet, is));
                by_substance
                    .entry(substance)
                    .or_default()
                    .push((index, key.clone()));
            }
        }
    }
    let mut unordered = BTreeSet::new();
    unordered.extend(over_each_other(occurred));
    for touches in by_key.values() {
        let others = touches.iter().filter(|(_, adds)| !adds);
        let others: BTreeSet<usize> = others.map(|(index, _)| *index).collect();
        if others.len() > 1 {
            unordered.extend(others);
        }
    }
    for touches in by_substance.values() {
        let changes: BTreeSet<usize> = touches.iter().map(|(index, _)| *index).collect();
        let keys: BTreeSet<&Option<String>> = touches.iter().map(|(_, key)| key).collect();
        // Named by one id throughout, it is ordered by it, or listed above.
        let one_name = keys.len() == 1 && keys.iter().all(|k| k.is_some());
        if changes.len() > 1 && !one_name {
            unordered.extend(changes);
        }
    }
    unordered.into_iter().take(TRIED + 1).collect()
}

/// Changes that replace facets, and others that touch the same ones.
fn over_each_other(occurred: &[Occurred<'_>]) -> Vec<usize> {
    let facets = |o: &Occurred<'_>| -> BTreeSet<FacetName> {
        let touches = o.effect.touches();
        let mut facets: BTreeSet<FacetName> =
            touches.iter().flat_map(|t| t.facets.clone()).collect();
        if let Effect::Replaced(image) = o.effect {
            facets.extend(image.facets.keys().cloned());
        }
        facets
    };
    let all: Vec<_> = occurred.iter().map(facets).collect();
    let replaces = |o: &Occurred<'_>| matches!(o.effect, Effect::Replaced(_));
    let meets = |index: usize, own: &BTreeSet<FacetName>| {
        occurred
            .iter()
            .zip(&all)
            .enumerate()
            .any(|(other, (o, facets))| {
                let either = replaces(o) || occurred.get(index).is_some_and(replaces);
                other != index && either && !own.is_disjoint(facets)
            })
    };
    let all = all.iter().enumerate();
    all.filter(|(index, own)| meets(*index, own))
        .map(|(index, _)| index)
        .collect()
}

/// The same order, but for one that comes last.
pub(super) fn with_last(order: &[usize], last: usize) -> Vec<usize> {
    let others = order.iter().copied().filter(|i| *i != last);
    others.chain([last]).collect()
}

/// Puts what came out for changes in an order back into their own.
pub(super) fn back(scales: &mut Scales, order: &[usize]) {
    let ordered = std::mem::take(&mut scales.changes);
    let mut own: Vec<_> = order.iter().copied().zip(ordered).collect();
    own.sort_by_key(|(index, _)| *index);
    scales.changes = own.into_iter().map(|(_, weighed)| weighed).collect();
}

/// Keeps of what came out in one order what also came out in another; the rest is undecided.
pub(super) fn agree(scales: &mut Scales, other: &Scales) {
    const WHY: &str = "it depends on the order of changes of one second, which no record shows";
    for (one, other) in scales.changes.iter_mut().zip(&other.changes) {
        let pairs = one.assessments.iter_mut().zip(&other.assessments);
        let mut differ = false;
        for (said, otherwise) in pairs {
            let kinds = [&said.verdict, &otherwise.verdict].map(std::mem::discriminant);
            if kinds.first() == kinds.last() {
                continue;
            }
            differ = true;
            if said.evidence.is_empty() {
                said.evidence.clone_from(&otherwise.evidence);
            }
            said.verdict = Verdict::Undecided(WHY.to_owned());
            for ruling in one.rulings.iter_mut().filter(|r| r.policy == said.policy) {
                if ruling.decision == Decision::Act {
                    ruling.decision = Decision::Propose(Why::Undecided(WHY.to_owned()));
                }
            }
        }
        if differ {
            one.decision = overall(&one.assessments, &one.rulings);
        }
    }
}

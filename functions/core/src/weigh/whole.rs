//! Changes that replaced a facet as a whole: what they took away, and what is put back of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Occurred;
use crate::decide::{Circumstances, exempt};
use crate::judge::{Assessment, Evidence, Located, Standing, Verdict, Viewed, findings};
use crate::kind::{Effect, Element, ElementPath, FacetName, Image, Kind, ResourceRef, Touch};
use crate::name::AccountId;
use crate::observe::{History, after, of};
use crate::policy::BundledPolicy;

/// A facet's state before a change, and the time of the newest change in it.
pub(super) type Before = BTreeMap<FacetName, (Image, Timestamp)>;

/// What a change did element by element, and what stood before it in the facets it replaced.
pub(super) type Spelled<'o> = (Cow<'o, [Touch]>, Before);

/// What calls took away.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) elements: BTreeMap<ElementPath, (Element, Timestamp)>,
    pub(super) texts: BTreeMap<FacetName, String>,
}

/// Spells every change out, element by element: a facet that was replaced is compared with what
/// stood there before, by the changes before it in the list or by what is remembered.
pub(super) fn spelled<'o>(
    kind: &dyn Kind,
    occurred: &[Occurred<'o>],
    history: &History,
) -> Vec<Spelled<'o>> {
    let mut known: Before = BTreeMap::new();
    let mut all = Vec::new();
    for one in occurred {
        let mut before = Before::new();
        let mut image = Image::default();
        if let Effect::Replaced(by) = one.effect {
            for facet in by.facets.keys() {
                let past = || {
                    let past = history.before(kind, one.change.time, facet)?;
                    past.whole.then(|| (of(&past.image, facet), past.as_of))
                };
                if let Some((was, as_of)) = known.get(facet).cloned().or_else(past) {
                    image.replace(&was);
                    before.insert(facet.clone(), (was, as_of));
                }
            }
            for facet in by.facets.keys() {
                known.insert(facet.clone(), (of(by, facet), one.change.time));
            }
        } else {
            for (is, _) in known.values_mut() {
                *is = after(kind, is, one.effect);
            }
        }
        all.push((one.effect.touches_over(&image), before));
    }
    all
}

/// What a change that replaced facets took away from them, and what the changes took away that
/// stood in a row before it and that nobody has judged: back to the state that was right.
pub(super) fn taken(
    kind: &dyn Kind,
    resource: &ResourceRef,
    (occurred, spelled): (&[Occurred<'_>], &[Spelled<'_>]),
    index: usize,
    facets: &BTreeSet<FacetName>,
    history: &History,
    now: Circumstances<'_>,
) -> Taken {
    let mut taken = Taken::default();
    let before = |index: usize, facet: &FacetName| {
        let (_, before) = spelled.get(index)?;
        before.get(facet).cloned()
    };
    for facet in facets {
        let Some(change) = occurred.get(index) else {
            continue;
        };
        let Effect::Replaced(by) = change.effect else {
            continue;
        };
        // The states before this change, before the one before it, and so on.
        let earlier = (0..index).rev().filter_map(|i| before(i, facet));
        let unjudged = history.changes.iter().rev();
        let unjudged = unjudged
            .filter(|c| c.time < change.change.time && c.superseded && c.replaced(facet))
            .filter_map(|c| history.before(kind, c.time, facet))
            .filter(|past| past.whole)
            .map(|past| (of(&past.image, facet), past.as_of));
        let states = before(index, facet)
            .into_iter()
            .chain(earlier)
            .chain(unjudged);
        for (state, as_of) in states {
            for (path, element) in state.elements() {
                if by.get(&path).is_none() {
                    let element = (element.clone(), as_of);
                    taken.elements.entry(path).or_insert(element);
                }
            }
            if is_right(kind, resource, &state, now) {
                if let Some(text) = state.texts.get(facet) {
                    taken.texts.insert(facet.clone(), text.clone());
                }
                break;
            }
        }
    }
    taken
}

/// What a change wrote down once more, and made wrong by what it left out: a statement for
/// everybody whose guarding `Deny` is gone.
pub(super) fn exposed(
    policy: &BundledPolicy,
    kind: &dyn Kind,
    (live, before, account): (&Image, &Before, &AccountId),
    brought: &[&Located],
    said: &mut Assessment,
) {
    let mut was = live.clone();
    for (image, _) in before.values() {
        was.replace(image);
    }
    let restated = |e: &Evidence| {
        let is_it = |l: &&&Located| l.path == e.path && l.standing == Standing::Own;
        let same = |l: &&Located| l.before.as_ref().is_some_and(Option::is_some) && !l.is_altered();
        before.contains_key(&e.path.facet) && brought.iter().filter(is_it).any(same)
    };
    if !said.older.iter().any(restated) {
        return;
    }
    let then = findings(policy, kind, &Viewed::of(&was, account)).wrong;
    let new = |e: &Evidence| restated(e) && !then.iter().any(|w| w.path == e.path);
    let (new, older): (Vec<_>, Vec<_>) = said.older.drain(..).partition(new);
    said.older = older;
    if !new.is_empty() {
        said.verdict = Verdict::Violated;
        said.evidence.extend(new);
    }
}

/// No policy of the kind finds anything in it that no exemption covers.
fn is_right(
    kind: &dyn Kind,
    resource: &ResourceRef,
    image: &Image,
    now: Circumstances<'_>,
) -> bool {
    let view = Viewed::of(image, &resource.account);
    now.bundle.of_kind(&resource.kind).all(|policy| {
        let wrong = findings(policy, kind, &view).wrong;
        let id = &policy.policy.id;
        wrong
            .iter()
            .all(|e| exempt(id, e, kind, resource, None, now).is_some())
    })
}

//! Changes whose effect reads don't show: looked at again, put back, or closed by others.

use jiff::SignedDuration;
use undrift_core::decide::{Circumstances, Decision, Why};
use undrift_core::kind::{Before, Effect, Image, Kind, ResourceRef, Target, Touch};
use undrift_core::observe::History;
use undrift_core::weigh::{Noticed, Occurred, Scales, weigh};

use crate::port::{Clock, Cloud, Journal, Switch};
use crate::way::Run;
use crate::{Disposition, Engine, Item};

/// How long reads may be repeated within one invocation before the message is put back.
const REREADS: SignedDuration = SignedDuration::from_secs(2);

/// What became of changes that can't be seen.
pub(crate) enum Settled {
    Weighed(Vec<Item>, Scales, Vec<(usize, Disposition)>),
    Again,
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Deals with changes whose effect the live image doesn't show: looked at again for a moment,
    /// then put back; once old enough, somebody else has closed them.
    #[expect(
        clippy::too_many_arguments,
        reason = "one attempt's findings, used once"
    )]
    pub(crate) fn settle(
        &self,
        run: &Run,
        kind: &dyn Kind,
        live: &Image,
        fresh: Vec<Item>,
        scales: Scales,
        history: &History,
        now: Circumstances<'_>,
    ) -> Settled {
        let judged = |item: &Item| self.bundle.listening(&item.change).next().is_some();
        let age = |item: &Item| now.now.duration_since(item.change.time);
        let invisible: Vec<bool> = fresh
            .iter()
            .zip(&scales.changes)
            .map(|(item, w)| w.invisible && judged(item))
            .collect();
        // What is only not known yet may be told by an event that is still on its way.
        let untold: Vec<bool> = fresh
            .iter()
            .zip(&scales.changes)
            .map(|(item, w)| {
                let untold = matches!(
                    w.decision,
                    Decision::Propose(Why::BeforeUnknown(_) | Why::PlanIllegal(_))
                );
                untold && item.noticed == Noticed::ByEvent && age(item) < self.settles_after
            })
            .collect();
        if !invisible.contains(&true) && !untold.contains(&true) {
            let mut scales = scales;
            let found = (fresh.as_slice(), &mut scales);
            tell_overtaken(&run.resource, kind, live, found, history, now);
            return Settled::Weighed(fresh, scales, Vec::new());
        }
        let is_young = |item: &Item| {
            age(item) < self.settles_after && !is_explained(kind, live, item, run, history)
        };
        let young_ones = fresh
            .iter()
            .zip(&invisible)
            .any(|(i, inv)| *inv && is_young(i));
        let rereading = run
            .first_look
            .is_some_and(|first| now.now.duration_since(first) < REREADS);
        if young_ones && rereading {
            return Settled::Again;
        }
        let mut back = Vec::new();
        let mut kept = Vec::new();
        let mut closed_by_others = Vec::new();
        for ((item, invisible), untold) in fresh.into_iter().zip(invisible).zip(untold) {
            if untold {
                let why = "what was there before may be told yet";
                let end = self.young(age(&item), why);
                back.extend(item.index.map(|i| (i, end)));
            } else if invisible && is_young(&item) {
                let why = "the change isn't visible yet";
                let end = self.young(age(&item), why);
                back.extend(item.index.map(|i| (i, end)));
            } else {
                closed_by_others.push(invisible);
                kept.push(item);
            }
        }
        let occurred: Vec<Occurred<'_>> = kept.iter().map(Item::occurred).collect();
        let mut scales = weigh(kind, &run.resource, live, &occurred, history, now);
        for (weighed, is_closed) in scales.changes.iter_mut().zip(&closed_by_others) {
            weighed.overtaken |= is_closed;
        }
        let found = (kept.as_slice(), &mut scales);
        tell_overtaken(&run.resource, kind, live, found, history, now);
        Settled::Weighed(kept, scales, back)
    }

    /// Put back until the event is old enough, and for at least two seconds.
    pub(crate) fn young(&self, age: SignedDuration, why: &str) -> Disposition {
        let rest = self.settles_after - age;
        Disposition::retry(rest.max(SignedDuration::from_secs(2)), why)
    }
}

/// Says of changes whose effect others took away or wrote over what would have been found, had
/// nobody been faster.
fn tell_overtaken(
    resource: &ResourceRef,
    kind: &dyn Kind,
    live: &Image,
    (items, scales): (&[Item], &mut Scales),
    history: &History,
    now: Circumstances<'_>,
) {
    for (item, weighed) in items.iter().zip(&mut scales.changes) {
        if !weighed.overtaken || !weighed.rulings.is_empty() {
            continue;
        }
        let image = undrift_core::observe::after(kind, live, &item.effect);
        let one = [item.occurred()];
        // As if nothing of what came later were known.
        let then = history.until(item.change.time);
        let would = weigh(kind, resource, &image, &one, &then, now);
        if let Some(would) = would.changes.into_iter().next() {
            weighed.assessments = would.assessments;
            weighed.rulings.clear();
            weighed.vanished = true;
        }
    }
}

/// A later change, seen already, took away all that this one made: that it isn't there is no
/// wonder, and no reason to wait.
fn is_explained(kind: &dyn Kind, live: &Image, item: &Item, run: &Run, history: &History) -> bool {
    let touches = |effect: &Effect| effect.touches().into_owned();
    // A facet that was replaced later explains whatever isn't in it.
    let replaced = |made: &Touch| {
        let batch = run.items.iter().filter(|i| i.key != item.key);
        let batch = batch.map(|i| (i.change.time, &i.effect));
        let seen = history.changes.iter().filter(|c| c.event != item.change.id);
        let seen = seen.map(|c| (c.latest(), &c.effect));
        batch.chain(seen).any(|(time, effect)| {
            let by = match effect {
                Effect::Replaced(image) if time >= item.change.time => image,
                _ => return false,
            };
            made.facets.iter().any(|f| by.facets.contains_key(f))
        })
    };
    let others = run.items.iter().map(|i| (i.change.time, &i.effect));
    let seen = history.changes.iter().map(|c| (c.latest(), &c.effect));
    let removed: Vec<Touch> = others
        .chain(seen)
        .filter(|(time, _)| *time >= item.change.time)
        .flat_map(|(_, effect)| touches(effect))
        .filter(|t| t.after.is_none())
        .collect();
    let is_gone = |made: &Touch| {
        let Some(element) = &made.after else {
            return true;
        };
        removed
            .iter()
            .any(|gone| match (&gone.target, &made.target) {
                (Target::Key(a), Target::Key(b)) if a == b => true,
                _ => made.facets.iter().any(|facet| {
                    let ((Target::Like(was), _) | (_, Before::Was(was))) =
                        (&gone.target, &gone.before)
                    else {
                        return false;
                    };
                    gone.facets.contains(facet)
                        && kind.substance(facet, was) == kind.substance(facet, element)
                }),
            })
    };
    let is_seen = |made: &Touch| {
        made.facets.iter().any(|facet| {
            let elements = live.facets.get(facet).into_iter().flatten();
            elements.into_iter().any(|(key, e)| {
                let named = match &made.target {
                    Target::Key(k) => k == key,
                    Target::Like(_) => true,
                };
                let same = |m: &_| kind.substance(facet, m) == kind.substance(facet, e);
                named && made.after.as_ref().is_some_and(same)
            })
        })
    };
    touches(&item.effect)
        .iter()
        .all(|t| is_gone(t) || is_seen(t) || replaced(t))
}

//! What others did and closed while Undrift wrote.

use jiff::Timestamp;
use undrift_core::decide::Circumstances;
use undrift_core::kind::{Effect, ElementPath, Image, Kind, Lookup, Target, Touch};
use undrift_core::name::EventId;
use undrift_core::observe::{History, OWN, SeenChange};
use undrift_core::plan::{Write, stands};
use undrift_core::record::{Cause, ChangeKey, OutcomeKind, Record};
use undrift_core::route::{Routed, route};
use undrift_core::weigh::{BESIDE, is_overrun};

use crate::look::Looked;
use crate::own::second;
use crate::port::{Clock, Cloud, Held, Journal, JournalError, Switch};
use crate::proposed::closed;
use crate::verify::LAG;
use crate::way::Run;
use crate::{Engine, Item};

/// What others did that a run wrote over.
pub(crate) enum Overran {
    /// Each with its record.
    Closed(Vec<(Item, Record)>),
    /// Whoever judged it is still to write its record.
    Unwritten,
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Changes that others judged and closed while this run wrote, and that it wrote over: theirs
    /// was right when they looked.
    pub(crate) async fn overrun(
        &self,
        run: &Run,
        kind: &dyn Kind,
        looked: &Looked,
        now: Circumstances<'_>,
    ) -> Result<Overran, JournalError> {
        let Some(live) = &looked.seen.image else {
            return Ok(Overran::Closed(Vec::new()));
        };
        let known = &looked.known.observed.history;
        let claim = looked.known.claim.as_ref();
        // A call's event asks it once more: whoever made the call may have died since.
        let is_told = run.items.iter().any(|i| self.is_own(i, claim));
        let told = known.changes.iter().filter(|_| is_told);
        let own: Vec<&SeenChange> = run.own.iter().chain(told).filter(|c| c.is_own()).collect();
        let unaware = |seen: &SeenChange| {
            let mut own = own.iter().filter(|c| c.until.is_some());
            own.any(|c| seen.time >= c.time - BESIDE && !c.knew.contains(&seen.event))
        };
        let beside = self.beside(run, kind, live, looked, |_| true);
        let history = &known.with(kind, live, &beside);
        let (mut found, mut unwritten) = (Vec::new(), false);
        for seen in &history.changes {
            let is_here = run.items.iter().any(|i| i.change.id == seen.event);
            if seen.is_own() || is_here || !unaware(seen) {
                continue;
            }
            let key = ChangeKey {
                event: seen.event.clone(),
                resource: run.resource.clone(),
            };
            let Some(record) = self.journal.record(&key).await? else {
                let first = run.items.first().filter(|_| !run.own.is_empty());
                if let Some(mut item) = first.cloned() {
                    (item.change.id, item.change.time) = (seen.event.clone(), seen.time);
                    item.effect.clone_from(&seen.effect);
                    let one = [item.occurred()];
                    unwritten |= is_overrun(kind, &run.resource, live, &one, history, now);
                }
                continue;
            };
            let is_left = matches!(
                record.outcome.kind,
                OutcomeKind::Left | OutcomeKind::ClosedByOthers
            );
            found.extend(closed(seen, record).filter(|(item, _)| {
                is_left && is_overrun(kind, &run.resource, live, &[item.occurred()], history, now)
            }));
        }
        Ok(if unwritten {
            Overran::Unwritten
        } else {
            Overran::Closed(found)
        })
    }

    /// The changes of an invocation that died, whose work is taken over.
    pub(crate) fn left_behind(&self, run: &Run, held: &Held) -> Vec<SeenChange> {
        let mut changes = Vec::new();
        let causes = held.records.iter().filter_map(|r| match &r.cause {
            Cause::Change(change) => Some(change),
            Cause::Undo { .. } | Cause::Approval { .. } | Cause::Sweep { .. } => None,
        });
        for change in causes.filter(|c| run.items.iter().all(|i| i.change.id != c.id)) {
            // What its kind can't read was said when it was claimed.
            let routed = route(change, self.kinds).unwrap_or_default().into_iter();
            let here = routed.filter(|r| r.kind == run.resource.kind);
            let here = here.filter(|r| match &r.resource {
                Lookup::Id(id) => *id == run.resource.id,
                Lookup::Name(_) => true,
            });
            // A call of the same second was the answer to it.
            let is_answered = |i: &Item| self.is_by_our_role(i) && i.change.time == change.time;
            let seen = |r: Routed| SeenChange {
                superseded: run.items.iter().any(is_answered),
                ..SeenChange::new(change.id.clone(), change.time, r.effect)
            };
            changes.extend(here.map(seen));
        }
        changes
    }

    /// What is known beside what is remembered: some of this run's changes, its own writes, and what
    /// an invocation left behind that died: its changes, and what of its plan stands already.
    pub(crate) fn beside(
        &self,
        run: &Run,
        kind: &dyn Kind,
        live: &Image,
        looked: &Looked,
        wanted: impl Fn(&Item) -> bool,
    ) -> Vec<SeenChange> {
        let mut beside = Vec::new();
        let held = looked.leftover(self.clock.now());
        if let Some(held) = held {
            beside.extend(self.left_behind(run, held));
            let newest = beside.iter().map(|c| c.time).max();
            let known = &looked.known.observed.history;
            beside.extend(standing(kind, live, held, (known, newest)));
        }
        if !run.own.is_empty() || held.is_some() {
            let items: Vec<Item> = run.items.iter().filter(|i| wanted(i)).cloned().collect();
            beside.extend(self.seen(&items, looked));
        }
        beside.extend(run.own.iter().cloned());
        beside
    }
}

/// What of a claimed plan stands already: it may have been written.
fn standing(
    kind: &dyn Kind,
    live: &Image,
    held: &Held,
    (known, newest): (&History, Option<Timestamp>),
) -> Option<SeenChange> {
    let looked = held.records.iter().filter_map(|r| r.stages.looked).min()?;
    let is_so = |w: &Write| stands(kind, live, &w.path, w.to.as_ref());
    // What is written as a whole was written if all of it stands.
    let with_it = |w: &Write| {
        let others = held.plan.writes.iter();
        let mut others = others.filter(|o| o.path.facet == w.path.facet);
        !kind.is_whole(&w.path.facet) || others.all(is_so)
    };
    let writes = held.plan.writes.iter();
    let writes = writes.filter(|w| {
        let is_told = known.is_done_by(kind, &w.path, second(looked), &held.holders());
        is_so(w) && with_it(w) && !is_told
    });
    let touches: Vec<Touch> = writes.map(Write::touch).collect();
    let event = EventId::parse(&format!("{OWN}{}", held.nonce)).ok()?;
    let time = second(looked).max(newest.unwrap_or(Timestamp::MIN));
    let change = SeenChange::new(event, time, Effect::Edited(touches.clone()));
    (!touches.is_empty()).then_some(SeenChange {
        until: Some(held.lease),
        knew: held.knew.clone(),
        ..change
    })
}

/// A call of Undrift's own of the last moments isn't visible: what is shown may be older than that,
/// and nothing is to be called right by it.
pub(crate) fn is_stale(kind: &dyn Kind, live: &Image, history: &History, now: Timestamp) -> bool {
    let lately = |c: &&SeenChange| c.is_own() && now.duration_since(c.latest()) < LAG;
    history.changes.iter().filter(lately).any(|own| {
        let touches = own.effect.touches();
        touches.iter().any(|touch| {
            let (Target::Key(key), Some(facet)) = (&touch.target, touch.facets.first()) else {
                return false;
            };
            let path = ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            };
            let gone = touch.after.is_none();
            live.facets.contains_key(facet) && gone && !stands(kind, live, &path, None)
        })
    })
}

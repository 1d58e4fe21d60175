//! What Undrift wrote itself, as it is remembered.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use undrift_core::kind::Effect;
use undrift_core::name::EventId;
use undrift_core::observe::{OWN, SeenChange};
use undrift_core::plan::{Plan, Write, fulfilled};
use undrift_core::record::Record;
use undrift_core::weigh::BESIDE;

use crate::Engine;
use crate::apply::Applied;
use crate::close::Draft;
use crate::port::{Clock, Close, Closed, Cloud, Journal, JournalError, Observed, Switch};
use crate::verify::Verified;
use crate::way::Run;

/// How far a function's clock may be from AWS's.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_millis(500);
impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// The changes of these moments that are known to whoever decides now.
    pub(crate) fn knew(&self, run: &Run, draft: &Draft<'_>) -> Vec<EventId> {
        let known = &draft.looked.known.observed.history;
        let lately = draft.looked_at - BESIDE - SKEW;
        let known = known.changes.iter();
        let known = known.filter(|c| !c.is_own() && c.time >= lately);
        let known = known.map(|c| c.event.clone());
        let items = draft.items.iter().chain(&run.items);
        let items = items.map(|i| i.change.id.clone());
        let dead = draft.looked.leftover(draft.looked_at).into_iter();
        let dead = dead.flat_map(|held| self.left_behind(run, held));
        let dead = dead.map(|c| c.event);
        let all: BTreeSet<EventId> = known.chain(items).chain(dead).collect();
        all.into_iter().collect()
    }

    /// Remembers what was written before the claim is given up: whoever comes next is to know it.
    /// True: others had remembered something meanwhile.
    pub(crate) async fn remember(
        &self,
        run: &Run,
        draft: &Draft<'_>,
        verified: &Verified,
        close: &mut Close,
    ) -> Result<bool, JournalError> {
        let mut is_outrun = false;
        while close.observed.is_some() && self.clock.now() < run.deadline {
            let first = Close {
                observed: close.observed.take(),
                ..Close::of(run.resource.clone())
            };
            if self.journal.close(&first).await? == Closed::Whole {
                break;
            }
            is_outrun = true;
            let known = self.journal.know(&run.resource, &[]).await?.observed;
            let mut changes = self.seen(&run.items, draft.looked);
            changes.extend(run.own.iter().cloned());
            let history = match (&verified.seen, verified.seen_at) {
                (Some(seen), Some(at)) => known.history.follow(draft.kind, seen, at, &changes),
                _ => Some(known.history.with(draft.kind, draft.live, &changes)),
            };
            close.observed = history.map(|history| Observed {
                history,
                version: known.version + 1,
                accounted: known.accounted,
            });
        }
        Ok(is_outrun)
    }
}

/// A dead invocation's write is seen done, and no event has told it yet.
pub(crate) fn is_found(
    draft: &Draft<'_>,
    record: &Record,
    verified: &Verified,
    write: &Write,
) -> bool {
    let looked = record.stages.looked.map(second);
    let told = |at| {
        let by = draft.looked.inherited(draft.looked_at);
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        let history = draft.history();
        history.is_done_by(draft.kind, &write.path, at, &by)
    };
    let seen = verified.seen.as_ref();
    seen.is_some_and(|image| fulfilled(draft.kind, image, write)) && !looked.is_some_and(told)
}

/// The images to keep after our own writes.
pub(crate) fn keep(run: &Run, draft: &Draft<'_>, verified: &Verified, close: &mut Close) {
    let known = &draft.looked.known.observed.history;
    let mut history = draft.observed.clone();
    if let (Some(seen), Some(at)) = (&verified.seen, verified.seen_at) {
        let before = history.as_ref().unwrap_or(known);
        if let Some(next) = before.follow(draft.kind, seen, at, &run.own) {
            history = Some(next);
        }
        if undrift_core::plan::holds(draft.kind, &run.resource, seen, draft.now) {
            close.baseline = crate::close::baseline(seen, draft.looked);
        }
    } else if !run.own.is_empty() {
        // Nobody could look, and all the same nothing of before stands any more.
        let before = history.as_ref().unwrap_or(known);
        history = Some(before.with(draft.kind, draft.live, &run.own));
    }
    close.observed = crate::close::remembered(draft.looked, history);
}

/// The earliest second of AWS's in which it may have been.
pub(crate) fn second(moment: Timestamp) -> Timestamp {
    let second = (moment - SKEW).as_second();
    Timestamp::from_second(second).unwrap_or(moment)
}

/// Our own writes as a change: its event may come late, or never. It is dated by the second in which
/// the first call was sent, or the one before, as AWS's clock may have it. What an interrupted
/// invocation wrote is found done, and was by the time it was looked at.
pub(crate) fn own_change(
    run: &Run,
    (draft, knew): (&Draft<'_>, Vec<EventId>),
    (plan, found): (&Plan, &[Write]),
    applied: &Applied,
    verified: &Verified,
) -> Option<SeenChange> {
    let looked = verified.at.filter(|_| !found.is_empty());
    let until = applied.at.or(looked)?;
    let began = applied.began.unwrap_or(until).min(until);
    // What was known before it was sent was done before.
    let known = draft.history().newest().unwrap_or(Timestamp::MIN);
    let at = second(began).max(known);
    let wrote = |w: &&Write| applied.wrote.contains(&w.path);
    let before = found.iter().filter(|w| !wrote(w));
    let written = plan.writes.iter().filter(wrote).chain(before);
    let touches = written.map(Write::touch);
    let dead = draft.looked.leftover(draft.looked_at);
    let dead = dead.filter(|_| !found.is_empty());
    let knew = dead.map_or(knew, |held| held.knew.clone());
    let event = EventId::parse(&format!("{OWN}{}", run.nonce)).ok()?;
    let change = SeenChange::new(event, at, Effect::Edited(touches.collect()));
    Some(SeenChange {
        until: Some(until + SKEW),
        knew,
        ..change
    })
}

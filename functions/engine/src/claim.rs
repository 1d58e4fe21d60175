//! Round 2: the claim, which is also the open record of what is about to be done.

use futures_util::future::join3;
use jiff::Timestamp;
use undrift_core::decide::Decision;
use undrift_core::kind::{Element, Image, Kind};
use undrift_core::plan::{Plan, Write, WriteBy, stands};
use undrift_core::record::{Cause, Outcome, OutcomeKind, Record};

use crate::apply::Applied;
use crate::caps::caps;
use crate::close::{Draft, is_recorded, left_alone, unacted_outcome};
use crate::own::{SKEW, second};
use crate::port::{Claim, Claimed, Clock, Cloud, Held, Journal, Release, Switch};
use crate::verify::{Verified, was_sent};
use crate::way::{Attempt, Run, all};
use crate::{Disposition, Engine, LEASE_MARGIN};

/// Work that is claimed: the merged plan, and every record that it will close.
pub(crate) struct Work {
    pub(crate) plan: Plan,
    /// Each with the item whose message hangs from it; none for work that was taken over.
    pub(crate) records: Vec<(Record, Option<usize>)>,
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Rounds 2 and 3 and what follows them.
    pub(crate) async fn carry_out(
        &self,
        run: &mut Run,
        draft: Draft<'_>,
        mut ends: Vec<(usize, Disposition)>,
    ) -> Attempt {
        let now = self.clock.now();
        let work = match self.work(run, &draft) {
            Ok(work) => work,
            Err(why) => return Attempt::Again(why),
        };
        let before = draft.looked.known.claim.as_ref();
        let records = work.records.iter().map(|(r, _)| r.clone()).collect();
        let lease = run.deadline + LEASE_MARGIN;
        let held = self.held(run, &draft, lease, (work.plan.clone(), records));
        let claim = Claim::after(before, &run.resource, held);
        let caps = caps(&draft);
        let second_look = async {
            if work.plan.commutes() {
                return Ok(None);
            }
            self.cloud.read(&run.resource).await.map(Some)
        };
        let (claimed, spent, second) = join3(
            self.journal.claim(&claim, before.map(|c| c.epoch), now),
            self.journal.spend(&caps),
            second_look,
        )
        .await;
        match claimed {
            Ok(Claimed::Won) => {}
            Ok(Claimed::Lost) => {
                self.refund(run, &caps).await;
                return Attempt::Again("somebody else holds the claim".to_owned());
            }
            Err(e) => {
                tracing::error!(resource = %run.resource, error = %e, "nothing is written while the claim can't be");
                let retry = Disposition::retry(jiff::SignedDuration::from_secs(5), e.to_string());
                return Attempt::Ended(all(&run.items, &retry));
            }
        }
        let claimed_at = self.clock.now();
        let free = Claim {
            held: None,
            ..claim.clone()
        };
        // A claim that is given up unused still holds what a crash had left open in it.
        let unused = Claim {
            held: draft.looked.leftover(now).cloned(),
            ..claim.clone()
        };
        if let Some(end) = self
            .capped(run, &draft, &work, (&caps, spent), &unused)
            .await
        {
            return end;
        }
        let moved = match second {
            Ok(None) => false,
            Ok(Some(second)) => !second.image.is_some_and(|image| {
                let mut writes = work.plan.writes.iter();
                writes.all(|w| is_same(draft.kind, &image, w))
                    && work.plan.is_undisturbed(draft.kind, draft.live, &image)
            }),
            Err(e) => {
                self.refund(run, &caps).await;
                if let Err(end) = self.release(run, &unused).await {
                    return end;
                }
                return Attempt::Ended(all(&run.items, &crate::unreadable(&e)));
            }
        };
        if moved && run.conflicts == 0 {
            run.conflicts += 1;
            self.refund(run, &caps).await;
            if let Err(e) = self.release(run, &unused).await {
                return e;
            }
            return Attempt::Again("it changed between two looks".to_owned());
        }
        let (applied, verified) = if moved {
            (Applied::default(), Verified::conflict())
        } else {
            self.apply_and_verify(run, draft.kind, &work.plan, &free)
                .await
        };
        if applied.wrote.is_empty() && !applied.unfinished {
            self.refund(run, &caps).await;
        }
        if applied.unfinished {
            // The claim stays: whoever comes after the lease takes the work over.
            let retry = Disposition::retry(
                (run.deadline + LEASE_MARGIN).duration_since(self.clock.now()),
                "the calls could not be finished in time",
            );
            return Attempt::Ended(all(&run.items, &retry));
        }
        self.finish(
            run, &draft, work, applied, verified, claimed_at, free, &mut ends,
        )
        .await
    }

    pub(crate) fn held(
        &self,
        run: &Run,
        draft: &Draft<'_>,
        lease: Timestamp,
        (plan, records): (Plan, Vec<Record>),
    ) -> Held {
        Held {
            nonce: run.nonce.clone(),
            inherited: draft.looked.inherited(draft.looked_at),
            knew: self.knew(run, draft),
            lease,
            plan,
            records,
        }
    }

    /// Merges what is to be done now with what a crash left undone.
    fn work(&self, run: &Run, draft: &Draft<'_>) -> Result<Work, String> {
        let mut plan = draft
            .scales
            .plan
            .clone()
            .filter(|_| draft.scales.act)
            .unwrap_or_default();
        let leftover = draft.looked.leftover(self.clock.now());
        if let Some(held) = leftover {
            // An undo that was cut off is asked for again, by a person: never finished by us.
            let is_undo = |r: &Record| matches!(r.cause, Cause::Undo { .. });
            // What was sent and isn't visible yet is looked at again, never sent again.
            let is_over = |r: &Record| is_undo(r) || was_sent(r).is_some();
            let history = draft.history();
            // Whoever did something there since has seen it without what was to be put back.
            let is_over_by_now = |write: &Write| {
                let mends = write.from.is_some() && write.by != WriteBy::GiveBack;
                let looked = looked_for(held, write);
                let done = looked.is_some_and(|looked| {
                    history.is_done_by(draft.kind, &write.path, second(looked), &held.holders())
                });
                let since = looked.map_or(Timestamp::MAX, |looked| looked + SKEW);
                let is_given = write.by == WriteBy::GiveBack;
                if is_given && is_more_known(held, write, draft) {
                    return true;
                }
                // What stands although it was done is a newer change's, and judged by its event.
                done || !mends && history.is_others_since(draft.kind, &write.path, since)
            };
            let own = held.plan.writes.iter().filter(|w| !is_over_by_now(w));
            for write in own.filter(|_| !held.records.iter().any(is_over)) {
                let substance = |e: &Element| draft.kind.substance(&write.path.facet, e);
                let mut planned = plan.writes.iter_mut().filter(|w| w.path == write.path);
                if let Some(planned) = planned.next() {
                    // What the dead one was to take away is no way back for what came after it.
                    if planned.to.as_ref().map(substance) == write.from.as_ref().map(substance) {
                        planned.to.clone_from(&write.to);
                        planned.shown.to.clone_from(&write.shown.to);
                        planned.by.clone_from(&write.by);
                    }
                    continue;
                }
                let undone = stands(draft.kind, draft.live, &write.path, write.from.as_ref());
                if undone {
                    plan.writes.push(write.clone());
                }
            }
            for (facet, texts) in &held.plan.texts {
                let own = plan.texts.entry(facet.clone());
                own.or_insert_with(|| texts.clone());
            }
            plan.steps = draft
                .kind
                .steps(&run.resource, draft.live, &plan.desired(draft.live))
                .map_err(|e| e.to_string())?;
        }
        let mut records: Vec<(Record, Option<usize>)> = draft
            .items
            .iter()
            .zip(&draft.scales.changes)
            .filter(|(item, weighed)| is_recorded(item, weighed))
            .map(|(item, weighed)| {
                let gives_back = !weighed.overrun.is_empty() && !weighed.own.is_empty();
                let acts = weighed.decision == Decision::Act || gives_back;
                let outcome = if acts {
                    Outcome::new(OutcomeKind::Pending, "claimed")
                } else {
                    unacted_outcome(item, weighed, draft)
                };
                let mut record = self.record(run, item, weighed, draft, outcome);
                if acts {
                    record.plan = Some(plan.only(&weighed.own));
                    record.left_alone = left_alone(draft.kind, draft.live, &plan);
                }
                (record, item.index)
            })
            .collect();
        records.extend(run.asked.iter().map(|r| (r.clone(), None)));
        if let Some(held) = leftover {
            for record in &held.records {
                let index = run
                    .items
                    .iter()
                    .find(|i| i.key == record.key)
                    .and_then(|i| i.index);
                records.push((record.clone(), index));
            }
        }
        Ok(Work { plan, records })
    }

    pub(crate) async fn release(&self, run: &Run, free: &Claim) -> Result<(), Attempt> {
        let mut close = crate::port::Close::of(run.resource.clone());
        close.release = Some(Release::of(&run.nonce, free.clone()));
        self.journal.close(&close).await.map(|_| ()).map_err(|e| {
            let retry = Disposition::retry(jiff::SignedDuration::from_secs(30), e.to_string());
            Attempt::Ended(all(&run.items, &retry))
        })
    }
}

/// Of an element that is given back a newer change is known.
fn is_more_known(held: &Held, write: &Write, draft: &Draft<'_>) -> bool {
    let causes = held.records.iter().filter_map(|r| match &r.cause {
        Cause::Change(change) if has(r, write) => Some((&change.id, change.time)),
        _ => None,
    });
    let newest = causes.max_by_key(|(_, time)| *time);
    newest.is_some_and(|(id, since)| {
        let mut others = draft.history().changes.iter();
        others.any(|c| {
            let is_later = !c.is_own() && c.time >= since && c.event != *id;
            is_later && c.touches(draft.kind, &write.path)
        })
    })
}

fn has(record: &Record, write: &Write) -> bool {
    let mut writes = record.plan.iter().flat_map(|p| &p.writes);
    writes.any(|w| w.path == write.path)
}

/// When a claimed write's element was looked at.
fn looked_for(held: &Held, write: &Write) -> Option<Timestamp> {
    let records = held.records.iter().filter(|r| has(r, write));
    records.filter_map(|r| r.stages.looked).max()
}

/// An element still stands as a write found it, in all that is judged: a description may change.
fn is_same(kind: &dyn Kind, image: &Image, write: &Write) -> bool {
    let substance = |e: &Element| kind.substance(&write.path.facet, e);
    image.get(&write.path).map(substance) == write.from.as_ref().map(substance)
}

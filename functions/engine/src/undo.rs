//! Undo: the steps of a revert with their arguments swapped.

use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use undrift_core::kind::{Image, Kind};
use undrift_core::name::EventId;
use undrift_core::plan::{Plan, UndoError as NoPlan, fulfilled, stands, undo};
use undrift_core::policy::{Exemption, ExemptionSource, Scope};
use undrift_core::record::{Cause, ChangeKey, Outcome, OutcomeKind, Record};

use crate::asked::{Asked, AskedError};
use crate::look::LookError;
use crate::port::{
    Claim, Claimed, Clock, Close, Cloud, Held, Journal, JournalError, Release, Switch,
};
use crate::way::Run;
use crate::{Engine, LEASE_MARGIN};

/// How long what an undo re-opens is exempt, where nothing else is asked for.
const EXEMPT_HOURS: i64 = 24;

/// Somebody wants a revert taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// The record of the revert.
    pub record: ChangeKey,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The undo's own id: the same id twice is one undo.
    pub id: EventId,
    /// The ticket it hangs from.
    #[serde(default)]
    pub ticket: Option<String>,
    /// Until when what is re-opened is exempt; absent: for 24 hours.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Takes a revert back: refused only if an element that the revert wrote differs from what it
    /// left; other people's edits don't count and survive.
    pub async fn undo(
        &self,
        request: &UndoRequest,
        deadline: Timestamp,
    ) -> Result<Asked, AskedError> {
        let seen = self.clock.now();
        let resource = request.record.resource.clone();
        let key = ChangeKey {
            event: request.id.clone(),
            resource: resource.clone(),
        };
        let earlier = self.journal.record(&key).await?;
        if let Some(done) = &earlier
            && done.outcome.kind == OutcomeKind::Undone
        {
            return Ok(Asked::Done(Box::new(done.clone())));
        }
        let Some(first) = self.journal.record(&request.record).await? else {
            return Ok(Asked::Refused(format!(
                "there is no record {}",
                request.record
            )));
        };
        let reverted = match revert_of(&first) {
            Ok(plan) => plan,
            Err(why) => return Ok(Asked::Refused(why)),
        };
        let looked = self.look(&resource, std::slice::from_ref(&key)).await?;
        if looked.paused {
            return Ok(Asked::Refused("Undrift is paused".to_owned()));
        }
        let now = self.clock.now();
        let before = looked.known.claim.as_ref();
        if before.is_some_and(|c| c.held.is_some()) {
            // A live lease ends soon; a dead one is the revert function's to take over.
            return Err(AskedError::Busy(resource.to_string()));
        }
        let kind = self.kinds.get(&resource.kind);
        let (Some(kind), Some(live)) = (kind, &looked.seen.image) else {
            return Ok(Asked::Refused(format!("{resource} no longer exists")));
        };
        let plan = match undo(kind, &resource, live, &reverted) {
            Ok(plan) => plan,
            Err(NoPlan::Moved(moved)) => return Ok(Asked::Moved(moved)),
            Err(NoPlan::Kind(e)) => return Ok(Asked::Refused(e.to_string())),
        };
        let run = Run::bare(
            resource,
            seen,
            deadline,
            format!("{key}:{}", seen.as_nanosecond()),
        );
        let mut record =
            self.undo_record(request, &first, key, earlier.as_ref(), plan.clone(), seen);
        record.stages.looked = Some(now);
        record.stages.decided = Some(self.clock.now());
        record.left_alone = crate::close::left_alone(kind, live, &plan);
        let held = Held {
            nonce: run.nonce.clone(),
            inherited: Vec::new(),
            knew: Vec::new(),
            lease: deadline + LEASE_MARGIN,
            plan: plan.clone(),
            records: vec![record.clone()],
        };
        let claim = Claim::after(before, &run.resource, held);
        let (claimed, second) = join(
            self.journal.claim(&claim, before.map(|c| c.epoch), now),
            self.cloud.read(&run.resource),
        )
        .await;
        if claimed? == Claimed::Lost {
            return Err(AskedError::Busy(run.resource.to_string()));
        }
        record.stages.claimed = Some(self.clock.now());
        let second = match second {
            Ok(second) => second.image.unwrap_or_default(),
            Err(e) => {
                // Nothing was sent: nobody is to find this claim and finish it.
                self.free(&run, &claim).await?;
                return Err(AskedError::Look(LookError::Cloud(e)));
            }
        };
        let undisturbed = plan.is_undisturbed(kind, live, &second);
        if !undisturbed || !unmoved(kind, &second, &plan) {
            self.free(&run, &claim).await?;
            return Err(AskedError::Busy(run.resource.to_string()));
        }
        // Before the first call: what is re-opened must not be closed again by its own event.
        let mut exempt = Close::of(run.resource.clone());
        exempt.exemptions = exemptions(kind, request, &record, &plan, now);
        if let Err(e) = self.journal.close(&exempt).await {
            // One of them may have been written.
            self.withdraw(&run, kind, &record).await?;
            self.free(&run, &claim).await?;
            return Err(e.into());
        }
        self.carry_out_undo(&run, kind, record, first, claim).await
    }

    async fn carry_out_undo(
        &self,
        run: &Run,
        kind: &dyn Kind,
        mut record: Record,
        first: Record,
        claim: Claim,
    ) -> Result<Asked, AskedError> {
        let plan = record.plan.clone().unwrap_or_default();
        let (applied, verified) = self.apply_and_verify(run, kind, &plan, &claim).await;
        record.sent.clone_from(&applied.sent);
        let seen = verified.seen.unwrap_or_default();
        let back = plan.writes.iter().all(|w| fulfilled(kind, &seen, w));
        let now = self.clock.now();
        record.outcome = match (&applied.error, back) {
            (None, true) => {
                record.stages.applied = applied.at;
                record.stages.verified = verified.at;
                Outcome::new(OutcomeKind::Undone, "the changed state is there again")
            }
            (Some(e), _) => Outcome::new(OutcomeKind::Failed, e.to_string()),
            (None, false) => Outcome::new(
                OutcomeKind::Failed,
                "the calls succeeded, but the changed state was not seen",
            ),
        };
        record.stages.closed = Some(now);
        let mut free = Claim {
            held: None,
            ..claim
        };
        free.recent.extend(applied.own_calls());
        let mut close = Close::of(run.resource.clone());
        close.release = Some(Release::of(&run.nonce, free));
        close.records.push(record.clone());
        let done = record.outcome.kind == OutcomeKind::Undone;
        if done {
            close.records.push(crate::outcome::undone(first, &record));
        } else {
            close.exemptions = withdrawn(kind, &record, now);
        }
        self.journal.close(&close).await?;
        crate::close::tell(&record);
        if done {
            Ok(Asked::Done(Box::new(record)))
        } else {
            Err(AskedError::Failed(record.outcome.reason))
        }
    }

    /// What was not done needs no exemption.
    async fn withdraw(
        &self,
        run: &Run,
        kind: &dyn Kind,
        record: &Record,
    ) -> Result<(), JournalError> {
        let mut close = Close::of(run.resource.clone());
        close.exemptions = withdrawn(kind, record, self.clock.now());
        self.journal.close(&close).await.map(|_| ())
    }

    async fn free(&self, run: &Run, claim: &Claim) -> Result<(), JournalError> {
        let mut close = Close::of(run.resource.clone());
        close.release = Some(Release::of(&run.nonce, claim.freed()));
        self.journal.close(&close).await.map(|_| ())
    }

    fn undo_record(
        &self,
        request: &UndoRequest,
        first: &Record,
        key: ChangeKey,
        earlier: Option<&Record>,
        plan: Plan,
        seen: Timestamp,
    ) -> Record {
        let cause = Cause::Undo {
            of: first.key.clone(),
            by: request.by.clone(),
            reason: request.reason.clone(),
        };
        let outcome = Outcome::new(OutcomeKind::Pending, "claimed");
        Record {
            revision: earlier.map_or(1, |r| r.revision + 1),
            own: plan.writes.iter().map(|w| w.path.clone()).collect(),
            plan: Some(plan),
            ..Record::new(key, cause, self.worker.clone(), seen, outcome)
        }
    }
}

/// The plan that a record carried out, where it can be undone.
fn revert_of(first: &Record) -> Result<Plan, String> {
    let key = &first.key;
    if let Cause::Approval { of, .. } = &first.cause {
        return Err(format!(
            "record {key} is an approval: undo what it approved, record {of}"
        ));
    }
    let is_done = first.outcome.kind == OutcomeKind::Reverted;
    let outcome = first.outcome.kind.word();
    let none = || format!("record {key} is `{outcome}`: there is no revert to undo");
    first.plan.clone().filter(|_| is_done).ok_or_else(none)
}

fn unmoved(kind: &dyn Kind, image: &Image, plan: &Plan) -> bool {
    plan.writes
        .iter()
        .all(|w| stands(kind, image, &w.path, w.from.as_ref()))
}

fn exemptions(
    kind: &dyn Kind,
    request: &UndoRequest,
    record: &Record,
    plan: &Plan,
    now: Timestamp,
) -> Vec<Exemption> {
    let until = request
        .until
        .unwrap_or(now + SignedDuration::from_hours(EXEMPT_HOURS));
    let all = reopened(kind, record, plan);
    let given = all.into_iter().map(|e| Exemption {
        ticket: request.ticket.clone(),
        until,
        ..e
    });
    given.collect()
}

/// The exemptions of an undo that wasn't done, as if they had never been given.
pub(crate) fn withdrawn(kind: &dyn Kind, record: &Record, now: Timestamp) -> Vec<Exemption> {
    let plan = record.plan.clone().unwrap_or_default();
    let all = reopened(kind, record, &plan);
    let withdrawn = all.into_iter().map(|e| Exemption {
        from: Some(now),
        until: now,
        ..e
    });
    withdrawn.collect()
}

/// An exemption of each element that an undo brings back.
fn reopened(kind: &dyn Kind, record: &Record, plan: &Plan) -> Vec<Exemption> {
    let Cause::Undo { by, reason, .. } = &record.cause else {
        return Vec::new();
    };
    let reopened = plan.writes.iter().filter_map(|w| Some((w, w.to.as_ref()?)));
    reopened
        .map(|(write, element)| Exemption {
            id: format!("{}/{}", record.key, write.path),
            covers: Scope {
                account: Some(record.key.resource.account.clone()),
                resource: Some(record.key.resource.id.clone()),
                element: Some((
                    write.path.facet.clone(),
                    kind.substance(&write.path.facet, element),
                )),
                ..Scope::default()
            },
            reason: format!("undo: {reason}"),
            ticket: None,
            by: by.clone(),
            from: None,
            until: Timestamp::MIN,
            source: ExemptionSource::Undo,
        })
        .collect()
}

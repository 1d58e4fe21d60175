//! Approval: what was proposed is carried out, as it was proposed or not at all.

use jiff::Timestamp;
use undrift_core::decide::{Circumstances, Decision};
use undrift_core::kind::{Image, Kind};
use undrift_core::name::EventId;
use undrift_core::plan::{Moved, Plan, stands, still_mends};
use undrift_core::record::{Cause, ChangeKey, Outcome, OutcomeKind, Record};
use undrift_core::weigh::Scales;

use crate::Engine;
use crate::asked::{Asked, AskedError};
use crate::close::Draft;
use crate::outcome::ends_another;
use crate::port::{Clock, Close, Cloud, Journal, JournalError, Switch};
use crate::way::{Attempt, Run};

/// Somebody wants a proposal carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct ApproveRequest {
    /// The record that proposes.
    pub record: ChangeKey,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The approval's own id: the same id twice is one approval.
    pub id: EventId,
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Carries out what a record proposes: exactly that plan, if each of its elements is what it
    /// was made for, and if today's policies, exemptions and modes would still have it.
    ///
    /// # Errors
    ///
    /// AWS or the journal can't be read or written, somebody else is at work on the resource, or the
    /// calls failed.
    pub async fn approve(
        &self,
        request: &ApproveRequest,
        deadline: Timestamp,
    ) -> Result<Asked, AskedError> {
        let seen = self.clock.now();
        let resource = request.record.resource.clone();
        let key = ChangeKey {
            event: request.id.clone(),
            resource: resource.clone(),
        };
        let Some(first) = self.journal.record(&request.record).await? else {
            let why = format!("there is no record {}", request.record);
            return Ok(Asked::Refused(why));
        };
        if first.outcome.kind == OutcomeKind::Undone {
            let why = format!("record {} was {}", first.key, first.outcome.reason);
            return Ok(Asked::Refused(why));
        }
        let earlier = self.journal.record(&key).await?;
        if let Some(done) = earlier.as_ref().filter(|r| ends_another(r).is_some()) {
            self.end_proposal(done).await?;
            return Ok(Asked::Done(Box::new(done.clone())));
        }
        let plan = match approvable(&first, seen) {
            Ok(plan) => plan,
            Err(why) => return Ok(Asked::Refused(why)),
        };
        let looked = self.look(&resource, std::slice::from_ref(&key)).await?;
        if looked.paused {
            return Ok(Asked::Refused("Undrift is paused".to_owned()));
        }
        let looked_at = self.clock.now();
        let held = looked.known.claim.as_ref().and_then(|c| c.held.as_ref());
        if held.is_some() {
            // A live lease ends soon; what a dead one left open is finished first.
            return Err(AskedError::Busy(resource.to_string()));
        }
        let (Some(kind), Some(live)) = (self.kinds.get(&resource.kind), &looked.seen.image) else {
            return Ok(Asked::Refused(format!("{resource} no longer exists")));
        };
        let moved = moved(kind, live, &plan);
        if !moved.is_empty() {
            return Ok(Asked::Moved(moved));
        }
        let exemptions = self.exemptions(&looked);
        let now = Circumstances {
            bundle: &self.bundle,
            exemptions: &exemptions,
            paused: looked.paused,
            protected: None,
            now: looked_at,
        };
        let desired = plan.desired(live);
        let proposed = first.rulings.iter();
        let proposed = proposed.filter(|r| !matches!(r.decision, Decision::Leave(_)));
        let proposed: Vec<_> = proposed.map(|r| r.path.clone()).collect();
        let change = match &first.cause {
            Cause::Change(change) => Some(&**change),
            _ => None,
        };
        let about = (&resource, change);
        if let Err(why) = still_mends(kind, about, live, &desired, &proposed, now) {
            return Ok(Asked::Refused(why));
        }
        let plan = match kind.steps(&resource, live, &desired) {
            Ok(steps) => Plan { steps, ..plan },
            Err(e) => return Ok(Asked::Refused(e.to_string())),
        };
        let nonce = format!("{key}:{}", seen.as_nanosecond());
        let mut run = Run::bare(resource, seen, deadline, nonce);
        let mut record = self.approval(request, &first, (&key, earlier.as_ref()), &plan, seen);
        record.stages.looked = Some(looked_at);
        record.stages.decided = Some(self.clock.now());
        record.left_alone = crate::close::left_alone(kind, live, &plan);
        run.asked = Some(record);
        let draft = Draft {
            kind,
            live,
            looked: &looked,
            items: &[],
            scales: Scales {
                changes: Vec::new(),
                plan: Some(plan),
                act: true,
            },
            looked_at,
            decided_at: self.clock.now(),
            observed: None,
            now,
        };
        let attempt = self.carry_out(&mut run, draft, Vec::new()).await;
        self.answer(&key, attempt).await
    }

    async fn answer(&self, key: &ChangeKey, attempt: Attempt) -> Result<Asked, AskedError> {
        let record = self.journal.record(key).await?;
        match (record, attempt) {
            (Some(record), _) if ends_another(&record).is_some() => {
                self.end_proposal(&record).await?;
                Ok(Asked::Done(Box::new(record)))
            }
            (_, Attempt::Again(_)) => Err(AskedError::Busy(key.resource.to_string())),
            (Some(r), _) => {
                let why = format!("{}: {}", r.outcome.kind.word(), r.outcome.reason);
                Err(AskedError::Failed(why))
            }
            (None, _) => {
                let why = "it is claimed, and not closed yet".to_owned();
                Err(AskedError::Failed(why))
            }
        }
    }

    /// The proposal's last revision, where a crash or another revision kept it from being written
    /// beside the approval's.
    async fn end_proposal(&self, approval: &Record) -> Result<(), JournalError> {
        let Some(last) = self.last_of_another(approval).await? else {
            return Ok(());
        };
        let mut close = Close::of(last.key.resource.clone());
        close.records.push(last);
        self.journal.close(&close).await.map(|_| ())
    }

    fn approval(
        &self,
        request: &ApproveRequest,
        first: &Record,
        (key, earlier): (&ChangeKey, Option<&Record>),
        plan: &Plan,
        seen: Timestamp,
    ) -> Record {
        let cause = Cause::Approval {
            of: first.key.clone(),
            by: request.by.clone(),
            reason: request.reason.clone(),
        };
        let outcome = Outcome::new(OutcomeKind::Pending, "claimed");
        Record {
            revision: earlier.map_or(1, |r| r.revision + 1),
            assessments: first.assessments.clone(),
            rulings: first.rulings.clone(),
            own: plan.writes.iter().map(|w| w.path.clone()).collect(),
            plan: Some(plan.clone()),
            ..Record::new(key.clone(), cause, self.worker.clone(), seen, outcome)
        }
    }
}

/// The plan that a record proposes, where it may still be approved.
fn approvable(first: &Record, now: Timestamp) -> Result<Plan, String> {
    if !first.is_approvable() {
        let outcome = first.outcome.kind.word();
        return Err(format!(
            "record {} is `{outcome}`: there is no plan to approve",
            first.key
        ));
    }
    if let Some(expired) = first.expires().filter(|end| *end <= now) {
        return Err(format!(
            "the proposal expired on {expired:.0}; too much may have happened since: change it by hand"
        ));
    }
    Ok(first.plan.clone().unwrap_or_default())
}

/// The elements that are no longer what a plan was made for.
fn moved(kind: &dyn Kind, live: &Image, plan: &Plan) -> Vec<Moved> {
    let moved = plan.writes.iter();
    let moved = moved.filter(|w| !stands(kind, live, &w.path, w.from.as_ref()));
    let moved = moved.map(|w| Moved {
        path: w.path.clone(),
        left: w.from.clone(),
        found: live.get(&w.path).cloned(),
    });
    moved.collect()
}

//! Is it back? Read again, judge again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use undrift_core::kind::{ElementPath, Image, Kind};
use undrift_core::observe::History;
use undrift_core::plan::{Plan, fulfilled};
use undrift_core::record::{Cause, Outcome, OutcomeKind, Record};

use crate::apply::Applied;
use crate::claim::Work;
use crate::close::Draft;
use crate::outcome::{bystander, put_back};
use crate::own::{is_found, keep, own_change, second};
use crate::port::{CallError, Claim, Clock, Close, Cloud, Journal, RECENT_CALLS, Release, Switch};
use crate::way::{Attempt, Run};
use crate::{Disposition, Engine, Item};

/// How long reads may lag behind our own writes before the record is left pending.
pub(crate) const LAG: SignedDuration = SignedDuration::from_secs(2);
/// How long after its calls a record may stay pending.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// When what AWS refused is tried again.
const BLOCKED_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// When a pending record is looked at again.
const PENDING_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Why a record ends that stayed pending too long.
const NEVER_SEEN: &str = "the calls succeeded, but it was never seen to be back";

/// What a look after the calls showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verified {
    /// The resource, if it could be read and exists.
    pub(crate) seen: Option<Image>,
    /// AWS's time of the read.
    pub(crate) seen_at: Option<Timestamp>,
    /// When that was.
    pub(crate) at: Option<Timestamp>,
    /// Elements that aren't as planned.
    pub(crate) left: Vec<ElementPath>,
    /// The resource kept changing, and nothing was sent.
    pub(crate) conflict: bool,
    /// The resource no longer exists.
    pub(crate) gone: bool,
    /// Why it could not be read.
    pub(crate) error: Option<CallError>,
}

impl Verified {
    /// Nothing was sent, since two looks differed twice.
    pub(crate) fn conflict() -> Self {
        Self {
            conflict: true,
            ..Self::default()
        }
    }
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Reads until the plan's elements are seen, at most for [`LAG`] where the calls succeeded.
    pub(crate) async fn verify(
        &self,
        run: &Run,
        kind: &dyn Kind,
        plan: &Plan,
        succeeded: bool,
    ) -> Verified {
        let start = self.clock.now();
        let mut wait = Duration::from_millis(20);
        loop {
            let read = self.cloud.read(&run.resource).await;
            let at = self.clock.now();
            let verified = match read {
                Ok(seen) => Verified {
                    at: Some(at),
                    seen_at: Some(seen.at),
                    left: left(kind, plan, seen.image.as_ref()),
                    gone: seen.image.is_none(),
                    seen: seen.image,
                    ..Verified::default()
                },
                Err(e) => {
                    tracing::warn!(resource = %run.resource, error = %e, "could not be read back");
                    Verified {
                        left: plan.writes.iter().map(|w| w.path.clone()).collect(),
                        error: Some(e),
                        ..Verified::default()
                    }
                }
            };
            let settled = verified.left.is_empty() || verified.gone || !succeeded;
            if settled || at.duration_since(start) >= LAG || at >= run.deadline {
                return verified;
            }
            self.clock.sleep(wait).await;
            wait = wait.saturating_mul(2).min(Duration::from_millis(500));
        }
    }

    /// Looks again at records whose calls succeeded while reads didn't show it: they end as soon
    /// as it shows, and never get a new plan.
    pub(crate) async fn recheck(
        &self,
        run: &Run,
        kind: &dyn Kind,
        (live, history): (&Image, &History),
        pending: Vec<(usize, Record)>,
    ) -> Result<Vec<(usize, Disposition)>, Attempt> {
        let mut close = Close::of(run.resource.clone());
        let mut ends = Vec::new();
        let now = self.clock.now();
        for (index, mut record) in pending {
            if record.plan.is_none() {
                ends.push((index, Disposition::Done));
                continue;
            }
            record.outcome = at_last(kind, &record, Some(live), history, now);
            match record.outcome.kind {
                OutcomeKind::Pending => {
                    let again = Disposition::retry(PENDING_AGAIN, record.outcome.reason);
                    ends.push((index, again));
                    continue;
                }
                OutcomeKind::Reverted if is_back(kind, &record, live) => {
                    record.stages.verified = Some(now);
                }
                _ => {}
            }
            record.revision += 1;
            record.stages.closed = Some(now);
            close.records.push(record);
            ends.push((index, Disposition::Done));
        }
        match self.put(run, close, ends).await {
            Attempt::Ended(ends) => Ok(ends),
            again @ Attempt::Again(_) => Err(again),
        }
    }

    /// The outcome of a record whose calls had succeeded earlier.
    fn waited_for(&self, draft: &Draft<'_>, record: &Record, verified: &Verified) -> Outcome {
        if verified.gone {
            return Outcome::new(OutcomeKind::Gone, "the resource no longer exists");
        }
        let (seen, history) = (verified.seen.as_ref(), draft.history());
        at_last(draft.kind, record, seen, history, self.clock.now())
    }

    /// Gives every record its outcome, and closes.
    #[expect(
        clippy::too_many_arguments,
        reason = "the end of one attempt, used once"
    )]
    pub(crate) async fn finish(
        &self,
        run: &mut Run,
        draft: &Draft<'_>,
        work: Work,
        applied: Applied,
        verified: Verified,
        claimed_at: Timestamp,
        mut free: Claim,
        ends: &mut Vec<(usize, Disposition)>,
    ) -> Attempt {
        let mut close = Close::of(run.resource.clone());
        let own = draft.items.iter().map(|i| i.key.clone());
        let own: Vec<_> = own.chain(run.asked.iter().map(|r| r.key.clone())).collect();
        let taken_over = |r: &Record| !own.contains(&r.key);
        let mut waiting = Vec::new();
        let Work { plan, records } = work;
        let mut found = Vec::new();
        for (mut record, index) in records {
            let acted = record.plan.as_ref().is_some_and(|p| !p.writes.is_empty());
            record.stages.claimed = record.stages.claimed.or(Some(claimed_at));
            let waited = was_sent(&record);
            record.outcome = match waited {
                Some(_) => self.waited_for(draft, &record, &verified),
                None if acted => {
                    self.outcome(draft, &record, &applied, &verified, taken_over(&record))
                }
                None => bystander(&record),
            };
            let mut end = Disposition::Done;
            match record.outcome.kind {
                OutcomeKind::Reverted => {
                    let taken = record.plan.iter().filter(|_| taken_over(&record));
                    let taken = taken.flat_map(|p| p.writes.clone());
                    found.extend(taken.filter(|w| is_found(draft, &record, &verified, w)));
                    record.stages.applied = waited.or(applied.at);
                    record.stages.verified = verified.at;
                }
                OutcomeKind::Pending => {
                    record.stages.applied = waited.or(applied.at);
                    end = Disposition::retry(PENDING_AGAIN, record.outcome.reason.clone());
                }
                OutcomeKind::Blocked => {
                    end = Disposition::retry(BLOCKED_AGAIN, record.outcome.reason.clone());
                }
                _ => {}
            }
            if acted && !matches!(record.cause, Cause::Undo { .. }) {
                record.sent.extend(applied.sent.iter().cloned());
            }
            let is_asked = |i: &&Item| i.index.is_none() && i.key == record.key;
            let is_asked = draft.items.iter().any(|i| is_asked(&i));
            let is_asked = is_asked || !matches!(record.cause, Cause::Change(_));
            let untold = index.is_none() && (waited.is_some() || run.items.is_empty() || is_asked);
            if record.outcome.kind == OutcomeKind::Pending && untold {
                waiting.push(record);
                continue;
            }
            match self.last_of_another(&record).await {
                Ok(last) => close.records.extend(last),
                // The claim stays: whoever takes it over ends both.
                Err(e) => {
                    let retry = Disposition::retry(PENDING_AGAIN, e.to_string());
                    return Attempt::Ended(crate::way::all(&run.items, &retry));
                }
            }
            if record.outcome.kind == OutcomeKind::Failed {
                let over = crate::undo::withdrawn(draft.kind, &record, self.clock.now());
                close.exemptions.extend(over);
            }
            record.stages.closed = Some(self.clock.now());
            ends.extend(index.map(|i| (i, end)));
            // It is tried again and again, and told once.
            let earlier = draft.looked.known.records.get(&record.key);
            if !(is_blocked(&record) && earlier.is_some_and(is_blocked)) {
                close.records.push(record);
            }
        }
        free.recent.extend(applied.own_calls());
        let surplus = free.recent.len().saturating_sub(RECENT_CALLS);
        free.recent.drain(..surplus);
        // No message comes again for these: the claim keeps them open until they are looked at.
        let lease = self.clock.now() + PENDING_AGAIN;
        let is_open = !waiting.is_empty();
        free.held = is_open.then(|| self.held(run, draft, lease, (plan.clone(), waiting)));
        let knew = self.knew(run, draft);
        run.own.extend(own_change(
            run,
            (draft, knew),
            (&plan, &found),
            &applied,
            &verified,
        ));
        keep(run, draft, &verified, &mut close);
        close.release = Some(Release::of(&run.nonce, free));
        let is_outrun = match self.remember(run, draft, &verified, &mut close).await {
            Ok(is_outrun) => is_outrun,
            Err(e) => {
                tracing::error!(resource = %run.resource, error = %e, "what was written could not be remembered; the messages come again");
                let retry = Disposition::retry(PENDING_AGAIN, e.to_string());
                return Attempt::Ended(crate::way::all(&run.items, &retry));
            }
        };
        let ends = std::mem::take(ends);
        match self.put(run, close, ends.clone()).await {
            // Others judged meanwhile, and didn't know what was being written.
            Attempt::Ended(closed) if is_outrun && closed == ends => {
                Attempt::Again("somebody else remembered something".to_owned())
            }
            end => end,
        }
    }
}

/// AWS refused its calls, not only a look.
fn is_blocked(record: &Record) -> bool {
    record.outcome.kind == OutcomeKind::Blocked && !record.is_unseen()
}

/// When an open record's calls had succeeded while reads didn't show it.
pub(crate) fn was_sent(record: &Record) -> Option<Timestamp> {
    let pending = record.outcome.kind == OutcomeKind::Pending;
    record.stages.applied.filter(|_| pending)
}

/// What became of calls that had succeeded earlier, when reads didn't show it.
fn at_last(
    kind: &dyn Kind,
    record: &Record,
    seen: Option<&Image>,
    history: &History,
    now: Timestamp,
) -> Outcome {
    let plan = record.plan.clone().unwrap_or_default();
    let left = left(kind, &plan, seen);
    let back = put_back(plan.writes.len());
    if left.is_empty() {
        return Outcome::new(OutcomeKind::Reverted, back);
    }
    let applied = record.stages.applied;
    // What somebody else made of it since was made over what it was put back to.
    let sent = second(record.stages.claimed.or(applied).unwrap_or(now));
    let is_others = |path: &ElementPath| history.is_others_since(kind, path, sent);
    if left.iter().all(is_others) {
        let why = format!("{back}; somebody else changed it since");
        return Outcome::new(OutcomeKind::Reverted, why);
    }
    if applied.is_some_and(|at| now.duration_since(at) < GIVEN_UP_AFTER) {
        return Outcome::new(OutcomeKind::Pending, "still not visible");
    }
    Outcome::new(OutcomeKind::Failed, NEVER_SEEN)
}

/// All of a record's elements are as it planned.
fn is_back(kind: &dyn Kind, record: &Record, live: &Image) -> bool {
    let plan = record.plan.iter();
    plan.into_iter()
        .all(|p| left(kind, p, Some(live)).is_empty())
}

pub(crate) fn left(kind: &dyn Kind, plan: &Plan, seen: Option<&Image>) -> Vec<ElementPath> {
    plan.writes
        .iter()
        .filter(|w| seen.is_none_or(|image| !fulfilled(kind, image, w)))
        .map(|w| w.path.clone())
        .collect()
}

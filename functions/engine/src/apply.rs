//! Round 3: the calls, in order.

use std::time::Duration;

use jiff::SignedDuration;
use undrift_core::kind::{ElementPath, Kind, Step};
use undrift_core::plan::{Plan, stands};
use undrift_core::record::Sent;

use crate::Engine;
use crate::port::{CallError, Claim, Clock, Cloud, ErrorClass, Journal, OwnCall, Switch};
use crate::verify::{LAG, Verified};
use crate::way::Run;

/// A call is only sent while the lease lasts this much longer: an attempt's own time-out (3 s)
/// plus two seconds for whoever takes over.
const ATTEMPT_NEEDS: SignedDuration = SignedDuration::from_secs(5);
/// How long after its time-out a call may still be done.
const ARRIVES: SignedDuration = SignedDuration::from_secs(2);
/// How often a call is sent that meets somebody else's edit, or that is refused for no known reason.
const SOME_ATTEMPTS: u32 = 3;
/// How often what is left is planned anew after part of it was there already or gone.
const PASSES: u32 = 3;

/// What became of the calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied {
    /// Every call that was sent.
    pub(crate) sent: Vec<Sent>,
    /// When the first call was sent.
    pub(crate) began: Option<jiff::Timestamp>,
    /// When the last call succeeded.
    pub(crate) at: Option<jiff::Timestamp>,
    /// The elements that successful calls wrote.
    pub(crate) wrote: Vec<ElementPath>,
    /// The error that ended it.
    pub(crate) error: Option<CallError>,
    /// At least one call found its work done by somebody else.
    pub(crate) met_others: bool,
    /// A call found its work done, by an attempt of its own that nobody answered or by somebody else.
    unsure: bool,
    /// Time ran out with calls unsent.
    pub(crate) unfinished: bool,
    /// Attempts that nobody answered: they may have been done, or be done yet.
    unheard: Vec<OwnCall>,
}

impl Applied {
    /// The calls that events of our own are known by.
    pub(crate) fn own_calls(&self) -> Vec<OwnCall> {
        let answered = self.sent.iter().filter_map(|s| {
            Some(OwnCall {
                operation: s.call.event_name(),
                request_id: Some(s.request_id.clone()?),
                at: s.at,
            })
        });
        answered.chain(self.unheard.iter().cloned()).collect()
    }
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Sends a plan's calls, looks at what came of it, and sends what is left where some of it
    /// was already done: AWS refuses a whole call if one of its elements is gone.
    pub(crate) async fn apply_and_verify(
        &self,
        run: &Run,
        kind: &dyn Kind,
        plan: &Plan,
        claim: &Claim,
    ) -> (Applied, Verified) {
        let mut applied = Applied::default();
        let mut steps = plan.steps.clone();
        let mut verified = Verified::default();
        for _ in 0..PASSES {
            (applied.met_others, applied.unsure) = (false, false);
            self.apply(run, &steps, claim, &mut applied).await;
            if applied.unfinished {
                return (applied, verified);
            }
            self.outwait(&applied).await;
            verified = self.verify(run, kind, plan, applied.error.is_none()).await;
            if applied.met_others && verified.left.is_empty() {
                // What refused the call may be newer than what is shown.
                self.clock.sleep(LAG.unsigned_abs()).await;
                verified = self.verify(run, kind, plan, applied.error.is_none()).await;
            }
            let Some(seen) = &verified.seen else { break };
            let is_whole = !applied.met_others && !applied.unsure;
            if verified.left.is_empty() || applied.error.is_some() || is_whole {
                break;
            }
            let mut todo = plan.clone();
            todo.writes.retain(|w| {
                verified.left.contains(&w.path) && stands(kind, seen, &w.path, w.from.as_ref())
            });
            match kind.steps(&run.resource, seen, &todo.desired(seen)) {
                Ok(rest) if !rest.is_empty() => steps = rest,
                _ => break,
            }
        }
        (applied, verified)
    }

    /// Waits until what nobody answered can't be done any more: it would be after the claim was
    /// given up.
    async fn outwait(&self, applied: &Applied) {
        let now = self.clock.now();
        let ends = applied.unheard.iter().map(|call| call.at);
        let rest = ends
            .max()
            .map_or(SignedDuration::ZERO, |end| end.duration_since(now));
        if rest.is_positive() {
            self.clock.sleep(rest.unsigned_abs()).await;
        }
    }

    async fn apply(&self, run: &Run, steps: &[Step], claim: &Claim, applied: &mut Applied) {
        let lease = run.deadline + crate::LEASE_MARGIN;
        for step in steps {
            let mut attempts = 0;
            // An attempt that wasn't answered may have been done.
            let mut perhaps_done = false;
            let error = loop {
                if lease.duration_since(self.clock.now()) < ATTEMPT_NEEDS {
                    applied.unfinished = true;
                    return;
                }
                attempts += 1;
                applied.began.get_or_insert(self.clock.now());
                let mut result = self.cloud.send(&step.call).await;
                let at = self.clock.now();
                let is_so =
                    |e: &CallError| matches!(e.class, ErrorClass::Missing | ErrorClass::Already);
                if perhaps_done && result.as_ref().is_err_and(is_so) {
                    applied.unsure = true;
                    result = Ok(crate::port::Sent { request_id: None });
                }
                match result {
                    Ok(sent) => {
                        applied.at = Some(at);
                        applied.wrote.extend(step.writes.iter().cloned());
                        applied.sent.push(Sent {
                            call: step.call.clone(),
                            request_id: sent.request_id,
                            at,
                            attempts,
                            error: None,
                        });
                        break None;
                    }
                    Err(e) => match e.class {
                        ErrorClass::Throttled => {}
                        ErrorClass::Transient => {
                            perhaps_done = true;
                            applied.unheard.push(OwnCall {
                                operation: step.call.event_name(),
                                request_id: None,
                                at: at + ARRIVES,
                            });
                        }
                        ErrorClass::Conflict | ErrorClass::Unknown if attempts < SOME_ATTEMPTS => {}
                        _ => break Some((e, at)),
                    },
                }
                self.clock.sleep(self.backoff(attempts)).await;
            };
            let Some((error, at)) = error else { continue };
            applied.sent.push(Sent {
                call: step.call.clone(),
                request_id: error.request_id.clone(),
                at,
                attempts,
                error: Some(format!("{}: {}", error.code, error.message)),
            });
            match error.class {
                ErrorClass::Missing | ErrorClass::Already => applied.met_others = true,
                _ => {
                    tracing::error!(resource = %run.resource, epoch = claim.epoch, error = %error, "a call failed");
                    applied.error = Some(error);
                    return;
                }
            }
        }
    }

    /// Full jitter over a doubling ceiling, from 50 ms to 2 s.
    fn backoff(&self, attempts: u32) -> Duration {
        let ceiling = 0.05 * 2f64.powi(attempts.min(6).cast_signed());
        Duration::from_secs_f64(self.clock.jitter() * ceiling.min(2.0))
    }
}

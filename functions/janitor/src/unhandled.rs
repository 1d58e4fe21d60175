//! The record of a change that no function has handled: what can't be done shows as well.

use jiff::Timestamp;
use undrift_core::change::Change;
use undrift_core::kind::{Kind, KindError, Kinds, Lookup, ResourceRef};
use undrift_core::name::{Arn, ResourceId};
use undrift_core::policy::Bundle;
use undrift_core::record::{Cause, ChangeKey, Outcome, OutcomeKind, Record, Worker};
use undrift_core::route::{Routed, route};
use undrift_engine::port::Known;

/// The kinds of all services.
#[must_use]
pub fn kinds() -> Vec<&'static dyn Kind> {
    [
        undrift_cloudtrail::kinds(),
        undrift_ec2::kinds(),
        undrift_iam::kinds(),
        undrift_s3::kinds(),
    ]
    .concat()
}

/// Who writes records of what nobody handled.
#[derive(Debug)]
pub struct Clerk<'k> {
    /// The kinds of all services.
    pub kinds: Kinds<'k>,
    /// The policies of all services.
    pub bundle: Bundle,
    /// The janitor itself.
    pub worker: Worker,
    /// The roles of the functions that revert and undo.
    pub own_roles: Vec<Arn>,
}

/// A change that no function has handled.
#[derive(Debug, Clone)]
pub struct Unhandled<'u> {
    /// The change.
    pub change: &'u Change,
    /// The dead-letter queue that its message is on.
    pub queue: String,
    /// How often the message was received.
    pub receives: u32,
    /// Why it wasn't handled now.
    pub why: &'u str,
    /// When.
    pub now: Timestamp,
}

impl Clerk<'_> {
    /// A record for everything that the change touched and a policy would have judged. What no
    /// policy judges has no record when it is handled either.
    pub fn records(&self, unhandled: &Unhandled<'_>) -> Result<Vec<Record>, KindError> {
        let change = unhandled.change;
        let judged = |routed: &Routed| {
            let mut listening = self.bundle.listening(change);
            listening.any(|p| p.policy.kind == routed.kind)
        };
        let touched = route(change, self.kinds)?.into_iter().filter(judged);
        let mut records = Vec::new();
        for routed in touched {
            let resource = ResourceRef {
                account: change.account.clone(),
                region: change.region.clone(),
                kind: routed.kind,
                // Its id, nobody can be asked for.
                id: match routed.resource {
                    Lookup::Id(id) => id,
                    Lookup::Name(name) => {
                        ResourceId::parse(&name).map_err(|e| KindError::Malformed {
                            what: "the resource's name".into(),
                            why: e.to_string(),
                        })?
                    }
                },
            };
            records.push(self.record(unhandled, resource));
        }
        Ok(records)
    }

    fn record(&self, unhandled: &Unhandled<'_>, resource: ResourceRef) -> Record {
        let Unhandled {
            change,
            queue,
            receives,
            why,
            now,
        } = unhandled;
        let reason = format!(
            "no function has handled it: its message was received {receives} times and lies in \
             {queue} ({why}); mend what keeps the function from it, then `undrift redrive`"
        );
        let key = ChangeKey {
            event: change.id.clone(),
            resource,
        };
        let cause = Cause::Change(Box::new((*change).clone()));
        let outcome = Outcome::new(OutcomeKind::Failed, reason);
        let mut record = Record::new(key, cause, self.worker.clone(), *now, outcome);
        record.stages.closed = Some(*now);
        record
    }

    /// Somebody has met the change after all: it has a record, or an open one in a claim, or it is
    /// a call of our own.
    #[must_use]
    pub fn is_known(&self, key: &ChangeKey, change: &Change, known: &Known) -> bool {
        let held = known.claim.iter().flat_map(|c| &c.held);
        let open = held.flat_map(|h| &h.records).any(|r| r.key == *key);
        let principal = change.actor.principal.as_ref();
        let own = principal.is_some_and(|p| self.own_roles.contains(p))
            && known.claim.as_ref().is_some_and(|c| c.is_call_of(change));
        known.records.contains_key(key) || open || own
    }
}

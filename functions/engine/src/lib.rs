//! The order of work, through small ports: look, claim, apply, verify, close, undo.
//!
//! One way through the house, a module per stage:
//! [`look`](mod@look) reads live state and what is known (round 1), the core's
//! [`weigh`](mod@undrift_core::weigh) judges, decides and plans, [`claim`](mod@claim) takes the resource (round 2),
//! [`apply`](mod@apply) sends the calls (round 3), [`verify`](mod@verify) looks again and
//! [`close`](mod@close) writes the record that everything people see hangs from.

pub mod apply;
pub mod approve;
pub mod asked;
mod caps;
pub mod claim;
pub mod close;
mod gone;
pub mod look;
mod outcome;
mod overrun;
mod own;
pub mod port;
mod proposed;
mod settle;
mod sort;
pub mod sweep;
pub mod undo;
pub mod verify;
mod way;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use undrift_core::change::Change;
use undrift_core::kind::{Effect, Kinds, Lookup, ResourceRef};
use undrift_core::name::Arn;
use undrift_core::policy::Bundle;
use undrift_core::record::{ChangeKey, Worker};
use undrift_core::route::{group, route};
use undrift_core::weigh::{Noticed, Occurred};

use port::{CallError, Clock, Cloud, ErrorClass, Journal, Switch};

/// How long after its call an event's own effect may still be invisible to reads.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// When work that could not be finished is taken up again.
const RESUMED_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// How long a lease outlives the work's deadline.
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is dealt with.
    Done,
    /// It is to come again.
    Retry {
        /// Not before this long.
        after: Duration,
        /// Why.
        why: String,
    },
}

impl Disposition {
    pub(crate) fn retry(after: SignedDuration, why: impl Into<String>) -> Self {
        Self::Retry {
            after: Duration::try_from(after)
                .unwrap_or(Duration::ZERO)
                .max(Duration::from_secs(1)),
            why: why.into(),
        }
    }
}

/// One service's engine.
#[derive(Debug)]
pub struct Engine<'k, C, J, S, T> {
    /// AWS.
    pub cloud: C,
    /// What is kept.
    pub journal: J,
    /// The pause switch.
    pub switch: S,
    /// Time.
    pub clock: T,
    /// The kinds of the service.
    pub kinds: Kinds<'k>,
    /// The policies and settings in force.
    pub bundle: Bundle,
    /// Who works.
    pub worker: Worker,
    /// The roles of our own, this function's among them: their events are checked against
    /// the calls that were recorded.
    pub own_roles: Vec<Arn>,
    /// How often one cap may be spent within its window before it holds.
    pub cap_limit: u64,
    /// How long after its call an event's own effect may still be invisible to reads:
    /// [`SETTLES_AFTER`], where nothing else is known of the service.
    pub settles_after: SignedDuration,
}

/// One change's part in the work on a resource.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Its place among the changes that were handed in; none: it has its end already, and was found
    /// to be asked once more.
    index: Option<usize>,
    change: Change,
    effect: Effect,
    key: ChangeKey,
    noticed: Noticed,
}

impl Item {
    fn occurred(&self) -> Occurred<'_> {
        Occurred {
            change: &self.change,
            effect: &self.effect,
            noticed: self.noticed,
        }
    }
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Handles changes, all that touched one resource together; says for each what becomes of
    /// its message. One resource's failure fails only its own messages.
    pub async fn handle(&self, changes: Vec<Change>, deadline: Timestamp) -> Vec<Disposition> {
        let seen = self.clock.now();
        let mut dispositions = vec![Disposition::Done; changes.len()];
        let mut touched = Vec::new();
        for (index, change) in changes.into_iter().enumerate() {
            match self.touched(index, change).await {
                Ok(items) => touched.extend(items),
                Err(retry) => worsen(&mut dispositions, index, retry),
            }
        }
        let groups: BTreeMap<ResourceRef, Vec<Item>> = group(touched, |item| item.change.time);
        let work = groups
            .into_iter()
            .map(|(resource, items)| self.resource(resource, items, seen, deadline));
        for (index, disposition) in join_all(work).await.into_iter().flatten() {
            worsen(&mut dispositions, index, disposition);
        }
        dispositions
    }

    /// Finishes what a crash left open on a resource, with no change of its own to judge: takes
    /// over a lease that is over, and closes its records. `Done`: nothing is open.
    pub async fn resume(&self, resource: &ResourceRef, deadline: Timestamp) -> Disposition {
        let seen = self.clock.now();
        self.resource(resource.clone(), Vec::new(), seen, deadline)
            .await;
        let known = match self.journal.know(resource, &[]).await {
            Ok(known) => known,
            Err(e) => return Disposition::retry(SignedDuration::from_secs(5), e.to_string()),
        };
        let Some(held) = known.claim.and_then(|claim| claim.held) else {
            return Disposition::Done;
        };
        let now = self.clock.now();
        if now < held.lease {
            return Disposition::retry(
                held.lease.duration_since(now),
                "another invocation is at it, or what was sent isn't visible yet",
            );
        }
        let why = "it could not be finished: Undrift is paused, or the function's log says why";
        Disposition::retry(RESUMED_AGAIN, why)
    }

    /// The resources a change touched, names resolved to ids.
    async fn touched(
        &self,
        index: usize,
        change: Change,
    ) -> Result<Vec<(ResourceRef, Item)>, Disposition> {
        let routed = match route(&change, self.kinds) {
            Ok(routed) => routed,
            Err(e) => {
                tracing::error!(event = %change.id, name = %change.name, error = %e,
                    "the record can't be read by its kind; nothing is done about it");
                let (id, why) = (change.id.as_str(), e.to_string());
                let kept = self.journal.reject(id, &why, change.name.as_str()).await;
                return match kept {
                    Ok(()) => Ok(Vec::new()),
                    Err(e) => Err(Disposition::retry(
                        SignedDuration::from_secs(5),
                        e.to_string(),
                    )),
                };
            }
        };
        let mut items = Vec::new();
        for routed in routed {
            let id = match routed.resource {
                Lookup::Id(id) => id,
                Lookup::Name(name) => match self.cloud.resolve(&routed.kind, &name).await {
                    Ok(Some(id)) => id,
                    Ok(None) => {
                        tracing::info!(event = %change.id, name, "there is no resource of that name any more");
                        continue;
                    }
                    Err(e) => return Err(unreadable(&e)),
                },
            };
            let resource = ResourceRef {
                account: change.account.clone(),
                region: change.region.clone(),
                kind: routed.kind,
                id,
            };
            let key = ChangeKey {
                event: change.id.clone(),
                resource: resource.clone(),
            };
            let item = Item {
                index: Some(index),
                change: change.clone(),
                effect: routed.effect,
                key,
                noticed: Noticed::ByEvent,
            };
            items.push((resource, item));
        }
        Ok(items)
    }
}

/// What becomes of a message whose resource can't be read.
fn unreadable(error: &CallError) -> Disposition {
    let after = match error.class {
        ErrorClass::Throttled => SignedDuration::from_secs(5),
        ErrorClass::Denied => SignedDuration::from_secs(60),
        _ => SignedDuration::from_secs(2),
    };
    Disposition::retry(after, error.to_string())
}

/// A message whose change touched several resources fares as the worst of them.
fn worsen(dispositions: &mut [Disposition], index: usize, disposition: Disposition) {
    let Some(now) = dispositions.get_mut(index) else {
        return;
    };
    let later = match (&*now, &disposition) {
        (_, Disposition::Done) => return,
        (Disposition::Done, Disposition::Retry { .. }) => true,
        (Disposition::Retry { after: a, .. }, Disposition::Retry { after: b, .. }) => b > a,
    };
    if later {
        *now = disposition;
    }
}

//! What of a batch is to be judged, and what has its end already.

use jiff::SignedDuration;
use undrift_core::kind::Effect;
use undrift_core::record::{OutcomeKind, Record};

use crate::look::Looked;
use crate::port::{Claim, Clock, Cloud, Journal, Switch};
use crate::way::Run;
use crate::{Disposition, Engine, Item};

/// When work that a crash left open is looked at again while Undrift is paused.
const PAUSED_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// What has its end already, what is to be judged, and what is to be looked at again.
pub(crate) type Sorted = (Vec<(usize, Disposition)>, Vec<Item>, Vec<(usize, Record)>);

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Takes out what needs no judging: what has a closed record already, what another
    /// invocation is at, and our own calls.
    pub(crate) fn sort(&self, run: &Run, looked: &Looked) -> Sorted {
        let now = self.clock.now();
        let (mut ends, mut fresh, mut pending) = (Vec::new(), Vec::new(), Vec::new());
        let claim = looked.known.claim.as_ref();
        for item in &run.items {
            match looked.known.records.get(&item.key) {
                Some(record) if record.outcome.kind == OutcomeKind::Pending => {
                    pending.extend(item.index.map(|i| (i, record.clone())));
                    continue;
                }
                // Nobody could look at it then, or AWS refused the calls: it is judged now, and that
                // is its next revision.
                Some(r) if r.is_unseen() || r.outcome.kind == OutcomeKind::Blocked => {}
                Some(_) => {
                    ends.extend(item.index.map(|i| (i, Disposition::Done)));
                    continue;
                }
                None => {}
            }
            let held = claim.and_then(|c| c.held.as_ref());
            let in_work = held.filter(|h| h.records.iter().any(|r| r.key == item.key));
            if let Some(held) = in_work.filter(|h| h.nonce != run.nonce) {
                if now < held.lease {
                    let wait = Disposition::retry(
                        held.lease.duration_since(now),
                        "another invocation is at it",
                    );
                    ends.extend(item.index.map(|i| (i, wait)));
                } else if looked.paused {
                    let wait = Disposition::retry(PAUSED_AGAIN, "Undrift is paused");
                    ends.extend(item.index.map(|i| (i, wait)));
                }
                // Otherwise whoever takes over the lease closes its record.
                continue;
            }
            if self.is_over(item, looked) || self.is_own(item, claim) {
                ends.extend(item.index.map(|i| (i, Disposition::Done)));
                continue;
            }
            if self.is_by_our_role(item) {
                tracing::error!(alarm = "own role, no record", event = %item.change.id,
                    name = item.change.name.as_str(), resource = %item.key.resource,
                    "a call under Undrift's own role matches no recorded step");
            }
            fresh.push(item.clone());
        }
        (ends, fresh, pending)
    }

    /// The change was seen already, and nobody judges it: it is part of what was there before
    /// those that are judged.
    fn is_over(&self, item: &Item, looked: &Looked) -> bool {
        let history = &looked.known.observed.history;
        let seen = match item.effect {
            Effect::Created(_) => history.knows_made(item.change.time),
            _ => history.changes.iter().any(|c| c.event == item.change.id),
        };
        seen && self.bundle.listening(&item.change).next().is_none()
    }

    /// The change is a call of our own: made by one of our roles, and a step that was recorded.
    /// One of our roles alone is not enough: that is an alarm, and judged as anybody's.
    pub(crate) fn is_own(&self, item: &Item, claim: Option<&Claim>) -> bool {
        self.is_by_our_role(item) && claim.is_some_and(|c| c.is_call_of(&item.change))
    }

    pub(crate) fn is_by_our_role(&self, item: &Item) -> bool {
        let principal = item.change.actor.principal.as_ref();
        principal.is_some_and(|p| self.own_roles.contains(p))
    }
}

/// The items, each event once; and the places of the others, each beside its twin's.
pub(crate) fn without_twins(items: Vec<Item>) -> (Vec<Item>, Vec<(usize, usize)>) {
    let mut once: Vec<Item> = Vec::new();
    let mut twins = Vec::new();
    for item in items {
        match once.iter().find(|i| i.key == item.key) {
            Some(twin) => twins.extend(item.index.zip(twin.index)),
            None => once.push(item),
        }
    }
    (once, twins)
}

/// What becomes of an event's first delivery becomes of the others in the same batch.
pub(crate) fn with_twins(
    mut ends: Vec<(usize, Disposition)>,
    twins: &[(usize, usize)],
) -> Vec<(usize, Disposition)> {
    for (index, twin) in twins {
        let end = ends.iter().find(|(i, _)| i == twin).map(|(_, d)| d.clone());
        ends.push((*index, end.unwrap_or(Disposition::Done)));
    }
    ends
}

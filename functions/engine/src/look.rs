//! Round 1: live state beside what is known, in parallel.

use futures_util::future::join3;
use jiff::Timestamp;
use undrift_core::decide::protected;
use undrift_core::kind::ResourceRef;
use undrift_core::record::{ChangeKey, OutcomeKind, Record};

use crate::Engine;
use crate::port::{
    CallError, Clock, Cloud, Held, Journal, JournalError, Known, OwnCall, Seen, Switch,
};

/// What round 1 gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// The resource as it is.
    pub seen: Seen,
    /// What the journal knows.
    pub known: Known,
    /// The pause switch.
    pub paused: bool,
    /// Why only a person may change it back, where that is so.
    pub protected: Option<String>,
}

impl Looked {
    /// What an invocation left open that died: its lease is over.
    pub(crate) fn leftover(&self, now: Timestamp) -> Option<&Held> {
        let held = self.known.claim.as_ref()?.held.as_ref()?;
        (held.lease <= now).then_some(held)
    }

    /// The words of the dead whose work is taken over.
    pub(crate) fn inherited(&self, now: Timestamp) -> Vec<String> {
        let holders = self.leftover(now).map(Held::holders);
        let holders = holders.into_iter().flatten();
        holders.map(str::to_owned).collect()
    }
}

/// Why round 1 gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The resource can't be read.
    #[error(transparent)]
    Cloud(#[from] CallError),
    /// The journal or the pause switch can't be read: nothing may be written either.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Looks at a resource.
    pub(crate) async fn look(
        &self,
        resource: &ResourceRef,
        keys: &[ChangeKey],
    ) -> Result<Looked, LookError> {
        let (seen, known, paused) = join3(
            self.cloud.read(resource),
            self.journal.know(resource, keys),
            self.switch.paused(),
        )
        .await;
        let (mut known, paused, seen) = (known?, paused?, seen?);
        self.without_closed(&mut known).await?;
        let path = seen.path.as_deref();
        Ok(Looked {
            protected: protected(resource, path, &self.bundle.settings, &self.own_roles),
            known,
            paused,
            seen,
        })
    }

    /// Leaves out of what a dead invocation left open what it had closed already: that is over, and
    /// what came since is other people's.
    async fn without_closed(&self, known: &mut Known) -> Result<(), JournalError> {
        let now = self.clock.now();
        let Some(claim) = known.claim.as_mut() else {
            return Ok(());
        };
        let Some(held) = claim.held.as_mut().filter(|h| h.lease <= now) else {
            return Ok(());
        };
        // It may have sent any of its calls.
        for step in &held.plan.steps {
            let call = OwnCall {
                operation: step.call.event_name(),
                request_id: None,
                at: held.lease,
            };
            if !claim.recent.contains(&call) {
                claim.recent.push(call);
            }
        }
        let mut open = Vec::new();
        for record in held.records.drain(..) {
            let there = self.journal.record(&record.key).await?;
            let is_open = |there: &Record| {
                there.revision < record.revision || there.outcome.kind == OutcomeKind::Pending
            };
            if there.as_ref().is_none_or(is_open) {
                open.push(record);
            }
        }
        let plans = open.iter().filter_map(|r| r.plan.as_ref());
        let writes = plans.flat_map(|p| &p.writes).map(|w| w.path.clone());
        held.plan = held.plan.only(&writes.collect::<Vec<_>>());
        held.records = open;
        Ok(())
    }
}

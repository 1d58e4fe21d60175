//! Resources that don't exist any more, or that nobody may look at.

use jiff::{SignedDuration, Timestamp};
use undrift_core::decide::Circumstances;
use undrift_core::judge::Assessment;
use undrift_core::kind::{Effect, Facet, Image};
use undrift_core::record::{Outcome, OutcomeKind, Record};
use undrift_core::weigh::weigh;

use crate::look::Looked;
use crate::port::{CallError, Clock, Close, Cloud, Journal, Release, Switch};
use crate::way::{Attempt, Run};
use crate::{Disposition, Engine, Item};

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// AWS lets us not even look: people must know, while it is tried again.
    pub(crate) async fn locked_out(&self, run: &Run, error: &CallError) {
        let mut close = Close::of(run.resource.clone());
        for item in &run.items {
            let judged = self.bundle.listening(&item.change).next().is_some();
            // What has a record already, or may have one, is not told once more.
            if !judged || !matches!(self.journal.record(&item.key).await, Ok(None)) {
                continue;
            }
            let why = format!(
                "AWS refused {} ({}), so nobody looked at it; it is tried again: {}",
                error.operation, error.code, error.message
            );
            let outcome = Outcome::new(OutcomeKind::Blocked, why);
            let mut record = self.bare(run, item, None, outcome);
            record.stages.closed = Some(self.clock.now());
            close.records.push(record);
        }
        if !close.records.is_empty() {
            // The messages come again, whether it could be written or not.
            self.put(run, close, Vec::new()).await;
        }
    }

    /// What policies would say of a change, were its resource still there.
    fn would_be(
        &self,
        run: &Run,
        item: &Item,
        looked: &Looked,
        looked_at: Timestamp,
    ) -> Vec<Assessment> {
        let Some(kind) = self.kinds.get(&run.resource.kind) else {
            return Vec::new();
        };
        let exemptions = self.exemptions(looked);
        let now = Circumstances {
            bundle: &self.bundle,
            exemptions: &exemptions,
            paused: looked.paused,
            protected: looked.protected.as_deref(),
            now: looked_at,
        };
        let history = &looked.known.observed.history;
        let facets = kind.facets().iter();
        let nothing = Image::of(facets.map(|f| (*f, Facet::new())));
        let image = undrift_core::observe::after(kind, &nothing, &item.effect);
        let one = [item.occurred()];
        let weighed = weigh(kind, &run.resource, &image, &one, history, now).changes;
        weighed
            .into_iter()
            .next()
            .map_or_else(Vec::new, |w| w.assessments)
    }

    /// The resource doesn't exist.
    pub(crate) async fn vanished(
        &self,
        run: &Run,
        looked: &Looked,
        mut ends: Vec<(usize, Disposition)>,
        fresh: Vec<Item>,
        pending: Vec<(usize, Record)>,
        looked_at: Timestamp,
    ) -> Attempt {
        let mut close = Close::of(run.resource.clone());
        for (index, mut record) in pending {
            record.revision += 1;
            record.outcome = Outcome::new(OutcomeKind::Gone, "the resource no longer exists");
            record.stages.closed = Some(self.clock.now());
            close.records.push(record);
            ends.push((index, Disposition::Done));
        }
        for item in &fresh {
            let age = looked_at.duration_since(item.change.time);
            let judged = self.bundle.listening(&item.change).next().is_some();
            if judged && age < self.settles_after && item.effect != Effect::Deleted {
                let end = self.young(age, "the resource isn't visible yet");
                ends.extend(item.index.map(|i| (i, end)));
                continue;
            }
            ends.extend(item.index.map(|i| (i, Disposition::Done)));
            if judged {
                let outcome = Outcome::new(OutcomeKind::Gone, "the resource no longer exists");
                let mut record = self.bare(run, item, Some(looked), outcome);
                record.assessments = self.would_be(run, item, looked, looked_at);
                record.stages.looked = Some(looked_at);
                record.stages.closed = Some(self.clock.now());
                close.records.push(record);
            }
        }
        if let Some(claim) = &looked.known.claim
            && let Some(held) = looked.leftover(looked_at)
        {
            // What a crash left open ends here too.
            for record in &held.records {
                let mut record = record.clone();
                record.outcome = Outcome::new(OutcomeKind::Gone, "the resource no longer exists");
                record.stages.closed = Some(self.clock.now());
                match self.last_of_another(&record).await {
                    Ok(last) => close.records.extend(last),
                    Err(e) => {
                        let retry = Disposition::retry(SignedDuration::from_secs(5), e.to_string());
                        return Attempt::Ended(crate::way::all(&run.items, &retry));
                    }
                }
                close.records.push(record);
            }
            close.release = Some(Release::of(&held.nonce, claim.freed()));
        }
        self.put(run, close, ends).await
    }
}

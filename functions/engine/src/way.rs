//! The way of one resource through the house.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use undrift_core::decide::Circumstances;
use undrift_core::kind::{Image, Kind, ResourceRef};
use undrift_core::name::EventId;
use undrift_core::observe::{History, OWN, SeenChange};
use undrift_core::policy::Exemptions;
use undrift_core::record::Record;
use undrift_core::weigh::{Occurred, weigh};

use crate::close::Draft;
use crate::look::{LookError, Looked};
use crate::overrun::{Overran, is_stale};
use crate::port::{Clock, Cloud, ErrorClass, Journal, JournalError, Switch};
use crate::settle::Settled;
use crate::sort::{with_twins, without_twins};
use crate::{Disposition, Engine, Item};

/// The mean wait before looking again after a lost claim or a stale read: it grows, since reads
/// are paid from the same budget as everybody else's.
const PAUSE: Duration = Duration::from_millis(150);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What an attempt came to.
pub(crate) enum Attempt {
    /// Each item has its end.
    Ended(Vec<(usize, Disposition)>),
    /// Look again.
    Again(String),
}

/// What one run on a resource carries through its attempts.
pub(crate) struct Run {
    pub(crate) resource: ResourceRef,
    pub(crate) items: Vec<Item>,
    pub(crate) seen: Timestamp,
    pub(crate) deadline: Timestamp,
    /// The claim holder's word.
    pub(crate) nonce: String,
    /// When the first look ended.
    pub(crate) first_look: Option<Timestamp>,
    /// How often the second look differed from the first.
    pub(crate) conflicts: u32,
    /// What it wrote itself: to be remembered, however often that takes.
    pub(crate) own: Vec<SeenChange>,
    /// The open record of what a person asked to be done, with its plan.
    pub(crate) asked: Option<Record>,
}

impl Run {
    /// A run without changes: an undo's, or an approval's.
    pub(crate) fn bare(
        resource: ResourceRef,
        seen: Timestamp,
        deadline: Timestamp,
        nonce: String,
    ) -> Self {
        Self {
            resource,
            items: Vec::new(),
            seen,
            deadline,
            nonce,
            first_look: None,
            conflicts: 0,
            own: Vec::new(),
            asked: None,
        }
    }
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Takes one resource with all its changes from the first look to the closed records.
    pub(crate) async fn resource(
        &self,
        resource: ResourceRef,
        items: Vec<Item>,
        seen: Timestamp,
        deadline: Timestamp,
    ) -> Vec<(usize, Disposition)> {
        let (items, twins) = without_twins(items);
        let first = items.first().map(|i| i.change.id.to_string());
        let nonce = format!(
            "{}:{}:{:x}",
            first.unwrap_or_default(),
            seen.as_nanosecond(),
            self.clock.jitter().to_bits()
        );
        let mut run = Run {
            items,
            ..Run::bare(resource, seen, deadline, nonce)
        };
        let mut pause = PAUSE;
        loop {
            match self.attempt(&mut run).await {
                Attempt::Ended(ends) => return with_twins(ends, &twins),
                Attempt::Again(why) if self.clock.now() >= run.deadline => {
                    let retry = Disposition::retry(SignedDuration::from_secs(2), why);
                    return with_twins(all(&run.items, &retry), &twins);
                }
                Attempt::Again(_) => {
                    let wait = pause.mul_f64(0.5 + self.clock.jitter());
                    self.clock.sleep(wait).await;
                    pause = (pause * 3 / 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn attempt(&self, run: &mut Run) -> Attempt {
        let keys: Vec<_> = run.items.iter().map(|i| i.key.clone()).collect();
        let mut looked = match self.look(&run.resource, &keys).await {
            Ok(looked) => looked,
            Err(LookError::Cloud(e)) => {
                if e.class == ErrorClass::Denied {
                    self.locked_out(run, &e).await;
                }
                return Attempt::Ended(all(&run.items, &crate::unreadable(&e)));
            }
            Err(e) => {
                tracing::error!(resource = %run.resource, error = %e, "nothing is written while the journal can't be read");
                let retry = Disposition::retry(SignedDuration::from_secs(5), e.to_string());
                return Attempt::Ended(all(&run.items, &retry));
            }
        };
        let looked_at = self.clock.now();
        run.first_look.get_or_insert(looked_at);
        let Some(kind) = self.kinds.get(&run.resource.kind) else {
            return Attempt::Ended(all(&run.items, &Disposition::Done));
        };
        let (mut ends, mut fresh, pending) = self.sort(run, &looked);
        let claim = looked.known.claim.as_ref();
        let held = claim.and_then(|c| c.held.as_ref());
        let is_at_work = held.is_some_and(|h| h.nonce != run.nonce && looked_at < h.lease);
        let is_told = run.items.iter().any(|i| self.is_own(i, claim));
        if is_at_work && (is_told || !fresh.is_empty()) {
            // What it writes isn't known yet, and neither is what stood before these changes.
            return Attempt::Again("another invocation is at it".to_owned());
        }
        let exemptions = self.exemptions(&looked);
        let protected = looked.protected.clone();
        let now = Circumstances {
            bundle: &self.bundle,
            exemptions: &exemptions,
            paused: looked.paused,
            protected: protected.as_deref(),
            now: looked_at,
        };
        let asked = match self.asked_again(run, kind, &looked, &fresh, now).await {
            Ok(Overran::Closed(more)) => more,
            Ok(Overran::Unwritten) => {
                return Attempt::Again("what was written over has no record yet".to_owned());
            }
            Err(e) => {
                let retry = Disposition::retry(SignedDuration::from_secs(5), e.to_string());
                return Attempt::Ended(all(&run.items, &retry));
            }
        };
        for (item, record) in asked {
            looked.known.records.insert(item.key.clone(), record);
            fresh.push(item);
        }
        let Some(live) = looked.seen.image.clone() else {
            return self
                .vanished(run, &looked, ends, fresh, pending, looked_at)
                .await;
        };
        if !pending.is_empty() {
            let history = &looked.known.observed.history;
            match self.recheck(run, kind, (&live, history), pending).await {
                Ok(rechecked) => ends.extend(rechecked),
                Err(end) => return end,
            }
        }
        let judged = |item: &Item| fresh.iter().any(|f| f.key == item.key);
        let beside = self.beside(run, kind, &live, &looked, |item| !judged(item));
        let history = looked.known.observed.history.with(kind, &live, &beside);
        let history = history.with_baseline(looked.known.baseline.clone());
        let occurred: Vec<Occurred<'_>> = fresh.iter().map(Item::occurred).collect();
        let scales = weigh(kind, &run.resource, &live, &occurred, &history, now);
        let (fresh, scales) = match self.settle(run, kind, &live, fresh, scales, &history, now) {
            Settled::Weighed(fresh, scales, back) => {
                ends.extend(back);
                (fresh, scales)
            }
            Settled::Again => return Attempt::Again("the change isn't visible yet".to_owned()),
        };
        if !scales.act && !fresh.is_empty() && is_stale(kind, &live, &history, looked_at) {
            return Attempt::Again("what Undrift wrote lately isn't visible".to_owned());
        }
        let draft = Draft {
            kind,
            live: &live,
            looked: &looked,
            items: &fresh,
            scales,
            looked_at,
            decided_at: self.clock.now(),
            observed: self.followed(run, kind, &live, &looked),
            now,
        };
        if draft.must_claim(looked_at) {
            self.carry_out(run, draft, ends).await
        } else {
            self.file(run, draft, ends).await
        }
    }

    /// Changes that have their end, and are judged once more.
    async fn asked_again(
        &self,
        run: &Run,
        kind: &dyn Kind,
        looked: &Looked,
        fresh: &[Item],
        now: Circumstances<'_>,
    ) -> Result<Overran, JournalError> {
        let mut asked = match self.overrun(run, kind, looked, now).await? {
            Overran::Closed(asked) => asked,
            unwritten @ Overran::Unwritten => return Ok(unwritten),
        };
        for (item, record) in self.proposed(run, kind, looked, fresh).await? {
            if asked.iter().all(|(i, _)| i.key != item.key) {
                asked.push((item, record));
            }
        }
        Ok(Overran::Closed(asked))
    }

    /// The exemptions of the bundle and of the table.
    pub(crate) fn exemptions(&self, looked: &Looked) -> Exemptions {
        let mut all = self.bundle.exemptions.clone();
        all.0.extend(looked.known.exemptions.0.iter().cloned());
        all
    }

    /// What these items are to be remembered as.
    pub(crate) fn seen(&self, items: &[Item], looked: &Looked) -> Vec<SeenChange> {
        let claim = looked.known.claim.as_ref();
        let known = &looked.known.observed.history;
        // What has its judgement keeps what was seen of it then.
        let is_judged = |item: &&Item| {
            let record = looked.known.records.get(&item.key);
            let is_over = record.is_some_and(|r| r.stages.closed.is_some() && !r.is_unseen());
            is_over && known.changes.iter().any(|c| c.event == item.change.id)
        };
        let seen = |item: &Item| {
            let own = self.is_own(item, claim);
            let own = own.then(|| EventId::parse(&format!("{OWN}{}", item.change.id)));
            let event = own.and_then(Result::ok);
            let event = event.unwrap_or_else(|| item.change.id.clone());
            SeenChange::new(event, item.change.time, item.effect.clone())
        };
        let unjudged = items.iter().filter(|i| !is_judged(i));
        unjudged.map(seen).collect()
    }

    /// What is to be remembered after this look. Every event counts, also those that are not judged.
    fn followed(
        &self,
        run: &Run,
        kind: &dyn Kind,
        live: &Image,
        looked: &Looked,
    ) -> Option<History> {
        let mut changes = self.seen(&run.items, looked);
        let dead = looked.leftover(self.clock.now());
        changes.extend(dead.iter().flat_map(|held| self.left_behind(run, held)));
        changes.extend(run.own.iter().cloned());
        let history = &looked.known.observed.history;
        history.follow(kind, live, looked.seen.at, &changes)
    }
}

pub(crate) fn all(items: &[Item], disposition: &Disposition) -> Vec<(usize, Disposition)> {
    let indexes = items.iter().filter_map(|i| i.index);
    indexes.map(|i| (i, disposition.clone())).collect()
}

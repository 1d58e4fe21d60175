//! The way of one resource through the house.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use undrift_core::decide::Circumstances;
use undrift_core::judge::Assessment;
use undrift_core::kind::{Effect, ElementPath, Facet, Image, Kind, ResourceRef, Target};
use undrift_core::name::EventId;
use undrift_core::observe::{History, OWN, SeenChange};
use undrift_core::plan::stands;
use undrift_core::policy::Exemptions;
use undrift_core::record::{Cause, ChangeKey, Outcome, OutcomeKind, Record};
use undrift_core::weigh::{Noticed, Occurred, is_overrun, weigh};

use crate::close::Draft;
use crate::look::{LookError, Looked};
use crate::port::{
    CallError, Clock, Close, Cloud, ErrorClass, Journal, JournalError, OwnCall, Switch,
};
use crate::settle::Settled;
use crate::verify::LAG;
use crate::{Disposition, Engine, Item, SETTLES_AFTER};

/// When work that a crash left open is looked at again while Undrift is paused.
const PAUSED_AGAIN: SignedDuration = SignedDuration::from_secs(60);
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
}

impl Run {
    /// A run without changes: an undo's.
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
        let mut run = Run {
            nonce: format!(
                "{}:{}:{:x}",
                first.unwrap_or_default(),
                seen.as_nanosecond(),
                self.clock.jitter().to_bits()
            ),
            resource,
            items,
            seen,
            deadline,
            first_look: None,
            conflicts: 0,
            own: Vec::new(),
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
            Ok(looked) => match self.without_closed(looked).await {
                Ok(looked) => looked,
                Err(e) => {
                    let retry = Disposition::retry(SignedDuration::from_secs(5), e.to_string());
                    return Attempt::Ended(all(&run.items, &retry));
                }
            },
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
        match self.overrun(run, kind, &looked).await {
            Ok(more) => {
                for (item, record) in more {
                    looked.known.records.insert(item.key.clone(), record);
                    fresh.push(item);
                }
            }
            Err(e) => {
                let retry = Disposition::retry(SignedDuration::from_secs(5), e.to_string());
                return Attempt::Ended(all(&run.items, &retry));
            }
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
        let exemptions = self.exemptions(&looked);
        let now = Circumstances {
            bundle: &self.bundle,
            exemptions: &exemptions,
            paused: looked.paused,
            protected: looked.protected.as_deref(),
            now: looked_at,
        };
        let history = looked.known.observed.history.clone();
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

    /// Changes that others judged and closed while this run wrote, and that it wrote over: theirs
    /// was right when they looked.
    async fn overrun(
        &self,
        run: &Run,
        kind: &dyn Kind,
        looked: &Looked,
    ) -> Result<Vec<(Item, Record)>, JournalError> {
        let (Some(began), Some(live)) = (run.own.first().map(|c| c.time), &looked.seen.image)
        else {
            return Ok(Vec::new());
        };
        let history = &looked.known.observed.history;
        let mut found = Vec::new();
        for seen in &history.changes {
            let is_here = run.items.iter().any(|i| i.change.id == seen.event);
            // Not long before: they were under way together.
            let is_near = seen.time >= began - SETTLES_AFTER;
            if seen.is_own() || is_here || !is_near {
                continue;
            }
            let key = ChangeKey {
                event: seen.event.clone(),
                resource: run.resource.clone(),
            };
            let Some(record) = self.journal.record(&key).await? else {
                continue;
            };
            let (Cause::Change(change), OutcomeKind::Left) = (&record.cause, record.outcome.kind)
            else {
                continue;
            };
            let item = Item {
                index: usize::MAX,
                change: (**change).clone(),
                effect: seen.effect.clone(),
                key,
                noticed: Noticed::ByEvent,
            };
            if is_overrun(kind, live, &[item.occurred()], history) {
                found.push((item, record));
            }
        }
        Ok(found)
    }

    /// Leaves out of what a dead invocation left open what it had closed already: that is over, and
    /// what came since is other people's.
    async fn without_closed(&self, mut looked: Looked) -> Result<Looked, JournalError> {
        let now = self.clock.now();
        let Some(claim) = looked.known.claim.as_mut() else {
            return Ok(looked);
        };
        let Some(held) = claim.held.as_mut().filter(|h| h.lease <= now) else {
            return Ok(looked);
        };
        // It may have sent any of its calls.
        claim
            .recent
            .extend(held.plan.steps.iter().map(|step| OwnCall {
                operation: step.call.event_name(),
                request_id: None,
                at: held.lease,
            }));
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
        Ok(looked)
    }

    /// AWS lets us not even look: people must know, while it is tried again.
    async fn locked_out(&self, run: &Run, error: &CallError) {
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

    /// The exemptions of the bundle and of the table.
    pub(crate) fn exemptions(&self, looked: &Looked) -> Exemptions {
        let mut all = self.bundle.exemptions.clone();
        all.0.extend(looked.known.exemptions.0.iter().cloned());
        all
    }

    /// Takes out what needs no judging: what has a closed record already, what another
    /// invocation is at, and our own calls.
    fn sort(&self, run: &Run, looked: &Looked) -> Sorted {
        let now = self.clock.now();
        let (mut ends, mut fresh, mut pending) = (Vec::new(), Vec::new(), Vec::new());
        let claim = looked.known.claim.as_ref();
        for item in &run.items {
            match looked.known.records.get(&item.key) {
                Some(record) if record.outcome.kind == OutcomeKind::Pending => {
                    pending.push((item.index, record.clone()));
                    continue;
                }
                // Nobody could look at it then, or AWS refused the calls: it is judged now, and that
                // is its next revision.
                Some(r) if r.is_unseen() || r.outcome.kind == OutcomeKind::Blocked => {}
                Some(_) => {
                    ends.push((item.index, Disposition::Done));
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
                    ends.push((item.index, wait));
                } else if looked.paused {
                    let wait = Disposition::retry(PAUSED_AGAIN, "Undrift is paused");
                    ends.push((item.index, wait));
                }
                // Otherwise whoever takes over the lease closes its record.
                continue;
            }
            if self.is_over(item, looked) {
                ends.push((item.index, Disposition::Done));
                continue;
            }
            if self.is_own(item, claim, false) {
                ends.push((item.index, Disposition::Done));
                continue;
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
    fn is_own(&self, item: &Item, claim: Option<&crate::port::Claim>, quietly: bool) -> bool {
        let principal = item.change.actor.principal.as_ref();
        if !principal.is_some_and(|p| self.own_roles.contains(p)) {
            return false;
        }
        let name = item.change.name.as_str();
        let recorded = claim.is_some_and(|c| c.is_call_of(&item.change));
        if !recorded && !quietly {
            tracing::error!(alarm = "own role, no record", event = %item.change.id, name,
                resource = %item.key.resource, "a call under Undrift's own role matches no recorded step");
        }
        recorded
    }

    /// What is to be remembered after this look. Every event counts, also those that are not judged.
    fn followed(
        &self,
        run: &Run,
        kind: &dyn Kind,
        live: &Image,
        looked: &Looked,
    ) -> Option<History> {
        let claim = looked.known.claim.as_ref();
        let seen = |item: &Item| {
            let event = if self.is_own(item, claim, true) {
                EventId::parse(&format!("{OWN}{}", item.change.id)).ok()
            } else {
                None
            };
            let event = event.unwrap_or_else(|| item.change.id.clone());
            SeenChange::new(event, item.change.time, item.effect.clone())
        };
        let mut changes: Vec<SeenChange> = run.items.iter().map(seen).collect();
        changes.extend(run.own.iter().cloned());
        let history = &looked.known.observed.history;
        history.follow(kind, live, looked.seen.at, &changes)
    }

    /// The resource doesn't exist.
    async fn vanished(
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
                ends.push((
                    item.index,
                    self.young(age, "the resource isn't visible yet"),
                ));
                continue;
            }
            ends.push((item.index, Disposition::Done));
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
            && let Some(held) = claim.held.as_ref().filter(|h| h.lease <= looked_at)
        {
            // What a crash left open ends here too.
            for record in &held.records {
                let mut record = record.clone();
                record.outcome = Outcome::new(OutcomeKind::Gone, "the resource no longer exists");
                record.stages.closed = Some(self.clock.now());
                close.records.push(record);
            }
            close.release = Some(crate::port::Release::of(&held.nonce, claim.freed()));
        }
        self.put(run, close, ends).await
    }
}

/// What has its end already, what is to be judged, and what is to be looked at again.
type Sorted = (Vec<(usize, Disposition)>, Vec<Item>, Vec<(usize, Record)>);

/// A call of Undrift's own of the last moments isn't visible: what is shown may be older than that,
/// and nothing is to be called right by it.
fn is_stale(kind: &dyn Kind, live: &Image, history: &History, now: Timestamp) -> bool {
    let lately = |c: &&SeenChange| c.is_own() && now.duration_since(c.latest()) < LAG;
    history.changes.iter().filter(lately).any(|own| {
        let touches = own.effect.touches();
        touches.iter().any(|touch| {
            let (Target::Key(key), Some(facet)) = (&touch.target, touch.facets.first()) else {
                return false;
            };
            let path = ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            };
            let gone = touch.after.is_none();
            live.facets.contains_key(facet) && gone && !stands(kind, live, &path, None)
        })
    })
}

/// The items, each event once; and the places of the others, each beside its twin's.
fn without_twins(items: Vec<Item>) -> (Vec<Item>, Vec<(usize, usize)>) {
    let mut once: Vec<Item> = Vec::new();
    let mut twins = Vec::new();
    for item in items {
        match once.iter().find(|i| i.key == item.key) {
            Some(twin) => twins.push((item.index, twin.index)),
            None => once.push(item),
        }
    }
    (once, twins)
}

/// What becomes of an event's first delivery becomes of the others in the same batch.
fn with_twins(
    mut ends: Vec<(usize, Disposition)>,
    twins: &[(usize, usize)],
) -> Vec<(usize, Disposition)> {
    for (index, twin) in twins {
        let end = ends.iter().find(|(i, _)| i == twin).map(|(_, d)| d.clone());
        ends.push((*index, end.unwrap_or(Disposition::Done)));
    }
    ends
}

pub(crate) fn all(items: &[Item], disposition: &Disposition) -> Vec<(usize, Disposition)> {
    items
        .iter()
        .map(|i| (i.index, disposition.clone()))
        .collect()
}

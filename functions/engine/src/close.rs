//! Closing: the records that everything people see hangs from.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use undrift_core::decide::{Circumstances, Decision, Why};
use undrift_core::judge::{Assessment, Verdict};
use undrift_core::kind::{Before, Effect, ElementPath, Image, Kind, Target, Touch};
use undrift_core::observe::{DatedImage, History, SeenChange};
use undrift_core::plan::{Plan, holds, stands};
use undrift_core::record::{Cause, LeftAlone, Outcome, OutcomeKind, Record};
use undrift_core::sweep::{SWEPT, mark};
use undrift_core::weigh::{Scales, Weighed};

use crate::look::Looked;
use crate::port::{Accounted, Clock, Close, Closed, Cloud, Journal, Observed, Switch};
use crate::way::{Attempt, Run};
use crate::{Disposition, Engine, Item};

/// How many untouched elements a record names.
const SHOWN: usize = 5;
/// How many of the sweep's marks a resource keeps.
const MARKS: usize = 256;

/// One attempt's findings, before anything is written.
pub(crate) struct Draft<'a> {
    pub(crate) kind: &'a dyn Kind,
    pub(crate) live: &'a Image,
    pub(crate) looked: &'a Looked,
    pub(crate) items: &'a [Item],
    pub(crate) scales: Scales,
    pub(crate) looked_at: Timestamp,
    pub(crate) decided_at: Timestamp,
    pub(crate) observed: Option<History>,
    pub(crate) now: Circumstances<'a>,
}

impl Draft<'_> {
    /// What is remembered, with this look's changes.
    pub(crate) fn history(&self) -> &History {
        let known = &self.looked.known.observed.history;
        self.observed.as_ref().unwrap_or(known)
    }

    /// Something is to be written to the resource, or somebody's unfinished work closed.
    pub(crate) fn must_claim(&self, now: Timestamp) -> bool {
        self.scales.act || (self.looked.leftover(now).is_some() && !self.looked.paused)
    }
}

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Closes what needs no call: one write each for records and images.
    pub(crate) async fn file(
        &self,
        run: &Run,
        draft: Draft<'_>,
        mut ends: Vec<(usize, Disposition)>,
    ) -> Attempt {
        let mut close = Close::of(run.resource.clone());
        for (item, weighed) in draft.items.iter().zip(&draft.scales.changes) {
            ends.extend(item.index.map(|i| (i, Disposition::Done)));
            if !is_recorded(item, weighed) {
                continue;
            }
            let mut record = self.record_unacted(run, item, weighed, &draft);
            record.stages.closed = Some(self.clock.now());
            close.records.push(record);
        }
        if holds(draft.kind, &run.resource, draft.live, draft.now) {
            close.baseline = baseline(draft.live, draft.looked);
        }
        close.observed = remembered(draft.looked, draft.observed.clone());
        account(&mut close.observed, &draft);
        self.put(run, close, ends).await
    }

    /// The record of a change on which nothing is done, with the plan that is proposed.
    pub(crate) fn record_unacted(
        &self,
        run: &Run,
        item: &Item,
        weighed: &Weighed,
        draft: &Draft<'_>,
    ) -> Record {
        let planned = draft.scales.plan.as_ref();
        let outcome = unacted_outcome(item, weighed, draft);
        let mut record = self.record(run, item, weighed, draft, outcome);
        record.plan = proposed(planned, weighed);
        record
    }

    /// Writes a close, and says what becomes of the messages if that fails.
    pub(crate) async fn put(
        &self,
        run: &Run,
        close: Close,
        ends: Vec<(usize, Disposition)>,
    ) -> Attempt {
        let empty = close.records.is_empty()
            && close.observed.is_none()
            && close.baseline.is_none()
            && close.release.is_none();
        if empty {
            return Attempt::Ended(ends);
        }
        match self.journal.close(&close).await {
            Ok(closed) => {
                for record in &close.records {
                    tell(record);
                }
                match closed {
                    Closed::Whole => Attempt::Ended(ends),
                    // What was learnt must not be lost: it is looked at again; the records stand.
                    Closed::Outrun => {
                        Attempt::Again("somebody else remembered something".to_owned())
                    }
                }
            }
            Err(e) => {
                tracing::error!(resource = %run.resource, error = %e, "the record could not be written; the messages come again");
                let retry = Disposition::retry(SignedDuration::from_secs(5), e.to_string());
                Attempt::Ended(crate::way::all(&run.items, &retry))
            }
        }
    }

    /// A record without any judgement.
    pub(crate) fn bare(
        &self,
        run: &Run,
        item: &Item,
        looked: Option<&Looked>,
        outcome: Outcome,
    ) -> Record {
        let earlier = looked.and_then(|l| l.known.records.get(&item.key));
        let cause = Cause::Change(Box::new(item.change.clone()));
        let worker = self.worker.clone();
        Record {
            revision: earlier.map_or(1, |r| r.revision + 1),
            ..Record::new(item.key.clone(), cause, worker, run.seen, outcome)
        }
    }

    /// A change's record with all that was found.
    pub(crate) fn record(
        &self,
        run: &Run,
        item: &Item,
        weighed: &Weighed,
        draft: &Draft<'_>,
        outcome: Outcome,
    ) -> Record {
        let mut record = self.bare(run, item, Some(draft.looked), outcome);
        record.assessments.clone_from(&weighed.assessments);
        record.rulings.clone_from(&weighed.rulings);
        record.decision = weighed.decision.clone();
        record.own.clone_from(&weighed.own);
        record.stages.looked = Some(draft.looked_at);
        record.stages.decided = Some(draft.decided_at);
        record
    }
}

/// A change gets a record: a policy judged it, or something is to be said of it besides. One that has
/// its end already keeps it, unless there is something new.
pub(crate) fn is_recorded(item: &Item, weighed: &Weighed) -> bool {
    let is_judged = item.index.is_some() && !weighed.assessments.is_empty();
    is_judged || !weighed.overrun.is_empty() || weighed.decision == Decision::Act
}

/// How a change ends on which nothing is done.
pub(crate) fn unacted_outcome(item: &Item, weighed: &Weighed, draft: &Draft<'_>) -> Outcome {
    if !weighed.overrun.is_empty() {
        let why = "Undrift wrote over it in the moment it was made; see whether it is wanted";
        return Outcome::new(OutcomeKind::Conflict, why);
    }
    // What a wrong change took away is back by right.
    let found = weighed.assessments.iter().any(|a| !a.evidence.is_empty());
    let late = (!found).then(|| late(item, draft)).flatten();
    late.unwrap_or_else(|| unacted(weighed, draft.scales.plan.is_some()))
}

/// A baseline of an image, dated by AWS's clock at the read.
pub(crate) fn baseline(live: &Image, looked: &Looked) -> Option<DatedImage> {
    let baseline = DatedImage::read(live.clone(), looked.seen.at);
    let stands = looked.known.baseline.as_ref();
    let stands = stands.is_some_and(|b| b.image == baseline.image || b.as_of >= baseline.as_of);
    (!stands).then_some(baseline)
}

/// What is to be remembered, over the version that was read.
pub(crate) fn remembered(looked: &Looked, history: Option<History>) -> Option<Observed> {
    history.map(|history| Observed {
        history,
        accounted: looked.known.observed.accounted.clone(),
        version: looked.known.observed.version + 1,
    })
}

/// Marks what is left or proposed, so that the sweep leaves it too.
fn account(observed: &mut Option<Observed>, draft: &Draft<'_>) {
    let known = &draft.looked.known.observed;
    let mut accounted = known.accounted.clone();
    for (item, weighed) in draft.items.iter().zip(&draft.scales.changes) {
        for ruling in &weighed.rulings {
            if let Some(element) = draft.live.get(&ruling.path) {
                let mark = mark(draft.kind, &ruling.policy, &ruling.path, element);
                let by = Accounted {
                    record: item.key.event.clone(),
                    at: draft.looked.seen.at,
                };
                accounted.insert(mark, by);
            }
        }
    }
    if accounted.len() > MARKS {
        // The sweep finds their records by their events.
        let own = |by: &Accounted| by.record.as_str().starts_with(SWEPT);
        accounted.retain(|_, by| own(by) || draft.items.iter().any(|i| i.key.event == by.record));
    }
    if accounted != known.accounted {
        let history = known.history.clone();
        let observed = observed.get_or_insert_with(|| Observed {
            history,
            accounted: BTreeMap::new(),
            version: known.version + 1,
        });
        observed.accounted = accounted;
    }
}

/// The elements of the facets a plan writes that it leaves as they are.
pub(crate) fn left_alone(kind: &dyn Kind, live: &Image, plan: &Plan) -> Vec<LeftAlone> {
    let written = |facet| plan.writes.iter().any(|w| w.path.facet == facet);
    live.facets
        .iter()
        .filter(|(facet, _)| written((*facet).clone()))
        .map(|(facet, elements)| {
            let others: Vec<_> = elements
                .iter()
                .filter(|(key, _)| {
                    !plan
                        .writes
                        .iter()
                        .any(|w| w.path.facet == *facet && w.path.key == **key)
                })
                .collect();
            LeftAlone {
                facet: facet.to_string(),
                count: others.len(),
                shown: others
                    .iter()
                    .take(SHOWN)
                    .map(|(_, e)| kind.describe(facet, e))
                    .collect(),
            }
        })
        .collect()
}

fn proposed(plan: Option<&Plan>, weighed: &Weighed) -> Option<Plan> {
    plan.filter(|_| matches!(weighed.decision, Decision::Propose(_)))
        .map(|p| p.only(&weighed.own))
        .filter(|p| !p.writes.is_empty())
}

/// A change whose event comes only after Undrift put an element back to what it was before an even
/// later change: what was put back is then older than it should be, and a person must know.
fn late(item: &Item, draft: &Draft<'_>) -> Option<Outcome> {
    let history = &draft.looked.known.observed.history;
    let touches = item
        .effect
        .touches_over(&replaced(item, draft.kind, history));
    let later = |own: bool, path: &ElementPath| {
        let since = |c: &SeenChange| {
            let is_later = c.time > item.change.time || (own && c.latest() >= item.change.time);
            is_later && c.touch(draft.kind, path).is_some()
        };
        if own {
            history.unaware(&item.change.id).any(since)
        } else {
            let mut others = history.changes.iter().filter(|c| !c.is_own());
            others.any(since)
        }
    };
    let was_there = |t: &&Touch| match t.before {
        Before::Existed | Before::Unknown => true,
        Before::Was(_) => t.after.is_none(),
        Before::Absent => false,
    };
    let overtaken = touches.iter().filter(was_there).any(|touch| {
        let Target::Key(key) = &touch.target else {
            return false;
        };
        let mut facets = touch.facets.iter();
        facets.any(|facet| {
            let path = ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            };
            let is_so = stands(draft.kind, draft.live, &path, touch.after.as_ref());
            !is_so && later(true, &path) && later(false, &path)
        })
    });
    overtaken.then(|| {
        Outcome::new(
            OutcomeKind::Conflict,
            "its event came after Undrift had put an older value back; see whether this one is wanted",
        )
    })
}

/// What stood in the facets that a change replaced, as far as it is known whole.
fn replaced(item: &Item, kind: &dyn Kind, history: &History) -> Image {
    let mut image = Image::default();
    if let Effect::Replaced(by) = &item.effect {
        for facet in by.facets.keys() {
            let past = history.before(kind, item.change.time, facet);
            if let Some(elements) = past
                .filter(|p| p.whole)
                .and_then(|p| p.image.facets.get(facet).cloned())
            {
                image.facets.insert(facet.clone(), elements);
            }
        }
    }
    image
}

/// How a change ends on which nothing is done.
fn unacted(weighed: &Weighed, planned: bool) -> Outcome {
    let found = || weighed.assessments.iter().any(|a| !a.evidence.is_empty());
    let fine = |a: &Assessment| a.verdict == Verdict::Compliant;
    if weighed.vanished && !weighed.assessments.iter().all(fine) {
        return Outcome::new(
            OutcomeKind::ClosedByOthers,
            "what it brought was gone before Undrift came to it",
        );
    }
    let undecided = weighed
        .assessments
        .iter()
        .any(|a| matches!(a.verdict, Verdict::Undecided(_)));
    match &weighed.decision {
        Decision::Propose(why @ Why::Undecided(_)) => {
            Outcome::new(OutcomeKind::Undecided, why.to_string())
        }
        Decision::Propose(why) if planned || found() => {
            Outcome::new(OutcomeKind::Proposed, why.to_string())
        }
        Decision::Propose(why) => Outcome::new(OutcomeKind::Undecided, why.to_string()),
        Decision::Leave(why) if undecided => Outcome::new(OutcomeKind::Undecided, why.to_string()),
        Decision::Leave(why) => Outcome::new(OutcomeKind::Left, why.to_string()),
        Decision::Act => Outcome::new(OutcomeKind::Proposed, "no plan could be made"),
    }
}

/// One line per record, which says everything.
pub(crate) fn tell(record: &Record) {
    let policies: Vec<&str> = record
        .assessments
        .iter()
        .filter(|a| !a.evidence.is_empty())
        .map(|a| a.policy.as_str())
        .collect();
    let actor = match &record.cause {
        Cause::Change(change) => change.actor.short(),
        Cause::Undo { by, .. } | Cause::Approval { by, .. } => by.clone(),
        Cause::Sweep { .. } => "unknown".to_owned(),
    };
    tracing::info!(
        record = %record.key,
        revision = record.revision,
        resource = %record.key.resource,
        account = %record.key.resource.account,
        outcome = record.outcome.kind.word(),
        reason = %record.outcome.reason,
        policies = policies.join(","),
        actor,
        calls = record.sent.len(),
        open_ms = record.open_for(),
        "{} {}", record.outcome.kind.word(), record.key.resource
    );
}

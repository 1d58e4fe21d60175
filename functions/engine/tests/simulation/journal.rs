//! The table: items that are written one by one, each by a condition of its own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use undrift_core::kind::Kind;
use undrift_core::observe::{DatedImage, History};
use undrift_core::policy::Exemptions;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{Claim, Claimed, Close, Closed, Known, Observed, Release};

use crate::aws::{Aws, resource};
use crate::scenario::Subject;
use crate::sim::{SECOND, State, Without, moment};

#[derive(Default)]
pub(crate) struct Table {
    pub(crate) claim: Option<Claim>,
    observed: Observed,
    baseline: Option<DatedImage>,
    pub(crate) rows: BTreeMap<ChangeKey, Vec<Record>>,
    pub(crate) rejected: BTreeSet<String>,
}

pub(crate) fn kind(subject: Subject) -> &'static dyn Kind {
    let all = match subject {
        Subject::Group => undrift_ec2::kinds(),
        Subject::Document => undrift_s3::kinds(),
    };
    let wanted = resource(subject).kind;
    *all.iter().find(|k| k.id() == wanted).unwrap()
}

impl Table {
    /// The sweep has seen the resource, an hour ago.
    pub(crate) fn new(subject: Subject) -> Self {
        let image = Aws::new(subject).live().clone();
        let hour_ago = moment(-3000 * SECOND);
        let history = History::default().follow(kind(subject), &image, hour_ago, &[]);
        Self {
            observed: Observed {
                history: history.unwrap(),
                version: 1,
                ..Observed::default()
            },
            ..Self::default()
        }
    }
}

/// One consistent read of a batch of items.
pub(crate) fn know(state: &State, keys: &[ChangeKey]) -> Known {
    let table = &state.table;
    let mut claim = table.claim.clone();
    // The record of what is about to be done is taken out of what others read.
    if state.without == Some(Without::OpenRecord)
        && let Some(held) = claim.as_mut().and_then(|c| c.held.as_mut())
    {
        held.records.clear();
        held.plan = undrift_core::plan::Plan::default();
    }
    let rows = table.rows.iter().filter(|(k, _)| keys.contains(k));
    Known {
        claim,
        observed: table.observed.clone(),
        baseline: table.baseline.clone(),
        exemptions: Exemptions::default(),
        records: rows
            .map(|(k, rows)| (k.clone(), rows.last().unwrap().clone()))
            .collect(),
    }
}

pub(crate) fn claim(
    state: &mut State,
    claim: Claim,
    expected: Option<u64>,
    now: Timestamp,
) -> Claimed {
    let stands = state.table.claim.as_ref();
    let mine = |c: &Claim| {
        let nonce = |c: &Claim| c.held.as_ref().map(|h| h.nonce.clone());
        c.epoch == claim.epoch && nonce(c) == nonce(&claim)
    };
    let free = stands.is_none_or(|c| !c.is_live(now));
    let left = stands.is_some_and(|c| c.held.is_some());
    let won = match state.without {
        Some(Without::Condition) => true,
        Some(Without::TakeOver) if left && !stands.is_some_and(mine) => false,
        _ => stands.is_some_and(mine) || (stands.map(|c| c.epoch) == expected && free),
    };
    if won {
        state.table.claim = Some(claim);
        Claimed::Won
    } else {
        Claimed::Lost
    }
}

pub(crate) fn put_revision(state: &mut State, record: &Record) {
    let line = format!(
        "   record {} r{}: {} ({})",
        record.key.event,
        record.revision,
        record.outcome.kind.word(),
        record.outcome.reason
    );
    state.tell(|| line);
    let rows = state.table.rows.entry(record.key.clone()).or_default();
    if rows.iter().all(|r| r.revision != record.revision) {
        rows.push(record.clone());
        rows.sort_by_key(|r| r.revision);
    }
}

pub(crate) fn put_observed(state: &mut State, observed: Observed) -> Closed {
    let table = &mut state.table;
    if table.observed == observed {
        return Closed::Whole;
    }
    let outrun = observed.version != table.observed.version + 1;
    if outrun && state.without != Some(Without::Remembering) {
        state.tell(|| "   remembered by somebody else meanwhile".to_owned());
        return Closed::Outrun;
    }
    let changes = observed.history.changes.iter();
    let changes: Vec<_> = changes
        .map(|c| {
            let over = if c.superseded { " (superseded)" } else { "" };
            format!("{}@{}{over}", c.event, c.time.as_second())
        })
        .collect();
    let images = observed.history.images.iter();
    let images: Vec<_> = images.map(|i| i.as_of.as_second().to_string()).collect();
    state.table.observed = observed;
    state.tell(|| {
        format!(
            "   remembered {}; images {}",
            changes.join(" "),
            images.join(" ")
        )
    });
    Closed::Whole
}

pub(crate) fn put_baseline(state: &mut State, baseline: DatedImage) {
    let stands = state.table.baseline.as_ref();
    if stands.is_none_or(|b| b.as_of < baseline.as_of) {
        state.table.baseline = Some(baseline);
    }
}

pub(crate) fn release(state: &mut State, release: &Release) {
    let held = state.table.claim.as_ref().and_then(|c| c.held.as_ref());
    if held.is_some_and(|h| h.nonce == release.nonce) {
        state.table.claim = Some(release.claim.clone());
    }
}

/// The writes of a close that go side by side.
pub(crate) enum Put {
    Revision(Box<Record>),
    Observed(Box<Observed>),
    Baseline(Box<DatedImage>),
}

pub(crate) fn puts(close: &Close) -> Vec<Put> {
    let revisions = close.records.iter().cloned();
    let mut all: Vec<Put> = revisions.map(|r| Put::Revision(Box::new(r))).collect();
    all.extend(close.observed.clone().map(|o| Put::Observed(Box::new(o))));
    all.extend(close.baseline.clone().map(|b| Put::Baseline(Box::new(b))));
    all
}

/// Every write is preceded by an open record that holds its plan, and comes within its lease.
pub(crate) fn check_open_record(state: &mut State, from: usize) {
    let subject = state.scenario.subject;
    let now = moment(state.now);
    let held = state.table.claim.as_ref().and_then(|c| c.held.as_ref());
    let mut wrong = Vec::new();
    match held {
        Some(held) if now <= held.lease => {
            let name = |w: &undrift_core::plan::Write| {
                let element = w.from.as_ref().or(w.to.as_ref())?;
                Some(crate::aws::name_of(subject, &w.path.key, element))
            };
            let mut written = state.aws.log.iter().skip(from).peekable();
            let any = written.peek().is_some();
            let planned = |w: &crate::aws::Written| {
                let new = w.before.is_none() && w.element.starts_with("sgr-ours");
                new || held
                    .plan
                    .writes
                    .iter()
                    .filter_map(name)
                    .any(|n| n == w.element)
            };
            // Somebody may have done it first.
            let raced = subject == Subject::Document;
            if any && !raced && !written.any(planned) {
                wrong.push("a write that no open record plans".to_owned());
            }
        }
        Some(_) => wrong.push("a write after the lease".to_owned()),
        None => wrong.push("a write without an open record".to_owned()),
    }
    for line in wrong {
        state.tell(|| format!("   WRONG: {line}"));
        state.wrong.push(line);
    }
}

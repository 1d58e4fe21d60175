//! Which findings have their record, and what is told of the others.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use undrift_core::change::{Actor, Change};
use undrift_core::kind::{Kind, ResourceRef};
use undrift_core::name::{EventId, EventName, EventSource};
use undrift_core::record::Record;
use undrift_core::sweep::{Since, Wrong};

use super::{Finding, Look};
use crate::port::Accounted;

/// A change that stands for what nobody saw.
pub(super) fn swept(id: EventId, resource: &ResourceRef, at: Timestamp) -> Option<Change> {
    Some(Change {
        id,
        shared_id: None,
        time: at,
        source: EventSource::parse("undrift.sweep").ok()?,
        name: EventName::parse("Sweep").ok()?,
        account: resource.account.clone(),
        region: resource.region.clone(),
        actor: Actor::default(),
        request_id: None,
        request: Value::Null,
        response: Value::Null,
        cut: false,
        owner: None,
        assumed: Vec::new(),
    })
}

pub(super) fn events_of(kind: &dyn Kind) -> Vec<EventName> {
    let names = kind.events().iter().flat_map(|e| e.names);
    names.filter_map(|n| EventName::parse(n).ok()).collect()
}

pub(super) type ByMark<'w> = BTreeMap<&'w str, &'w Wrong>;

/// What has a record, by its mark; and what has none.
pub(super) fn accounts<'l>(
    look: &'l Look<'_>,
    records: &BTreeMap<EventId, Record>,
) -> (BTreeMap<String, Accounted>, ByMark<'l>) {
    let before = &look.looked.known.observed.accounted;
    let at = look.looked.seen.at;
    let (mut accounted, mut rest) = (BTreeMap::new(), BTreeMap::new());
    for mark in &look.sight.exempt {
        let new = || {
            EventId::parse(EXEMPT)
                .ok()
                .map(|record| Accounted { record, at })
        };
        let by = before.get(mark).cloned().or_else(new);
        accounted.extend(by.map(|by| (mark.clone(), by)));
    }
    for (mark, wrong) in &look.sight.wrong {
        let lasting = before.get(mark).filter(|by| by.record.as_str() != EXEMPT);
        let known = lasting.filter(|by| match wrong.since {
            Since::FirstSeen => true,
            Since::Image { at, .. } => at < by.at,
        });
        // A record that found nothing in the element doesn't speak of it.
        let speaks = |event: &&EventId| {
            let record = records.get(*event);
            let found = record.iter().flat_map(|r| &r.assessments);
            let mut found = found.flat_map(|a| &a.evidence);
            found.any(|e| e.path == wrong.path)
        };
        let by = wrong.by.iter().find(speaks);
        let new = by.map(|record| Accounted {
            record: record.clone(),
            at,
        });
        match known.cloned().or(new) {
            Some(by) => {
                accounted.insert(mark.clone(), by);
            }
            None => {
                rest.insert(mark.as_str(), wrong);
            }
        }
    }
    (accounted, rest)
}

/// What stands for a record where an exemption covers the finding.
const EXEMPT: &str = "exempt";

/// When the resource was last seen without any of them.
pub(super) fn newest<'w>(missed: &ByMark<'w>) -> Option<(Timestamp, &'w Wrong)> {
    let times = missed.values().filter_map(|w| match w.since {
        Since::Image { at, .. } => Some((at, *w)),
        Since::FirstSeen => None,
    });
    // The oldest: every event since then may be one of them.
    times.min_by_key(|(at, _)| *at)
}

pub(super) fn shown(missed: &ByMark<'_>) -> Vec<String> {
    let lines: BTreeSet<&str> = missed.values().map(|w| w.shown.as_str()).collect();
    lines.into_iter().map(str::to_owned).collect()
}

pub(super) fn finding(record: &Record, dry_run: bool) -> Finding {
    let mut finding = of_record(record);
    if dry_run {
        finding.outcome = None;
        finding.record = None;
    }
    finding
}

pub(super) fn of_record(record: &Record) -> Finding {
    let wrong = || record.assessments.iter().filter(|a| !a.evidence.is_empty());
    let lines: BTreeSet<&str> = wrong()
        .flat_map(|a| &a.evidence)
        .map(|e| e.shown.as_str())
        .collect();
    Finding {
        resource: record.key.resource.clone(),
        policies: wrong().map(|a| a.policy.clone()).collect(),
        shown: lines.into_iter().map(str::to_owned).collect(),
        outcome: Some(record.outcome.kind),
        reason: record.outcome.reason.clone(),
        record: Some(record.key.clone()),
    }
}

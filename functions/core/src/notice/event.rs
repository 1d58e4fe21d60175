//! A record as an EventBridge event, for programs: `source` is `undrift`, `detail-type` is
//! `Undrift Record`. The detail's form is published as `infra/schemas/record-event-v1.json`;
//! members may be added to it, never taken away or changed.

use serde_json::{Value, json};

use super::{clean, word};
use crate::change::Actor;
use crate::decide::Decision;
use crate::judge::{Assessment, Verdict};
use crate::record::{Cause, ChangeKey, Record};

/// The event's `source`.
pub const SOURCE: &str = "undrift";
/// The event's `detail-type`.
pub const DETAIL_TYPE: &str = "Undrift Record";
/// The detail's `schema`.
pub const SCHEMA: &str = "record-event/v1";

/// The most lines or entries of a list: an event may have 256 KB (EventBridge API Reference,
/// `PutEvents`).
const LONGEST_LIST: usize = 20;
/// The most characters of a text.
const LONGEST_TEXT: usize = 500;

/// The detail of the event about one revision of a record.
#[must_use]
pub fn detail(record: &Record, times_today: Option<u64>) -> Value {
    let resource = &record.key.resource;
    let mut detail = json!({
        "schema": SCHEMA,
        "id": format!("{}/{}/{}/r{}", resource.account, resource.region, record.key, record.revision),
        "record": key(&record.key),
        "revision": record.revision,
        "outcome": record.outcome.kind,
        "reason": text(&record.outcome.reason),
        "open": record.outcome.kind.is_open(),
        "decision": match record.decision {
            Decision::Act => "act",
            Decision::Propose(_) => "propose",
            Decision::Leave(_) => "leave",
        },
        "news": record.is_news(),
        "assessments": record.assessments.iter().take(LONGEST_LIST).map(assessment).collect::<Vec<_>>(),
        "diff": lines(record.plan.iter().flat_map(crate::plan::Plan::diff)),
        "left_alone": record.left_alone.iter().take(LONGEST_LIST).map(|left| json!({
            "facet": text(&left.facet), "count": left.count
        })).collect::<Vec<_>>(),
        "requests": lines(record.sent.iter().filter_map(|s| s.request_id.clone())),
        "stages": record.stages,
        "worker": {
            "function": text(&record.worker.function),
            "role": record.worker.role,
            "version": record.worker.version,
            "bundle": record.worker.bundle
        }
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let (Some(object), Some(value)) = (detail.as_object_mut(), value) {
            object.insert(name.to_owned(), value);
        }
    };
    match &record.cause {
        Cause::Change(change) => {
            let about = json!({"source": change.source, "name": change.name, "time": change.time});
            add("change", Some(about));
            add("actor", Some(actor(&change.actor)));
        }
        Cause::Undo { of, by, reason } => {
            let undo = json!({"of": key(of), "by": text(by), "reason": text(reason)});
            add("undo", Some(undo));
        }
    }
    add("severity", record.severity().map(|s| word(s).into()));
    add("open_for_ms", record.open_for().map(Into::into));
    add("times_today", times_today.map(Into::into));
    add("undone_by", record.undone_by.as_ref().map(key));
    detail
}

fn key(key: &ChangeKey) -> Value {
    json!({"event": key.event, "resource": key.resource})
}

fn actor(actor: &Actor) -> Value {
    let mut shown = json!({"name": text(&actor.short()), "type": text(&actor.identity_type)});
    let more = [
        (
            "principal",
            actor.principal.as_ref().map(ToString::to_string),
        ),
        ("arn", actor.arn.as_ref().map(ToString::to_string)),
        ("source_ip", actor.source_ip.clone()),
        ("user_agent", actor.user_agent.clone()),
    ];
    for (name, value) in more {
        if let (Some(object), Some(value)) = (shown.as_object_mut(), value) {
            object.insert(name.to_owned(), text(&value).into());
        }
    }
    shown
}

fn assessment(assessment: &Assessment) -> Value {
    let verdict = match &assessment.verdict {
        Verdict::Compliant => "compliant",
        Verdict::Violated => "violated",
        Verdict::Undecided(_) => "undecided",
    };
    json!({
        "policy": assessment.policy,
        "digest": assessment.digest,
        "title": text(&assessment.title),
        "severity": word(assessment.severity),
        "verdict": verdict,
        "references": assessment.references,
        "evidence": assessment.evidence.iter().take(LONGEST_LIST).map(|e| json!({
            "path": text(&e.path.to_string()), "shown": text(&e.shown), "why": text(&e.why)
        })).collect::<Vec<_>>()
    })
}

fn lines(all: impl Iterator<Item = String>) -> Vec<String> {
    all.take(LONGEST_LIST).map(|line| text(&line)).collect()
}

fn text(text: &str) -> String {
    clean(text).chars().take(LONGEST_TEXT).collect()
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;

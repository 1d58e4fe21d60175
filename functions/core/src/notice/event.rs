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

/// The most bytes of a detail: an event may have 256 KB, all told (EventBridge API Reference,
/// `PutEvents`).
const LONGEST: usize = 200 * 1024;

/// How much of lists and texts is told.
#[derive(Clone, Copy)]
struct Cut {
    /// The most entries of a list.
    list: usize,
    /// The most characters of a text.
    text: usize,
}

/// Tried in this order: what others wrote can be as long as AWS lets them.
const CUTS: [Cut; 3] = [
    Cut {
        list: 20,
        text: 500,
    },
    Cut {
        list: 10,
        text: 100,
    },
    Cut { list: 3, text: 50 },
];

/// The detail of the event about one revision of a record.
#[must_use]
pub fn detail(record: &Record, times_today: Option<u64>) -> Value {
    let mut detail = Value::Null;
    for cut in CUTS {
        detail = cut.detail(record, times_today);
        if detail.to_string().len() <= LONGEST {
            break;
        }
    }
    detail
}

impl Cut {
    fn detail(self, record: &Record, times_today: Option<u64>) -> Value {
        let resource = &record.key.resource;
        let mut detail = json!({
            "schema": SCHEMA,
            "id": format!("{}/{}/{}/r{}", resource.account, resource.region, record.key, record.revision),
            "record": key(&record.key),
            "revision": record.revision,
            "outcome": record.outcome.kind,
            "reason": self.text(&record.outcome.reason),
            "open": record.outcome.kind.is_open(),
            "decision": match record.decision {
                Decision::Act => "act",
                Decision::Propose(_) => "propose",
                Decision::Leave(_) => "leave",
            },
            "news": record.is_news(),
            "assessments": record.assessments.iter().take(self.list).map(|a| self.assessment(a)).collect::<Vec<_>>(),
            "diff": self.lines(record.plan.iter().flat_map(crate::plan::Plan::diff)),
            "left_alone": record.left_alone.iter().take(self.list).map(|left| json!({
                "facet": self.text(&left.facet), "count": left.count
            })).collect::<Vec<_>>(),
            "requests": self.lines(record.sent.iter().filter_map(|s| s.request_id.clone())),
            "stages": record.stages,
            "worker": {
                "function": self.text(&record.worker.function),
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
                let about =
                    json!({"source": change.source, "name": change.name, "time": change.time});
                add("change", Some(about));
                add("actor", Some(self.actor(&change.actor)));
            }
            Cause::Undo { of, by, reason } => {
                let undo = json!({"of": key(of), "by": self.text(by), "reason": self.text(reason)});
                add("undo", Some(undo));
            }
            Cause::Approval { of, by, reason } => {
                let approval =
                    json!({"of": key(of), "by": self.text(by), "reason": self.text(reason)});
                add("approval", Some(approval));
            }
            Cause::Sweep { since } => add("sweep", Some(json!({"since": since}))),
        }
        add("severity", record.severity().map(|s| word(s).into()));
        add("open_for_ms", record.open_for().map(Into::into));
        add("times_today", times_today.map(Into::into));
        add("undone_by", record.undone_by.as_ref().map(key));
        detail
    }

    fn actor(self, actor: &Actor) -> Value {
        let mut shown =
            json!({"name": self.text(&actor.short()), "type": self.text(&actor.identity_type)});
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
                object.insert(name.to_owned(), self.text(&value).into());
            }
        }
        shown
    }

    fn assessment(self, assessment: &Assessment) -> Value {
        let verdict = match &assessment.verdict {
            Verdict::Compliant => "compliant",
            Verdict::Violated => "violated",
            Verdict::Undecided(_) => "undecided",
        };
        json!({
            "policy": assessment.policy,
            "digest": assessment.digest,
            "title": self.text(&assessment.title),
            "severity": word(assessment.severity),
            "verdict": verdict,
            "references": assessment.references,
            "evidence": assessment.evidence.iter().take(self.list).map(|e| json!({
                "path": self.text(&e.path.to_string()), "shown": self.text(&e.shown), "why": self.text(&e.why)
            })).collect::<Vec<_>>()
        })
    }

    fn lines(self, all: impl Iterator<Item = String>) -> Vec<String> {
        all.take(self.list).map(|line| self.text(&line)).collect()
    }

    fn text(self, text: &str) -> String {
        clean(text).chars().take(self.text).collect()
    }
}

fn key(key: &ChangeKey) -> Value {
    json!({"event": key.event, "resource": key.resource})
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;

//! CloudTrail's event history, and whether a trail brings its events to the bus.
//!
//! The history has every event for 90 days, whether or not a trail logs (CloudTrail User Guide,
//! "Working with CloudTrail event history"); EventBridge gets them only while one does
//! (EventBridge User Guide, "AWS service events delivered via AWS CloudTrail").

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// How many events are kept.
const KEPT: usize = 20_000;
/// The most events of a page (CloudTrail API Reference, `LookupEvents`).
const PAGE: usize = 50;

/// The events of the account, newest last, and the trails that were stopped or started.
#[derive(Debug, Default)]
pub(crate) struct History {
    events: Mutex<VecDeque<Value>>,
    logging: Mutex<HashMap<String, bool>>,
}

impl History {
    /// Keeps an event; says whether it reaches the bus. What stops the last trail still does.
    pub(crate) fn keep(&self, event: &Value) -> bool {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let brought = self.is_logging();
        let trail =
            text("/detail/requestParameters/name").map(|n| n.rsplit('/').next().unwrap_or(n));
        let failed = event.pointer("/detail/errorCode").is_some();
        if let (Some("cloudtrail.amazonaws.com"), Some(trail), false) =
            (text("/detail/eventSource"), trail, failed)
        {
            let mut logging = self.logging.lock().unwrap_or_else(PoisonError::into_inner);
            match text("/detail/eventName") {
                Some("StartLogging") => logging.insert(trail.to_owned(), true),
                Some("StopLogging") => logging.insert(trail.to_owned(), false),
                Some("DeleteTrail") => logging.remove(trail),
                _ => None,
            };
        }
        let brought = brought || self.is_logging();
        if let Some(detail) = event.get("detail") {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push_back(detail.clone());
            while events.len() > KEPT {
                events.pop_front();
            }
        }
        brought
    }

    /// Nobody has stopped every trail.
    fn is_logging(&self) -> bool {
        let logging = self.logging.lock().unwrap_or_else(PoisonError::into_inner);
        logging.is_empty() || logging.values().any(|is| *is)
    }

    /// `LookupEvents`: newest first, by one attribute, in pages. The token counts what was given.
    pub(crate) fn lookup(&self, input: &Value, region: &str) -> Value {
        let attribute = input.pointer("/LookupAttributes/0");
        let of = |name: &str| attribute.and_then(|a| a.get(name)).and_then(Value::as_str);
        let (key, value) = (of("AttributeKey"), of("AttributeValue").unwrap_or_default());
        let start = input.get("StartTime").and_then(Value::as_f64);
        let from: usize = input
            .get("NextToken")
            .and_then(Value::as_str)
            .and_then(|t| t.parse().ok())
            .unwrap_or(0);
        let most = input.get("MaxResults").and_then(Value::as_u64);
        let most = most.and_then(|n| usize::try_from(n).ok()).unwrap_or(PAGE);
        let most = most.clamp(1, PAGE);
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let found = events.iter().rev().filter(|event| {
            let text = |name: &str| event.get(name).and_then(Value::as_str);
            let at = text("eventTime").and_then(|t| t.parse::<jiff::Timestamp>().ok());
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
            let late = start.is_none_or(|s| at.is_some_and(|t| t.as_second() as f64 >= s));
            late && text("awsRegion") == Some(region)
                && match key {
                    Some("ResourceName") => ["requestParameters", "responseElements"]
                        .iter()
                        .any(|part| event.get(*part).is_some_and(|part| names(part, value))),
                    Some("EventName") => text("eventName") == Some(value),
                    Some("EventId") => text("eventID") == Some(value),
                    _ => true,
                }
        });
        let mut page: Vec<Value> = found.skip(from).take(most + 1).map(shown).collect();
        let more = page.len() > most;
        page.truncate(most);
        let mut answer = json!({ "Events": page });
        if let (true, Some(members)) = (more, answer.as_object_mut()) {
            members.insert("NextToken".into(), Value::from((from + most).to_string()));
        }
        answer
    }
}

/// The value stands somewhere in a part of the record. AWS lists a record's resources by rules of
/// each service; this finds them and more.
fn names(part: &Value, value: &str) -> bool {
    match part {
        Value::String(text) => text == value,
        Value::Array(items) => items.iter().any(|item| names(item, value)),
        Value::Object(members) => members.values().any(|member| names(member, value)),
        _ => false,
    }
}

fn shown(event: &Value) -> Value {
    let text = |name: &str| event.get(name).cloned().unwrap_or_default();
    let at = event.get("eventTime").and_then(Value::as_str);
    let at = at.and_then(|t| t.parse::<jiff::Timestamp>().ok());
    json!({
        "EventId": text("eventID"), "EventName": text("eventName"), "EventSource": text("eventSource"),
        "EventTime": at.map(jiff::Timestamp::as_second), "ReadOnly": "false",
        "CloudTrailEvent": event.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, trail: &str) -> Value {
        json!({"detail": {
            "eventID": name, "eventName": name, "eventSource": "cloudtrail.amazonaws.com",
            "eventTime": "2026-01-01T00:00:00Z", "awsRegion": "eu-central-1",
            "requestParameters": {"name": trail}
        }})
    }

    #[test]
    fn while_every_trail_is_stopped_the_bus_gets_nothing_and_the_history_all() {
        let history = History::default();
        assert!(history.keep(&event("CreateTrail", "a")));
        // The stopping itself still comes.
        assert!(history.keep(&event("StopLogging", "arn:aws:cloudtrail:x:1:trail/a")));
        assert!(!history.keep(&event("PutEventSelectors", "a")));
        assert!(history.keep(&event("StartLogging", "a")));
        assert!(history.keep(&event("PutEventSelectors", "a")));
        let by = |key: &str, value: &str| {
            let attribute = json!([{"AttributeKey": key, "AttributeValue": value}]);
            history.lookup(
                &json!({"LookupAttributes": attribute, "MaxResults": 2}),
                "eu-central-1",
            )
        };
        let named = by("EventName", "PutEventSelectors");
        assert_eq!(named["Events"].as_array().unwrap().len(), 2);
        let first = by("ResourceName", "a");
        assert_eq!(first["Events"][0]["EventName"], "PutEventSelectors");
        assert_eq!(first["NextToken"], "2");
        assert!(
            by("ResourceName", "b")["Events"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    }
}

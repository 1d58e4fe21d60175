//! Batches against a fake handler and a fake journal.

use std::sync::Mutex;

use jiff::SignedDuration;
use serde_json::json;
use undrift_core::kind::ResourceRef;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{
    CapKey, Claim, Claimed, Close, Closed, ErrorClass, JournalError, Known,
};

use super::*;
use crate::testing;

/// Remembers rejected messages, or fails to.
#[derive(Default)]
struct Rejects {
    fails: bool,
    digests: Mutex<Vec<String>>,
}

fn unused<T>() -> Result<T, JournalError> {
    Err(JournalError {
        doing: "a test".into(),
        message: "not expected".into(),
        transient: false,
    })
}

impl Journal for Rejects {
    async fn know(&self, _: &ResourceRef, _: &[ChangeKey]) -> Result<Known, JournalError> {
        unused()
    }
    async fn claim(
        &self,
        _: &Claim,
        _: Option<u64>,
        _: Timestamp,
    ) -> Result<Claimed, JournalError> {
        unused()
    }
    async fn spend(&self, _: &[CapKey]) -> Result<Vec<u64>, JournalError> {
        unused()
    }

    async fn refund(&self, _: &[CapKey]) -> Result<(), JournalError> {
        unused()
    }
    async fn close(&self, _: &Close) -> Result<Closed, JournalError> {
        unused()
    }

    async fn reject(&self, digest: &str, _: &str, _: &str) -> Result<(), JournalError> {
        if self.fails {
            return unused();
        }
        self.digests.lock().unwrap().push(digest.to_owned());
        Ok(())
    }
    async fn record(&self, _: &ChangeKey) -> Result<Option<Record>, JournalError> {
        unused()
    }
}

/// Does by the event's id: `retry-…` comes again, `panic-…` panics, `slow-…` never ends,
/// `short-…` gives no disposition.
struct ById;

impl Handler for ById {
    async fn handle(&self, changes: Vec<Change>, _: Timestamp) -> Vec<Disposition> {
        let mut all = Vec::new();
        for change in changes {
            match change.id.as_str().split('-').next() {
                Some("retry") => all.push(Disposition::Retry {
                    after: Duration::from_millis(7500),
                    why: "not yet visible".into(),
                }),
                Some("panic") => panic!("a bug"),
                Some("slow") => std::future::pending().await,
                Some("short") => {}
                _ => all.push(Disposition::Done),
            }
        }
        all
    }

    async fn request(
        &self,
        request: Value,
        _: &Expected,
        _: Timestamp,
    ) -> Result<Value, RequestError> {
        match request["undrift"].as_str() {
            Some("panic") => panic!("a bug"),
            Some("undo") => Ok(json!({"outcome": "undone"})),
            _ => Err(RequestError::Refused("no".into())),
        }
    }
}

/// Remembers what was put off, or fails to.
#[derive(Default)]
struct Puts {
    fails: bool,
    done: Mutex<Vec<(String, u32)>>,
}

impl Postpone for Puts {
    async fn postpone(&self, receipt: &str, seconds: u32) -> Result<(), CallError> {
        if self.fails {
            return Err(CallError {
                class: ErrorClass::Denied,
                operation: "sqs:ChangeMessageVisibility".into(),
                resource: "q".into(),
                code: "AccessDenied".into(),
                message: "no".into(),
                request_id: None,
            });
        }
        self.done
            .lock()
            .unwrap()
            .push((receipt.to_owned(), seconds));
        Ok(())
    }
}

fn message(id: &str, body: String) -> Message {
    Message {
        message_id: format!("m-{id}"),
        receipt_handle: format!("r-{id}"),
        body,
        attributes: Attributes::default(),
    }
}

fn change(id: &str) -> Message {
    message(id, testing::event(id).to_string())
}

fn metrics() -> (Metrics, std::sync::Arc<Mutex<Vec<String>>>) {
    let lines = std::sync::Arc::new(Mutex::new(Vec::new()));
    let to = std::sync::Arc::clone(&lines);
    let metrics = Metrics::new("f", move |line| to.lock().unwrap().push(line.to_owned()));
    (metrics, lines)
}

async fn run(messages: Vec<Message>, journal: &Rejects, puts: &Puts) -> (Vec<String>, Vec<String>) {
    let (metrics, lines) = metrics();
    let expected = testing::expected();
    let work = Work {
        handler: &ById,
        journal,
        postpone: Some(puts),
        metrics: &metrics,
        expected: &expected,
        deadline: Timestamp::now() + SignedDuration::from_secs(1),
        limit: Timestamp::now() + SignedDuration::from_millis(200),
    };
    let answer = work.batch(Batch { messages }).await;
    let ids = answer
        .batch_item_failures
        .into_iter()
        .map(|f| f.item_identifier)
        .collect();
    let lines = lines.lock().unwrap().clone();
    (ids, lines)
}

fn bad_bodies() -> Vec<String> {
    let whole = testing::event("e").to_string();
    let with = |pointer: &str, value: Value| {
        let mut event = testing::event("e");
        *event.pointer_mut(pointer).unwrap() = value;
        event.to_string()
    };
    vec![
        "not json".to_owned(),
        whole.chars().take(whole.len() / 2).collect(),
        with("/detail-type", json!("Scheduled Event")),
        with("/account", json!("999999999999")),
        with("/detail/recipientAccountId", json!("999999999999")),
        with("/detail", json!(null)),
        "[".repeat(200_000),
        "x".repeat(1024 * 1024 + 1),
    ]
}

#[tokio::test]
async fn what_is_not_understood_is_remembered_counted_and_acknowledged() {
    let (journal, puts) = (Rejects::default(), Puts::default());
    let bad = bad_bodies();
    let count = bad.len();
    let mut messages: Vec<Message> = bad
        .into_iter()
        .enumerate()
        .map(|(n, body)| message(&n.to_string(), body))
        .collect();
    messages.push(change("good-1"));
    let (again, lines) = run(messages, &journal, &puts).await;
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(journal.digests.lock().unwrap().len(), count);
    let rejected = lines
        .iter()
        .filter(|l| l.contains("\"Rejected\":1"))
        .count();
    assert_eq!(rejected, count);
}

#[tokio::test]
async fn what_cannot_be_remembered_comes_again() {
    let journal = Rejects {
        fails: true,
        ..Rejects::default()
    };
    let messages = vec![message("bad", "x".into()), change("good-1")];
    let (again, _) = run(messages, &journal, &Puts::default()).await;
    assert_eq!(again, ["m-bad"]);
}

#[tokio::test]
async fn only_what_is_to_come_again_does_and_only_at_its_time() {
    let (journal, puts) = (Rejects::default(), Puts::default());
    let messages = vec![change("good-1"), change("retry-1"), change("good-2")];
    let (again, _) = run(messages, &journal, &puts).await;
    assert_eq!(again, ["m-retry-1"]);
    assert_eq!(*puts.done.lock().unwrap(), [("r-retry-1".to_owned(), 8)]);

    let failing = Puts {
        fails: true,
        ..Puts::default()
    };
    let (again, _) = run(vec![change("retry-1")], &journal, &failing).await;
    assert_eq!(again, ["m-retry-1"]);
}

#[tokio::test]
async fn a_handler_that_fails_has_its_messages_come_again_and_no_others() {
    for how in ["panic-1", "slow-1", "short-1"] {
        let journal = Rejects::default();
        let messages = vec![change("good-1"), change(how), message("bad", "x".into())];
        let (again, lines) = run(messages, &journal, &Puts::default()).await;
        assert_eq!(again, ["m-good-1".to_owned(), format!("m-{how}")], "{how}");
        assert!(lines.iter().any(|l| l.contains("\"Failures\":1")), "{how}");
    }
}

#[tokio::test]
async fn requests_are_answered_whatever_happens() {
    let (metrics, _) = metrics();
    let expected = testing::expected();
    let journal = Rejects::default();
    let work = Work {
        handler: &ById,
        journal: &journal,
        postpone: None::<&Puts>,
        metrics: &metrics,
        expected: &expected,
        deadline: Timestamp::now(),
        limit: Timestamp::now() + SignedDuration::from_secs(1),
    };
    let ask = |what: &str| work.request(json!({"undrift": what}));
    assert_eq!(ask("undo").await["outcome"], "undone");
    assert_eq!(ask("other").await["error"]["kind"], "refused");
    assert_eq!(ask("panic").await["error"]["kind"], "failed");
}

#[tokio::test]
async fn messages_that_are_handed_over_directly_are_answered_one_by_one() {
    let (metrics, _) = metrics();
    let expected = testing::expected();
    let journal = Rejects::default();
    let ask = |ids: &[&str]| {
        let bodies = ids.iter().map(|id| match *id {
            "bad" => "x".to_owned(),
            id => testing::event(id).to_string(),
        });
        let request = json!({"undrift": "redeliver", "messages": bodies.collect::<Vec<_>>()});
        let (journal, metrics, expected) = (&journal, &metrics, &expected);
        async move {
            let work = Work {
                handler: &ById,
                journal,
                postpone: None::<&Puts>,
                metrics,
                expected,
                deadline: Timestamp::now(),
                limit: Timestamp::now() + SignedDuration::from_secs(1),
            };
            work.request(request).await
        }
    };
    let answer = ask(&["good-1", "bad", "retry-1", "good-2"]).await;
    let again = json!({"again": {"after": 8, "why": "not yet visible"}});
    assert_eq!(
        answer["redelivered"],
        json!(["done", "done", again, "done"])
    );
    assert_eq!(journal.digests.lock().unwrap().len(), 1);
    let answer = ask(&["good-1", "panic-1", "bad"]).await;
    let fates: Vec<Fate> = serde_json::from_value(answer["redelivered"].clone()).unwrap();
    assert!(matches!(
        fates.as_slice(),
        [Fate::Failed(_), Fate::Failed(_), Fate::Done]
    ));
    assert_eq!(ask(&[]).await["redelivered"], json!([]));
}

#[test]
fn the_answer_is_what_lambda_reads() {
    let answer = BatchAnswer::of(["m-1".to_owned()]);
    assert_eq!(
        serde_json::to_string(&answer).unwrap(),
        r#"{"batchItemFailures":[{"itemIdentifier":"m-1"}]}"#
    );
    assert_eq!(
        serde_json::to_string(&BatchAnswer::default()).unwrap(),
        r#"{"batchItemFailures":[]}"#
    );
}

#[test]
fn waits_are_whole_seconds_that_sqs_takes() {
    for (after, seconds) in [
        (Duration::ZERO, 1),
        (Duration::from_millis(1), 1),
        (Duration::from_millis(2001), 3),
        (Duration::from_secs(61), 61),
        (Duration::from_secs(1_000_000), 42_000),
    ] {
        assert_eq!(wait(after), seconds);
    }
}

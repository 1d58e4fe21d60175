//! Telling, with marks in memory and a channel that can fail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::SignedDuration;
use serde_json::{Value, json};
use undrift_core::record::{Outcome, OutcomeKind};
use undrift_engine::port::ErrorClass;

use super::testing::{entry, record};
use super::*;

/// Marks by record and revision: `true` is told of. Knows which of its ways fail.
#[derive(Default)]
struct Kept {
    marks: Mutex<BTreeMap<(ChangeKey, u32), bool>>,
    fails: &'static str,
}

impl Kept {
    fn fail(&self, what: &str) -> Result<(), JournalError> {
        if self.fails == what {
            return Err(JournalError {
                doing: what.into(),
                message: "no".into(),
                transient: true,
            });
        }
        Ok(())
    }
}

impl Marks for Kept {
    async fn begin(&self, key: &ChangeKey, revision: u32) -> Result<May, JournalError> {
        self.fail("begin")?;
        let mut marks = self.marks.lock().unwrap();
        Ok(match marks.get(&(key.clone(), revision)) {
            Some(true) => May::Told,
            Some(false) => May::Busy,
            None => {
                marks.insert((key.clone(), revision), false);
                May::Tell
            }
        })
    }
    async fn finish(&self, key: &ChangeKey, revision: u32, _: &str) -> Result<(), JournalError> {
        self.fail("finish")?;
        self.marks
            .lock()
            .unwrap()
            .insert((key.clone(), revision), true);
        Ok(())
    }
    async fn cancel(&self, key: &ChangeKey, revision: u32) -> Result<(), JournalError> {
        self.marks.lock().unwrap().remove(&(key.clone(), revision));
        Ok(())
    }
}

/// Remembers what was published; the first `fails` publishes fail.
#[derive(Default)]
struct People {
    fails: Mutex<u32>,
    told: Mutex<Vec<Message>>,
}

impl Channel for People {
    fn name(&self) -> &'static str {
        "people"
    }
    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(CallError {
                class: ErrorClass::Throttled,
                operation: "sns:Publish".into(),
                resource: "t".into(),
                code: "Throttled".into(),
                message: "slow".into(),
                request_id: None,
            });
        }
        self.told.lock().unwrap().push(message.clone());
        Ok("m-1".into())
    }
}

async fn run(entries: Vec<Value>, marks: &Kept, people: &People) -> Vec<String> {
    let batch = serde_json::from_value(json!({"Records": entries})).unwrap();
    let metrics = Metrics::new("f", |_| {});
    let limit = Timestamp::now() + SignedDuration::from_secs(60);
    let answer = tell(&batch, marks, people, &metrics, limit).await;
    let failures = answer.batch_item_failures.into_iter();
    failures.map(|f| f.item_identifier).collect()
}

#[tokio::test]
async fn each_revision_is_told_of_once() {
    let (marks, people) = (Kept::default(), People::default());
    let entries = || {
        vec![
            entry("1", &record("e-1", 1)),
            entry("2", &record("e-1", 1)),
            entry("3", &record("e-1", 2)),
            entry("4", &record("e-2", 1)),
        ]
    };
    for _ in 0..2 {
        assert!(run(entries(), &marks, &people).await.is_empty());
    }
    let told = people.told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert_eq!(told[0].attributes["outcome"], "undone");
    assert!(told[0].subject.contains("sg-1"));
}

#[tokio::test]
async fn what_failed_comes_again_and_holds_nothing_else_up() {
    let (marks, people) = (Kept::default(), People::default());
    *people.fails.lock().unwrap() = 1;
    let entries = || vec![entry("1", &record("e-1", 1)), entry("2", &record("e-2", 1))];
    assert_eq!(run(entries(), &marks, &people).await, ["1"]);
    assert!(run(entries(), &marks, &people).await.is_empty());
    assert_eq!(people.told.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn without_marks_nobody_is_told() {
    let marks = Kept {
        fails: "begin",
        ..Kept::default()
    };
    let people = People::default();
    let again = run(vec![entry("1", &record("e-1", 1))], &marks, &people).await;
    assert_eq!(again, ["1"]);
    assert!(people.told.lock().unwrap().is_empty());
    // Published and not marked: it isn't asked for again.
    let marks = Kept {
        fails: "finish",
        ..Kept::default()
    };
    let again = run(vec![entry("1", &record("e-1", 1))], &marks, &people).await;
    assert!(again.is_empty());
    // Somebody else is at it: it comes again.
    let again = run(vec![entry("1", &record("e-1", 1))], &marks, &people).await;
    assert_eq!(again, ["1"]);
    assert_eq!(people.told.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_news_or_unreadable_is_passed_over() {
    let (marks, people) = (Kept::default(), People::default());
    let mut left = record("e-1", 1);
    left.outcome = Outcome::new(OutcomeKind::Left, "compliant");
    let mut broken = entry("2", &record("e-2", 1));
    broken["dynamodb"]["NewImage"]["body"] = json!({"B": "AAAA"});
    let entries = vec![entry("1", &left), broken, entry("3", &record("e-3", 1))];
    assert!(run(entries, &marks, &people).await.is_empty());
    assert_eq!(people.told.lock().unwrap().len(), 1);
    assert_eq!(marks.marks.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn without_time_all_comes_again() {
    let (marks, people) = (Kept::default(), People::default());
    let entries = [entry("1", &record("e-1", 1)), entry("2", &record("e-2", 1))];
    let batch = serde_json::from_value(json!({"Records": entries})).unwrap();
    let metrics = Metrics::new("f", |_| {});
    let answer = tell(&batch, &marks, &people, &metrics, Timestamp::now()).await;
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]})
    );
}

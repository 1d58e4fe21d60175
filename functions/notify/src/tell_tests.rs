//! Telling, with marks in memory and a channel that fails in every way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use undrift_aws::journal::post::{Posted, Thread};
use undrift_core::notice::Repeats;
use undrift_core::record::{ChangeKey, Outcome, OutcomeKind};
use undrift_engine::port::JournalError;

use super::testing::{entry, record};
use super::*;
use crate::channel::Failure;
use crate::deliver::May;

type At = (ChangeKey, u32, String);

/// Marks by record, revision and channel: how it was begun, and `true` where it was told of.
#[derive(Default)]
struct Kept {
    marks: Mutex<BTreeMap<At, (Timestamp, bool)>>,
    free: Mutex<Vec<At>>,
    posts: Mutex<BTreeMap<(String, String), Posted>>,
    counted: Mutex<Vec<ChangeKey>>,
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
    async fn begin(&self, key: &ChangeKey, r: u32, channel: &str) -> Result<May, JournalError> {
        self.fail("begin")?;
        let at = (key.clone(), r, channel.to_owned());
        let mut marks = self.marks.lock().unwrap();
        let mut free = self.free.lock().unwrap();
        Ok(match marks.get(&at).copied() {
            Some((_, true)) => May::Told,
            Some((since, false)) if free.contains(&at) => {
                free.retain(|f| f != &at);
                May::Tell { since: Some(since) }
            }
            Some((_, false)) => May::Busy,
            None => {
                marks.insert(at, (Timestamp::now(), false));
                May::Tell { since: None }
            }
        })
    }
    async fn finish(
        &self,
        key: &ChangeKey,
        r: u32,
        channel: &str,
        _: &str,
    ) -> Result<(), JournalError> {
        self.fail("finish")?;
        let at = (key.clone(), r, channel.to_owned());
        self.marks.lock().unwrap().get_mut(&at).unwrap().1 = true;
        Ok(())
    }
    async fn cancel(
        &self,
        key: &ChangeKey,
        r: u32,
        channel: &str,
        known: bool,
    ) -> Result<(), JournalError> {
        let at = (key.clone(), r, channel.to_owned());
        if known {
            self.marks.lock().unwrap().remove(&at);
        } else {
            self.free.lock().unwrap().push(at);
        }
        Ok(())
    }
    async fn posted(
        &self,
        thread: Thread<'_>,
        channel: &str,
    ) -> Result<Option<Posted>, JournalError> {
        let at = (format!("{thread:?}"), channel.to_owned());
        Ok(self.posts.lock().unwrap().get(&at).cloned())
    }
    async fn keep(
        &self,
        thread: Thread<'_>,
        channel: &str,
        posted: &Posted,
    ) -> Result<(), JournalError> {
        let at = (format!("{thread:?}"), channel.to_owned());
        self.posts.lock().unwrap().insert(at, posted.clone());
        Ok(())
    }
    async fn count(&self, key: &ChangeKey, _: &Repeats) -> Result<u64, JournalError> {
        let mut counted = self.counted.lock().unwrap();
        if !counted.contains(key) {
            counted.push(key.clone());
        }
        Ok(counted.len() as u64)
    }
}

/// A violation by a role, put back.
fn violation(event: &str, revision: u32, outcome: &str) -> undrift_core::record::Record {
    let mut value = serde_json::to_value(record(event, revision)).unwrap();
    value["cause"] = json!({"change": {
        "id": event, "time": "2026-01-24T03:45:49Z", "source": "ec2.amazonaws.com",
        "name": "AuthorizeSecurityGroupIngress", "account": "123456789012",
        "region": "eu-central-1",
        "actor": {
            "type": "AssumedRole", "session": "maya", "account": "123456789012",
            "arn": "arn:aws:sts::123456789012:assumed-role/Dev/maya",
            "principal": "arn:aws:iam::123456789012:role/Dev"
        },
        "request": {}, "response": {}, "cut": false
    }});
    value["assessments"] = json!([{
        "policy": "p", "digest": "d", "severity": "critical", "title": "open", "references": {},
        "verdict": "violated", "evidence": [], "older": []
    }]);
    value["outcome"] = json!({"kind": outcome, "reason": "because"});
    serde_json::from_value(value).unwrap()
}

/// What a call does, before it does what it should.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Refuse,
    Throttle,
    /// It is done, and the answer is lost.
    Lose,
    /// Neither done nor answered.
    Hang,
    Gone,
}

/// Remembers what was done; fails as scripted.
#[derive(Default)]
struct People {
    name: &'static str,
    threads: bool,
    script: Mutex<VecDeque<Fault>>,
    done: Mutex<Vec<String>>,
}

impl People {
    async fn act(&self, what: String) -> Result<(), Failure> {
        let fault = self.script.lock().unwrap().pop_front();
        let done = || self.done.lock().unwrap().push(what.clone());
        match fault {
            Some(Fault::Refuse) => Err(Failure::not("no")),
            Some(Fault::Throttle) => Err(Failure::Not {
                why: "slow".into(),
                wait: Some(Duration::from_millis(20)),
            }),
            Some(Fault::Lose) => {
                done();
                Err(Failure::Unknown("lost".into()))
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Gone) => Err(Failure::Gone),
            None => {
                done();
                Ok(())
            }
        }
    }
    fn told(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl Channel for People {
    fn name(&self) -> &str {
        self.name
    }
    fn takes(&self, told: &Told) -> bool {
        told.notice.is_some()
    }
    fn threads(&self) -> bool {
        self.threads
    }
    async fn send(&self, told: &Told) -> Result<String, Failure> {
        self.act(format!("message {}", short(told))).await?;
        Ok(short(told))
    }
    async fn edit(&self, id: &str, told: &Told) -> Result<(), Failure> {
        self.act(format!("edit {id} to {}", short(told))).await
    }
    async fn reply(&self, id: &str, told: &Told, loud: bool) -> Result<(), Failure> {
        let how = if loud { "loud " } else { "" };
        self.act(format!("{how}details {} under {id}", short(told)))
            .await
    }
    async fn find(
        &self,
        told: &Told,
        under: Option<&str>,
        _: Timestamp,
    ) -> Result<Option<String>, Failure> {
        let what = match under {
            None => format!("message {}", short(told)),
            Some(id) => format!("details {} under {id}", short(told)),
        };
        let told_of = self.told().iter().any(|done| done.ends_with(&what));
        Ok(told_of.then(|| short(told)))
    }
}

fn short(told: &Told) -> String {
    format!("{}r{}", told.record.key.event, told.record.revision)
}

/// A record of its own incident.
fn own(event: &str, revision: u32) -> undrift_core::record::Record {
    let mut record = record(event, revision);
    let undrift_core::record::Cause::Undo { of, .. } = &mut record.cause else {
        panic!("an undo");
    };
    *of = record.key.clone();
    record
}

/// Keeps nothing: what fails comes again with the stream.
struct NoQueue;

impl Owe for NoQueue {
    async fn owe(&self, _: &Owed, _: Duration) -> Result<(), String> {
        Err("no queue".into())
    }
}

async fn run_all(entries: &[Value], marks: &Kept, channels: &[People]) -> Vec<String> {
    let batch = serde_json::from_value(json!({"Records": entries})).unwrap();
    let metrics = Metrics::new("f", |_| {});
    let limit = Timestamp::now() + SignedDuration::from_millis(1500);
    let answer = tell(&batch, marks, channels, &NoQueue, &metrics, limit).await;
    let failures = answer.batch_item_failures.into_iter();
    failures.map(|f| f.item_identifier).collect()
}

fn people(threads: bool, script: &[Fault]) -> Vec<People> {
    vec![People {
        name: "people",
        threads,
        script: Mutex::new(script.iter().copied().collect()),
        ..People::default()
    }]
}

#[tokio::test]
async fn each_revision_is_told_of_once() {
    let (marks, people) = (Kept::default(), people(false, &[]));
    let entries = [
        entry("1", &own("e-1", 1)),
        entry("2", &own("e-1", 1)),
        entry("3", &own("e-1", 2)),
        entry("4", &own("e-2", 1)),
    ];
    for _ in 0..2 {
        assert!(run_all(&entries, &marks, &people).await.is_empty());
    }
    let told = people[0].told();
    assert_eq!(told, ["message e-1r1", "message e-1r2", "message e-2r1"]);
}

#[tokio::test]
async fn an_incident_has_one_message() {
    let (marks, people) = (Kept::default(), people(true, &[]));
    let mut undo = record("undo-1", 1);
    let undrift_core::record::Cause::Undo { of, .. } = &mut undo.cause else {
        panic!("an undo");
    };
    *of = own("e-1", 1).key;
    let entries = [
        entry("1", &own("e-1", 1)),
        entry("2", &own("e-1", 2)),
        entry("3", &undo),
    ];
    for _ in 0..2 {
        assert!(run_all(&entries, &marks, &people).await.is_empty());
    }
    assert_eq!(
        people[0].told(),
        [
            "message e-1r1",
            "details e-1r1 under e-1r1",
            "edit e-1r1 to e-1r2",
            "details e-1r2 under e-1r1",
            "details undo-1r1 under e-1r1",
        ]
    );
}

#[tokio::test]
async fn repeats_share_a_message_and_are_loud_only_where_somebody_must_act() {
    let (marks, people) = (Kept::default(), people(true, &[]));
    let mut undo = record("undo-1", 1);
    let undrift_core::record::Cause::Undo { of, .. } = &mut undo.cause else {
        panic!("an undo");
    };
    *of = violation("e-2", 1, "reverted").key;
    let mut elsewhere = violation("e-5", 1, "failed");
    elsewhere.key.resource.id = undrift_core::name::ResourceId::parse("sg-2").unwrap();
    let entries = [
        entry("1", &violation("e-1", 1, "reverted")),
        entry("2", &violation("e-2", 1, "reverted")),
        entry("3", &violation("e-1", 2, "undone")),
        entry("4", &violation("e-3", 1, "blocked")),
        entry("5", &undo),
        entry("6", &elsewhere),
    ];
    for _ in 0..2 {
        assert!(run_all(&entries, &marks, &people).await.is_empty());
    }
    assert_eq!(
        people[0].told(),
        [
            "message e-1r1",
            "details e-1r1 under e-1r1",
            "edit e-1r1 to e-2r1",
            "details e-2r1 under e-1r1",
            // The message shows a later change by now.
            "details e-1r2 under e-1r1",
            "edit e-1r1 to e-3r1",
            "loud details e-3r1 under e-1r1",
            "details undo-1r1 under e-1r1",
            "message e-5r1",
            "details e-5r1 under e-5r1",
        ]
    );
}

#[tokio::test]
async fn whatever_fails_none_is_lost_and_none_doubled() {
    use Fault::{Hang, Lose, Refuse, Throttle};
    let scripts: Vec<Vec<Fault>> = vec![
        vec![Refuse],
        vec![Throttle, Throttle],
        vec![Refuse; 7],
        vec![Lose],
        vec![Lose, Lose],
        vec![Lose, Refuse, Refuse, Refuse],
        vec![Refuse, Lose, Throttle, Lose],
        vec![Hang],
        vec![Lose, Hang, Lose],
        vec![Throttle, Hang, Refuse, Lose, Lose],
    ];
    for script in scripts {
        let (marks, people) = (Kept::default(), people(true, &script));
        let entries = [entry("1", &own("e-1", 1)), entry("2", &own("e-2", 1))];
        let mut rounds = 0;
        while !run_all(&entries, &marks, &people).await.is_empty() {
            rounds += 1;
            assert!(rounds < 10);
        }
        let mut told = people[0].told();
        told.sort();
        assert_eq!(
            told,
            [
                "details e-1r1 under e-1r1",
                "details e-2r1 under e-2r1",
                "message e-1r1",
                "message e-2r1",
            ]
        );
    }
}

#[tokio::test]
async fn a_message_that_was_deleted_is_sent_anew() {
    let (marks, people) = (Kept::default(), people(true, &[]));
    run_all(&[entry("1", &own("e-1", 1))], &marks, &people).await;
    people[0].script.lock().unwrap().push_back(Fault::Gone);
    let again = run_all(&[entry("2", &own("e-1", 2))], &marks, &people).await;
    assert!(again.is_empty());
    let told = people[0].told();
    assert_eq!(told[2..], ["message e-1r2", "details e-1r2 under e-1r2"]);
}

#[tokio::test]
async fn a_failing_or_slow_channel_fails_only_itself() {
    for fault in [Fault::Refuse, Fault::Hang] {
        let marks = Kept::default();
        let mut channels = people(false, &[fault; 6]);
        channels.push(People {
            name: "others",
            ..People::default()
        });
        let entries = [entry("1", &own("e-1", 1)), entry("2", &own("e-2", 1))];
        assert_eq!(run_all(&entries, &marks, &channels).await, ["1", "2"]);
        assert_eq!(channels[1].told().len(), 2);
        channels[0].script.lock().unwrap().clear();
        assert!(run_all(&entries, &marks, &channels).await.is_empty());
        assert_eq!(channels[0].told().len(), 2);
        assert_eq!(channels[1].told().len(), 2);
    }
}

#[tokio::test]
async fn without_marks_nobody_is_told() {
    let marks = Kept {
        fails: "begin",
        ..Kept::default()
    };
    let people = people(false, &[]);
    let entries = [entry("1", &own("e-1", 1))];
    assert_eq!(run_all(&entries, &marks, &people).await, ["1"]);
    assert!(people[0].told().is_empty());
    // Published and not marked: it isn't asked for again.
    let marks = Kept {
        fails: "finish",
        ..Kept::default()
    };
    assert!(run_all(&entries, &marks, &people).await.is_empty());
    // Somebody else is at it: it comes again.
    assert_eq!(run_all(&entries, &marks, &people).await, ["1"]);
    assert_eq!(people[0].told().len(), 1);
}

#[tokio::test]
async fn what_is_no_news_or_unreadable_is_passed_over() {
    let (marks, people) = (Kept::default(), people(false, &[]));
    let mut left = own("e-1", 1);
    left.outcome = Outcome::new(OutcomeKind::Left, "compliant");
    let mut broken = entry("2", &own("e-2", 1));
    broken["dynamodb"]["NewImage"]["body"] = json!({"B": "AAAA"});
    let entries = [entry("1", &left), broken, entry("3", &own("e-3", 1))];
    assert!(run_all(&entries, &marks, &people).await.is_empty());
    assert_eq!(people[0].told(), ["message e-3r1"]);
}

#[tokio::test]
async fn without_time_all_comes_again() {
    let (marks, people) = (Kept::default(), people(false, &[]));
    let entries = [entry("1", &own("e-1", 1)), entry("2", &own("e-2", 1))];
    let batch = serde_json::from_value(json!({"Records": entries})).unwrap();
    let metrics = Metrics::new("f", |_| {});
    let answer = tell(
        &batch,
        &marks,
        &people,
        &NoQueue,
        &metrics,
        Timestamp::now(),
    )
    .await;
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]})
    );
}

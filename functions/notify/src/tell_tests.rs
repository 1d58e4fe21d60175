//! Telling, with marks in memory and a channel that fails in every way.

use std::sync::Mutex;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use undrift_core::record::{Outcome, OutcomeKind};

use super::fakes::{Fault, Kept, People, violation};
use super::testing::{entry, record};
use super::*;

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
    let limit = Timestamp::now() + SignedDuration::from_millis(2500);
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
async fn what_waits_for_somebody_is_not_written_over_by_a_repeat() {
    let (marks, people) = (Kept::default(), people(true, &[]));
    let entries = [
        entry("1", &violation("e-1", 1, "blocked")),
        entry("2", &violation("e-2", 1, "reverted")),
        entry("3", &violation("e-3", 1, "reverted")),
        entry("4", &violation("e-1", 2, "reverted")),
    ];
    assert!(run_all(&entries, &marks, &people).await.is_empty());
    assert_eq!(
        people[0].told(),
        [
            "message e-1r1",
            "details e-1r1 under e-1r1",
            "message e-2r1",
            "details e-2r1 under e-2r1",
            "edit e-2r1 to e-3r1",
            "details e-3r1 under e-2r1",
            "edit e-1r1 to e-1r2",
            "details e-1r2 under e-1r1",
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

#[tokio::test]
async fn two_at_once_make_one_message() {
    let (marks, people) = (Kept::default(), people(true, &[]));
    let first = [entry("1", &violation("e-1", 1, "reverted"))];
    let second = [entry("2", &violation("e-2", 1, "reverted"))];
    let both = tokio::join!(
        run_all(&first, &marks, &people),
        run_all(&second, &marks, &people)
    );
    assert!(both.0.is_empty() && both.1.is_empty());
    let told = people[0].told();
    let messages: Vec<&String> = told.iter().filter(|t| t.starts_with("message")).collect();
    assert_eq!(messages.len(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|t| t.starts_with("details")).count(), 2);
}

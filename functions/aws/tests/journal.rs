//! The journal against an emulated `DynamoDB`, with answers that get lost on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests say what they expect by failing"
)]

#[path = "journal/open.rs"]
mod open;
mod support;
#[path = "../src/testing.rs"]
#[allow(dead_code, reason = "the unit tests use the rest")]
mod testing;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use support::Table;
use undrift_aws::journal::post::{Posted, Shown, Thread};
use undrift_core::notice::Repeats;
use undrift_core::policy::{Exemption, Scope, Severity};
use undrift_core::record::{Outcome, OutcomeKind};
use undrift_engine::port::{CapKey, CapOf, Claim, Claimed, Close, Closed, Journal, Release};
use undrift_local::FaultAction;

fn now() -> Timestamp {
    "2026-01-24T03:46:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn claim(epoch: u64, nonce: &str) -> Claim {
    testing::claim(epoch, Some(nonce), later(25))
}

fn closing() -> Close {
    Close::of(testing::resource())
}

fn release(nonce: &str, epoch: u64) -> Release {
    Release {
        nonce: nonce.to_owned(),
        claim: testing::claim(epoch, None, now()),
    }
}

#[tokio::test]
async fn of_many_claimers_one_wins() {
    let table = Table::new().await;
    for (epoch, expected) in [(1, None), (2, Some(1))] {
        let race = (0..20).map(|n| {
            let table = &table;
            async move {
                let mine = claim(epoch, &format!("n-{epoch}-{n}"));
                // The second race begins when the first winner's lease is over.
                let at = later(i64::try_from(epoch).unwrap() * 25 - 25);
                table.journal.claim(&mine, expected, at).await.unwrap()
            }
        });
        let won = join_all(race).await.into_iter();
        assert_eq!(won.filter(|c| *c == Claimed::Won).count(), 1, "{epoch}");
    }
}

#[tokio::test]
async fn a_claim_is_taken_over_only_when_its_lease_is_over() {
    let table = Table::new().await;
    let journal = &table.journal;
    let take = |claim: Claim, expected, at| async move {
        journal.claim(&claim, expected, at).await.unwrap()
    };
    assert_eq!(take(claim(1, "a"), None, now()).await, Claimed::Won);
    assert_eq!(take(claim(2, "b"), Some(1), later(24)).await, Claimed::Lost);
    assert_eq!(take(claim(2, "b"), None, later(30)).await, Claimed::Lost);
    assert_eq!(take(claim(1, "b"), Some(0), later(30)).await, Claimed::Lost);
    assert_eq!(take(claim(2, "b"), Some(1), later(25)).await, Claimed::Won);
    // A claim without a holder is none.
    let nobody = testing::claim(3, None, now());
    assert!(journal.claim(&nobody, Some(2), later(60)).await.is_err());
    // The one that was taken over from clears nothing.
    let mut close = closing();
    close.release = Some(release("a", 1));
    journal.close(&close).await.unwrap();
    assert_eq!(table.known().await.claim, Some(claim(2, "b")));
    // The holder does, and then it is free at once.
    close.release = Some(release("b", 2));
    journal.close(&close).await.unwrap();
    assert_eq!(
        table.known().await.claim,
        Some(testing::claim(2, None, now()))
    );
    assert_eq!(take(claim(3, "c"), Some(2), later(26)).await, Claimed::Won);
}

#[tokio::test]
async fn an_answer_that_got_lost_changes_nothing() {
    let table = Table::new().await;
    let journal = &table.journal;
    table.strike("PutItem", FaultAction::CloseAfterForward);
    let won = journal.claim(&claim(1, "a"), None, now()).await.unwrap();
    assert_eq!(won, Claimed::Won);
    let again = journal.claim(&claim(1, "a"), None, now()).await.unwrap();
    assert_eq!(again, Claimed::Won);

    let mut close = closing();
    close.records = vec![testing::record("e-1", 1)];
    close.baseline = Some(testing::image("2026-01-24T03:45:00Z"));
    close.exemptions = vec![testing::exemption("x")];
    close.release = Some(release("a", 1));
    for action in [
        FaultAction::CloseAfterForward,
        FaultAction::CloseBeforeForward,
        FaultAction::Status(500, "InternalServerError".into()),
        FaultAction::Status(400, "ProvisionedThroughputExceededException".into()),
    ] {
        for operation in ["PutItem", "PutItem", "UpdateItem", "BatchGetItem", "Query"] {
            table.strike(operation, action.clone());
        }
        journal.close(&close).await.unwrap();
        let known = table.known().await;
        assert_eq!(
            known.claim,
            Some(testing::claim(1, None, now())),
            "{action:?}"
        );
        assert_eq!(known.exemptions.0, [testing::exemption("x")], "{action:?}");
        assert_eq!(known.baseline, close.baseline, "{action:?}");
    }
    assert!(table.struck() > 10);

    // What doesn't pass is an error, and says what was being done.
    for _ in 0..10 {
        table.strike(
            "Query",
            FaultAction::Status(400, "AccessDeniedException".into()),
        );
    }
    let error = journal.record(&testing::key("e-1")).await.unwrap_err();
    assert!(!error.transient);
    assert!(
        error.to_string().contains("reading the record e-1/sg-1"),
        "{error}"
    );
}

#[tokio::test]
async fn revisions_are_put_once_and_the_highest_counts() {
    let table = Table::new().await;
    let journal = &table.journal;
    let key = testing::key("e-1");
    assert_eq!(journal.record(&key).await.unwrap(), None);
    for revision in 1..=11 {
        let mut close = closing();
        close.records = vec![testing::record("e-1", revision)];
        journal.close(&close).await.unwrap();
        let highest = journal.record(&key).await.unwrap().unwrap();
        assert_eq!(highest.revision, revision);
    }
    let mut other = testing::record("e-1", 11);
    other.outcome = Outcome::new(OutcomeKind::Failed, "somebody else's");
    let mut close = closing();
    close.records = vec![other, testing::record("e-10", 1)];
    journal.close(&close).await.unwrap();
    let kept = journal.record(&key).await.unwrap().unwrap();
    assert_eq!(kept, testing::record("e-1", 11));
}

#[tokio::test]
async fn all_that_is_known_is_read_at_once() {
    let table = Table::new().await;
    assert_eq!(table.known().await, undrift_engine::port::Known::default());

    table
        .journal
        .claim(&claim(1, "a"), None, now())
        .await
        .unwrap();
    let everywhere = Exemption {
        covers: Scope {
            policy: Some(undrift_core::name::PolicyId::parse("p").unwrap()),
            ..Scope::default()
        },
        ..testing::exemption("everywhere")
    };
    let mut close = closing();
    close.records = vec![testing::record("e-1", 1), testing::record("e-1", 2)];
    close.observed = Some(testing::observed(1, "2026-01-24T03:45:00Z"));
    close.baseline = Some(testing::image("2026-01-24T03:00:00Z"));
    close.exemptions = vec![testing::exemption("here"), everywhere.clone()];
    table.journal.close(&close).await.unwrap();

    // More keys than one batch takes, one of them twice.
    let mut keys: Vec<_> = (1..=150).map(|n| testing::key(&format!("e-{n}"))).collect();
    keys.push(testing::key("e-1"));
    let known = table
        .journal
        .know(&testing::resource(), &keys)
        .await
        .unwrap();
    assert_eq!(known.claim, Some(claim(1, "a")));
    assert_eq!(Some(known.observed), close.observed);
    assert_eq!(known.baseline, close.baseline);
    assert_eq!(known.exemptions.0, [testing::exemption("here"), everywhere]);
    let records = BTreeMap::from([(testing::key("e-1"), testing::record("e-1", 2))]);
    assert_eq!(known.records, records);
}

#[tokio::test]
async fn keys_that_were_left_unprocessed_are_asked_for_again() {
    let table = Table::new().await;
    let mine = claim(1, "a");
    table.journal.claim(&mine, None, now()).await.unwrap();
    let key = undrift_aws::journal::keys::of_resource(
        &testing::resource(),
        undrift_aws::journal::keys::Part::Claim,
    );
    let left = serde_json::json!({"Responses": {}, "UnprocessedKeys": {&table.name: {
        "ConsistentRead": true, "Keys": [{"pk": {"S": key.pk}, "sk": {"S": key.sk}}]
    }}});
    for _ in 0..2 {
        table.strike("BatchGetItem", FaultAction::Body(left.to_string()));
    }
    assert_eq!(table.known().await.claim, Some(mine));
    for _ in 0..5 {
        table.strike("BatchGetItem", FaultAction::Body(left.to_string()));
    }
    let known = table.journal.know(&testing::resource(), &[]).await;
    assert!(known.unwrap_err().transient);
}

#[tokio::test]
async fn what_is_remembered_is_written_over_its_own_version_only() {
    let table = Table::new().await;
    let (one, two) = ("2026-01-24T03:00:01Z", "2026-01-24T03:00:02Z");
    let mut close = closing();
    close.observed = Some(testing::observed(1, one));
    assert_eq!(table.journal.close(&close).await.unwrap(), Closed::Whole);
    // The same write again, its answer lost, is the same write.
    assert_eq!(table.journal.close(&close).await.unwrap(), Closed::Whole);
    // Two that read version 1 and learnt different things.
    close.observed = Some(testing::observed(2, one));
    assert_eq!(table.journal.close(&close).await.unwrap(), Closed::Whole);
    close.observed = Some(testing::observed(2, two));
    close.baseline = Some(testing::image(two));
    assert_eq!(table.journal.close(&close).await.unwrap(), Closed::Outrun);
    let known = table.known().await;
    assert_eq!(known.observed, testing::observed(2, one));
    assert_eq!(known.baseline, close.baseline, "all else is written");
    // A baseline never goes back in time.
    close.observed = None;
    close.baseline = Some(testing::image(one));
    table.journal.close(&close).await.unwrap();
    assert_eq!(table.known().await.baseline, Some(testing::image(two)));
}

#[tokio::test]
async fn caps_count_and_messages_are_remembered() {
    let table = Table::new().await;
    let cap = |of| CapKey {
        of,
        critical: false,
    };
    let caps = [
        cap(CapOf::Actor("arn:aws:iam::123456789012:role/Dev".into())),
        cap(CapOf::Policy("p".into())),
    ];
    let before = Timestamp::now();
    let first = table.journal.spend(&caps).await.unwrap();
    let one = table.journal.spend(&caps[..1]).await.unwrap();
    let window = |t: Timestamp| t.as_second() / undrift_aws::journal::keys::WINDOW;
    if window(before) == window(Timestamp::now()) {
        assert_eq!((first, one), (vec![1, 1], vec![2]));
        table.journal.refund(&caps).await.unwrap();
        assert_eq!(table.journal.spend(&caps).await.unwrap(), [2, 1]);
    }
    assert!(table.journal.spend(&[]).await.unwrap().is_empty());

    for _ in 0..2 {
        table
            .journal
            .reject("d1", "why", "beginning")
            .await
            .unwrap();
    }
    let item = table.item("rejected#d1", "message").await.unwrap();
    assert_eq!(item["seen"].as_n().unwrap(), "2");
    assert_eq!(item["why"].as_s().unwrap(), "why");
    assert!(item.contains_key("ttl"));
}

#[tokio::test]
async fn what_is_too_large_is_refused_by_name() {
    let table = Table::new().await;
    let mut image = testing::image("2026-01-24T03:00:00Z");
    let noise: String = (0..40_000).map(|_| undrift_aws::clock::nonce()).collect();
    image
        .image
        .facets
        .entry("ingress".into())
        .or_default()
        .insert(
            undrift_core::kind::ElementKey("k".into()),
            serde_json::Value::String(noise),
        );
    let mut close = closing();
    let mut observed = testing::observed(1, "2026-01-24T03:00:00Z");
    observed.history.images = vec![image];
    close.observed = Some(observed);
    let error = table.journal.close(&close).await.unwrap_err();
    assert!(!error.transient);
    assert!(error.to_string().contains("compressed"), "{error}");
}

#[tokio::test]
async fn a_revision_is_told_of_once() {
    use undrift_aws::journal::Delivery;
    let table = Table::new().await;
    let (journal, key) = (&table.journal, testing::key("e-1"));
    let begin = |at| journal.begin_delivery(&key, 1, "sns", at);
    let busy = Delivery::NotOurs { done: false };
    let race = join_all((0..10).map(|_| begin(now()))).await;
    let ours = race
        .iter()
        .filter(|d| matches!(d, Ok(Delivery::Ours { .. })))
        .count();
    assert_eq!(ours, 1);
    assert_eq!(begin(later(119)).await.unwrap(), busy);
    // It failed: once more. It crashed: once more, when that is certain.
    journal.cancel_delivery(&key, 1, "sns").await.unwrap();
    assert_eq!(begin(now()).await.unwrap(), Delivery::Ours { since: None });
    // Somebody may have told of it: it says since when.
    let taken = begin(later(120)).await.unwrap();
    assert!(matches!(taken, Delivery::Ours { since: Some(_) }));
    journal.release_delivery(&key, 1, "sns").await.unwrap();
    assert_eq!(begin(later(121)).await.unwrap(), taken);
    // Messages are kept.
    let repeats = |actor: &str| Repeats {
        severity: Severity::Critical,
        actor: actor.to_owned(),
        day: "2026-01-24".to_owned(),
    };
    let shown = |revision| Shown {
        at: -5,
        seen: 7,
        event: "e-1".to_owned(),
        revision,
    };
    let (dev, resource) = (repeats("dev"), &key.resource);
    let threads = [Thread::Incident(&key), Thread::Repeats(&dev, resource)];
    for (id, thread) in ["1.2", "3.4"].into_iter().zip(threads) {
        assert_eq!(journal.posted(thread, "slack:C1").await.unwrap(), None);
        let posted = Posted {
            id: id.to_owned(),
            first: shown(1),
            shows: shown(3),
        };
        let kept = journal
            .keep_posted(thread, "slack:C1", &posted, now())
            .await;
        kept.unwrap();
        let there = journal.posted(thread, "slack:C1").await.unwrap();
        assert_eq!(there, Some(posted));
    }
    // One holds a message at a time, for half a minute.
    let hold = |owner: &'static str, at| {
        let (journal, key) = (journal.clone(), key.clone());
        async move {
            let held = journal.hold_post(Thread::Incident(&key), "slack:C1", owner, at);
            held.await.unwrap()
        }
    };
    assert!(hold("a", now()).await && hold("a", now()).await);
    assert!(!hold("b", now()).await);
    let thread = Thread::Incident(&key);
    journal
        .let_go_of_post(thread, "slack:C1", "b")
        .await
        .unwrap();
    assert!(!hold("b", later(29)).await);
    assert!(hold("b", later(31)).await);
    journal
        .let_go_of_post(thread, "slack:C1", "b")
        .await
        .unwrap();
    assert!(hold("a", now()).await);
    // Repeats are counted by record.
    let count = |event: &str, actor: &'static str| {
        let (journal, key, repeats) = (journal.clone(), testing::key(event), repeats(actor));
        async move { journal.count_repeat(&key, &repeats, now()).await.unwrap() }
    };
    assert_eq!(count("e-1", "dev").await, 1);
    assert_eq!(count("e-1", "dev").await, 1);
    assert_eq!(count("e-2", "dev").await, 2);
    assert_eq!(count("e-3", "ops").await, 1);
    journal
        .finish_delivery(&key, 1, "sns", "m-1", now())
        .await
        .unwrap();
    journal.cancel_delivery(&key, 1, "sns").await.unwrap();
    let done = Delivery::NotOurs { done: true };
    assert_eq!(begin(later(1000)).await.unwrap(), done);
    assert_eq!(
        journal.begin_delivery(&key, 2, "sns", now()).await.unwrap(),
        Delivery::Ours { since: None }
    );
    // Marks are no revisions.
    assert_eq!(journal.record(&key).await.unwrap(), None);
}

#[tokio::test]
async fn the_switch_reads_its_parameter() {
    use undrift_aws::switch::ParameterSwitch;
    use undrift_engine::port::Switch;
    let table = Table::new().await;
    let switch = || ParameterSwitch::new(&table.config, Some("/undrift/pause"));
    table.put_parameter("/other", "paused").await;
    assert!(!switch().paused().await.unwrap());
    table.put_parameter("/undrift/pause", "paused").await;
    assert!(switch().paused().await.unwrap());
    table.put_parameter("/undrift/pause", "running").await;
    assert!(!switch().paused().await.unwrap());
    assert!(
        !ParameterSwitch::new(&table.config, None)
            .paused()
            .await
            .unwrap()
    );
    let denied = FaultAction::Status(400, "AccessDeniedException".into());
    table.strike_at("ssm", "GetParameter", denied);
    assert!(switch().paused().await.is_err());
}

#[tokio::test]
async fn answers_are_dated() {
    use undrift_aws::client::AnswerDate;
    let table = Table::new().await;
    let date = AnswerDate::default();
    let before = Timestamp::now();
    table
        .client
        .list_tables()
        .customize()
        .interceptor(date.clone())
        .send()
        .await
        .unwrap();
    let (at, after) = (date.latest().unwrap(), Timestamp::now());
    assert_eq!(at.subsec_nanosecond(), 0);
    assert!(at > before, "{at} {before}");
    assert!(at <= after + SignedDuration::from_secs(1), "{at} {after}");
}

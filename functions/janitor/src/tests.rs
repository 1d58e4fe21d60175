//! The janitor on queues and a function in memory.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by failing")]

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_engine::port::Claim;

use crate::fake::{DEAD, Fake, QUEUE, ROLE, at_work, event, resource};
use crate::told::{Emptied, Redriven, Tidied};

const LONG: i64 = 10_000;

async fn tidy(fake: &Fake) -> Tidied {
    at_work(fake, LONG, async |janitor| janitor.tidy().await).await
}

async fn redrive(fake: &Fake, seconds: i64) -> Redriven {
    at_work(fake, seconds, async |janitor| janitor.redrive().await).await
}

fn revisions(fake: &Fake, event: &str) -> Vec<Record> {
    let rows = fake.rows.lock().unwrap();
    let of = rows.iter().filter(|(k, _)| k.event.as_str() == event);
    of.flat_map(|(_, r)| r.clone()).collect()
}

#[tokio::test]
async fn what_a_living_function_handles_is_deleted_and_leaves_no_record() {
    let fake = Fake::default();
    fake.bury_events(&["a", "b"]);
    fake.bury(&event("read", "/detail/readOnly", &json!(true)));
    let tidied = tidy(&fake).await;
    assert_eq!((tidied.handled, tidied.kept, tidied.recorded), (2, 0, 0));
    assert!(fake.on(DEAD).is_empty() && fake.rows.lock().unwrap().is_empty());
    assert_eq!(
        fake.asked.lock().unwrap().len(),
        1,
        "all of them are handed over together"
    );
}

#[tokio::test]
async fn what_no_function_handles_stays_and_has_one_record() {
    let fake = Fake::default();
    fake.bury_events(&["a", "b"]);
    *fake.dead.lock().unwrap() = true;
    let tidied = tidy(&fake).await;
    assert_eq!((tidied.handled, tidied.kept, tidied.recorded), (0, 2, 2));
    assert_eq!(fake.on(DEAD), ["a", "b"]);
    assert_eq!(fake.hidden_on(DEAD), 0, "whoever wants them finds them");
    let record = fake.record("a").unwrap();
    assert_eq!(record.outcome.kind, OutcomeKind::Failed);
    assert!(record.is_unseen() && record.is_news());
    assert_eq!(record.key.resource, resource("sg-1"));
    for part in [
        "101 times",
        "undrift-ec2-dead",
        "could not be started",
        "undrift redrive",
    ] {
        assert!(
            record.outcome.reason.contains(part),
            "{part}: {}",
            record.outcome.reason
        );
    }
    let again = tidy(&fake).await;
    assert_eq!((again.kept, again.recorded), (2, 0));
    assert_eq!(revisions(&fake, "a").len(), 1);
    // It lives again.
    *fake.dead.lock().unwrap() = false;
    assert_eq!(tidy(&fake).await.handled, 2);
    assert!(fake.on(DEAD).is_empty());
}

#[tokio::test]
async fn a_bad_message_fails_alone() {
    let fake = Fake::default();
    fake.bury_events(&["a", "dies-1", "b", "later-1"]);
    fake.bury("no event");
    fake.bury("");
    let tidied = tidy(&fake).await;
    assert_eq!((tidied.handled, tidied.rejected), (2, 2));
    assert_eq!((tidied.kept, tidied.recorded), (2, 2));
    assert_eq!(fake.on(DEAD), ["dies-1", "later-1"]);
    assert_eq!(fake.rejected.lock().unwrap().len(), 2);
    let reason = fake.record("later-1").unwrap().outcome.reason;
    assert!(reason.contains("not yet visible"), "{reason}");
}

#[tokio::test]
async fn many_bad_ones_keep_the_good_among_them_from_nothing() {
    let fake = Fake::default();
    let ids: Vec<String> = (0..60)
        .map(|n| match n % 3 {
            0 => format!("good-{n}"),
            _ => format!("dies-{n}"),
        })
        .collect();
    fake.bury_events(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let tidied = tidy(&fake).await;
    assert_eq!((tidied.handled, tidied.kept, tidied.recorded), (20, 40, 40));
}

#[tokio::test]
async fn a_dead_function_is_not_asked_for_ever_and_all_have_their_records() {
    let fake = Fake::default();
    let ids: Vec<String> = (0..100).map(|n| format!("e-{n}")).collect();
    fake.bury_events(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    *fake.dead.lock().unwrap() = true;
    let tidied = tidy(&fake).await;
    assert_eq!((tidied.kept, tidied.recorded), (100, 100));
    assert_eq!(fake.asked.lock().unwrap().len(), 33);
}

#[tokio::test]
async fn nothing_is_recorded_of_what_somebody_met() {
    let held = |claim: Value| serde_json::from_value::<Claim>(claim).unwrap();
    let by_us = event("own", "/detail/userIdentity/arn", &json!(ROLE));
    let fake = Fake::default();
    *fake.dead.lock().unwrap() = true;
    let probe = Fake::default();
    *probe.dead.lock().unwrap() = true;
    probe.bury_events(&["a"]);
    tidy(&probe).await;
    let open = probe.record("a").unwrap();
    // In work, or left open by a crash: its record closes when that is finished.
    *fake.claim.lock().unwrap() = Some(held(json!({
        "resource": resource("sg-1"), "epoch": 1,
        "held": {"nonce": "n", "lease": "2026-01-24T03:46:00Z", "records": [open],
            "plan": {"writes": [], "steps": []}},
        "recent": [{"operation": "Authorize", "request_id": "r-1", "at": "2026-01-24T03:46:00Z"}]
    })));
    fake.bury_events(&["a"]);
    fake.bury(&by_us);
    // No policy judges this one.
    fake.bury(&event(
        "tags",
        "/detail/eventName",
        &json!("RevokeSecurityGroupIngress"),
    ));
    let tidied = tidy(&fake).await;
    assert_eq!((tidied.kept, tidied.recorded), (3, 0));
    // The same call under our role, and no call of ours.
    *fake.claim.lock().unwrap() = None;
    assert_eq!(tidy(&fake).await.recorded, 2);
}

#[tokio::test]
async fn without_its_journal_the_janitor_loses_nothing() {
    let fake = Fake::default();
    fake.bury_events(&["a", "dies-1"]);
    fake.bury("no event");
    *fake.journal_down.lock().unwrap() = true;
    let tidied = tidy(&fake).await;
    assert_eq!(
        (tidied.handled, tidied.rejected, tidied.recorded),
        (1, 0, 0)
    );
    assert_eq!(tidied.troubles.len(), 3);
    assert_eq!(fake.on(DEAD), ["dies-1", "no event"]);
}

#[tokio::test]
async fn what_is_open_is_finished_by_its_function() {
    let fake = Fake::default();
    let mut open: Vec<_> = ["sg-1", "sg-paused", "sg-refused", "sg-2"]
        .map(resource)
        .into();
    let mut other = resource("b");
    other.kind = undrift_core::name::KindId::parse("s3/bucket").unwrap();
    open.push(other);
    *fake.open.lock().unwrap() = open;
    let tidied = tidy(&fake).await;
    assert_eq!(tidied.finished, 2);
    let mut why: Vec<_> = tidied.troubles.iter().map(|t| t.why.as_str()).collect();
    why.sort_unstable();
    assert_eq!(why, ["Undrift is paused", "no", "no function works for s3"]);
}

#[tokio::test]
async fn redriving_moves_everything_and_twice_is_once() {
    let fake = Fake::default();
    let ids: Vec<String> = (0..25).map(|n| format!("e-{n}")).collect();
    fake.bury_events(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    fake.bury("no event");
    let done = redrive(&fake, LONG).await;
    let emptied = Emptied {
        queue: "undrift-ec2-dead".into(),
        to: "undrift-ec2".into(),
        moved: 26,
        hidden: 0,
        failed: None,
    };
    assert_eq!((done.finished, &done.queues), (true, &vec![emptied]));
    assert_eq!((fake.on(QUEUE).len(), fake.on(DEAD).len()), (26, 0));
    let done = redrive(&fake, LONG).await;
    assert_eq!((done.finished, done.queues[0].moved), (true, 0));
    // It says when there is no time for all of them.
    fake.bury_events(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let done = redrive(&fake, 0).await;
    assert_eq!((done.finished, done.queues[0].moved), (false, 10));
}

#[tokio::test]
async fn whatever_happens_to_a_redrive_nothing_is_lost() {
    let fake = Fake::default();
    fake.bury_events(&["a", "b"]);
    *fake.full.lock().unwrap() = true;
    let done = redrive(&fake, LONG).await;
    assert!(done.queues[0].failed.is_some());
    assert_eq!((fake.on(DEAD).len(), fake.on(QUEUE).len()), (2, 0));
    assert_eq!(fake.hidden_on(DEAD), 0);
    // Somebody else is at one of them: it says so.
    *fake.full.lock().unwrap() = false;
    fake.hide_one();
    let done = redrive(&fake, LONG).await;
    assert_eq!((done.queues[0].moved, done.queues[0].hidden), (1, 1));
    // Ended between sending and deleting: it is on both, and comes twice.
    fake.show_all();
    *fake.keeps.lock().unwrap() = true;
    assert!(redrive(&fake, LONG).await.queues[0].failed.is_some());
    *fake.keeps.lock().unwrap() = false;
    assert_eq!(redrive(&fake, LONG).await.queues[0].moved, 1);
    assert_eq!(fake.on(QUEUE), ["b", "a", "a"]);
    assert!(fake.on(DEAD).is_empty());
}

//! What a crash left open is finished without a message: and a record that no look went before is
//! judged afresh.

use jiff::SignedDuration;
use undrift_core::record::{Outcome, OutcomeKind, Record};
use undrift_engine::Disposition;
use undrift_engine::port::{ErrorClass, Held};

use crate::events::undo_of;
use crate::takeover::dead;
use crate::world::{World, authorized, call, error, group, tick};

const WORLD: &str = "0.0.0.0/0";

async fn resume(world: &World) -> Disposition {
    let deadline = world.now() + SignedDuration::from_secs(20);
    world.engine().resume(&group(), deadline).await
}

fn held(world: &World) -> Option<Held> {
    let known = world.known.lock().unwrap();
    known.claim.clone().and_then(|c| c.held)
}

/// A group that `e1` opened and that whoever had claimed it left as it was.
async fn left_open() -> World {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    dead(&world, authorized("e1", 90, &[("sgr-ssh", 22, WORLD)])).await;
    world
}

fn once(world: &World, event: &str) -> Record {
    let rows = world.rows.lock().unwrap();
    let mut found = rows.iter().filter(|(k, _)| k.event.as_str() == event);
    let (_, revisions) = found.next().expect("a record");
    assert!(found.next().is_none() && revisions.len() == 1);
    revisions[0].clone()
}

#[tokio::test]
async fn what_a_crash_left_open_is_done_and_closed_without_its_message() {
    let world = left_open().await;
    assert_eq!(resume(&world).await, Disposition::Done);
    assert!(world.rules().is_empty());
    assert_eq!(once(&world, "e1").outcome.kind, OutcomeKind::Reverted);
    assert_eq!(held(&world), None);
    // Its message comes after all; and it is asked for once more.
    let late = authorized("e1", 90, &[("sgr-ssh", 22, WORLD)]);
    assert_eq!(world.deliver(&[late]).await, [Disposition::Done]);
    assert_eq!(resume(&world).await, Disposition::Done);
    once(&world, "e1");
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn what_was_sent_before_the_crash_is_only_closed() {
    let world = left_open().await;
    world.edit(std::collections::BTreeMap::clear);
    assert_eq!(resume(&world).await, Disposition::Done);
    assert!(world.sent().is_empty());
    let record = once(&world, "e1");
    assert_eq!(record.outcome.kind, OutcomeKind::Reverted);
    assert!(record.outcome.reason.contains("interruption"));
}

#[tokio::test]
async fn a_resource_that_is_gone_ends_what_was_open() {
    let world = left_open().await;
    world.groups.lock().unwrap().clear();
    assert_eq!(resume(&world).await, Disposition::Done);
    assert_eq!(once(&world, "e1").outcome.kind, OutcomeKind::Gone);
    assert_eq!(held(&world), None);
}

#[tokio::test]
async fn nothing_is_finished_during_a_pause_or_under_a_lease() {
    let world = left_open().await;
    *world.paused.lock().unwrap() = true;
    assert!(matches!(resume(&world).await, Disposition::Retry { .. }));
    *world.paused.lock().unwrap() = false;
    let lease = world.now() + SignedDuration::from_secs(7);
    let end = |at| {
        let mut known = world.known.lock().unwrap();
        let claim = known.claim.as_mut().unwrap();
        claim.held.as_mut().unwrap().lease = at;
    };
    end(lease);
    let Disposition::Retry { after, .. } = resume(&world).await else {
        panic!("somebody is at it");
    };
    assert_eq!(after.as_secs(), 7);
    assert!(world.sent().is_empty() && world.rows.lock().unwrap().is_empty());
    tick(&world, 7);
    assert_eq!(resume(&world).await, Disposition::Done);
    once(&world, "e1");
}

#[tokio::test]
async fn an_undo_that_was_cut_off_is_closed_and_opens_nothing() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let e1 = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
    world.deliver(&[e1]).await;
    let request = undo_of(&world, "e1");
    let deadline = world.now() + SignedDuration::from_secs(20);
    {
        let died: crate::world::Fault = Box::new(|_, _| panic!("died"));
        world.faults.lock().unwrap().push(died);
        let engine = world.engine();
        let work = std::panic::AssertUnwindSafe(engine.undo(&request, deadline));
        assert!(futures_util::FutureExt::catch_unwind(work).await.is_err());
        world.faults.clear_poison();
        world.faults.lock().unwrap().clear();
    }
    tick(&world, 60);
    assert_eq!(resume(&world).await, Disposition::Done);
    assert!(world.rules().is_empty());
    let record = world.record("undo-e1");
    assert_eq!(record.outcome.kind, OutcomeKind::Failed);
    assert!(
        !record.is_unseen(),
        "somebody looked: it is not judged afresh"
    );
    assert_eq!(held(&world), None);
}

#[tokio::test]
async fn what_reads_do_not_show_yet_stays_open_and_is_never_sent_again() {
    let world = left_open().await;
    // Reads go on showing the rule that was taken away.
    *world.on_read.lock().unwrap() = Some(Box::new(|w, _| {
        w.put("sgr-ssh", 22, WORLD);
        None
    }));
    assert!(matches!(resume(&world).await, Disposition::Retry { .. }));
    assert!(world.rows.lock().unwrap().is_empty());
    let waiting = held(&world).expect("nobody's message comes again for it");
    assert_eq!(waiting.records[0].outcome.kind, OutcomeKind::Pending);
    tick(&world, 60);
    assert!(matches!(resume(&world).await, Disposition::Retry { .. }));
    *world.on_read.lock().unwrap() = None;
    world.edit(std::collections::BTreeMap::clear);
    tick(&world, 60);
    assert_eq!(resume(&world).await, Disposition::Done);
    let record = once(&world, "e1");
    assert_eq!(record.outcome.kind, OutcomeKind::Reverted);
    assert!(record.stages.applied < record.stages.verified);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn what_is_never_seen_to_be_back_fails_in_the_end() {
    let world = left_open().await;
    *world.on_read.lock().unwrap() = Some(Box::new(|w, _| {
        w.put("sgr-ssh", 22, WORLD);
        None
    }));
    let mut asked = 0;
    while resume(&world).await != Disposition::Done {
        tick(&world, 60);
        asked += 1;
        assert!(asked < 20);
    }
    let record = once(&world, "e1");
    assert_eq!(record.outcome.kind, OutcomeKind::Failed);
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn what_can_not_be_read_stays_open() {
    let world = left_open().await;
    *world.journal_down.lock().unwrap() = true;
    assert!(matches!(resume(&world).await, Disposition::Retry { .. }));
    *world.journal_down.lock().unwrap() = false;
    *world.on_read.lock().unwrap() = Some(Box::new(|_, _| {
        let refused = call("DescribeSecurityGroupRules");
        Some(error(&refused, ErrorClass::Denied, "UnauthorizedOperation"))
    }));
    assert!(matches!(resume(&world).await, Disposition::Retry { .. }));
    assert!(held(&world).is_some() && world.rows.lock().unwrap().is_empty());
}

#[tokio::test]
async fn where_nothing_is_open_nothing_is_done() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    assert_eq!(resume(&world).await, Disposition::Done);
    assert!(world.sent().is_empty() && world.rows.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_change_that_no_function_handled_is_judged_afresh() {
    for gone in [false, true] {
        let world = World::with(&[("sgr-ssh", 22, WORLD)]);
        let e1 = authorized("e1", 90, &[("sgr-ssh", 22, WORLD)]);
        let probe = World::with(&[("sgr-ssh", 22, WORLD)]);
        probe.deliver(std::slice::from_ref(&e1)).await;
        // As the janitor writes it.
        let mut unhandled = probe.record("e1");
        unhandled.plan = None;
        unhandled.assessments.clear();
        unhandled.outcome = Outcome::new(OutcomeKind::Failed, "no function has handled it");
        unhandled.stages.looked = None;
        assert!(unhandled.is_unseen());
        let key = unhandled.key.clone();
        world.rows.lock().unwrap().insert(key, vec![unhandled]);
        if gone {
            world.groups.lock().unwrap().clear();
        }
        let ends = world.deliver(std::slice::from_ref(&e1)).await;
        assert_eq!(ends, [Disposition::Done]);
        let record = world.record("e1");
        assert_eq!(record.revision, 2);
        let (kind, sent) = if gone {
            (OutcomeKind::Gone, 0)
        } else {
            (OutcomeKind::Reverted, 1)
        };
        assert_eq!((record.outcome.kind, world.sent().len()), (kind, sent));
        // And then it is closed like any.
        world.deliver(&[e1]).await;
        assert_eq!(world.record("e1").revision, 2);
    }
}

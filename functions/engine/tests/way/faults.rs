//! Calls that AWS refuses, drops or answers late.

use undrift_core::record::OutcomeKind;
use undrift_engine::Disposition;
use undrift_engine::port::ErrorClass;

use crate::world::{World, authorized, error, tick};

const WORLD: &str = "0.0.0.0/0";

#[tokio::test]
async fn a_denial_is_told_once_and_tried_again_later() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let mut times = 0;
    world.faults.lock().unwrap().push(Box::new(move |_, call| {
        times += 1;
        (times <= 2).then(|| error(call, ErrorClass::Denied, "UnauthorizedOperation"))
    }));
    let opened = [authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])];
    for times in 1..=2 {
        let ends = world.deliver(&opened).await;
        assert!(matches!(ends[..], [Disposition::Retry { .. }]), "{ends:?}");
        let record = world.record("e1");
        assert_eq!(record.outcome.kind, OutcomeKind::Blocked);
        assert!(record.outcome.reason.contains("RevokeSecurityGroupIngress"));
        assert_eq!((record.revision, world.sent().len()), (1, times));
        tick(&world, 60);
    }
    world.faults.lock().unwrap().clear();
    assert_eq!(world.deliver(&opened).await, [Disposition::Done]);
    let record = world.record("e1");
    assert_eq!(
        (record.revision, record.outcome.kind),
        (2, OutcomeKind::Reverted)
    );
    assert!(world.rules().is_empty());
}

#[tokio::test]
async fn throttling_and_lost_answers_are_retried() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let mut times = 0;
    world.faults.lock().unwrap().push(Box::new(move |w, call| {
        times += 1;
        match times {
            1 => Some(error(call, ErrorClass::Throttled, "RequestLimitExceeded")),
            2 => {
                // Applied, and the answer lost.
                w.edit(std::collections::BTreeMap::clear);
                Some(error(call, ErrorClass::Transient, "timeout"))
            }
            _ => None,
        }
    }));
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    assert!(world.rules().is_empty());
    assert_eq!(world.sent().len(), 3);
    assert_eq!(world.rows.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_of_no_known_reason_is_sent_three_times_and_then_said() {
    let opened = [authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])];
    // Refused twice: that is passed over.
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    refuse(&world, 2);
    assert_eq!(world.deliver(&opened).await, [Disposition::Done]);
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Reverted);
    assert_eq!(world.record("e1").sent[0].attempts, 3);
    // Refused as long as it is tried: the record says by what, and the message isn't lost.
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    refuse(&world, 3);
    let ends = world.deliver(&opened).await;
    let record = world.record("e1");
    assert_eq!(record.outcome.kind, OutcomeKind::Blocked);
    assert!(
        record.outcome.reason.contains("Strange"),
        "{}",
        record.outcome.reason
    );
    assert_eq!(world.sent().len(), 3);
    assert!(matches!(ends[..], [Disposition::Retry { .. }]), "{ends:?}");
    // Once AWS takes it, it is closed after all, by one more revision.
    tick(&world, 60);
    assert_eq!(world.deliver(&opened).await, [Disposition::Done]);
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Reverted);
    assert_eq!(world.record("e1").revision, 2);
    assert!(world.rules().is_empty());
}

/// The world refuses so many calls by a code that nobody knows.
fn refuse(world: &World, most: u32) {
    let mut times = 0;
    world.faults.lock().unwrap().push(Box::new(move |_, call| {
        times += 1;
        (times <= most).then(|| error(call, ErrorClass::Unknown, "Strange"))
    }));
}

#[tokio::test]
async fn a_rule_that_vanished_under_a_call_does_not_save_its_neighbour() {
    let world = World::with(&[("sgr-a", 22, WORLD), ("sgr-b", 3389, WORLD)]);
    let mut first = true;
    world.faults.lock().unwrap().push(Box::new(move |w, _| {
        if std::mem::take(&mut first) {
            w.edit(|f| {
                f.retain(|k, _| k.0 != "sgr-a");
            });
        }
        None
    }));
    let change = authorized("e1", 99, &[("sgr-a", 22, WORLD), ("sgr-b", 3389, WORLD)]);
    world.deliver(&[change]).await;
    assert!(world.rules().is_empty());
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Reverted);
}

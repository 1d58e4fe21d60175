//! What was there before, when events come late, twice, out of order, or before reads show them.

use serde_json::json;
use undrift_core::record::OutcomeKind;

use crate::world::{World, authorized, change, known, modified, tick};

const WORLD: &str = "0.0.0.0/0";

fn revoked_by_value(event: &str, at: i64, port: u16, source: &str) -> undrift_core::change::Change {
    let request = json!({"groupId": "sg-1", "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": port,
        "toPort": port, "ipRanges": {"items": [{"cidrIp": source}]}}]}});
    change(
        event,
        at,
        "RevokeSecurityGroupIngress",
        request,
        json!({"_return": true}),
    )
}

#[tokio::test]
async fn two_modifies_a_few_seconds_apart_delivered_one_by_one() {
    let world = known().await;
    tick(&world, 10); // 110
    // Maya widens the rule at 105 and writes it again as a half of the internet at 107.
    world.put("sgr-1", 22, "0.0.0.0/1");
    world
        .deliver(&[modified("m1", 105, "sgr-1", 22, WORLD)])
        .await;
    world
        .deliver(&[modified("m2", 107, "sgr-1", 22, "0.0.0.0/1")])
        .await;
    assert_eq!(
        world.rules(),
        ["22 10.0.0.0/8"],
        "{:?} {:?}",
        world.record("m1").outcome,
        world.record("m2").outcome
    );
}

#[tokio::test]
async fn authorize_and_modify_delivered_one_by_one() {
    let world = World::with(&[("sgr-1", 3389, WORLD)]);
    world
        .deliver(&[authorized("e1", 85, &[("sgr-1", 22, WORLD)])])
        .await;
    world
        .deliver(&[modified("e2", 87, "sgr-1", 3389, WORLD)])
        .await;
    assert!(
        world.rules().is_empty(),
        "{:?} {:?}",
        world.record("e1").outcome,
        world.record("e2").outcome
    );
}

#[tokio::test]
async fn a_modify_that_reads_do_not_show_yet() {
    let world = known().await;
    let m = modified("m", 99, "sgr-1", 22, WORLD);
    let first = world.deliver(std::slice::from_ref(&m)).await; // the read is stale: still 10.0.0.0/8
    world.put("sgr-1", 22, WORLD);
    tick(&world, 10);
    world.deliver(&[m]).await;
    assert_eq!(
        world.rules(),
        ["22 10.0.0.0/8"],
        "first {first:?}; {:?}",
        world.record("m").outcome
    );
}

#[tokio::test]
async fn widened_again_right_after_the_revert() {
    let world = known().await;
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[modified("m1", 99, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(world.rules(), ["22 10.0.0.0/8"]);
    // Our own event is still on its way when it is widened again.
    tick(&world, 10);
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[modified("m2", 109, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(
        world.rules(),
        ["22 10.0.0.0/8"],
        "{:?}",
        world.record("m2").outcome
    );
}

#[tokio::test]
async fn the_same_event_twice_in_one_batch() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let e = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
    world.deliver(&[e.clone(), e]).await;
    assert!(world.rules().is_empty());
    let record = world.record("e1");
    assert_eq!(
        record.outcome.kind,
        OutcomeKind::Reverted,
        "{}",
        record.outcome.reason
    );
    assert!(record.plan.is_some());
}

#[tokio::test]
async fn same_second_modifies_arrive_the_wrong_way_round() {
    let world = known().await;
    tick(&world, 10);
    // In truth: first 172.16/12, then the world, both at 105. They arrive the other way round.
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[
            modified("m2", 105, "sgr-1", 22, WORLD),
            modified("m1", 105, "sgr-1", 22, "172.16.0.0/12"),
        ])
        .await;
    assert_eq!(
        world.rules(),
        ["22 10.0.0.0/8"],
        "{:?} {:?}",
        world.record("m1").outcome,
        world.record("m2").outcome
    );
}

#[tokio::test]
async fn revoked_by_value_and_opened_again_in_one_batch() {
    let world = World::with(&[("sgr-new", 22, WORLD)]);
    // A responder closed the old sgr-old at 80 (2023 record: `_return` only), maya opened it again at 90.
    world
        .deliver(&[
            revoked_by_value("r", 80, 22, WORLD),
            authorized("e", 90, &[("sgr-new", 22, WORLD)]),
        ])
        .await;
    assert!(world.rules().is_empty(), "{:?}", world.record("e").outcome);
}

#[tokio::test]
async fn a_late_older_event_after_a_newer_one_was_handled() {
    let world = known().await;
    tick(&world, 50); // 150
    // Narrowed at 130 (its event is late), widened at 145.
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[modified("m2", 145, "sgr-1", 22, WORLD)])
        .await;
    world
        .deliver(&[modified("m1", 130, "sgr-1", 22, "10.1.2.0/24")])
        .await;
    let told = world.record("m1").outcome;
    assert!(
        world.rules() == ["22 10.1.2.0/24"]
            || told.kind == OutcomeKind::Proposed
            || told.kind == OutcomeKind::Conflict,
        "{:?}, and nobody is told: {told:?}",
        world.rules()
    );
}

#[tokio::test]
async fn one_of_two_new_rules_is_not_visible_yet() {
    let world = World::with(&[("sgr-a", 22, WORLD)]);
    let e = authorized("e", 99, &[("sgr-a", 22, WORLD), ("sgr-b", 3389, WORLD)]);
    world.deliver(std::slice::from_ref(&e)).await;
    world.put("sgr-b", 3389, WORLD);
    tick(&world, 10);
    world.deliver(&[e]).await;
    assert!(
        world.rules().is_empty(),
        "{:?} {:?}",
        world.rules(),
        world.record("e").outcome
    );
}

#[tokio::test]
async fn images_pushed_out_by_a_flood_of_events() {
    let world = World::with(&[("sgr-1", 22, "10.0.0.0/8"), ("sgr-old", 3389, WORLD)]);
    // Observed at 100 through any event; the group has an old wrong, so there is never a baseline.
    let described = |event: &str, at| {
        let request = json!({"groupId": "sg-1", "ipPermissions": {}});
        change(
            event,
            at,
            "UpdateSecurityGroupRuleDescriptionsIngress",
            request,
            json!({"_return": true}),
        )
    };
    world.deliver(&[described("d0", 95)]).await;
    tick(&world, 10);
    // Widened at 105; before its event comes, other events of the group do, for 3 seconds.
    world.put("sgr-1", 22, WORLD);
    for i in 0..3 {
        tick(&world, 1);
        world.put("sgr-noise", 8000 + i, "10.0.0.0/8");
        world
            .deliver(&[described(&format!("d{}", i + 1), 106 + i64::from(i))])
            .await;
    }
    world
        .deliver(&[modified("m", 105, "sgr-1", 22, WORLD)])
        .await;
    assert!(
        world.rules().contains(&"22 10.0.0.0/8".to_owned()),
        "{:?}",
        world.record("m").outcome
    );
}

#[tokio::test]
async fn own_write_event_lost_and_an_old_image_replays_the_bad_change() {
    // As f03, but the second widening comes long after; our own event never came (best effort).
    let world = known().await;
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[modified("m1", 99, "sgr-1", 22, WORLD)])
        .await;
    tick(&world, 3600);
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[modified("m2", 3699, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(
        world.rules(),
        ["22 10.0.0.0/8"],
        "{:?}",
        world.record("m2").outcome
    );
}

//! What must come of it.

use jiff::SignedDuration;
use undrift_core::policy::{Mode, Settings};
use undrift_core::record::OutcomeKind;
use undrift_engine::Disposition;
use undrift_engine::asked::Asked;
use undrift_engine::port::{Claim, Held};

use crate::events::undo_of;
use crate::world::{World, authorized, by_undrift, created, group, modified, tick};

const WORLD: &str = "0.0.0.0/0";

#[tokio::test]
async fn takes_back_what_the_change_brought_and_nothing_else() {
    let world = World::with(&[
        ("sgr-https", 443, WORLD),
        ("sgr-old", 22, WORLD),
        ("sgr-office", 22, "81.2.69.160/32"),
    ]);
    world.put("sgr-ssh", 22, WORLD);
    world.put("sgr-web", 8080, "10.0.0.0/8");
    let change = authorized(
        "e1",
        99,
        &[("sgr-ssh", 22, WORLD), ("sgr-web", 8080, "10.0.0.0/8")],
    );
    assert_eq!(world.deliver(&[change]).await, [Disposition::Done]);
    assert_eq!(
        world.rules(),
        [
            "22 0.0.0.0/0",
            "22 81.2.69.160/32",
            "443 0.0.0.0/0",
            "8080 10.0.0.0/8"
        ]
    );
    let record = world.record("e1");
    assert_eq!(
        record.outcome.kind,
        OutcomeKind::Reverted,
        "{}",
        record.outcome.reason
    );
    assert_eq!(record.left_alone[0].count, 4);
    assert_eq!(
        record.assessments[0].older.len(),
        1,
        "the old rule is reported"
    );
    assert_eq!(record.answers().len(), 9);
    let bundle = world.engine().bundle;
    assert_eq!(record.worker.bundle, bundle.digest);
    assert_eq!(record.assessments[0].digest, bundle.policies[0].digest);
    assert!(
        world
            .known
            .lock()
            .unwrap()
            .claim
            .as_ref()
            .unwrap()
            .held
            .is_none()
    );
}

#[tokio::test]
async fn twice_is_once() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let change = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
    world.deliver(std::slice::from_ref(&change)).await;
    world.put("sgr-ssh", 22, WORLD);
    world.deliver(&[change.clone(), change]).await;
    assert_eq!(world.sent(), ["RevokeSecurityGroupIngress"]);
    assert_eq!(world.rows.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn two_bad_rules_by_two_calls_are_both_removed_by_one_plan() {
    let world = World::with(&[("sgr-a", 22, WORLD), ("sgr-b", 3389, WORLD)]);
    let changes = [
        authorized("e1", 98, &[("sgr-a", 22, WORLD)]),
        authorized("e2", 99, &[("sgr-b", 3389, WORLD)]),
    ];
    world.deliver(&changes).await;
    assert!(world.rules().is_empty());
    assert_eq!(world.sent(), ["RevokeSecurityGroupIngress"]);
    for event in ["e1", "e2"] {
        let record = world.record(event);
        assert_eq!(record.outcome.kind, OutcomeKind::Reverted);
        assert_eq!(record.plan.unwrap().writes.len(), 1);
    }
}

#[tokio::test]
async fn a_widened_rule_gets_back_what_it_was() {
    let world = World::with(&[]);
    world.deliver(&[created("c", 10)]).await;
    world.put("sgr-1", 22, "10.0.0.0/8");
    world
        .deliver(&[authorized("a", 20, &[("sgr-1", 22, "10.0.0.0/8")])])
        .await;
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[modified("m", 99, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(world.rules(), ["22 10.0.0.0/8"]);
    assert_eq!(world.record("m").outcome.kind, OutcomeKind::Reverted);
}

#[tokio::test]
async fn without_an_image_from_before_a_widened_rule_is_proposed() {
    let world = World::with(&[("sgr-1", 22, WORLD)]);
    // An event that tells what was there may still be on its way.
    let widened = [modified("m", 99, "sgr-1", 22, WORLD)];
    let ends = world.deliver(&widened).await;
    assert!(matches!(ends[..], [Disposition::Retry { .. }]), "{ends:?}");
    tick(&world, 10);
    world.deliver(&widened).await;
    assert_eq!(world.rules(), ["22 0.0.0.0/0"]);
    assert!(world.sent().is_empty());
    let record = world.record("m");
    assert_eq!(
        record.outcome.kind,
        OutcomeKind::Proposed,
        "{}",
        record.outcome.reason
    );
}

#[tokio::test]
async fn an_image_that_holds_the_change_already_is_not_before_it() {
    let world = World::with(&[]);
    world.deliver(&[created("c", 10)]).await;
    // The rule was added at 20 and widened at 40; the first event comes when both are visible.
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[authorized("a", 20, &[("sgr-1", 22, "10.0.0.0/8")])])
        .await;
    world
        .deliver(&[modified("m", 40, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(
        world.rules(),
        ["22 10.0.0.0/8"],
        "what the first record says it was"
    );
}

#[tokio::test]
async fn a_change_that_changed_nothing_is_left() {
    let world = World::with(&[]);
    world.deliver(&[created("c", 10)]).await;
    world.put("sgr-1", 22, WORLD);
    let settings = Settings::default();
    let deadline = world.now() + SignedDuration::from_secs(20);
    // Observed while the deployment only observes: it stays open.
    let observing = world.engine_with(&settings);
    observing
        .handle(vec![authorized("a", 20, &[("sgr-1", 22, WORLD)])], deadline)
        .await;
    world
        .deliver(&[modified("m", 99, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(world.rules(), ["22 0.0.0.0/0"]);
    assert_eq!(world.record("a").outcome.kind, OutcomeKind::Left);
    assert_eq!(world.record("m").outcome.kind, OutcomeKind::Left);
}

#[tokio::test]
async fn what_a_crash_left_open_is_taken_over_and_closed_once() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let change = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
    // The first invocation dies right after its claim.
    let probe = World::with(&[("sgr-ssh", 22, WORLD)]);
    probe.deliver(std::slice::from_ref(&change)).await;
    let record = probe.record("e1");
    let mut open = record.clone();
    open.sent.clear();
    world.known.lock().unwrap().claim = Some(Claim {
        resource: group(),
        epoch: 7,
        held: Some(Held {
            nonce: "dead".into(),
            inherited: Vec::new(),
            knew: Vec::new(),
            lease: world.now() + SignedDuration::from_secs(5),
            plan: record.plan.clone().unwrap(),
            records: vec![open],
        }),
        recent: Vec::new(),
    });
    let first = world.deliver(std::slice::from_ref(&change)).await;
    assert!(
        matches!(first[0], Disposition::Retry { .. }),
        "the lease lives"
    );
    assert_eq!(world.rules().len(), 1);
    *world.now.lock().unwrap() += SignedDuration::from_secs(6);
    assert_eq!(world.deliver(&[change]).await, [Disposition::Done]);
    assert!(world.rules().is_empty());
    let rows = world.rows.lock().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows.values().next().unwrap().len(), 1);
    assert_eq!(
        rows.values().next().unwrap()[0].outcome.kind,
        OutcomeKind::Reverted
    );
}

#[tokio::test]
async fn an_edit_between_the_two_looks_is_planned_for_anew() {
    let world = World::with(&[]);
    world.deliver(&[created("c", 10)]).await;
    world.put("sgr-1", 22, "10.0.0.0/8");
    world
        .deliver(&[authorized("a", 20, &[("sgr-1", 22, "10.0.0.0/8")])])
        .await;
    let world2 = World::with(&[("sgr-1", 22, WORLD)]);
    *world2.known.lock().unwrap() = world.known.lock().unwrap().clone();
    *world2.before_second_read.lock().unwrap() =
        Some(Box::new(|w: &World| w.put("sgr-1", 22, "192.168.0.0/16")));
    world2
        .deliver(&[modified("m", 99, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(
        world2.rules(),
        ["22 192.168.0.0/16"],
        "the colleague's edit stands"
    );
    assert!(world2.sent().is_empty());
}

#[tokio::test]
async fn what_is_not_visible_yet_comes_again_and_what_is_gone_was_closed_by_others() {
    let world = World::with(&[]);
    let young = authorized("e1", 97, &[("sgr-ssh", 22, WORLD)]);
    let ends = world.deliver(&[young]).await;
    let Disposition::Retry { after, .. } = &ends[0] else {
        panic!("{ends:?}")
    };
    assert!(after.as_secs() >= 2);
    let old = authorized("e2", 50, &[("sgr-ssh", 22, WORLD)]);
    assert_eq!(world.deliver(&[old]).await, [Disposition::Done]);
    assert_eq!(world.record("e2").outcome.kind, OutcomeKind::ClosedByOthers);
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn undo_gives_the_changed_state_again_and_exempts_it() {
    let world = World::with(&[("sgr-https", 443, WORLD), ("sgr-ssh", 22, WORLD)]);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    let request = undo_of(&world, "e1");
    let deadline = world.now() + SignedDuration::from_secs(20);
    let undone = world.engine().undo(&request, deadline).await.unwrap();
    assert!(matches!(undone, Asked::Done(_)), "{undone:?}");
    assert_eq!(world.rules(), ["22 0.0.0.0/0", "443 0.0.0.0/0"]);
    let first = world.record("e1");
    assert_eq!(
        (first.outcome.kind, first.revision),
        (OutcomeKind::Undone, 2)
    );
    // Its own event, then somebody who takes it away and opens it again within the 24 hours.
    let request_id = world.record("undo-e1").sent[0].request_id.clone();
    let mut own = by_undrift(authorized("e2", 101, &[("sgr-new1", 22, WORLD)]));
    own.request_id = request_id;
    world.deliver(&[own]).await;
    assert!(
        world
            .rows
            .lock()
            .unwrap()
            .keys()
            .all(|k| k.event.as_str() != "e2")
    );
    world
        .deliver(&[authorized("e3", 102, &[("sgr-new1", 22, WORLD)])])
        .await;
    assert_eq!(world.record("e3").outcome.kind, OutcomeKind::Left);
    assert_eq!(world.rules(), ["22 0.0.0.0/0", "443 0.0.0.0/0"]);
    *world.now.lock().unwrap() += SignedDuration::from_hours(25);
    world
        .deliver(&[authorized("e4", 90_100, &[("sgr-new1", 22, WORLD)])])
        .await;
    assert_eq!(world.rules(), ["443 0.0.0.0/0"]);
}

#[tokio::test]
async fn undo_is_refused_with_a_diff_where_somebody_edited_since() {
    let world = World::with(&[]);
    world.deliver(&[created("c", 10)]).await;
    world.put("sgr-1", 22, "10.0.0.0/8");
    world
        .deliver(&[authorized("a", 20, &[("sgr-1", 22, "10.0.0.0/8")])])
        .await;
    world.put("sgr-1", 22, WORLD);
    world
        .deliver(&[modified("m", 99, "sgr-1", 22, WORLD)])
        .await;
    world.put("sgr-1", 22, "172.16.0.0/12");
    let request = undo_of(&world, "m");
    let deadline = world.now() + SignedDuration::from_secs(20);
    let Asked::Moved(moved) = world.engine().undo(&request, deadline).await.unwrap() else {
        panic!("refused")
    };
    assert_eq!(moved[0].found.as_ref().unwrap()["source"], "172.16.0.0/12");
    assert_eq!(world.rules(), ["22 172.16.0.0/12"]);
}

#[tokio::test]
async fn undo_is_refused_where_what_was_taken_out_was_made_again() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    assert!(world.rules().is_empty());
    // Under an id of its own, and before any event tells.
    world.put("sgr-again", 22, WORLD);
    let request = undo_of(&world, "e1");
    let deadline = world.now() + SignedDuration::from_secs(20);
    let Asked::Moved(moved) = world.engine().undo(&request, deadline).await.unwrap() else {
        panic!("not refused")
    };
    assert_eq!(moved[0].found.as_ref().unwrap()["source"], WORLD);
}

#[tokio::test]
async fn our_own_role_without_a_recorded_step_is_judged_as_anybody() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let change = by_undrift(authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]));
    world.deliver(&[change]).await;
    assert!(world.rules().is_empty());
}

#[tokio::test]
async fn modes_and_pipelines_hold_it_back() {
    let maya = "arn:aws:iam::123456789012:user/maya";
    let revert = Settings {
        deployment: Some(Mode::Revert),
        ..Settings::default()
    };
    let maya = undrift_core::name::Arn::parse(maya).unwrap();
    let pipeline = Settings {
        approved_pipelines: vec![maya.clone()],
        ..revert.clone()
    };
    let emergency = Settings {
        break_glass: vec![maya],
        ..revert
    };
    for (settings, outcome) in [
        (Settings::default(), OutcomeKind::Left),
        (
            Settings {
                deployment: Some(Mode::Approve),
                ..Settings::default()
            },
            OutcomeKind::Proposed,
        ),
        (pipeline, OutcomeKind::Proposed),
        (emergency, OutcomeKind::Proposed),
    ] {
        let world = World::with(&[("sgr-ssh", 22, WORLD)]);
        let deadline = world.now() + SignedDuration::from_secs(20);
        let change = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
        world
            .engine_with(&settings)
            .handle(vec![change], deadline)
            .await;
        assert_eq!(world.rules().len(), 1);
        assert!(world.sent().is_empty());
        let record = world.record("e1");
        assert_eq!(record.outcome.kind, outcome, "{}", record.outcome.reason);
        assert_eq!(record.plan.is_some(), outcome == OutcomeKind::Proposed);
    }
}

#[tokio::test]
async fn nothing_is_written_while_the_journal_is_down() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    *world.journal_down.lock().unwrap() = true;
    let ends = world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    assert!(matches!(ends[0], Disposition::Retry { .. }));
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn a_group_that_is_gone_is_never_made_again() {
    let world = World::with(&[]);
    world.groups.lock().unwrap().clear();
    let ends = world
        .deliver(&[authorized("e1", 50, &[("sgr-ssh", 22, WORLD)])])
        .await;
    assert_eq!(ends, [Disposition::Done]);
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Gone);
}

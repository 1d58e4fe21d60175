//! What is proposed, and what becomes of it when a person approves it.

use jiff::SignedDuration;
use serde_json::json;
use undrift_core::name::{Arn, EventId};
use undrift_core::policy::{Mode, Scope, Settings};
use undrift_core::record::{Cause, OutcomeKind};
use undrift_engine::approve::ApproveRequest;
use undrift_engine::asked::{Asked, AskedError};
use undrift_engine::port::ErrorClass;

use crate::events::{leave, undo_of};
use crate::world::{World, authorized, error, group, modified, tick, time};

const WORLD: &str = "0.0.0.0/0";

fn asks() -> Settings {
    Settings {
        deployment: Some(Mode::Approve),
        ..Settings::default()
    }
}

fn approval_of(world: &World, event: &str) -> ApproveRequest {
    ApproveRequest {
        record: world.record(event).key,
        by: "noor".into(),
        reason: "not wanted".into(),
        id: EventId::parse(&format!("approve-{event}")).unwrap(),
    }
}

async fn approve(world: &World, settings: &Settings, event: &str) -> Result<Asked, AskedError> {
    let deadline = world.now() + SignedDuration::from_secs(20);
    let request = approval_of(world, event);
    world
        .engine_with(settings)
        .approve(&request, deadline)
        .await
}

/// SSH was opened beside a rule that is fine, and closing it is proposed.
async fn proposed() -> World {
    let world = World::with(&[("sgr-https", 443, WORLD), ("sgr-ssh", 22, WORLD)]);
    let deadline = world.now() + SignedDuration::from_secs(20);
    let opened = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
    world
        .engine_with(&asks())
        .handle(vec![opened], deadline)
        .await;
    let record = world.record("e1");
    assert_eq!(record.outcome.kind, OutcomeKind::Proposed, "{record:#?}");
    assert!(world.sent().is_empty());
    world
}

#[tokio::test]
async fn an_approved_proposal_is_carried_out_once_and_can_be_undone() {
    let world = proposed().await;
    for _ in 0..2 {
        let Asked::Done(record) = approve(&world, &asks(), "e1").await.unwrap() else {
            panic!("refused")
        };
        assert_eq!(record.outcome.kind, OutcomeKind::Reverted);
        assert!(matches!(&record.cause, Cause::Approval { by, .. } if by == "noor"));
        assert!(record.stages.verified.is_some());
    }
    assert_eq!(world.rules(), ["443 0.0.0.0/0"]);
    assert_eq!(world.sent().len(), 1, "twice is once");
    let first = world.record("e1");
    let told = (first.revision, first.outcome.kind);
    assert_eq!(told, (2, OutcomeKind::Reverted));
    assert!(
        first.outcome.reason.contains("approved by noor"),
        "{}",
        first.outcome.reason
    );
    assert!(first.stages.applied.is_some() && !first.sent.is_empty());
    let claim = world.known.lock().unwrap().claim.clone().unwrap();
    assert!(claim.held.is_none());
    let request = undo_of(&world, "e1");
    let deadline = world.now() + SignedDuration::from_secs(20);
    // The approval's own record points at what it approved.
    let own = undo_of(&world, "approve-e1");
    let refused = world.engine().undo(&own, deadline).await.unwrap();
    assert!(
        matches!(&refused, Asked::Refused(why) if why.contains("record e1/")),
        "{refused:?}"
    );
    let undone = world.engine().undo(&request, deadline).await.unwrap();
    assert!(matches!(undone, Asked::Done(_)), "{undone:?}");
    assert_eq!(world.rules(), ["22 0.0.0.0/0", "443 0.0.0.0/0"]);
    // It was wanted after all: it isn't called done once more while it stands open.
    let again = approve(&world, &asks(), "e1").await.unwrap();
    assert!(
        matches!(&again, Asked::Refused(why) if why.contains("undone")),
        "{again:?}"
    );
}

#[tokio::test]
async fn the_proposal_gets_its_last_revision_although_it_was_not_written_then() {
    let world = proposed().await;
    let open = world.record("e1");
    approve(&world, &asks(), "e1").await.unwrap();
    // As if a crash had come between the two.
    world
        .rows
        .lock()
        .unwrap()
        .insert(open.key.clone(), vec![open]);
    let again = approve_of(&world, "e1").await;
    assert!(matches!(again, Asked::Done(_)), "{again:?}");
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Reverted);
}

async fn approve_of(world: &World, event: &str) -> Asked {
    approve(world, &asks(), event).await.unwrap()
}

#[tokio::test]
async fn a_guard_that_was_left_out_is_put_back_on_approval() {
    use crate::documents::{guarded, live, put, wrote};
    let world = World::with(&[]);
    *world.now.lock().unwrap() = time(11);
    put(&world, &guarded(true));
    world.deliver(&[wrote("first", 10, &guarded(true))]).await;
    *world.now.lock().unwrap() = time(100);
    put(&world, &guarded(false));
    let deadline = world.now() + SignedDuration::from_secs(20);
    let bad = wrote("bad", 99, &guarded(false));
    world.engine_with(&asks()).handle(vec![bad], deadline).await;
    assert_eq!(world.record("bad").outcome.kind, OutcomeKind::Proposed);
    let done = approve_of(&world, "bad").await;
    assert!(matches!(done, Asked::Done(_)), "{done:?}");
    assert_eq!(live(&world), guarded(true));
}

#[tokio::test]
async fn part_of_a_proposal_that_is_wanted_by_now_keeps_it_from_being_done() {
    let world = World::with(&[("sgr-ssh", 22, WORLD), ("sgr-rdp", 3389, WORLD)]);
    let deadline = world.now() + SignedDuration::from_secs(20);
    let opened = authorized(
        "e1",
        99,
        &[("sgr-ssh", 22, WORLD), ("sgr-rdp", 3389, WORLD)],
    );
    world
        .engine_with(&asks())
        .handle(vec![opened], deadline)
        .await;
    let element = json!({"protocol": "tcp", "from": 3389, "to": 3389, "source": WORLD});
    let kind = undrift_ec2::kinds()[0];
    let substance = kind.substance(&"ingress".into(), &element);
    for covers in [
        Scope {
            resource: Some(group().id),
            element: Some(("ingress".into(), substance)),
            ..Scope::default()
        },
        Scope {
            actor: Some(Arn::parse("arn:aws:iam::123456789012:user/maya").unwrap()),
            ..Scope::default()
        },
    ] {
        let leave = leave(&world, covers);
        world.known.lock().unwrap().exemptions.0 = vec![leave];
        refused(&world, &asks(), "an exemption covers it").await;
    }
    assert_eq!(world.rules().len(), 2);
}

#[tokio::test]
async fn an_approval_is_refused_with_a_diff_where_what_it_is_about_moved() {
    let world = proposed().await;
    world.put("sgr-ssh", 22, "10.0.0.0/8");
    let Asked::Moved(moved) = approve(&world, &asks(), "e1").await.unwrap() else {
        panic!("not refused")
    };
    assert_eq!(moved[0].found.as_ref().unwrap()["source"], "10.0.0.0/8");
    assert_eq!(moved[0].left.as_ref().unwrap()["source"], WORLD);
    assert!(world.sent().is_empty());
    // Other people's edits elsewhere don't count, and survive.
    let world = proposed().await;
    world.put("sgr-db", 5432, "10.0.0.0/8");
    let done = approve(&world, &asks(), "e1").await.unwrap();
    assert!(matches!(done, Asked::Done(_)), "{done:?}");
    assert_eq!(world.rules(), ["443 0.0.0.0/0", "5432 10.0.0.0/8"]);
}

#[tokio::test]
async fn an_approval_is_decided_by_what_holds_today() {
    // Paused.
    let world = proposed().await;
    *world.paused.lock().unwrap() = true;
    refused(&world, &asks(), "paused").await;
    // The deployment observes since.
    let world = proposed().await;
    refused(&world, &Settings::default(), "observe").await;
    // Somebody was given leave meanwhile.
    let world = proposed().await;
    let leave = leave(
        &world,
        Scope {
            resource: Some(group().id),
            ..Scope::default()
        },
    );
    world.known.lock().unwrap().exemptions.0.push(leave);
    refused(&world, &asks(), "an exemption covers it").await;
    // A week on.
    let world = proposed().await;
    tick(&world, 7 * 24 * 3600 + 1);
    refused(&world, &asks(), "expired").await;
    // The group is gone.
    let world = proposed().await;
    world.groups.lock().unwrap().clear();
    refused(&world, &asks(), "no longer exists").await;
    // It was done already, by somebody else's approval or without any.
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    let sent = world.sent().len();
    let end = approve(&world, &asks(), "e1").await.unwrap();
    assert!(
        matches!(&end, Asked::Refused(why) if why.contains("no plan to approve")),
        "{end:?}"
    );
    assert_eq!(world.sent().len(), sent);
}

async fn refused(world: &World, settings: &Settings, why: &str) {
    let end = approve(world, settings, "e1").await.unwrap();
    assert!(
        matches!(&end, Asked::Refused(told) if told.contains(why)),
        "{end:?}"
    );
    assert!(world.sent().is_empty());
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Proposed);
}

#[tokio::test]
async fn an_approval_that_aws_refuses_leaves_the_proposal() {
    let world = proposed().await;
    world.faults.lock().unwrap().push(Box::new(|_, call| {
        Some(error(call, ErrorClass::Denied, "UnauthorizedOperation"))
    }));
    let failed = approve(&world, &asks(), "e1").await.unwrap_err();
    assert!(
        failed.to_string().contains("UnauthorizedOperation"),
        "{failed}"
    );
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Proposed);
    let own = world.record("approve-e1");
    assert_eq!(own.outcome.kind, OutcomeKind::Blocked);
    // Asked for again once that is mended.
    world.faults.lock().unwrap().clear();
    let done = approve(&world, &asks(), "e1").await.unwrap();
    assert!(matches!(done, Asked::Done(_)), "{done:?}");
    assert_eq!(world.record("approve-e1").revision, 2);
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Reverted);
}

#[tokio::test]
async fn an_approval_that_died_is_finished_and_ends_the_proposal() {
    let world = proposed().await;
    let mut first = true;
    // All its time goes by, and then the call can't be sent any more.
    world.faults.lock().unwrap().push(Box::new(move |w, call| {
        std::mem::take(&mut first).then(|| {
            tick(w, 60);
            error(call, ErrorClass::Throttled, "RequestLimitExceeded")
        })
    }));
    let cut = approve(&world, &asks(), "e1").await.unwrap_err();
    assert!(cut.to_string().contains("not closed yet"), "{cut}");
    let held = world.known.lock().unwrap().claim.clone().unwrap().held;
    assert!(held.is_some(), "the claim stays for whoever comes after it");
    tick(&world, 60);
    let deadline = world.now() + SignedDuration::from_secs(20);
    let engine = world.engine_with(&asks());
    engine.resume(&group(), deadline).await;
    assert_eq!(world.rules(), ["443 0.0.0.0/0"]);
    assert_eq!(
        world.record("approve-e1").outcome.kind,
        OutcomeKind::Reverted
    );
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Reverted);
}

#[tokio::test]
async fn what_was_modified_in_approve_mode_gets_its_value_back_on_approval() {
    let world = crate::world::known().await;
    tick(&world, 10);
    world.put("sgr-1", 22, WORLD);
    let deadline = world.now() + SignedDuration::from_secs(20);
    let widened = modified("m", 105, "sgr-1", 22, WORLD);
    world
        .engine_with(&asks())
        .handle(vec![widened], deadline)
        .await;
    assert_eq!(world.record("m").outcome.kind, OutcomeKind::Proposed);
    let done = approve(&world, &asks(), "m").await.unwrap();
    assert!(matches!(done, Asked::Done(_)), "{done:?}");
    assert_eq!(world.record("m").outcome.kind, OutcomeKind::Reverted);
    assert!(
        !world.rules().contains(&format!("22 {WORLD}")),
        "{:?}",
        world.rules()
    );
}

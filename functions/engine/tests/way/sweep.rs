//! What no event told of.

use jiff::SignedDuration;
use undrift_core::change::Change;
use undrift_core::name::Arn;
use undrift_core::policy::{Mode, Settings};
use undrift_core::record::{Cause, OutcomeKind};
use undrift_engine::asked::Asked;
use undrift_engine::port::{ErrorClass, Place};
use undrift_engine::sweep::{Cursor, Explained, Finding, Page, SweepError};

use crate::events::undo_of;
use crate::world::{
    TestEngine, World, authorized, call, created, error, group, known, modified, tick,
};

const WORLD: &str = "0.0.0.0/0";

fn place() -> Place {
    Place {
        account: group().account,
        region: group().region,
    }
}

async fn sweep_by(world: &World, engine: &TestEngine<'_>, dry_run: bool) -> Page {
    let deadline = world.now() + SignedDuration::from_secs(10);
    let at = Cursor::default();
    engine
        .sweep(&place(), &at, dry_run, deadline)
        .await
        .unwrap()
}

async fn sweep(world: &World) -> Page {
    let page = sweep_by(world, &world.engine(), false).await;
    assert_eq!(page.unread, []);
    page
}

/// What becomes of a missed change when these are all events that the history has.
async fn missed_by(world: &World, engine: &TestEngine<'_>, events: &[Change]) -> Vec<Finding> {
    let deadline = world.now() + SignedDuration::from_secs(20);
    let missed = engine
        .missed(&group(), events.to_vec(), true, deadline)
        .await;
    match missed.unwrap() {
        Explained::Ended(findings) => findings,
        Explained::Later(why) => panic!("{why}"),
    }
}

async fn missed(world: &World, events: &[Change]) -> Vec<Finding> {
    missed_by(world, &world.engine(), events).await
}

#[tokio::test]
async fn what_was_wrong_from_the_first_is_reported_once_and_left() {
    let world = World::with(&[("sgr-1", 22, WORLD), ("sgr-2", 443, WORLD)]);
    let page = sweep(&world).await;
    let [finding] = page.findings.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!((page.seen, page.missed.len()), (1, 0));
    assert_eq!(finding.outcome, Some(OutcomeKind::Left));
    let event = finding.record.as_ref().unwrap().event.clone();
    let record = world.record(event.as_str());
    assert_eq!(record.cause, Cause::Sweep { since: None });
    assert!(record.plan.is_none() && !record.is_news());
    for answer in record.answers() {
        assert!(!answer.answer.is_empty(), "{}", answer.question);
    }
    tick(&world, 100);
    assert_eq!(sweep(&world).await.findings, []);
    assert_eq!(world.rules(), ["22 0.0.0.0/0", "443 0.0.0.0/0"]);
    // Its image is kept: the next such rule is a missed change.
    world.put("sgr-3", 3389, WORLD);
    tick(&world, 100);
    let page = sweep(&world).await;
    assert_eq!((page.findings.len(), page.missed.len()), (0, 1));
}

#[tokio::test]
async fn a_missed_change_is_decided_by_its_event_like_any() {
    let world = known().await;
    world.put("sgr-2", 22, WORLD);
    tick(&world, 60);
    let page = sweep(&world).await;
    let [told] = page.missed.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(told.name.as_deref(), Some("sg-1"));
    assert!(told.since < world.now());
    assert!(
        told.events
            .iter()
            .any(|e| e.as_str() == "AuthorizeSecurityGroupIngress")
    );
    let findings = missed(&world, &[authorized("e1", 120, &[("sgr-2", 22, WORLD)])]).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].outcome, Some(OutcomeKind::Reverted));
    assert_eq!(world.rules(), ["22 10.0.0.0/8"]);
    let record = world.record("e1");
    assert!(matches!(record.cause, Cause::Change(_)));
    let page = sweep(&world).await;
    assert_eq!((page.findings.len(), page.missed.len()), (0, 0));
    // The event itself comes after all: it has its record.
    world
        .deliver(&[authorized("e1", 120, &[("sgr-2", 22, WORLD)])])
        .await;
    assert_eq!(world.sent().len(), 1);
}

#[tokio::test]
async fn without_an_event_it_waits_and_then_is_proposed_once() {
    let world = known().await;
    world.put("sgr-2", 22, WORLD);
    tick(&world, 60);
    assert_eq!(sweep(&world).await.missed.len(), 1);
    let engine = world.engine();
    let deadline = world.now() + SignedDuration::from_secs(20);
    let early = engine.missed(&group(), Vec::new(), false, deadline).await;
    assert!(matches!(early.unwrap(), Explained::Later(_)));
    let other = authorized("e0", 110, &[("sgr-9", 80, WORLD)]);
    let findings = missed(&world, &[other]).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].outcome, Some(OutcomeKind::Proposed));
    let event = findings[0].record.as_ref().unwrap().event.clone();
    let record = world.record(event.as_str());
    assert!(matches!(record.cause, Cause::Sweep { since: Some(_) }));
    assert_eq!(record.plan.unwrap().writes.len(), 1);
    assert!(world.sent().is_empty());
    let page = sweep(&world).await;
    assert_eq!((page.findings.len(), page.missed.len()), (0, 0));
    assert_eq!(missed(&world, &[]).await, []);
}

#[tokio::test]
async fn what_a_record_left_or_proposed_or_was_undone_is_left() {
    for (mode, outcome) in [
        (Mode::Observe, OutcomeKind::Left),
        (Mode::Approve, OutcomeKind::Proposed),
    ] {
        let world = known().await;
        world.put("sgr-2", 22, WORLD);
        let settings = Settings {
            deployment: Some(mode),
            ..Settings::default()
        };
        let deadline = world.now() + SignedDuration::from_secs(20);
        let event = authorized("e1", 99, &[("sgr-2", 22, WORLD)]);
        world
            .engine_with(&settings)
            .handle(vec![event], deadline)
            .await;
        assert_eq!(world.record("e1").outcome.kind, outcome);
        tick(&world, 1000);
        let page = sweep(&world).await;
        assert_eq!((page.findings.len(), page.missed.len()), (0, 0), "{page:?}");
    }
    // Undone, and the undo's exemption long over.
    let world = known().await;
    world.put("sgr-2", 22, WORLD);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-2", 22, WORLD)])])
        .await;
    let request = undo_of(&world, "e1");
    let deadline = world.now() + SignedDuration::from_secs(20);
    let undone = world.engine().undo(&request, deadline).await.unwrap();
    assert!(matches!(undone, Asked::Done(_)));
    for days in [0, 3] {
        tick(&world, days * 86_400);
        let page = sweep(&world).await;
        assert_eq!((page.findings.len(), page.missed.len()), (0, 0), "{page:?}");
    }
    assert_eq!(world.rules().len(), 2);
}

#[tokio::test]
async fn a_pipeline_that_was_missed_is_proposed() {
    let world = known().await;
    world.put("sgr-2", 22, WORLD);
    tick(&world, 60);
    let settings = Settings {
        deployment: Some(Mode::Revert),
        approved_pipelines: vec![Arn::parse("arn:aws:iam::123456789012:user/maya").unwrap()],
        ..Settings::default()
    };
    let engine = world.engine_with(&settings);
    sweep_by(&world, &engine, false).await;
    let events = [authorized("e1", 120, &[("sgr-2", 22, WORLD)])];
    let findings = missed_by(&world, &engine, &events).await;
    assert_eq!(findings[0].outcome, Some(OutcomeKind::Proposed));
    assert!(world.sent().is_empty());
    assert_eq!(sweep_by(&world, &engine, false).await.missed, []);
}

#[tokio::test]
async fn what_comes_back_after_a_revert_is_missed_again() {
    let world = known().await;
    world.put("sgr-2", 22, WORLD);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-2", 22, WORLD)])])
        .await;
    assert_eq!(world.rules().len(), 1);
    tick(&world, 60);
    // The very same element once more, and its event is lost.
    world.put("sgr-2", 22, WORLD);
    let page = sweep(&world).await;
    assert_eq!(page.missed.len(), 1, "{page:?}");
}

#[tokio::test]
async fn a_creation_that_has_its_record_is_not_told_again() {
    let world = World::with(&[]);
    tick(&world, 1);
    world.put("sgr-1", 22, WORLD);
    let settings = Settings {
        deployment: Some(Mode::Observe),
        ..Settings::default()
    };
    let engine = world.engine_with(&settings);
    let deadline = world.now() + SignedDuration::from_secs(20);
    let events = vec![
        created("c", 99),
        authorized("e1", 100, &[("sgr-1", 22, WORLD)]),
    ];
    engine.handle(events, deadline).await;
    // What was remembered of the change is gone, as after many others.
    world.known.lock().unwrap().observed.history.changes.clear();
    let page = sweep_by(&world, &engine, false).await;
    assert_eq!((page.findings.len(), page.missed.len()), (0, 0), "{page:?}");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_pause_acts_on_nothing() {
    let world = known().await;
    world.put("sgr-2", 22, WORLD);
    tick(&world, 60);
    let before = world.known.lock().unwrap().clone();
    let page = sweep_by(&world, &world.engine(), true).await;
    assert_eq!(page.missed.len(), 1);
    assert_eq!(*world.known.lock().unwrap(), before);
    *world.paused.lock().unwrap() = true;
    let events = [authorized("e1", 120, &[("sgr-2", 22, WORLD)])];
    let findings = missed(&world, &events).await;
    assert_eq!(findings[0].outcome, Some(OutcomeKind::Proposed));
    assert!(world.sent().is_empty());
}

#[tokio::test]
async fn it_goes_page_by_page_stops_in_time_and_tells_what_it_could_not_read() {
    let world = World::with(&[]);
    let image = world.groups.lock().unwrap()["sg-1"].clone();
    for id in ["sg-2", "sg-3", "sg-4", "sg-5"] {
        world
            .groups
            .lock()
            .unwrap()
            .insert(id.into(), image.clone());
    }
    *world.on_read.lock().unwrap() = Some(Box::new(|world, _| {
        tick(world, 4);
        None
    }));
    let engine = world.engine();
    let mut at = Some(Cursor::default());
    let (mut seen, mut pages) = (0, 0);
    while let Some(cursor) = at {
        // Less time than a read takes: each page gets on by one.
        let deadline = world.now() + SignedDuration::from_secs(1);
        let page = engine
            .sweep(&place(), &cursor, false, deadline)
            .await
            .unwrap();
        seen += page.seen;
        pages += 1;
        at = page.next;
    }
    assert_eq!(seen, 5);
    assert!(pages > 3, "{pages}");
    *world.on_read.lock().unwrap() = Some(Box::new(|_, _| {
        Some(error(
            &call("Describe"),
            ErrorClass::Denied,
            "UnauthorizedOperation",
        ))
    }));
    let page = sweep_by(&world, &world.engine(), false).await;
    assert_eq!((page.seen, page.unread.len()), (0, 2));
    *world.on_read.lock().unwrap() = None;
    let beyond = Cursor {
        kind: 7,
        ..Cursor::default()
    };
    let deadline = world.now() + SignedDuration::from_secs(1);
    let none = engine.sweep(&place(), &beyond, false, deadline).await;
    assert!(matches!(none, Err(SweepError::Cursor(7))));
}

#[tokio::test]
async fn throttled_reads_are_tried_again() {
    let world = World::with(&[("sgr-1", 443, WORLD)]);
    let mut left = 2;
    *world.on_read.lock().unwrap() = Some(Box::new(move |_, _| {
        left -= 1;
        (left >= 0).then(|| {
            error(
                &call("Describe"),
                ErrorClass::Throttled,
                "RequestLimitExceeded",
            )
        })
    }));
    assert_eq!(sweep(&world).await.seen, 1);
}

#[tokio::test]
async fn what_was_put_right_meanwhile_and_wrong_again_is_missed_however_it_was_at_first() {
    let world = World::with(&[("sgr-1", 22, WORLD)]);
    assert_eq!(sweep(&world).await.findings.len(), 1);
    tick(&world, 100); // 200
    world.put("sgr-1", 22, "10.0.0.0/8");
    world
        .deliver(&[modified("m1", 190, "sgr-1", 22, "10.0.0.0/8")])
        .await;
    tick(&world, 100);
    // Back again, and no event tells.
    world.put("sgr-1", 22, WORLD);
    let page = sweep(&world).await;
    assert_eq!((page.findings.len(), page.missed.len()), (0, 1), "{page:?}");
    let findings = missed(&world, &[modified("m2", 250, "sgr-1", 22, WORLD)]).await;
    assert_eq!(findings[0].outcome, Some(OutcomeKind::Reverted));
    assert_eq!(world.rules(), ["22 10.0.0.0/8"]);
}

#[tokio::test]
async fn a_lost_removal_and_a_lost_return_are_not_taken_for_the_first_time() {
    let world = known().await;
    let settings = Settings {
        deployment: Some(Mode::Approve),
        ..Settings::default()
    };
    let engine = world.engine_with(&settings);
    world.put("sgr-2", 22, WORLD);
    let deadline = world.now() + SignedDuration::from_secs(20);
    let event = authorized("e1", 99, &[("sgr-2", 22, WORLD)]);
    engine.handle(vec![event], deadline).await;
    tick(&world, 100);
    world.edit(|rules| rules.retain(|key, _| key.0 != "sgr-2"));
    assert_eq!(sweep_by(&world, &engine, false).await.missed, []);
    tick(&world, 100);
    world.put("sgr-2", 22, WORLD);
    assert_eq!(sweep_by(&world, &engine, false).await.missed.len(), 1);
}

#[tokio::test]
async fn what_a_crash_left_behind_hides_nothing() {
    let world = known().await;
    let claim = undrift_engine::port::Claim {
        resource: group(),
        epoch: 1,
        held: Some(undrift_engine::port::Held {
            nonce: "n".into(),
            inherited: Vec::new(),
            knew: Vec::new(),
            lease: world.now() + SignedDuration::from_secs(10),
            plan: undrift_core::plan::Plan::default(),
            records: Vec::new(),
        }),
        recent: Vec::new(),
    };
    world.known.lock().unwrap().claim = Some(claim);
    world.put("sgr-2", 22, WORLD);
    assert_eq!(sweep(&world).await.missed, [], "somebody is at it");
    tick(&world, 60);
    assert_eq!(sweep(&world).await.missed.len(), 1);
    let findings = missed(&world, &[authorized("e1", 120, &[("sgr-2", 22, WORLD)])]).await;
    assert_eq!(findings[0].outcome, Some(OutcomeKind::Reverted));
}

//! Buckets: several facets, of which a look may not show all.

use jiff::SignedDuration;
use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{FacetName, Kind};
use undrift_core::policy::Policy;
use undrift_core::record::{Cause, OutcomeKind};
use undrift_engine::asked::{Asked, AskedError};
use undrift_engine::sweep::{Cursor, Explained};

use crate::documents::{BUCKET, ONE, TWO, done, known, text, trusted};
use crate::events::{change, undo_of};
use crate::world::{World, group, tick, time};

pub(crate) fn policy() -> Policy {
    serde_json::from_value(json!({
        "schema": "policy/v1", "id": "s3-bucket-acl-public", "title": "Public",
        "severity": "high", "why": "w", "kind": "s3/bucket",
        "on": {"s3.amazonaws.com": ["PutBucketAcl"]}, "params": {},
        "violation": "state.acl.filter(g, g.to == \"AllUsers\")", "remedy": "restore", "mode": "revert"
    }))
    .unwrap()
}

/// Puts a facet of the bucket into the world.
pub(crate) fn put(world: &World, facet: &str, elements: &[Value]) {
    let name = FacetName::from(facet);
    let read = |e: &Value| undrift_s3::Bucket.element(&name, e).unwrap();
    let mut all = world.groups.lock().unwrap();
    let image = all.entry(BUCKET.into()).or_default();
    image.texts.remove(&name);
    image
        .facets
        .insert(name.clone(), elements.iter().map(read).collect());
}

fn grant(to: &str, permission: &str) -> Value {
    json!({"to": to, "permission": permission})
}

fn granted(world: &World) -> Vec<String> {
    let all = world.groups.lock().unwrap();
    let acl = &all[BUCKET].facets[&FacetName::from("acl")];
    acl.keys().map(|k| k.0.clone()).collect()
}

fn asked(event: &str, at: i64, name: &str, request: Value) -> Change {
    let mut put = change(event, at, name, request, Value::Null);
    put.source = "s3.amazonaws.com".to_owned().try_into().unwrap();
    put
}

/// Each document of these tests lies beside a list that a block hides.
#[tokio::test]
async fn a_hidden_list_keeps_nobody_from_mending_the_policy() {
    let world = known().await;
    crate::documents::put(&world, &text(&[ONE, "*"]));
    world.deliver(&[done("bad", 99, &[ONE, "*"])]).await;
    assert_eq!(world.record("bad").outcome.kind, OutcomeKind::Reverted);
    assert_eq!(trusted(&world), [ONE, TWO]);
    assert!(world.known.lock().unwrap().baseline.is_some());
}

#[tokio::test]
async fn what_s3_shows_in_its_own_words_was_judged_all_the_same() {
    let world = World::with(&[]);
    *world.now.lock().unwrap() = time(11);
    let own = grant("owner", "FULL_CONTROL");
    put(&world, "acl", &[own.clone(), grant("AllUsers", "READ")]);
    let canned = |name: &str| json!({"bucketName": BUCKET, "x-amz-acl": name});
    world
        .deliver(&[asked("old", 10, "PutBucketAcl", canned("public-read"))])
        .await;
    // Somebody closes it, naming the owner by its id; a day later it is opened again.
    *world.now.lock().unwrap() = time(61);
    put(&world, "acl", std::slice::from_ref(&own));
    let by_id = json!({"bucketName": BUCKET, "x-amz-grant-full-control": "id=79a59df900b949e5"});
    world
        .deliver(&[asked("closed", 50, "PutBucketAcl", by_id)])
        .await;
    *world.now.lock().unwrap() = time(101);
    put(&world, "acl", &[own, grant("AllUsers", "READ")]);
    world
        .deliver(&[asked("bad", 100, "PutBucketAcl", canned("public-read"))])
        .await;
    assert_eq!(world.record("bad").outcome.kind, OutcomeKind::Reverted);
    assert!(!granted(&world).contains(&"AllUsers READ".to_owned()));
}

#[tokio::test]
async fn what_a_look_kept_meanwhile_is_not_what_was_before() {
    let world = known().await;
    crate::documents::put(&world, &text(&[ONE, TWO, "*"]));
    tick(&world, 60);
    let place = undrift_engine::port::Place {
        account: group().account,
        region: group().region,
    };
    let deadline = world.now() + SignedDuration::from_secs(10);
    let engine = world.engine();
    let (mut next, mut missed) = (Some(Cursor::default()), 0);
    while let Some(cursor) = next {
        let page = engine.sweep(&place, &cursor, false, deadline).await;
        let page = page.unwrap();
        missed += page.missed.len();
        next = page.next;
    }
    assert_eq!(missed, 1);
    // The event history takes its time; the look has kept the image.
    tick(&world, 1000);
    let bucket = world.record("first").key.resource;
    let deadline = world.now() + SignedDuration::from_secs(20);
    let missed = engine.missed(&bucket, Vec::new(), true, deadline).await;
    let Explained::Ended(findings) = missed.unwrap() else {
        panic!()
    };
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].outcome, Some(OutcomeKind::Proposed));
    let event = findings[0].record.as_ref().unwrap().event.clone();
    let record = world.record(event.as_str());
    assert!(matches!(record.cause, Cause::Sweep { since: Some(_) }));
    assert_eq!(record.plan.unwrap().writes.len(), 1);
}

#[tokio::test]
async fn what_it_was_made_with_was_before_all_else_of_its_second() {
    let made = || asked("made", 99, "CreateBucket", json!({"bucketName": BUCKET}));
    for batch in [true, false] {
        let world = World::with(&[]);
        *world.now.lock().unwrap() = time(100);
        put(&world, "acl", &[grant("owner", "FULL_CONTROL")]);
        put(&world, "policy", &[]);
        if !batch {
            world.deliver(&[made()]).await;
        }
        crate::documents::put(&world, &text(&["*"]));
        let bad = done("bad", 99, &["*"]);
        let events = if batch { vec![made(), bad] } else { vec![bad] };
        world.deliver(&events).await;
        let record = world.record("bad");
        assert_eq!(record.outcome.kind, OutcomeKind::Reverted, "{record:#?}");
        assert_eq!(world.sent(), ["DeleteBucketPolicy"]);
    }
}

/// A bucket of the same name, made anew, had nothing of what the earlier one had.
#[tokio::test]
async fn an_earlier_bucket_of_the_name_is_another_story() {
    let world = known().await;
    put(&world, "acl", &[grant("owner", "FULL_CONTROL")]);
    crate::documents::put(&world, &text(&["*"]));
    world
        .deliver(&[
            asked("gone", 90, "DeleteBucket", json!({"bucketName": BUCKET})),
            asked("made", 95, "CreateBucket", json!({"bucketName": BUCKET})),
            done("bad", 99, &["*"]),
        ])
        .await;
    assert_eq!(world.record("bad").outcome.kind, OutcomeKind::Reverted);
    assert_eq!(
        world.sent(),
        ["DeleteBucketPolicy"],
        "nothing of it comes back"
    );
}

#[tokio::test]
async fn an_undo_that_was_not_done_exempts_nothing() {
    let world = known().await;
    crate::documents::put(&world, &text(&[ONE, TWO, "*"]));
    world.deliver(&[done("bad", 99, &[ONE, TWO, "*"])]).await;
    tick(&world, 60);
    let request = undo_of(&world, "bad");
    // Its calls fail.
    world.faults.lock().unwrap().push(Box::new(|_, call| {
        let class = undrift_engine::port::ErrorClass::Denied;
        Some(crate::world::error(call, class, "AccessDenied"))
    }));
    let undone = world.engine().undo(&request, time(200)).await;
    assert!(matches!(undone, Err(AskedError::Failed(_))), "{undone:?}");
    world.faults.lock().unwrap().clear();
    // Another one comes too late: somebody is faster.
    let again = undrift_engine::undo::UndoRequest {
        id: undrift_core::name::EventId::parse("undo-again").unwrap(),
        ..request.clone()
    };
    *world.on_read.lock().unwrap() = Some(Box::new({
        let mut reads = 0;
        move |world: &World, _| {
            reads += 1;
            if reads == 2 {
                crate::documents::put(world, &text(&[ONE]));
            }
            None
        }
    }));
    let undone = world.engine().undo(&again, time(200)).await;
    assert!(matches!(undone, Err(AskedError::Busy(_))), "{undone:?}");
    *world.on_read.lock().unwrap() = None;
    tick(&world, 60);
    crate::documents::put(&world, &text(&[ONE, "*"]));
    world.deliver(&[done("worse", 215, &[ONE, "*"])]).await;
    let record = world.record("worse");
    assert_eq!(record.outcome.kind, OutcomeKind::Reverted, "{record:#?}");
    // One that is done exempts what it brings back.
    let undone = world
        .engine()
        .undo(&undo_of(&world, "worse"), time(300))
        .await;
    assert!(matches!(undone, Ok(Asked::Done(_))), "{undone:?}");
    tick(&world, 60);
    world.deliver(&[done("wanted", 270, &[ONE, "*"])]).await;
    assert_eq!(world.record("wanted").outcome.kind, OutcomeKind::Left);
}

#[tokio::test]
async fn that_what_was_taken_away_on_purpose_is_back_a_person_is_told() {
    let world = known().await;
    // Somebody takes two out; its event is late. Then everybody is let in.
    crate::documents::put(&world, &text(&[ONE, "*"]));
    world.deliver(&[done("bad", 99, &[ONE, "*"])]).await;
    assert_eq!(trusted(&world), [ONE, TWO]);
    tick(&world, 60);
    world.deliver(&[done("late", 90, &[ONE])]).await;
    let record = world.record("late");
    assert_eq!(record.outcome.kind, OutcomeKind::Conflict, "{record:#?}");
}

#[tokio::test]
async fn a_policy_that_locks_us_out_is_told_and_tried_again() {
    let world = known().await;
    crate::documents::put(&world, &text(&[ONE, TWO, "*"]));
    let refused = |_: &World, _| {
        let call = crate::world::call("GetBucketPolicy");
        let class = undrift_engine::port::ErrorClass::Denied;
        Some(crate::world::error(&call, class, "AccessDenied"))
    };
    *world.on_read.lock().unwrap() = Some(Box::new(refused));
    for _ in 0..2 {
        let ends = world.deliver(&[done("bad", 99, &[ONE, TWO, "*"])]).await;
        assert!(matches!(
            ends[..],
            [undrift_engine::Disposition::Retry { .. }]
        ));
        let record = world.record("bad");
        assert_eq!(
            (record.outcome.kind, record.revision),
            (OutcomeKind::Blocked, 1)
        );
        tick(&world, 60);
    }
    *world.on_read.lock().unwrap() = None;
    world.deliver(&[done("bad", 99, &[ONE, TWO, "*"])]).await;
    let record = world.record("bad");
    assert_eq!(
        (record.outcome.kind, record.revision),
        (OutcomeKind::Reverted, 2)
    );
    assert_eq!(trusted(&world), [ONE, TWO]);
}

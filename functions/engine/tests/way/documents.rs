//! Documents that are written as a whole, over whatever stands there.

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{FacetName, Image, document};
use undrift_core::policy::Policy;
use undrift_core::record::OutcomeKind;
use undrift_engine::asked::{Asked, AskedError};

use crate::events::undo_of;
use crate::world::{World, change, tick, time};

pub(crate) const BUCKET: &str = "b";

pub(crate) fn policy() -> Policy {
    serde_json::from_value(json!({
        "schema": "policy/v1", "id": "s3-bucket-policy-public", "title": "Public",
        "severity": "critical", "why": "w", "kind": "s3/bucket",
        "on": {"s3.amazonaws.com": ["PutBucketPolicy"]}, "params": {},
        "violation": "iam.public(state.policy, params)", "remedy": "restore", "mode": "revert"
    }))
    .unwrap()
}

/// Puts a policy into the world.
pub(crate) fn put(world: &World, text: &str) {
    let mut image = Image::of([("policy", document::parse(text).unwrap())]);
    image
        .texts
        .insert(FacetName::from("policy"), text.to_owned());
    world.groups.lock().unwrap().insert(BUCKET.into(), image);
}

/// A policy with statements for these, as somebody writes it.
pub(crate) fn text(who: &[&str]) -> String {
    let one = |who: &&str| {
        json!({"Sid": format!("for{who}"), "Effect": "Allow", "Principal": {"AWS": who},
            "Action": "s3:GetObject", "Resource": "*"})
    };
    let all: Vec<Value> = who.iter().map(one).collect();
    format!(
        "{{ \"Version\": \"2012-10-17\", \"Statement\":{} }}",
        Value::from(all)
    )
}

pub(crate) fn live(world: &World) -> String {
    let all = world.groups.lock().unwrap();
    all[BUCKET].texts[&FacetName::from("policy")].clone()
}

/// The principals in force.
pub(crate) fn trusted(world: &World) -> Vec<String> {
    let document: Value = serde_json::from_str(&live(world)).unwrap();
    let statements = document["Statement"].as_array().unwrap();
    let mut all: Vec<String> = statements
        .iter()
        .map(|s| s["Principal"]["AWS"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    all
}

pub(crate) fn done(event: &str, at: i64, who: &[&str]) -> Change {
    let document: Value = serde_json::from_str(&text(who)).unwrap();
    let request = json!({"bucketName": BUCKET, "bucketPolicy": document});
    let mut put = change(event, at, "PutBucketPolicy", request, Value::Null);
    put.source = "s3.amazonaws.com".to_owned().try_into().unwrap();
    put
}

pub(crate) const ONE: &str = "111111111111";
pub(crate) const TWO: &str = "222222222222";
const THREE: &str = "333333333333";

/// A bucket that Undrift saw with a policy for one and two.
pub(crate) async fn known() -> World {
    let world = World::with(&[]);
    *world.now.lock().unwrap() = time(11);
    put(&world, &text(&[ONE, TWO]));
    world.deliver(&[done("first", 10, &[ONE, TWO])]).await;
    *world.now.lock().unwrap() = time(100);
    world
}

#[tokio::test]
async fn what_it_took_away_is_back_word_for_word() {
    let world = known().await;
    put(&world, &text(&[ONE, "*"]));
    world.deliver(&[done("bad", 99, &[ONE, "*"])]).await;
    assert_eq!(live(&world), text(&[ONE, TWO]));
    assert_eq!(world.record("bad").outcome.kind, OutcomeKind::Reverted);
}

#[tokio::test]
async fn a_statement_that_comes_between_the_two_looks_is_not_written_over() {
    let world = known().await;
    put(&world, &text(&[ONE, TWO, "*"]));
    *world.on_read.lock().unwrap() = Some(Box::new({
        let mut reads = 0;
        move |world: &World, _| {
            reads += 1;
            // A colleague adds one, after the first look at the bad change.
            if reads == 2 {
                put(world, &text(&[ONE, TWO, THREE, "*"]));
            }
            None
        }
    }));
    world.deliver(&[done("bad", 99, &[ONE, TWO, "*"])]).await;
    assert_eq!(trusted(&world), [ONE, TWO, THREE]);
}

#[tokio::test]
async fn an_undo_does_not_write_over_it_either() {
    let world = known().await;
    put(&world, &text(&[ONE, TWO, "*"]));
    world.deliver(&[done("bad", 99, &[ONE, TWO, "*"])]).await;
    tick(&world, 60);
    let request = undo_of(&world, "bad");
    *world.on_read.lock().unwrap() = Some(Box::new({
        let mut reads = 0;
        move |world: &World, _| {
            reads += 1;
            if reads == 2 {
                put(world, &text(&[ONE, TWO, THREE]));
            }
            None
        }
    }));
    let deadline = time(200);
    let undone = world.engine().undo(&request, deadline).await;
    assert!(matches!(undone, Err(AskedError::Busy(_))), "{undone:?}");
    assert_eq!(trusted(&world), [ONE, TWO, THREE]);
    // Asked again, it comes beside the colleague's.
    *world.on_read.lock().unwrap() = None;
    let undone = world.engine().undo(&request, deadline).await;
    assert!(matches!(undone, Ok(Asked::Done(_))), "{undone:?}");
    assert_eq!(trusted(&world), ["*", ONE, TWO, THREE]);
}

/// Everybody may read; whoever comes from outside the organization is denied, if so wanted.
pub(crate) fn guarded(is: bool) -> String {
    let mut statements = vec![json!({"Sid": "All", "Effect": "Allow", "Principal": "*",
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"})];
    if is {
        statements.push(json!({"Sid": "Guard", "Effect": "Deny", "Principal": "*",
            "Action": "s3:*", "Resource": "arn:aws:s3:::b/*",
            "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}}));
    }
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

pub(crate) fn wrote(event: &str, at: i64, text: &str) -> Change {
    let document: Value = serde_json::from_str(text).unwrap();
    let request = json!({"bucketName": BUCKET, "bucketPolicy": document});
    let mut put = change(event, at, "PutBucketPolicy", request, Value::Null);
    put.source = "s3.amazonaws.com".to_owned().try_into().unwrap();
    put
}

#[tokio::test]
async fn a_guard_that_is_left_out_is_put_back() {
    let world = World::with(&[]);
    *world.now.lock().unwrap() = time(11);
    put(&world, &guarded(true));
    world.deliver(&[wrote("first", 10, &guarded(true))]).await;
    *world.now.lock().unwrap() = time(100);
    put(&world, &guarded(false));
    world.deliver(&[wrote("bad", 99, &guarded(false))]).await;
    let record = world.record("bad");
    assert_eq!(record.outcome.kind, OutcomeKind::Reverted, "{record:#?}");
    assert_eq!(live(&world), guarded(true));
    let writes = record.plan.unwrap().writes;
    assert_eq!(writes.len(), 1, "only the guard: {writes:#?}");
    assert_eq!(record.own.len(), 1);
    // Who writes it once more without the guard, when it was gone already, takes nothing away.
    let world = World::with(&[]);
    *world.now.lock().unwrap() = time(11);
    put(&world, &guarded(false));
    world.deliver(&[wrote("first", 1, &guarded(false))]).await;
    *world.now.lock().unwrap() = time(100);
    world.deliver(&[wrote("again", 99, &guarded(false))]).await;
    assert_eq!(world.record("again").outcome.kind, OutcomeKind::Left);
}

#[tokio::test]
async fn a_guard_whose_leaving_out_no_event_told_is_missed_and_put_back_or_proposed() {
    for told in [true, false] {
        let world = World::with(&[]);
        *world.now.lock().unwrap() = time(11);
        put(&world, &guarded(true));
        world.deliver(&[wrote("first", 10, &guarded(true))]).await;
        *world.now.lock().unwrap() = time(100);
        put(&world, &guarded(false));
        let bucket = world.record("first").key.resource;
        let events = if told {
            vec![wrote("bad", 99, &guarded(false))]
        } else {
            Vec::new()
        };
        let deadline = world.now() + jiff::SignedDuration::from_secs(20);
        let engine = world.engine();
        let ended = engine
            .missed(&bucket, events, true, deadline)
            .await
            .unwrap();
        let undrift_engine::sweep::Explained::Ended(findings) = ended else {
            panic!("{ended:?}")
        };
        let [found] = findings.as_slice() else {
            panic!("{findings:#?}")
        };
        let (outcome, stands) = if told {
            (OutcomeKind::Reverted, true)
        } else {
            (OutcomeKind::Proposed, false)
        };
        assert_eq!(found.outcome, Some(outcome), "{found:?}");
        assert_eq!(live(&world), guarded(stands));
    }
}

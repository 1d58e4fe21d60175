//! Crashes, take-overs, pauses, failing reads: nothing is lost, and nothing done behind backs.

use jiff::SignedDuration;
use serde_json::Value;
use serde_json::json;
use undrift_core::record::OutcomeKind;
use undrift_engine::Disposition;
use undrift_engine::asked::Asked;
use undrift_engine::port::Claim;
use undrift_engine::port::ErrorClass;
use undrift_engine::port::Held;

use crate::events::undo_of;
use crate::world::{World, authorized, call, change, error, group, known, modified, tick};

const WORLD: &str = "0.0.0.0/0";

/// What a dead invocation left: it had claimed `e1` and perhaps sent its call.
pub(crate) async fn dead(
    world: &World,
    change: undrift_core::change::Change,
) -> undrift_core::record::Record {
    let probe = World::with(&[("sgr-ssh", 22, WORLD)]);
    probe.deliver(std::slice::from_ref(&change)).await;
    let mut open = probe.record(change.id.as_str());
    open.sent.clear();
    world.known.lock().unwrap().claim = Some(Claim {
        resource: group(),
        epoch: 7,
        held: Some(Held {
            nonce: "dead".into(),
            inherited: Vec::new(),
            knew: Vec::new(),
            lease: world.now() - SignedDuration::from_secs(1),
            plan: open.plan.clone().unwrap(),
            records: vec![open.clone()],
        }),
        recent: Vec::new(),
    });
    open
}

#[tokio::test]
async fn a_throttled_second_look_is_no_conflict() {
    let world = known().await;
    tick(&world, 10);
    world.put("sgr-1", 22, WORLD);
    let mut n = 0;
    *world.on_read.lock().unwrap() = Some(Box::new(move |_, _| {
        n += 1;
        (n == 2 || n == 4).then(|| {
            error(
                &call("DescribeSecurityGroupRules"),
                ErrorClass::Throttled,
                "RequestLimitExceeded",
            )
        })
    }));
    let ends = world
        .deliver(&[modified("m", 105, "sgr-1", 22, WORLD)])
        .await;
    let fine = world.rules() == ["22 10.0.0.0/8"] || matches!(ends[0], Disposition::Retry { .. });
    assert!(
        fine,
        "{ends:?} {:?} {:?}",
        world.rules(),
        world.record("m").outcome
    );
}

#[tokio::test]
async fn descriptions_toggled_between_looks() {
    let world = known().await;
    tick(&world, 10);
    world.put("sgr-1", 22, WORLD);
    *world.on_read.lock().unwrap() = Some(Box::new(move |w, n| {
        w.edit(|f| {
            for r in f.values_mut() {
                r["description"] = json!(format!("{n}"));
            }
        });
        None
    }));
    world
        .deliver(&[modified("m", 105, "sgr-1", 22, WORLD)])
        .await;
    assert_eq!(
        world.rules(),
        ["22 10.0.0.0/8"],
        "{:?}",
        world.record("m").outcome
    );
}

#[tokio::test]
async fn a_takeover_obeys_the_pause_switch() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let e = authorized("e1", 90, &[("sgr-ssh", 22, WORLD)]);
    dead(&world, e.clone()).await;
    *world.paused.lock().unwrap() = true;
    world.deliver(&[e]).await;
    assert!(world.sent().is_empty(), "{:?}", world.sent());
}

#[tokio::test]
async fn a_takeover_that_meets_a_moving_rule_drops_no_open_record() {
    let world = known().await;
    tick(&world, 10);
    // The dead one had removed sgr-ssh already; only its record is open.
    dead(&world, authorized("e1", 90, &[("sgr-ssh", 22, WORLD)])).await;
    world.put("sgr-1", 22, WORLD);
    let mut n = 0;
    *world.on_read.lock().unwrap() = Some(Box::new(move |w, _| {
        n += 1;
        if n == 2 {
            w.put("sgr-1", 22, "0.0.0.0/1");
        }
        None
    }));
    world
        .deliver(&[modified("m", 105, "sgr-1", 22, WORLD)])
        .await;
    let rows = world.rows.lock().unwrap().clone();
    let held = world
        .known
        .lock()
        .unwrap()
        .claim
        .clone()
        .and_then(|c| c.held);
    eprintln!(
        "{:?}",
        rows.iter()
            .map(|(k, r)| (k.event.to_string(), r.last().unwrap().outcome.clone()))
            .collect::<Vec<_>>()
    );
    assert!(
        rows.keys().any(|k| k.event.as_str() == "e1") || held.is_some(),
        "the open record of e1 is neither closed nor held any more"
    );
}

#[tokio::test]
async fn a_failed_undo_is_not_carried_out_later_behind_everybodys_back() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    assert!(world.rules().is_empty());
    let request = undo_of(&world, "e1");
    let mut n = 0;
    *world.on_read.lock().unwrap() = Some(Box::new(move |_, _| {
        n += 1;
        (n == 2).then(|| {
            error(
                &call("DescribeSecurityGroupRules"),
                ErrorClass::Throttled,
                "RequestLimitExceeded",
            )
        })
    }));
    let deadline = world.now() + SignedDuration::from_secs(20);
    assert!(world.engine().undo(&request, deadline).await.is_err());
    *world.on_read.lock().unwrap() = None;
    // An hour later somebody adds an office rule: an event of the group.
    tick(&world, 3600);
    world.put("sgr-web", 443, "10.0.0.0/8");
    world
        .deliver(&[authorized("e2", 3690, &[("sgr-web", 443, "10.0.0.0/8")])])
        .await;
    let exempt = world.known.lock().unwrap().exemptions.0.len();
    assert_eq!(
        world.rules(),
        ["443 10.0.0.0/8"],
        "opened to the world with {exempt} exemptions, as {:?}",
        world.record("undo-e1").outcome
    );
}

#[tokio::test]
async fn a_crashed_undo_that_is_taken_over_ends_as_an_undo() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    let request = undo_of(&world, "e1");
    let deadline = world.now() + SignedDuration::from_secs(20);
    {
        // It dies on its first call: the future is dropped there.
        world
            .faults
            .lock()
            .unwrap()
            .push(Box::new(|_, _| panic!("died")));
        let engine = world.engine();
        let work = std::panic::AssertUnwindSafe(engine.undo(&request, deadline));
        assert!(futures_util::FutureExt::catch_unwind(work).await.is_err());
        world.faults.clear_poison();
        world.faults.lock().unwrap().clear();
    }
    tick(&world, 60);
    world
        .deliver(&[authorized("e2", 150, &[("sgr-web", 443, "10.0.0.0/8")])])
        .await;
    // The function that reverts holds no right to open anything: it says so, and nothing is open.
    let record = world.record("undo-e1");
    assert_eq!(
        record.outcome.kind,
        OutcomeKind::Failed,
        "{}",
        record.outcome.reason
    );
    assert_eq!(
        world.rules(),
        ["443 10.0.0.0/8"]
            .map(String::from)
            .into_iter()
            .filter(|_| false)
            .collect::<Vec<_>>()
    );
    // Asked for again, it is done.
    let deadline = world.now() + SignedDuration::from_secs(20);
    let undone = world.engine().undo(&request, deadline).await.unwrap();
    assert!(matches!(undone, Asked::Done(_)), "{undone:?}");
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Undone);
}

#[tokio::test]
async fn proposed_part_of_a_change_is_not_hidden_by_its_reverted_part() {
    let world = known().await;
    tick(&world, 10);
    world.put("sgr-1", 22, WORLD);
    world.put("sgr-x", 3389, WORLD); // not known from before
    let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": [
        {"SecurityGroupRuleId": "sgr-1", "tag": 1, "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": WORLD}},
        {"SecurityGroupRuleId": "sgr-x", "tag": 2, "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389, "CidrIpv4": WORLD}}]}});
    world
        .deliver(&[change(
            "m",
            105,
            "ModifySecurityGroupRules",
            request,
            Value::Null,
        )])
        .await;
    let record = world.record("m");
    let open = world.rules().contains(&"3389 0.0.0.0/0".to_owned());
    eprintln!("{:?} {:?}", world.rules(), record.outcome);
    assert!(
        !open
            || record.outcome.kind != OutcomeKind::Reverted
            || record.outcome.reason.contains("3389"),
        "3389 is open to the world; the record says {:?}",
        record.outcome
    );
}

#[tokio::test]
async fn a_taken_over_record_says_what_happened() {
    let world = World::with(&[("sgr-b", 3389, WORLD)]);
    // e1's plan was to give sgr-1 its value back; a colleague has set another one since.
    let probe = known().await;
    tick(&probe, 10);
    probe.put("sgr-1", 22, WORLD);
    probe
        .deliver(&[modified("e1", 105, "sgr-1", 22, WORLD)])
        .await;
    let mut open = probe.record("e1");
    open.sent.clear();
    *world.known.lock().unwrap() = undrift_engine::port::Known::default();
    world.known.lock().unwrap().claim = Some(Claim {
        resource: group(),
        epoch: 7,
        held: Some(Held {
            nonce: "dead".into(),
            inherited: Vec::new(),
            knew: Vec::new(),
            lease: world.now(),
            plan: open.plan.clone().unwrap(),
            records: vec![open],
        }),
        recent: Vec::new(),
    });
    tick(&world, 10);
    world.put("sgr-1", 22, "172.16.0.0/12");
    world
        .deliver(&[authorized("e2", 108, &[("sgr-b", 3389, WORLD)])])
        .await;
    assert_eq!(world.rules(), ["22 172.16.0.0/12"]);
    let record = world.record("e1");
    assert_ne!(
        record.outcome.kind,
        OutcomeKind::Reverted,
        "{}",
        record.outcome.reason
    );
}

#[tokio::test]
async fn undo_while_paused() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    *world.paused.lock().unwrap() = true;
    let request = undo_of(&world, "e1");
    let deadline = world.now() + SignedDuration::from_secs(20);
    let undone = world.engine().undo(&request, deadline).await;
    assert!(!matches!(undone, Ok(Asked::Done(_))));
}

#[tokio::test]
async fn a_pending_record_ends_when_its_group_goes() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let e = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
    *world.on_read.lock().unwrap() = Some(Box::new(|_, n| {
        (n > 1).then(|| {
            error(
                &call("DescribeSecurityGroupRules"),
                ErrorClass::Transient,
                "InternalError",
            )
        })
    }));
    world.deliver(std::slice::from_ref(&e)).await;
    assert_eq!(world.record("e1").outcome.kind, OutcomeKind::Pending);
    *world.on_read.lock().unwrap() = None;
    world.groups.lock().unwrap().clear();
    tick(&world, 60);
    let ends = world.deliver(&[e]).await;
    let closed = world.record("e1").outcome.kind != OutcomeKind::Pending;
    assert!(
        closed || ends != [Disposition::Done],
        "acknowledged, and the record is pending for ever"
    );
}

#[tokio::test]
async fn waiting_for_anothers_lease_does_not_flood_ec2() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let other = authorized("e0", 98, &[("sgr-ssh", 22, WORLD)]);
    dead(&world, other).await;
    let lease = world.now() + SignedDuration::from_secs(25);
    world
        .known
        .lock()
        .unwrap()
        .claim
        .as_mut()
        .unwrap()
        .held
        .as_mut()
        .unwrap()
        .lease = lease;
    let reads = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = reads.clone();
    *world.on_read.lock().unwrap() = Some(Box::new(move |_, _| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        None
    }));
    world
        .deliver(&[authorized("e1", 99, &[("sgr-ssh", 22, WORLD)])])
        .await;
    let reads = reads.load(std::sync::atomic::Ordering::Relaxed);
    assert!(reads < 40, "{reads} reads in one invocation");
}

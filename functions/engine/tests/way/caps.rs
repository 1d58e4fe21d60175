//! More is broken than may be reverted within a time.

use jiff::SignedDuration;
use serde_json::json;
use undrift_core::change::Change;
use undrift_core::kind::{ElementKey, FacetName, Kinds};
use undrift_core::name::Arn;
use undrift_core::policy::{Bundle, Exemptions, Mode, Policy, Settings, Severity};
use undrift_core::record::OutcomeKind;
use undrift_engine::Disposition;

use crate::world::{TestEngine, World, authorized, tick, time};

const WORLD: &str = "0.0.0.0/0";

/// A policy of its own for each severity, each about a port of its own.
fn policy(severity: &str, port: u16) -> Policy {
    serde_json::from_value(json!({
        "schema": "policy/v1", "id": format!("open-{severity}"), "title": "Open",
        "severity": severity, "why": "w", "kind": "ec2/security-group",
        "on": {"ec2.amazonaws.com": ["AuthorizeSecurityGroupIngress"]},
        "params": {"ports": [port]}, "violation": "net.open(state.ingress, params)",
        "remedy": "restore", "mode": "revert"
    }))
    .unwrap()
}

const PORTS: [(Severity, &str, u16); 3] = [
    (Severity::Medium, "medium", 80),
    (Severity::High, "high", 5432),
    (Severity::Critical, "critical", 22),
];

/// An engine that lets an actor have two reverts.
fn engine(world: &World) -> TestEngine<'_> {
    let mut engine = world.engine();
    let policies = PORTS.map(|(_, severity, port)| policy(severity, port));
    let settings = Settings {
        deployment: Some(Mode::Revert),
        ..Settings::default()
    };
    let kinds = Kinds(undrift_ec2::kinds());
    engine.bundle = Bundle::of(&policies, &settings, &Exemptions::default(), kinds).unwrap();
    engine.cap_limit = 2;
    engine
}

/// Somebody opens a port to the world, and the event comes a second later.
async fn opened(world: &World, n: usize, port: u16, by: &str) -> (Change, Vec<Disposition>) {
    let rule = format!("sgr-{n}");
    world.put(&rule, port, WORLD);
    let at = world.now().as_second() - time(0).as_second();
    let mut change = authorized(&format!("e{n}"), at, &[(&rule, port, WORLD)]);
    let arn = format!("arn:aws:iam::123456789012:user/{by}");
    change.actor.principal = Some(Arn::parse(&arn).unwrap());
    tick(world, 1);
    let ends = again(world, &change).await;
    (change, ends)
}

async fn again(world: &World, change: &Change) -> Vec<Disposition> {
    let deadline = world.now() + SignedDuration::from_secs(20);
    engine(world).handle(vec![change.clone()], deadline).await
}

fn is_open(world: &World, n: usize) -> bool {
    let groups = world.groups.lock().unwrap();
    let ingress = &groups["sg-1"].facets[&FacetName::from("ingress")];
    ingress.contains_key(&ElementKey(format!("sgr-{n}")))
}

#[tokio::test]
async fn over_a_cap_what_is_severe_is_slowed_by_at_most_a_minute_and_the_rest_is_proposed() {
    for (severity, _, port) in PORTS {
        let world = World::with(&[]);
        for n in 0..2 {
            let (_, ends) = opened(&world, n, port, "mallory").await;
            assert_eq!(ends, [Disposition::Done]);
            assert!(!is_open(&world, n));
        }
        let (change, ends) = opened(&world, 2, port, "mallory").await;
        assert!(is_open(&world, 2), "{severity:?}");
        if severity < Severity::High {
            assert_eq!(ends, [Disposition::Done]);
            let record = world.record("e2");
            assert_eq!(record.outcome.kind, OutcomeKind::Proposed);
            assert!(
                record.outcome.reason.contains("user/mallory"),
                "{record:#?}"
            );
            assert!(record.is_approvable());
            continue;
        }
        let [Disposition::Retry { after, why }] = &ends[..] else {
            panic!("{ends:?}")
        };
        assert!(
            after.as_secs() <= 60 && why.contains("user/mallory"),
            "{ends:?}"
        );
        // The claim is given back: nobody has to wait for its lease.
        let claim = world.known.lock().unwrap().claim.clone().unwrap();
        assert!(claim.held.is_none());
        tick(&world, i64::try_from(after.as_secs()).unwrap());
        assert_eq!(again(&world, &change).await, [Disposition::Done]);
        assert!(!is_open(&world, 2), "{severity:?}");
        assert_eq!(world.record("e2").outcome.kind, OutcomeKind::Reverted);
    }
}

#[tokio::test]
async fn junk_does_not_use_up_what_the_real_one_needs() {
    let world = World::with(&[]);
    for n in 0..9 {
        opened(&world, n, 80, "mallory").await;
    }
    // Critical has its own count, and so has everybody else.
    let (_, ends) = opened(&world, 9, 22, "mallory").await;
    assert_eq!(ends, [Disposition::Done]);
    let (_, ends) = opened(&world, 10, 80, "maya").await;
    assert_eq!(ends, [Disposition::Done]);
    assert!(!is_open(&world, 9) && !is_open(&world, 10));
}

#[tokio::test]
async fn what_is_done_beside_it_does_not_put_off_what_is_slowed_down() {
    let world = World::with(&[]);
    for n in 0..2 {
        opened(&world, n, 22, "mallory").await;
    }
    let (change, ends) = opened(&world, 2, 22, "mallory").await;
    assert!(matches!(ends[..], [Disposition::Retry { .. }]), "{ends:?}");
    tick(&world, 59);
    // A second's noise in the same batch.
    world.put("sgr-noise", 443, WORLD);
    let at = world.now().as_second() - time(0).as_second();
    let noise = authorized("noise", at, &[("sgr-noise", 443, WORLD)]);
    tick(&world, 1);
    let deadline = world.now() + SignedDuration::from_secs(20);
    engine(&world).handle(vec![change, noise], deadline).await;
    assert!(!is_open(&world, 2));
}

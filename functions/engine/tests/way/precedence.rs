//! Of several reasons not to act, which counts.

use jiff::SignedDuration;
use undrift_core::name::{Arn, EventId};
use undrift_core::policy::{Mode, Scope, Settings};
use undrift_core::record::OutcomeKind::{self, Left, Proposed, Reverted};

use crate::events::leave;
use crate::world::{World, authorized, group};

const WORLD: &str = "0.0.0.0/0";
const MAYA: &str = "arn:aws:iam::123456789012:user/maya";

/// What holds when the event comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Exempt,
    Observing,
    Approving,
    Paused,
    BreakGlass,
    Pipeline,
}

use Holds::{Approving, BreakGlass, Exempt, Observing, Paused, Pipeline};

/// From the least active to the most: an exemption and `observe` leave it, the rest proposes it, and
/// says the reason that lasts longest or asks most of people.
const TABLE: &[(&[Holds], OutcomeKind, &str)] = &[
    (&[], Reverted, "back to what it was"),
    (&[Exempt], Left, "exemption `x`"),
    (&[Observing], Left, "observe"),
    (&[Paused], Proposed, "paused"),
    (&[BreakGlass], Proposed, "kept for emergencies"),
    (&[Pipeline], Proposed, "approved pipeline"),
    (&[Approving], Proposed, "approve"),
    // An exemption says that it is wanted, whatever else holds.
    (&[Exempt, Observing], Left, "exemption `x`"),
    (&[Exempt, Approving], Left, "exemption `x`"),
    (&[Exempt, Paused], Left, "exemption `x`"),
    (&[Exempt, BreakGlass], Left, "exemption `x`"),
    (&[Exempt, Pipeline], Left, "exemption `x`"),
    // Who observes wants no proposals.
    (&[Observing, Paused], Left, "observe"),
    (&[Observing, BreakGlass], Left, "observe"),
    (&[Observing, Pipeline], Left, "observe"),
    // The pause ends; until then it is the reason.
    (&[Paused, Approving], Proposed, "paused"),
    (&[Paused, BreakGlass], Proposed, "paused"),
    (&[Paused, Pipeline], Proposed, "paused"),
    (&[BreakGlass, Pipeline], Proposed, "kept for emergencies"),
    (&[BreakGlass, Approving], Proposed, "kept for emergencies"),
    (&[Pipeline, Approving], Proposed, "approved pipeline"),
    (
        &[Exempt, Observing, Paused, BreakGlass, Pipeline],
        Left,
        "exemption `x`",
    ),
    (
        &[Approving, Paused, BreakGlass, Pipeline],
        Proposed,
        "paused",
    ),
];

#[tokio::test]
async fn the_least_active_reason_counts() {
    for (holds, outcome, why) in TABLE {
        let (world, settings) = world(holds);
        let deadline = world.now() + SignedDuration::from_secs(20);
        let opened = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
        let engine = world.engine_with(&settings);
        engine.handle(vec![opened], deadline).await;
        let record = world.record("e1");
        assert_eq!(record.outcome.kind, *outcome, "{holds:?}: {record:#?}");
        let told = &record.outcome.reason;
        assert!(told.contains(why), "{holds:?}: {told}");
        let is_closed = *outcome == Reverted;
        assert_eq!(world.rules().is_empty(), is_closed, "{holds:?}");
        assert_eq!(world.sent().is_empty(), !is_closed, "{holds:?}");
        // What is proposed can be approved, whatever the reason, once nothing is paused.
        assert_eq!(record.is_approvable(), *outcome == Proposed, "{holds:?}");
    }
}

fn world(holds: &[Holds]) -> (World, Settings) {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let mut settings = Settings {
        deployment: Some(Mode::Revert),
        ..Settings::default()
    };
    let maya = Arn::parse(MAYA).unwrap();
    for held in holds {
        match held {
            Exempt => {
                let covers = Scope {
                    resource: Some(group().id),
                    ..Scope::default()
                };
                let leave = leave(&world, covers);
                world.known.lock().unwrap().exemptions.0.push(leave);
            }
            Observing => settings.deployment = Some(Mode::Observe),
            Approving => settings.deployment = Some(Mode::Approve),
            Paused => *world.paused.lock().unwrap() = true,
            BreakGlass => settings.break_glass.push(maya.clone()),
            Pipeline => settings.approved_pipelines.push(maya.clone()),
        }
    }
    (world, settings)
}

/// Nothing that whoever changes a resource can write about themselves or it counts.
#[tokio::test]
async fn what_an_attacker_can_write_is_no_reason() {
    for (agent, session, through) in [
        ("Terraform/1.9.0 (approved pipeline)", "maya", None),
        (
            "cloudformation.amazonaws.com",
            "maya",
            Some("cloudformation.amazonaws.com"),
        ),
        ("aws-cli/2", "undrift-ec2", None),
        ("undrift/0.1", "undrift", None),
    ] {
        let world = World::with(&[("sgr-ssh", 22, WORLD)]);
        let mut opened = authorized("e1", 99, &[("sgr-ssh", 22, WORLD)]);
        opened.actor.user_agent = Some(agent.into());
        let role = "arn:aws:iam::123456789012:role/Dev";
        opened.actor.principal = Some(Arn::parse(role).unwrap());
        let session = format!("arn:aws:sts::123456789012:assumed-role/Dev/{session}");
        opened.actor.arn = Some(Arn::parse(&session).unwrap());
        opened.actor.invoked_by = through.map(str::to_owned);
        opened.id = EventId::parse("e1").unwrap();
        // The approved pipeline is another role.
        let settings = Settings {
            deployment: Some(Mode::Revert),
            approved_pipelines: vec![Arn::parse("arn:aws:iam::123456789012:role/Deploy").unwrap()],
            break_glass: vec![Arn::parse("arn:aws:iam::123456789012:role/maya").unwrap()],
            ..Settings::default()
        };
        let deadline = world.now() + SignedDuration::from_secs(20);
        let engine = world.engine_with(&settings);
        engine.handle(vec![opened], deadline).await;
        assert!(world.rules().is_empty(), "{agent}, {session}");
        assert_eq!(world.record("e1").outcome.kind, Reverted);
    }
}

//! Each fault that each call in the way may meet.

use std::time::Duration;

use futures_util::future::join_all;
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::FaultAction;

use super::denial::Denier;
use super::ends::{Cell, Told, Written, judge, steps};
use super::lane::{Lane, Resource, Way};
use super::place::{Place, Stage};
use super::tally::{Wrong, tell};
use crate::controls::Control;

/// Long enough for a call that is sent again after its attempt's three seconds; a lease is over
/// after it.
const TIMEOUT: Duration = Duration::from_secs(14);

/// How many cells a lane has at most.
const IN_LANE: usize = 130;

/// How often a message comes again while its failure strikes.
const ROUNDS: usize = 3;

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// By the service's own code, a few times.
    Throttled,
    /// A 500.
    Error,
    /// AWS does it, and answers after the attempt's time is over.
    TimedOut,
    /// AWS does it a second later.
    Slow,
    /// The connection is cut, and AWS never saw it.
    Cut,
    /// AWS does it, and the answer is rubbish.
    Garbled,
    /// AWS does it, and half the answer comes.
    Truncated,
    /// AWS does it, and the connection is cut before the answer.
    Lost,
    /// Until it is lifted.
    Denied(Denier),
}

const PASSING: [Fault; 8] = [
    Fault::Throttled,
    Fault::Error,
    Fault::TimedOut,
    Fault::Slow,
    Fault::Cut,
    Fault::Garbled,
    Fault::Truncated,
    Fault::Lost,
];

impl Fault {
    /// Those that a call may meet.
    fn of(place: &Place) -> Vec<Self> {
        let denied = Denier::of(place).into_iter().map(Self::Denied);
        PASSING.into_iter().chain(denied).collect()
    }

    /// What is done to the call, and how often.
    fn action(self, place: &Place) -> (FaultAction, u32) {
        let service = place.name.service.as_str();
        let action = match self {
            Self::Throttled => return (throttled(service), 2),
            Self::Denied(by) => return (by.refusal(place), u32::MAX),
            Self::Error => FaultAction::Status(500, "InternalError".to_owned()),
            // The journal waits less long.
            Self::TimedOut if service == "dynamodb" => FaultAction::DelayAnswer(1_800),
            Self::TimedOut => FaultAction::DelayAnswer(3_300),
            Self::Slow => FaultAction::Delay(1_000),
            Self::Cut => FaultAction::CloseBeforeForward,
            Self::Garbled => FaultAction::Garbled,
            Self::Truncated => FaultAction::Truncated,
            Self::Lost => FaultAction::CloseAfterForward,
        };
        (action, 1)
    }
}

fn throttled(service: &str) -> FaultAction {
    let (status, code) = match service {
        "ec2" => (503, "RequestLimitExceeded"),
        "s3" => (503, "SlowDown"),
        "iam" => (400, "Throttling"),
        "dynamodb" => (400, "ProvisionedThroughputExceededException"),
        _ => (400, "ThrottlingException"),
    };
    FaultAction::Status(status, code.to_owned())
}

/// A failure at a call.
type Meeting = (Place, Fault);

pub(super) async fn matrix<C: Control>() {
    if !super::runs::<C>() {
        return;
    }
    let first = Lane::start::<C>(TIMEOUT).await;
    let one = first.make::<C>(0..1).await.remove(0);
    let way = first.clean::<C>(&one).await;
    let meetings = |p: &Place| {
        let place = p.clone();
        let each = Fault::of(p).into_iter();
        each.map(move |fault| (place.clone(), fault))
    };
    let all: Vec<Meeting> = way.places.iter().flat_map(meetings).collect();
    let expected = way
        .places
        .iter()
        .map(|p| PASSING.len() + Denier::of(p).len());
    let expected: usize = expected.sum();
    let most = if C::ONLY_ONE { IN_LANE / 4 } else { IN_LANE };
    let mut first = Some(first);
    let parts = all.chunks(all.len().div_ceil(all.len().div_ceil(most)));
    let lanes = parts.map(|part| lane::<C>(first.take(), &way, part));
    let results: Vec<Option<Wrong>> = join_all(lanes).await.into_iter().flatten().collect();
    let ran = results.len();
    let wrong: Vec<Wrong> = results.into_iter().flatten().collect();
    tell("faults", C::POLICY, (ran, expected), &wrong);
}

/// Runs some of the cells.
async fn lane<C: Control>(
    lane: Option<Lane>,
    way: &Way,
    meetings: &[Meeting],
) -> Vec<Option<Wrong>> {
    let lane = match lane {
        Some(lane) => lane,
        None => Lane::start::<C>(TIMEOUT).await,
    };
    let mut results = Vec::new();
    let mut made = Vec::new();
    if !C::ONLY_ONE {
        made = lane.make::<C>(1..meetings.len() + 1).await;
    }
    let mut made = made.into_iter();
    let mut cells = Vec::new();
    for meeting in meetings {
        let resource = match made.next() {
            Some(resource) => resource,
            None => lane.make::<C>(0..1).await.remove(0),
        };
        let cell = meet::<C>(&lane, way, meeting, resource).await;
        cells.push((cell, meeting.1));
        if C::ONLY_ONE {
            results.extend(ends::<C>(&lane, way, std::mem::take(&mut cells)).await);
        }
    }
    results.extend(ends::<C>(&lane, way, cells).await);
    results
}

/// Spoils a resource, and has one call meet its failure.
async fn meet<C: Control>(
    lane: &Lane,
    way: &Way,
    (place, fault): &Meeting,
    resource: Resource,
) -> Cell {
    lane.queue().hold(true);
    lane.scene.sandbox.account.faults().clear();
    lane.lead_to(place, way);
    let led = usize::from(place.is_switch() || place.stage == Stage::Again);
    let (action, times) = fault.action(place);
    lane.add(place.rule(&lane.caller, times, action));
    let event = lane.spoil::<C>(&resource.id).await;
    let mut wrong = Vec::new();
    if !lane.struck(led + 1).await {
        wrong.push("the call was never made".to_owned());
    }
    let of_it = |body: &str| body.contains(&event);
    if let Fault::Denied(by) = fault {
        let comes_again = lane.queue().hasten(of_it) > 0;
        lane.rest().await;
        let revisions = lane.revisions(way, &event, &resource.id).await;
        wrong.extend(while_denied(place, *by, comes_again, &revisions));
    } else {
        for _ in 0..ROUNDS {
            if lane.queue().hasten(of_it) == 0 {
                break;
            }
            lane.rest().await;
        }
    }
    lane.scene.sandbox.account.faults().clear();
    Cell {
        resource,
        place: place.clone(),
        event,
        wrong,
    }
}

/// What is wrong while a call is denied: people must know what and by what, or nothing is done.
fn while_denied(
    place: &Place,
    by: Denier,
    comes_again: bool,
    revisions: &[Record],
) -> Option<String> {
    let said = revisions.last().map(|r| &r.outcome);
    let names = |kind| {
        let said = said.filter(|o| o.kind == kind);
        said.is_some_and(|o| o.reason.contains(&place.action()) && o.reason.contains(by.words()))
    };
    let own = !matches!(place.name.service.as_str(), "dynamodb" | "ssm" | "sqs");
    let (wanted, is_so) = match place.stage {
        Stage::Look | Stage::Second | Stage::Prelude | Stage::Step { .. } if own => (
            "blocked, naming call and denier",
            names(OutcomeKind::Blocked),
        ),
        Stage::Verify => (
            "pending, naming call and denier",
            names(OutcomeKind::Pending),
        ),
        Stage::Look | Stage::Claim => ("no record yet", revisions.is_empty()),
        _ => return None,
    };
    if is_so && comes_again {
        return None;
    }
    let said = said.map(|o| format!("{}: {}", o.kind.word(), o.reason));
    let again = if comes_again {
        "comes again"
    } else {
        "is gone"
    };
    Some(format!(
        "while denied: wanted {wanted}; it says {said:?}, the message {again}"
    ))
}

/// Has everything come again, and judges each cell's end: one of each cell.
async fn ends<C: Control>(lane: &Lane, way: &Way, cells: Vec<(Cell, Fault)>) -> Vec<Option<Wrong>> {
    if cells.is_empty() {
        return Vec::new();
    }
    let settled = lane.recover().await;
    let written = Written::read(lane, &steps(&way.places)).await;
    let mut results = Vec::new();
    for (cell, fault) in cells {
        let told = told(&cell.place, fault);
        let mut wrong = judge::<C>(lane, &written, &cell, told).await;
        wrong.extend(unexpected(&written, &cell, fault));
        if let Err(e) = &settled {
            wrong.push(e.clone());
        }
        results.push((!wrong.is_empty()).then(|| Wrong {
            place: cell.place.to_string(),
            fault: format!("{fault:?}"),
            what: wrong.join("; "),
        }));
    }
    results
}

/// Revisions before the last that this failure can't account for.
fn unexpected(written: &Written, cell: &Cell, fault: Fault) -> Option<String> {
    let revisions = written.revisions(cell);
    let (_, earlier) = revisions.split_last()?;
    let denied = matches!(fault, Fault::Denied(_));
    let may = match cell.place.stage {
        Stage::Look | Stage::Second | Stage::Prelude | Stage::Step { .. } if denied => {
            Some(OutcomeKind::Blocked)
        }
        _ => None,
    };
    // On a busy machine any look after the calls may take longer than it is waited for.
    let late = |kind: OutcomeKind| kind == OutcomeKind::Pending;
    let mut kinds: Vec<_> = earlier.iter().map(|r| r.outcome.kind).collect();
    kinds.retain(|kind| !late(*kind));
    let fits = kinds.len() <= 1 && kinds.iter().all(|kind| Some(*kind) == may);
    let said: Vec<&str> = earlier.iter().map(|r| r.outcome.kind.word()).collect();
    (!fits).then(|| format!("before its last revision it was {said:?}"))
}

/// How the record must say it: where it could not be written, who comes next can't say what was
/// sent. Where what was done can't be remembered, its record isn't written either.
fn told(place: &Place, fault: Fault) -> Told {
    match fault {
        Fault::Denied(_) if matches!(place.name.of.as_str(), "record" | "observed") => Told::Found,
        _ => Told::Sent,
    }
}

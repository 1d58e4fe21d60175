//! SIGKILL before and after each call in the way.

use std::time::Duration;

use undrift_local::FaultAction;

use super::ends::{Cell, Told, Written, judge, steps};
use super::lane::{Lane, Resource, Way};
use super::place::{Place, Stage};
use super::tally::{Wrong, tell};
use crate::controls::Control;

/// The deadline is five seconds on then, and a lease over after ten.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The two moments of a call.
const MOMENTS: [(&str, FaultAction); 2] = [
    ("killed before it", FaultAction::KillBeforeForward),
    ("killed after it", FaultAction::KillAfterForward),
];

pub(super) async fn matrix<C: Control>() {
    if !super::runs::<C>() {
        return;
    }
    let lane = Lane::start::<C>(TIMEOUT).await;
    let first = lane.make::<C>(0..1).await.remove(0);
    let way = lane.clean::<C>(&first).await;
    let expected = way.places.len() * MOMENTS.len();
    let mut results = Vec::new();
    if C::ONLY_ONE {
        for place in &way.places {
            for moment in &MOMENTS {
                let again = Resource {
                    id: first.id.clone(),
                    right: first.right.clone(),
                };
                lane.make_time().await;
                let cell = strike::<C>(&lane, &way, place, again, &moment.1).await;
                results.extend(ends::<C>(&lane, &way, vec![(cell, moment.0)]).await);
            }
        }
    } else {
        let mut resources = lane.make::<C>(1..expected + 1).await.into_iter();
        let mut cells = Vec::new();
        for place in &way.places {
            for (moment, action) in &MOMENTS {
                let resource = resources.next().unwrap();
                let cell = strike::<C>(&lane, &way, place, resource, action).await;
                cells.push((cell, *moment));
            }
        }
        results = ends::<C>(&lane, &way, cells).await;
    }
    let ran = results.len();
    let wrong: Vec<Wrong> = results.into_iter().flatten().collect();
    tell("crashes", C::POLICY, (ran, expected), &wrong);
}

/// Spoils a resource, and kills the function at one call.
async fn strike<C: Control>(
    lane: &Lane,
    way: &Way,
    place: &Place,
    resource: Resource,
    action: &FaultAction,
) -> Cell {
    // Only what comes for the first time may meet the failure.
    lane.queue().hold(true);
    lane.scene.sandbox.account.faults().clear();
    lane.lead_to(place, way);
    let led = usize::from(place.is_switch() || place.stage == Stage::Again);
    lane.add(place.rule(&lane.caller, 1, action.clone()));
    let event = lane.spoil::<C>(&resource.id).await;
    let mut wrong = Vec::new();
    if !lane.struck(led + 1).await {
        wrong.push("the call was never made".to_owned());
    }
    Cell {
        resource,
        place: place.clone(),
        event,
        wrong,
    }
}

/// Has everything come again, and judges each cell's end: one of each cell.
async fn ends<C: Control>(lane: &Lane, way: &Way, cells: Vec<(Cell, &str)>) -> Vec<Option<Wrong>> {
    let settled = lane.recover().await;
    let written = Written::read(lane, &steps(&way.places)).await;
    let mut results = Vec::new();
    for (cell, moment) in cells {
        let told = told(&cell.place, moment);
        let mut wrong = judge::<C>(lane, &written, &cell, told).await;
        if let Err(e) = &settled {
            wrong.push(e.clone());
        }
        results.push((!wrong.is_empty()).then(|| Wrong {
            place: cell.place.to_string(),
            fault: moment.to_owned(),
            what: wrong.join("; "),
        }));
    }
    results
}

/// How the record must say it: whoever died after the last write, and before the record was
/// written, can't have said what it sent.
fn told(place: &Place, moment: &str) -> Told {
    let before = moment == MOMENTS[0].0;
    match place.stage {
        Stage::Step { last: true } if !before => Told::Found,
        Stage::Verify => Told::Found,
        // Written side by side: it is chance which of them were.
        Stage::Close if place.name.of != "record" => Told::Either,
        Stage::Close if before => Told::Found,
        _ => Told::Sent,
    }
}

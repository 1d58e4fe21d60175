//! What a cell has come to, once everything is at rest.

use serde_json::Value;
use undrift_aws::journal::attribute::Item;
use undrift_aws::journal::items::read_claim;
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::WireEntry;

use super::lane::{Lane, Resource};
use super::place::{Name, Place, Stage};
use crate::controls::Control;

/// A cell that has been struck.
pub(super) struct Cell {
    pub(super) resource: Resource,
    pub(super) place: Place,
    pub(super) event: String,
    /// What was wrong already while it was struck.
    pub(super) wrong: Vec<String>,
}

/// All that was written, read once for many cells.
pub(super) struct Written {
    revisions: Vec<Record>,
    calls: Vec<WireEntry>,
}

impl Written {
    pub(super) async fn read(lane: &Lane) -> Self {
        Self {
            revisions: lane.scene.sandbox.stack.revisions().await.unwrap(),
            calls: lane.calls(),
        }
    }

    /// The revisions of a change's records, in order.
    pub(super) fn revisions(&self, cell: &Cell) -> Vec<&Record> {
        let of = |r: &&Record| r.key.event.as_str() == cell.event;
        self.revisions.iter().filter(of).collect()
    }

    /// The plan's calls on a resource that AWS saw.
    fn writes(&self, cell: &Cell, steps: &[Name]) -> Vec<&WireEntry> {
        let own = |c: &&WireEntry| {
            steps.contains(&Name::of(c)) && is_about(&c.input(), &cell.resource.id)
        };
        self.calls.iter().filter(own).collect()
    }

    /// Each write came after a claim that holds its call, and before the claim was given back.
    fn unclaimed(&self, cell: &Cell, steps: &[Name]) -> Vec<String> {
        let writes = self.writes(cell, steps);
        let without = writes.into_iter().filter(|w| !self.is_claimed(cell, w));
        without
            .map(|w| format!("{} (call {}) without an open record", w.operation, w.seq))
            .collect()
    }

    fn is_claimed(&self, cell: &Cell, write: &WireEntry) -> bool {
        let puts = self.calls.iter().filter(|c| {
            c.seq < write.seq
                && c.operation == "PutItem"
                && matches!(c.status, 0 | 200)
                && c.input()["Item"]["resource"]["S"] == cell.resource.id.as_str()
                && c.input()["Item"]["entity"]["S"] == "claim"
        });
        let Some(last) = puts.last() else {
            return false;
        };
        let item: Item = serde_json::from_value(last.input()["Item"].clone()).unwrap();
        let held = read_claim(&item).unwrap().held;
        held.is_some_and(|h| {
            let mut steps = h.plan.steps.iter();
            steps.any(|s| s.call.operation == write.operation)
        })
    }
}

/// A call names a resource, by its id or by the last part of it.
fn is_about(input: &Value, id: &str) -> bool {
    let text = input.to_string();
    let name = id.rsplit('/').next().unwrap_or(id);
    text.contains(&format!("\"{name}\"")) || text.contains(&format!("/{name}\""))
}

/// How a record may say that it was reverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// By us, its calls with it.
    Sent,
    /// Done by an invocation that could not say so any more.
    Found,
    /// One of the two, as it happens.
    Either,
}

/// What is wrong with the end of a cell: nothing, where it is right.
pub(super) async fn judge<C: Control>(
    lane: &Lane,
    written: &Written,
    cell: &Cell,
    steps: &[Name],
    told: Told,
) -> Vec<String> {
    let mut wrong = cell.wrong.clone();
    let now = C::state(&lane.scene.admin, &cell.resource.id).await;
    if now != cell.resource.right {
        wrong.push(format!("it is {now}, and was {}", cell.resource.right));
    }
    wrong.extend(written.unclaimed(cell, steps));
    let revisions = written.revisions(cell);
    let kinds: Vec<OutcomeKind> = revisions.iter().map(|r| r.outcome.kind).collect();
    let Some((last, earlier)) = revisions.split_last() else {
        wrong.push("no record".to_owned());
        return wrong;
    };
    let passing = |k: &OutcomeKind| matches!(k, OutcomeKind::Pending | OutcomeKind::Blocked);
    let once = kinds[..earlier.len()].iter().all(passing);
    if last.outcome.kind != OutcomeKind::Reverted || !once {
        let said = revisions.iter().map(|r| {
            let kind = r.outcome.kind;
            format!("{} {}: {}", r.revision, kind.word(), r.outcome.reason)
        });
        let said: Vec<String> = said.collect();
        wrong.push(format!("its record says {said:?}"));
        return wrong;
    }
    let found = last.outcome.reason.contains("found after an interruption");
    let sent = last.sent.iter().any(|s| s.error.is_none());
    let is_told = match told {
        Told::Sent => !found && sent,
        Told::Found => found && !sent,
        Told::Either => found != sent,
    };
    if !is_told {
        let calls = last.sent.len();
        wrong.push(format!(
            "it says `{}` with {calls} calls, which isn't {told:?}",
            last.outcome.reason
        ));
    }
    wrong
}

/// The names of the plan's calls.
pub(super) fn steps(places: &[Place]) -> Vec<Name> {
    let steps = places.iter();
    let steps = steps.filter(|p| matches!(p.stage, Stage::Step { .. }));
    steps.map(|p| p.name.clone()).collect()
}

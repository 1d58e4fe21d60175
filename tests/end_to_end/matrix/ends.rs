//! What a cell has come to, once everything is at rest.

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
    claims: Vec<Put>,
    /// The plans' calls, each with its input as text.
    writes: Vec<(WireEntry, String)>,
}

/// A claim taken or given back.
struct Put {
    seq: u64,
    resource: String,
    /// The calls of the plan that it holds.
    holds: Vec<String>,
}

impl Put {
    fn of(call: &WireEntry) -> Option<Self> {
        if call.operation != "PutItem" || !matches!(call.status, 0 | 200) {
            return None;
        }
        let input = call.input();
        if input["Item"]["entity"]["S"] != "claim" {
            return None;
        }
        let item: Item = serde_json::from_value(input["Item"].clone()).unwrap();
        let steps = read_claim(&item).unwrap().held.map(|h| h.plan.steps);
        let steps = steps.into_iter().flatten();
        Some(Self {
            seq: call.seq,
            resource: item.get_text("resource").unwrap().to_owned(),
            holds: steps.map(|s| s.call.operation).collect(),
        })
    }
}

impl Written {
    pub(super) async fn read(lane: &Lane, steps: &[Name]) -> Self {
        let calls = lane.calls();
        let own = calls.iter().filter(|c| steps.contains(&Name::of(c)));
        Self {
            revisions: lane.scene.sandbox.stack.revisions().await.unwrap(),
            claims: calls.iter().filter_map(Put::of).collect(),
            writes: own.map(|c| (c.clone(), c.input().to_string())).collect(),
        }
    }

    /// The revisions of a change's records, in order.
    pub(super) fn revisions(&self, cell: &Cell) -> Vec<&Record> {
        let of = |r: &&Record| r.key.event.as_str() == cell.event;
        self.revisions.iter().filter(of).collect()
    }

    /// Each write came after a claim that holds its call, and before the claim was given back.
    fn unclaimed(&self, cell: &Cell) -> Vec<String> {
        let id = cell.resource.id.as_str();
        let own = self.writes.iter().filter(|(_, input)| is_about(input, id));
        let claims: Vec<&Put> = self.claims.iter().filter(|c| c.resource == id).collect();
        let is_claimed = |write: &WireEntry| {
            let last = claims.iter().rfind(|c| c.seq < write.seq);
            last.is_some_and(|c| c.holds.contains(&write.operation))
        };
        own.filter(|(write, _)| !is_claimed(write))
            .map(|(w, _)| format!("{} (call {}) without an open record", w.operation, w.seq))
            .collect()
    }
}

/// A call names a resource, by its id or by the last part of it.
fn is_about(text: &str, id: &str) -> bool {
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
    told: Told,
) -> Vec<String> {
    let mut wrong = cell.wrong.clone();
    let now = C::state(&lane.scene.admin, &cell.resource.id).await;
    if now != cell.resource.right {
        wrong.push(format!("it is {now}, and was {}", cell.resource.right));
    }
    wrong.extend(written.unclaimed(cell));
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

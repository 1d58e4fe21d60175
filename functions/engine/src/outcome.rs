//! How a record ends, by what a last look showed.

use jiff::Timestamp;
use undrift_core::decide::Decision;
use undrift_core::judge::{Viewed, findings};
use undrift_core::kind::{ElementPath, Image};
use undrift_core::plan::{Plan, Write, WriteBy};
use undrift_core::record::{Cause, ChangeKey, Outcome, OutcomeKind, Record, Stages};

use crate::Engine;
use crate::apply::Applied;
use crate::close::Draft;
use crate::own::second;
use crate::port::{Clock, Cloud, ErrorClass, Journal, JournalError, Switch};
use crate::verify::{Verified, left};

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// The outcome of a record whose elements were to be put back.
    pub(crate) fn outcome(
        &self,
        draft: &Draft<'_>,
        record: &Record,
        applied: &Applied,
        verified: &Verified,
        taken_over: bool,
    ) -> Outcome {
        let plan = record.plan.clone().unwrap_or_default();
        // Where nothing was sent, the first look tells as much as the last.
        let first = Some(draft.live).filter(|_| applied.sent.is_empty() && !verified.gone);
        let unfulfilled = left(draft.kind, &plan, verified.seen.as_ref().or(first));
        let count = plan.writes.len();
        let sent = |path: &ElementPath| applied.wrote.contains(path);
        let ours = plan.writes.iter().any(|w| sent(&w.path));
        if let Cause::Undo { .. } = record.cause {
            return interrupted_undo(unfulfilled.is_empty());
        }
        if verified.conflict {
            return Outcome::new(
                OutcomeKind::Conflict,
                "it kept changing while Undrift looked; a person must decide",
            );
        }
        if verified.gone {
            return Outcome::new(OutcomeKind::Gone, "the resource no longer exists");
        }
        if unfulfilled.is_empty() {
            let still = self.still_wrong(draft, record, verified);
            if let Some(policy) = still {
                return Outcome::new(
                    OutcomeKind::Failed,
                    format!("written as planned, and {policy} still finds it wrong"),
                );
            }
            if (ours || taken_over) && is_given_back(&plan) {
                return Outcome::new(
                    OutcomeKind::Conflict,
                    "Undrift wrote over it in the moment it was made; it is again as it was made",
                );
            }
            let others = "somebody else put it back first";
            return match (ours, taken_over) {
                (true, _) => Outcome::new(
                    OutcomeKind::Reverted,
                    format!("{}{}", put_back(count), proposals(record)),
                ),
                (false, true) => Outcome::new(
                    OutcomeKind::Reverted,
                    format!("{}, as found after an interruption", put_back(count)),
                ),
                (false, false) => Outcome::new(OutcomeKind::ClosedByOthers, others),
            };
        }
        let looked = record.stages.looked.map_or(Timestamp::MAX, second);
        let known = draft.history();
        let by = draft.looked.inherited(draft.looked_at);
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        let is_ours = |w: &Write| known.is_done_by(draft.kind, &w.path, looked, &by);
        let is_others = |path: &ElementPath| known.is_others_since(draft.kind, path, looked);
        let ours = ours || plan.writes.iter().any(is_ours);
        let is_theirs = unfulfilled.iter().all(is_others) || !unfulfilled.iter().any(sent);
        if taken_over && ours && is_theirs {
            if is_given_back(&plan) {
                let why = "Undrift wrote over it in the moment it was made; somebody else changed it since";
                return Outcome::new(OutcomeKind::Conflict, why);
            }
            let why = format!("{}; somebody else changed it since", put_back(count));
            return Outcome::new(OutcomeKind::Reverted, why);
        }
        if taken_over && !unfulfilled.iter().any(sent) {
            let why = "it was changed once more before the interrupted work was taken up";
            return Outcome::new(OutcomeKind::ClosedByOthers, why);
        }
        match &applied.error {
            Some(e) if matches!(e.class, ErrorClass::Denied | ErrorClass::Unknown) => Outcome::new(
                OutcomeKind::Blocked,
                format!("AWS refused {} ({}): {}", e.operation, e.code, e.message),
            ),
            Some(e) if e.class == ErrorClass::Conflict => {
                Outcome::new(OutcomeKind::Conflict, e.to_string())
            }
            // An orphaned principal, for one: what stood there can't be put back as it was.
            Some(e) if e.class == ErrorClass::Invalid && !ours && !is_approval(record) => {
                Outcome::new(
                    OutcomeKind::Proposed,
                    format!(
                        "AWS takes back no longer what was there ({}: {}); the plan holds it word for word",
                        e.code, e.message
                    ),
                )
            }
            Some(e) => Outcome::new(OutcomeKind::Failed, e.to_string()),
            None if applied.at.is_some() && !applied.met_others => {
                let why = match &verified.error {
                    Some(e) => format!("the calls succeeded, but not the look after them: {e}"),
                    None => "the calls succeeded; reads don't show it yet".to_owned(),
                };
                Outcome::new(OutcomeKind::Pending, why)
            }
            None => Outcome::new(
                OutcomeKind::Conflict,
                "somebody else changed it while it was being put back",
            ),
        }
    }

    /// The last revision of the record that another one ends, where there is one to be written.
    pub(crate) async fn last_of_another(
        &self,
        by: &Record,
    ) -> Result<Option<Record>, JournalError> {
        let Some(of) = ends_another(by) else {
            return Ok(None);
        };
        let first = self.journal.record(of).await?;
        Ok(first.and_then(|first| ended(first, by)))
    }

    /// A policy that still finds one of the record's elements wrong, and would not, had the plan
    /// come out: what was wrong before the change already is put back as it was.
    fn still_wrong(
        &self,
        draft: &Draft<'_>,
        record: &Record,
        verified: &Verified,
    ) -> Option<String> {
        let seen = verified.seen.as_ref()?;
        let plan = record.plan.as_ref()?;
        let paths: Vec<_> = plan.writes.iter().map(|w| &w.path).collect();
        let is_done = |d: &Decision| match d {
            Decision::Act => true,
            Decision::Propose(_) => is_approval(record),
            Decision::Leave(_) => false,
        };
        let acted = record.rulings.iter().filter(|r| is_done(&r.decision));
        for ruling in acted {
            let policies = &self.bundle.policies;
            let Some(policy) = policies.iter().find(|p| p.policy.id == ruling.policy) else {
                continue;
            };
            let account = &record.key.resource.account;
            let wrong = |image: &Image| {
                let found = findings(policy, draft.kind, &Viewed::of(image, account));
                let paths_of = found.wrong.into_iter().map(|e| e.path);
                paths_of.filter(|p| paths.contains(&p)).collect::<Vec<_>>()
            };
            let still = wrong(seen);
            if still.is_empty() {
                continue;
            }
            let older = wrong(&plan.desired(draft.live));
            if still.iter().any(|path| !older.contains(path)) {
                return Some(policy.policy.id.to_string());
            }
        }
        None
    }
}

fn interrupted_undo(is_done: bool) -> Outcome {
    if is_done {
        let why = "done, as found after an interruption";
        return Outcome::new(OutcomeKind::Undone, why);
    }
    let why = "the undo was interrupted before it was done; ask for it again";
    Outcome::new(OutcomeKind::Failed, why)
}

fn is_approval(record: &Record) -> bool {
    matches!(record.cause, Cause::Approval { .. })
}

/// The record whose last revision a person's request brings, once that is done.
pub(crate) fn ends_another(record: &Record) -> Option<&ChangeKey> {
    use OutcomeKind::{ClosedByOthers, Gone, Reverted, Undone};
    let (of, is_done) = match &record.cause {
        Cause::Undo { of, .. } => (of, matches!(record.outcome.kind, Undone)),
        Cause::Approval { of, .. } => {
            let is_done = matches!(record.outcome.kind, Reverted | ClosedByOthers | Gone);
            (of, is_done)
        }
        Cause::Change(_) | Cause::Sweep { .. } => return None,
    };
    is_done.then_some(of)
}

/// The last revision of the record that a request was about; none if it has it.
fn ended(first: Record, by: &Record) -> Option<Record> {
    match &by.cause {
        Cause::Undo { .. } => Some(undone(first, by)),
        Cause::Approval { by: who, .. } if first.outcome.kind == OutcomeKind::Proposed => {
            let why = format!("approved by {who}: {}", by.outcome.reason);
            Some(Record {
                revision: first.revision + 1,
                outcome: Outcome::new(by.outcome.kind, why),
                sent: by.sent.clone(),
                stages: Stages {
                    claimed: by.stages.claimed,
                    applied: by.stages.applied,
                    verified: by.stages.verified,
                    closed: by.stages.verified.or(by.stages.seen),
                    ..first.stages
                },
                ..first
            })
        }
        _ => None,
    }
}

/// A record whose revert was taken back.
pub(crate) fn undone(mut first: Record, by: &Record) -> Record {
    first.revision += 1;
    first.outcome = Outcome::new(OutcomeKind::Undone, format!("undone by record {}", by.key));
    first.undone_by = Some(by.key.clone());
    first
}

/// All that it does is to give back what Undrift had written over.
fn is_given_back(plan: &Plan) -> bool {
    plan.writes.iter().all(|w| w.by == WriteBy::GiveBack)
}

/// What of a change was only proposed, while the rest of it was put back.
fn proposals(record: &Record) -> String {
    let mut proposed: Vec<String> = Vec::new();
    for ruling in &record.rulings {
        let Decision::Propose(why) = &ruling.decision else {
            continue;
        };
        let evidence = record.assessments.iter().flat_map(|a| &a.evidence);
        for e in evidence.filter(|e| e.path == ruling.path) {
            let line = format!("{} stays until a person decides ({why})", e.shown);
            if !proposed.contains(&line) {
                proposed.push(line);
            }
        }
    }
    if proposed.is_empty() {
        return String::new();
    }
    format!("; {}", proposed.join("; "))
}

/// What was done, counted.
pub(crate) fn put_back(count: usize) -> String {
    match count {
        1 => "1 element is back to what it was before the change".to_owned(),
        n => format!("{n} elements are back to what they were before the change"),
    }
}

/// The outcome of a change in the same group on which nothing was to be done.
pub(crate) fn bystander(record: &Record) -> Outcome {
    if record.outcome.kind != OutcomeKind::Pending {
        return record.outcome.clone();
    }
    match &record.decision {
        Decision::Propose(why) => Outcome::new(OutcomeKind::Proposed, why.to_string()),
        Decision::Leave(why) => Outcome::new(OutcomeKind::Left, why.to_string()),
        Decision::Act => Outcome::new(
            OutcomeKind::ClosedByOthers,
            "nothing of it was left to put back",
        ),
    }
}

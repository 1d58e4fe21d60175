//! Judge, decide and plan for all changes of one resource at once: pure but for the arguments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use undrift_core::decide::{Circumstances, Decision, Ruling, Why, overall, rule};
use undrift_core::judge::{Assessment, Findings, Located, Viewed, assess, findings, locate};
use undrift_core::kind::{Effect, ElementPath, Image, Kind, ResourceRef, Touch};
use undrift_core::name::PolicyId;
use undrift_core::observe::History;
use undrift_core::plan::{Mend, Plan, plan};
use undrift_core::policy::Remedy;

use crate::Item;

/// What came out for one change.
#[derive(Debug, Clone)]
pub(crate) struct Weighed {
    pub(crate) assessments: Vec<Assessment>,
    pub(crate) rulings: Vec<Ruling>,
    pub(crate) decision: Decision,
    /// The elements of the plan that this change brought.
    pub(crate) own: Vec<ElementPath>,
    /// Some of its effect isn't visible in the live image.
    pub(crate) invisible: bool,
    /// Nothing of its effect is visible.
    pub(crate) vanished: bool,
}

/// What came out for a resource.
#[derive(Debug, Clone)]
pub(crate) struct Scales {
    /// One per change, in their order.
    pub(crate) changes: Vec<Weighed>,
    /// The plan to carry out, or to propose.
    pub(crate) plan: Option<Plan>,
    /// It is to be carried out.
    pub(crate) act: bool,
}

/// Weighs the changes of one resource against its live image.
pub(crate) fn weigh(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    items: &[Item],
    history: &History,
    now: Circumstances<'_>,
) -> Scales {
    let none: &[Touch] = &[];
    let touches: Vec<(Timestamp, &[Touch])> = items
        .iter()
        .map(|item| match &item.effect {
            Effect::Edited(touches) => (item.change.time, touches.as_slice()),
            _ => (item.change.time, none),
        })
        .collect();
    let located = locate(kind, live, &touches, history);
    let (located, unclear) = match located {
        Ok(located) => (located, None),
        Err(e) => (Vec::new(), Some(e.to_string())),
    };
    let view = Viewed::of(live);
    let mut found: BTreeMap<&PolicyId, Findings> = BTreeMap::new();
    let mut changes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let brought: Vec<&Located> = located.iter().filter(|l| l.changes.1 == index).collect();
        let mut assessments: Vec<Assessment> = now
            .bundle
            .listening(&item.change)
            .filter(|p| p.policy.kind == resource.kind)
            .map(|policy| {
                let findings = found
                    .entry(&policy.policy.id)
                    .or_insert_with(|| findings(policy, kind, &view));
                assess(policy, findings, &brought)
            })
            .collect();
        let unclear = match &item.effect {
            Effect::Unclear(why) => Some(why.clone()),
            _ => unclear.clone(),
        };
        if let Some(why) = unclear {
            for assessment in &mut assessments {
                assessment.verdict = undrift_core::judge::Verdict::Undecided(why.clone());
            }
        }
        let rulings = rule(&assessments, kind, resource, &item.change, now);
        let decision = overall(&assessments, &rulings);
        let made: Vec<&&Located> = brought.iter().filter(|l| l.is_made()).collect();
        changes.push(Weighed {
            invisible: made.iter().any(|l| l.is_missing()),
            vanished: !made.is_empty() && made.iter().all(|l| l.is_missing()),
            own: brought
                .iter()
                .filter(|l| l.brought())
                .map(|l| l.path.clone())
                .collect(),
            assessments,
            rulings,
            decision,
        });
    }
    let (plan, act) = planned(kind, resource, live, &located, &mut changes, now);
    for weighed in &mut changes {
        let writes = plan.as_ref().map_or(&[][..], |p| p.writes.as_slice());
        weighed
            .own
            .retain(|path| writes.iter().any(|w| w.path == *path));
    }
    Scales { changes, plan, act }
}

/// The one merged plan: what is to be done, or, where nothing is, what is proposed. Elements for
/// which no plan can be made are proposed without one.
fn planned(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    located: &[Located],
    changes: &mut [Weighed],
    now: Circumstances<'_>,
) -> (Option<Plan>, bool) {
    for wanted in [Decision::Act, Decision::Propose(Why::NeedsApproval)] {
        let act = wanted == Decision::Act;
        // A change whose plan can't be made must not keep the others' from being made.
        loop {
            let mend = mend(changes, act, now);
            if mend.is_empty() {
                break;
            }
            match plan(kind, resource, live, located, &mend, now) {
                Ok(plan) => return (Some(plan), act),
                Err(no_plan) if act => demote(changes, &no_plan.paths, &no_plan.why),
                Err(_) => return (None, false),
            }
        }
    }
    (None, false)
}

fn demote(changes: &mut [Weighed], paths: &[ElementPath], why: &Why) {
    for weighed in changes {
        for ruling in &mut weighed.rulings {
            if ruling.decision == Decision::Act && paths.contains(&ruling.path) {
                ruling.decision = Decision::Propose(why.clone());
            }
        }
        weighed.decision = overall(&weighed.assessments, &weighed.rulings);
    }
}

/// The elements that rulings want mended, each with its remedy: `remove` only where every policy
/// that wants it mended says so.
fn mend(changes: &[Weighed], act: bool, now: Circumstances<'_>) -> Mend {
    let mut mend = Mend::new();
    for ruling in changes.iter().flat_map(|c| &c.rulings) {
        let wanted = match ruling.decision {
            Decision::Act => act,
            Decision::Propose(_) => !act,
            Decision::Leave(_) => false,
        };
        let policy = now
            .bundle
            .policies
            .iter()
            .find(|p| p.policy.id == ruling.policy);
        if let (true, Some(policy)) = (wanted, policy) {
            let remedy = mend
                .entry(ruling.path.clone())
                .or_insert(policy.policy.remedy);
            if policy.policy.remedy == Remedy::Restore {
                *remedy = Remedy::Restore;
            }
        }
    }
    mend
}

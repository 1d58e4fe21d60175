//! Judges, decides and plans for all changes of one resource at once.

mod mending;
mod overrun;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::change::Change;
use crate::decide::{Circumstances, Decision, Ruling, Why, overall, rule};
use crate::judge::{
    Assessment, Findings, Located, Standing, Verdict, Viewed, assess, findings, locate,
};
use crate::kind::{Effect, ElementPath, FacetName, Image, Kind, ResourceRef, Target, Touch};
use crate::name::{AccountId, PolicyId};
use crate::observe::History;
use crate::plan::{Mend, Plan, Write, plan};
use crate::policy::BundledPolicy;
use mending::{hold_back, mend};
pub use overrun::{BESIDE, is_overrun};
use overrun::{Overrun, give_back, overrun};
use whole::{exposed, spelled, taken};

/// One change, and what it did to the resource that is weighed.
#[derive(Debug, Clone, Copy)]
pub struct Occurred<'c> {
    /// The change.
    pub change: &'c Change,
    /// What it did.
    pub effect: &'c Effect,
    /// How it came to be known.
    pub noticed: Noticed,
}

/// How a change came to be known, which says who judges it and what may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    /// By its event: the policies that listen to it judge it.
    ByEvent,
    /// By a look at the resource, which had been seen otherwise: every policy of the kind judges
    /// it, and as nobody knows who did it, it is only proposed to take it back.
    Missed,
    /// By the first look at the resource: it is only reported.
    FirstSeen,
}

/// What came out for one change.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// What each policy that listens to it says.
    pub assessments: Vec<Assessment>,
    /// What is to be done about each piece of evidence.
    pub rulings: Vec<Ruling>,
    /// What is to be done about the change as a whole.
    pub decision: Decision,
    /// The elements of the plan that this change brought.
    pub own: Vec<ElementPath>,
    /// Some of its effect isn't visible in the live image.
    pub invisible: bool,
    /// Nothing of its effect is visible.
    pub vanished: bool,
    /// Later changes took what it made away, or wrote over it.
    pub overtaken: bool,
    /// What it made that Undrift wrote over in the same moment, without having seen it.
    pub overrun: Vec<ElementPath>,
}

/// What came out for a resource.
#[derive(Debug, Clone)]
pub struct Scales {
    /// One per change, in their order.
    pub changes: Vec<Weighed>,
    /// The plan to carry out, or to propose.
    pub plan: Option<Plan>,
    /// It is to be carried out.
    pub act: bool,
}

/// What the resource may be instead of the image at hand, where that image was put together from
/// records and not read.
#[derive(Debug, Clone)]
pub struct World {
    /// The other image.
    pub image: Image,
    /// Elements of the image at hand that stand elsewhere in it.
    pub moved: Vec<(ElementPath, ElementPath)>,
    /// What isn't known, for people.
    pub unknown: String,
}

impl World {
    /// Where an element of the image at hand stands in this one.
    fn place<'p>(&'p self, path: &'p ElementPath) -> &'p ElementPath {
        let moved = self.moved.iter().find(|(here, _)| here == path);
        moved.map_or(path, |(_, there)| there)
    }
}

/// Weighs the changes of one resource against its live image.
#[must_use]
pub fn weigh(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    occurred: &[Occurred<'_>],
    history: &History,
    now: Circumstances<'_>,
) -> Scales {
    weigh_among(kind, resource, (live, &[]), occurred, history, now)
}

/// As [`weigh`], where the resource may also be otherwise: only what is wrong in every world is
/// violated, only what is right in every one is compliant, all else is undecided.
#[must_use]
pub fn weigh_among(
    kind: &dyn Kind,
    resource: &ResourceRef,
    (live, worlds): (&Image, &[World]),
    occurred: &[Occurred<'_>],
    history: &History,
    now: Circumstances<'_>,
) -> Scales {
    let made = occurred.iter().map(|o| (o.change.time, o.effect));
    let history = &*history.with_made(made);
    let spelled = spelled(kind, occurred, history);
    let touches: Vec<(Timestamp, &[Touch])> = occurred
        .iter()
        .zip(&spelled)
        .map(|(o, (touches, _))| (o.change.time, touches.as_ref()))
        .collect();
    let located = locate(kind, live, &touches, history);
    let (located, unclear) = match located {
        Ok(located) => (located, None),
        Err(e) => (Vec::new(), Some(e.to_string())),
    };
    let told = told(live, &located);
    let live = told.as_ref().unwrap_or(live);
    let is_new = is_new(occurred);
    let mut views = Views::of(live, worlds, &resource.account);
    let mut changes = Vec::new();
    for (index, occurred) in occurred.iter().enumerate() {
        let brought: Vec<&Located> = located
            .iter()
            .filter(|l| l.makers.contains(&index))
            .collect();
        let mut doubts = BTreeMap::new();
        let mut assessments: Vec<Assessment> = asked(occurred, now)
            .into_iter()
            .filter(|p| p.policy.kind == resource.kind)
            .map(|policy| {
                let mut said = views.assess(policy, kind, &brought, &mut doubts);
                let before = spelled.get(index).map(|(_, before)| before);
                if let Some(before) = before.filter(|b| !b.is_empty()) {
                    let account = &resource.account;
                    exposed(policy, kind, (live, before, account), &brought, &mut said);
                }
                said
            })
            .collect();
        let unclear = match occurred.effect {
            Effect::Unclear(why) => Some(why.clone()),
            Effect::Created(None) => {
                Some("the record doesn't show what it was made with".to_owned())
            }
            _ => unclear.clone(),
        };
        if let Some(why) = unclear {
            for assessment in &mut assessments {
                assessment.verdict = Verdict::Undecided(why.clone());
            }
        }
        let mut rulings = rule(&assessments, kind, resource, occurred.change, now);
        for ruling in &mut rulings {
            let doubt = doubts.get(&(ruling.policy.clone(), ruling.path.clone()));
            if let (Some(why), Decision::Act) = (doubt, &ruling.decision) {
                ruling.decision = Decision::Propose(Why::Undecided(why.clone()));
            }
        }
        hold_back(&mut rulings, &located, is_new, now);
        temper(&mut rulings, occurred.noticed);
        let decision = overall(&assessments, &rulings);
        let made: Vec<&&Located> = brought.iter().filter(|l| l.is_made()).collect();
        // What it only said once more says nothing of whether it is still there.
        let altered: Vec<_> = made.iter().filter(|l| l.is_altered()).collect();
        changes.push(Weighed {
            invisible: made.iter().any(|l| l.is_missing()),
            vanished: !altered.is_empty() && altered.iter().all(|l| l.is_missing()),
            overtaken: is_overtaken(index, &located, &touches)
                || altered.iter().any(|l| l.standing == Standing::Superseded),
            own: brought
                .iter()
                .filter(|l| l.brought())
                .map(|l| l.path.clone())
                .collect(),
            assessments,
            rulings,
            decision,
            overrun: Vec::new(),
        });
    }
    let taken = |index: usize, facets: &BTreeSet<FacetName>| {
        taken(
            kind,
            resource,
            (occurred, &spelled),
            index,
            facets,
            history,
            now,
        )
    };
    let wanted = |changes: &[Weighed], act| Mend {
        is_new,
        ..mend(changes, act, kind, &taken, now)
    };
    let (plan, act) = planned(kind, resource, live, &located, &mut changes, &wanted, now);
    let over = overrun(kind, resource, live, (occurred, &spelled), history, now);
    let (plan, act) = give_back(kind, resource, live, (occurred, &over), (plan, act), now);
    let writes = plan.as_ref().map_or(&[][..], |p| p.writes.as_slice());
    own_written(occurred, &mut changes, over, writes);
    Scales { changes, plan, act }
}

/// Gives each write of the plan to the change on whose account it is.
fn own_written(
    occurred: &[Occurred<'_>],
    changes: &mut [Weighed],
    overrun: Vec<Overrun>,
    writes: &[Write],
) {
    let is_written = |path: &ElementPath| writes.iter().any(|w| w.path == *path);
    for weighed in &mut *changes {
        weighed.own.retain(is_written);
    }
    for one in overrun {
        if let Some(weighed) = changes.get_mut(one.index) {
            if is_written(&one.path) && !weighed.own.contains(&one.path) {
                weighed.own.push(one.path.clone());
            }
            weighed.overrun.push(one.path);
        }
    }
    own_taken(occurred, changes, writes);
}

/// The policies that judge a change.
fn asked<'c>(occurred: &Occurred<'c>, now: Circumstances<'c>) -> Vec<&'c BundledPolicy> {
    match occurred.noticed {
        Noticed::ByEvent => now.bundle.listening(occurred.change).collect(),
        Noticed::Missed | Noticed::FirstSeen => now.bundle.policies.iter().collect(),
    }
}

/// One of the changes made the resource: there was nothing before.
fn is_new(occurred: &[Occurred<'_>]) -> bool {
    let mut effects = occurred.iter().map(|o| o.effect);
    effects.any(|e| matches!(e, Effect::Created(_)))
}

/// What nobody knows the doer of is only proposed, and what was so from the first only reported.
fn temper(rulings: &mut [Ruling], noticed: Noticed) {
    for ruling in rulings {
        match (noticed, &ruling.decision) {
            (Noticed::Missed, Decision::Act) => {
                ruling.decision = Decision::Propose(Why::NoEvent);
            }
            (Noticed::FirstSeen, Decision::Act | Decision::Propose(_)) => {
                ruling.decision = Decision::Leave(Why::FirstSeen);
            }
            _ => {}
        }
    }
}

/// What is put back beside an element is the last one's of the changes that replaced its facet and
/// have something in it mended.
fn own_taken(occurred: &[Occurred<'_>], changes: &mut [Weighed], writes: &[Write]) {
    for write in writes {
        if changes.iter().any(|c| c.own.contains(&write.path)) {
            continue;
        }
        let facet = &write.path.facet;
        let mut both = occurred.iter().zip(changes.iter_mut()).rev();
        let owner = both.find(|(o, c)| {
            let replaced = matches!(o.effect, Effect::Replaced(i) if i.facets.contains_key(facet));
            let mended =
                |r: &Ruling| r.path.facet == *facet && !matches!(r.decision, Decision::Leave(_));
            replaced && c.rulings.iter().any(mended)
        });
        if let Some((_, owner)) = owner {
            owner.own.push(write.path.clone());
        }
    }
}

/// Every element that a change made was touched by a later one of the list.
fn is_overtaken(index: usize, located: &[Located], touches: &[(Timestamp, &[Touch])]) -> bool {
    let Some((_, own)) = touches.get(index) else {
        return false;
    };
    let mut made = own.iter().filter(|t| t.after.is_some()).peekable();
    let later = |touch: &Touch| {
        let is_it = |l: &&Located| match &touch.target {
            Target::Key(key) => touch.facets.contains(&l.path.facet) && l.path.key == *key,
            Target::Like(_) => false,
        };
        located
            .iter()
            .find(is_it)
            .is_some_and(|l| l.changes.1 > index)
    };
    made.peek().is_some() && made.all(later)
}

/// The live image with what only records tell of the elements that changes made, such as who made
/// them. `None`: they tell nothing more.
fn told(live: &Image, located: &[Located]) -> Option<Image> {
    let mut told: Option<Image> = None;
    for located in located {
        let (Some(shown), Some(standing)) = (&located.shown, live.get(&located.path)) else {
            continue;
        };
        let (Some(shown), Some(members)) = (shown.as_object(), standing.as_object()) else {
            continue;
        };
        let more = shown
            .iter()
            .filter(|(name, _)| !members.contains_key(*name));
        let more: Vec<_> = more.collect();
        if !more.is_empty() {
            let mut element = members.clone();
            element.extend(more.into_iter().map(|(n, v)| (n.clone(), v.clone())));
            let image = told.get_or_insert_with(|| live.clone());
            let facet = image.facets.entry(located.path.facet.clone()).or_default();
            facet.insert(located.path.key.clone(), element.into());
        }
    }
    told
}

/// Why single pieces of evidence are not certain.
type Doubts = BTreeMap<(PolicyId, ElementPath), String>;

/// The image at hand and the other worlds, each judged once by each policy that asks.
struct Views<'i> {
    live: Viewed<'i>,
    worlds: Vec<(Viewed<'i>, &'i World)>,
    found: BTreeMap<PolicyId, Vec<Findings>>,
}

impl<'i> Views<'i> {
    fn of(live: &'i Image, worlds: &'i [World], account: &'i AccountId) -> Self {
        Self {
            live: Viewed::of(live, account),
            worlds: worlds
                .iter()
                .map(|w| (Viewed::of(&w.image, account), w))
                .collect(),
            found: BTreeMap::new(),
        }
    }

    fn assess(
        &mut self,
        policy: &BundledPolicy,
        kind: &dyn Kind,
        brought: &[&Located],
        doubts: &mut Doubts,
    ) -> Assessment {
        let found = self
            .found
            .entry(policy.policy.id.clone())
            .or_insert_with(|| {
                let others = self.worlds.iter().map(|(view, _)| view);
                std::iter::once(&self.live)
                    .chain(others)
                    .map(|view| findings(policy, kind, view))
                    .collect()
            });
        let Some((live, others)) = found.split_first() else {
            return assess(policy, &findings(policy, kind, &self.live), brought);
        };
        let mut said = assess(policy, live, brought);
        let doubtful = doubts.len();
        for (other, (_, world)) in others.iter().zip(&self.worlds) {
            let wrong = |path: &ElementPath| other.wrong.iter().any(|e| e.path == *path);
            for evidence in &said.evidence {
                if !wrong(world.place(&evidence.path)) {
                    let name = (said.policy.clone(), evidence.path.clone());
                    doubts.insert(name, world.unknown.clone());
                }
            }
            let own = brought.iter().filter(|l| l.brought());
            let may_be_wrong = own.map(|l| world.place(&l.path)).any(wrong);
            if said.verdict == Verdict::Compliant && may_be_wrong {
                said.verdict = Verdict::Undecided(world.unknown.clone());
            }
        }
        if doubts.len() > doubtful {
            let doubt = |path: &ElementPath| doubts.get(&(said.policy.clone(), path.clone()));
            let all: Option<Vec<&String>> = said.evidence.iter().map(|e| doubt(&e.path)).collect();
            if let Some(why) = all.and_then(|all| all.first().map(|w| (*w).clone())) {
                said.verdict = Verdict::Undecided(why);
            } else {
                // What is certain stands for itself.
                let certain = |path| !doubts.contains_key(&(said.policy.clone(), path));
                said.evidence.retain(|e| certain(e.path.clone()));
            }
        }
        said
    }
}

/// The one merged plan: what is to be done, or, where nothing is, what is proposed. Elements for
/// which no plan can be made are proposed without one.
fn planned(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    located: &[Located],
    changes: &mut [Weighed],
    wanted: &dyn Fn(&[Weighed], bool) -> Mend,
    now: Circumstances<'_>,
) -> (Option<Plan>, bool) {
    for act in [true, false] {
        // A change whose plan can't be made must not keep the others' from being made.
        loop {
            let mend = wanted(changes, act);
            if mend.wrong.is_empty() {
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

//! What people did in the very moment in which Undrift wrote: between its last look and its call
//! there is a round trip, and AWS has no conditional write for most things.

use jiff::SignedDuration;

use crate::decide::Circumstances;
use crate::kind::{
    Before, Effect, Element, ElementPath, FacetName, Image, Kind, ResourceRef, Target, Touch,
};
use crate::observe::{History, SeenChange, after, each_once};
use crate::plan::{Plan, Write, WriteBy, evidence, keep_right};

use super::Occurred;
use super::whole::{Before as Standing, Spelled, spelled};

/// How long before its own writes something can have been done that Undrift had not seen when it
/// wrote: no look is acted on for longer.
pub const BESIDE: SignedDuration = SignedDuration::from_secs(25);

/// An element as a person made it, which Undrift wrote over without having seen it.
pub(super) struct Overrun {
    /// Whose.
    pub(super) index: usize,
    /// Where.
    pub(super) path: ElementPath,
    /// What the person made of it.
    made: Option<Element>,
    /// Nobody else touched it in the same second: it can't have been theirs to take away.
    certain: bool,
}

/// Calls of Undrift's own took something away that these changes made, and had not seen it.
#[must_use]
pub fn is_overrun(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    occurred: &[Occurred<'_>],
    history: &History,
    now: Circumstances<'_>,
) -> bool {
    let spelled = spelled(kind, occurred, history);
    !overrun(kind, resource, live, (occurred, &spelled), history, now).is_empty()
}

/// Finds what changes made, and calls of Undrift's own of the same second or later took away
/// without planning to. Whatever else may have touched it since, by anybody, is another story.
pub(super) fn overrun(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    (occurred, spelled): (&[Occurred<'_>], &[Spelled<'_>]),
    history: &History,
    now: Circumstances<'_>,
) -> Vec<Overrun> {
    let mut all = Vec::new();
    for (index, (one, (touches, before))) in occurred.iter().zip(spelled).enumerate() {
        let time = one.change.time;
        let since = history.changes.iter().filter(|c| c.latest() >= time);
        let since: Vec<&SeenChange> = since.filter(|c| c.event != one.change.id).collect();
        let is_beside = |c: &&SeenChange| c.is_own() && c.time.duration_since(time) <= BESIDE;
        let own: Vec<&SeenChange> = since.iter().copied().filter(is_beside).collect();
        let mut own = each_once(&own);
        own.retain(|c| !c.knew.contains(&one.change.id));
        if own.is_empty() {
            continue;
        }
        let beside = occurred.iter().enumerate();
        let beside = beside.filter(|(i, o)| *i != index && o.change.time >= time);
        let batch: Vec<_> = beside.map(|(_, o)| (o.change.time, o.effect)).collect();
        for touch in touches.iter() {
            let Target::Key(key) = &touch.target else {
                continue;
            };
            for facet in &touch.facets {
                let path = ElementPath {
                    facet: facet.clone(),
                    key: key.clone(),
                };
                let others = since.iter().filter(|c| !c.is_own());
                let others = others
                    .map(|c| (c.time, &c.effect))
                    .chain(batch.iter().copied());
                let others: Vec<_> = others.filter(|(_, e)| touches_it(e, &path)).collect();
                // Where only the call's own event tells of it, what it knew shows by what it did:
                // what is wrong was taken away because it is.
                let meant = |own: &SeenChange| {
                    let facet = &path.facet;
                    own.until.is_none() && is_wrong(kind, resource, live, one.effect, facet, now)
                };
                if !others.iter().all(|(at, _)| *at == time) {
                    continue;
                }
                let over = own.iter().copied().find(|own| {
                    is_written_over(kind, live, &path, (touch, before), own) && !meant(own)
                });
                let Some(over) = over else { continue };
                all.push(Overrun {
                    index,
                    path,
                    made: touch.after.clone(),
                    certain: others.is_empty() && is_as_left(kind, live, facet, before, over),
                });
            }
        }
    }
    all
}

fn touches_it(effect: &Effect, path: &ElementPath) -> bool {
    match effect {
        Effect::Replaced(by) => by.facets.contains_key(&path.facet),
        Effect::Edited(touches) => touches.iter().any(|t| {
            let is_it = match &t.target {
                Target::Key(key) => *key == path.key,
                Target::Like(_) => true,
            };
            t.facets.contains(&path.facet) && is_it
        }),
        Effect::Created(_) | Effect::Deleted | Effect::Unclear(_) => true,
    }
}

/// The element stands as a call of Undrift's own left it, and that knew nothing of what a person had
/// made of it.
fn is_written_over(
    kind: &dyn Kind,
    live: &Image,
    path: &ElementPath,
    (touch, before): (&Touch, &Standing),
    own: &SeenChange,
) -> bool {
    let substance = |e: &Element| kind.substance(&path.facet, e);
    let same = |a: Option<&Element>, b: Option<&Element>| a.map(substance) == b.map(substance);
    let stands = live.get(path);
    if !live.facets.contains_key(&path.facet) || same(stands, touch.after.as_ref()) {
        return false;
    }
    let planned = match &own.effect {
        Effect::Edited(planned) => planned,
        // Its event tells all that it wrote: that is still what stands, as it was before.
        Effect::Replaced(by) => {
            let facet = &path.facet;
            let was = before.get(facet).map(|(stood, _)| stood.get(path));
            let is_left = by.facets.contains_key(facet) && is_alike(kind, facet, by, live);
            return is_left && was.is_some_and(|w| same(stands, w));
        }
        Effect::Created(_) | Effect::Deleted | Effect::Unclear(_) => return false,
    };
    let planned = planned.iter().filter(|t| t.facets.contains(&path.facet));
    let target = Target::Key(path.key.clone());
    if let Some(known) = planned.clone().find(|t| t.target == target) {
        let knew = match &known.before {
            Before::Was(e) => own.until.is_some() && same(Some(e), touch.after.as_ref()),
            Before::Absent => touch.after.is_none(),
            Before::Existed | Before::Unknown => own.until.is_some(),
        };
        return !knew && same(stands, known.after.as_ref());
    }
    // A document that was written as a whole has it as it was before the person's change.
    let Some((stood, _)) = before.get(&path.facet) else {
        return false;
    };
    let was = stood.get(path);
    // It is still that document.
    let is_left = |t: &Touch| match &t.target {
        Target::Key(key) => {
            let path = ElementPath {
                facet: path.facet.clone(),
                key: key.clone(),
            };
            same(live.get(&path), t.after.as_ref())
        }
        Target::Like(_) => false,
    };
    let mut planned = planned.peekable();
    let is_written = kind.is_whole(&path.facet) && planned.peek().is_some();
    is_written && planned.all(is_left) && same(stands, was)
}

/// A document that is written as a whole is in all of it what Undrift's own call left: nobody whose
/// event is still on its way has put another since.
fn is_as_left(
    kind: &dyn Kind,
    live: &Image,
    facet: &FacetName,
    before: &Standing,
    own: &SeenChange,
) -> bool {
    let Some((stood, _)) = before.get(facet).filter(|_| kind.is_whole(facet)) else {
        return true;
    };
    is_alike(kind, facet, live, &after(kind, stood, &own.effect))
}

/// Two images have the same elements in a facet.
fn is_alike(kind: &dyn Kind, facet: &FacetName, one: &Image, other: &Image) -> bool {
    let of = |image: &Image| {
        let elements = image.facets.get(facet).into_iter().flatten();
        let elements = elements.map(|(key, e)| (key.clone(), kind.substance(facet, e)));
        elements.collect::<Vec<_>>()
    };
    of(one) == of(other)
}

/// The plan, and whether it is to be carried out, with what was written over given back, but for
/// what any policy finds wrong. What is only proposed stays so, and where Undrift is paused, or only
/// a person may change the resource, nothing is given back.
pub(super) fn give_back(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    (occurred, overrun): (&[Occurred<'_>], &[Overrun]),
    (plan, act): (Option<Plan>, bool),
    now: Circumstances<'_>,
) -> (Option<Plan>, bool) {
    let held = now.paused || now.protected.is_some();
    if overrun.is_empty() || held || (plan.is_some() && !act) {
        return (plan, act);
    }
    match merged(kind, resource, live, (occurred, overrun), plan.clone(), now) {
        Some(merged) => (Some(merged), true),
        None => (plan, act),
    }
}

/// `None`: there is nothing to give back.
fn merged(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    (occurred, overrun): (&[Occurred<'_>], &[Overrun]),
    plan: Option<Plan>,
    now: Circumstances<'_>,
) -> Option<Plan> {
    let mut plan = plan.unwrap_or_default();
    let is_free = |path: &ElementPath| !plan.writes.iter().any(|w| w.path == *path);
    // What a wrong document took away is back, and stays.
    let stays = |o: &Overrun| {
        let effect = occurred.get(o.index).map(|one| one.effect);
        let facet = &o.path.facet;
        let is_so = |effect| is_wrong(kind, resource, live, effect, facet, now);
        o.made.is_none() && effect.is_some_and(is_so)
    };
    let mut back: Vec<Write> = overrun
        .iter()
        .filter(|o| o.certain && is_free(&o.path) && !stays(o))
        .map(|o| {
            let (from, to) = (live.get(&o.path).cloned(), o.made.clone());
            Write::new(kind, o.path.clone(), from, to, WriteBy::GiveBack)
        })
        .collect();
    let mut image = plan.desired(live);
    for write in &back {
        image.set(&write.path, write.to.clone());
    }
    keep_right(kind, resource, &image, &mut back, now);
    if back.is_empty() {
        return None;
    }
    plan.writes.append(&mut back);
    let desired = plan.desired(live);
    plan.steps = kind.steps(resource, live, &desired).ok()?;
    Some(plan)
}

/// What a change made is wrong in a facet, by any policy.
fn is_wrong(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    effect: &Effect,
    facet: &FacetName,
    now: Circumstances<'_>,
) -> bool {
    // What can't be told is not taken for right.
    let all = |image: &Image| evidence(kind, resource, image, now);
    let (Ok(older), Ok(new)) = (all(live), all(&after(kind, live, effect))) else {
        return true;
    };
    let mut new = new.difference(&older);
    new.any(|(_, path)| path.facet == *facet)
}

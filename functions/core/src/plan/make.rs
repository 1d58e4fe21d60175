//! The plan that mends what changes brought.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::legal::{evidence, keep_right, legal};
use super::{Plan, Texts, Write, WriteBy};
use crate::decide::{Circumstances, Why};
use crate::judge::{BeforeFrom, Located};
use crate::kind::{Element, ElementPath, FacetName, Image, Kind, ResourceRef};
use crate::policy::Remedy;

/// What is to be mended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mend {
    /// Elements that are wrong, each with the remedy that its policies name.
    pub wrong: BTreeMap<ElementPath, Remedy>,
    /// Of policies that state what to set where there is no way back: what for an element, or
    /// nothing, where setting others is to make it right.
    pub set: BTreeMap<ElementPath, Option<Element>>,
    /// The changes made the resource: that an element wasn't there before is no way back.
    pub is_new: bool,
    /// What the same calls took away, and the time of the image that shows it.
    pub taken: BTreeMap<ElementPath, (Element, Timestamp)>,
    /// The texts of the documents before those calls.
    pub texts: BTreeMap<FacetName, String>,
}

/// Plans the mending of elements that changes brought.
///
/// A plan is legal if the desired image has less evidence than the live one, none that live
/// lacked for any enabled policy of the kind, and none of what is being mended; exempt evidence
/// counts as none.
pub fn plan(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    located: &[Located],
    mend: &Mend,
    now: Circumstances<'_>,
) -> Result<Plan, NoPlan> {
    let mut writes = Vec::new();
    let (mut unknown, mut between) = (Vec::new(), Vec::new());
    for (path, remedy) in &mend.wrong {
        let found = located.iter().find(|l| l.path == *path);
        let before = found.and_then(|l| l.before.clone());
        let before = before.filter(|b| b.is_some() || !mend.is_new || !mend.set.contains_key(path));
        let (to, by) = match (before, remedy) {
            // What can be made harmless is neither taken away nor made harmful otherwise.
            (_, Remedy::Contain) => {
                let standing = live.get(path);
                let contained = standing.and_then(|e| kind.contained(&path.facet, e));
                let Some(contained) = contained else {
                    unknown.push(path.clone());
                    continue;
                };
                (Some(contained), WriteBy::Contain)
            }
            (Some(before), _) => {
                let image = found.and_then(|l| match l.before_from {
                    Some(BeforeFrom::Image(at)) => Some(at),
                    _ => None,
                });
                (before, WriteBy::Restore { image })
            }
            (None, Remedy::Remove) => (None, WriteBy::Remove),
            (None, Remedy::Restore) => match mend.set.get(path) {
                Some(Some(stated)) => (Some(stated.clone()), WriteBy::Set),
                Some(None) => continue,
                // What stood between the changes may be a way back.
                None if found.is_some_and(|l| !l.between.is_empty()) => {
                    between.push(path.clone());
                    (live.get(path).cloned(), WriteBy::Restore { image: None })
                }
                None => {
                    unknown.push(path.clone());
                    continue;
                }
            },
        };
        let from = live.get(path).cloned();
        // It is what it was: something beside it, that is put back, made it right.
        let in_a_row = found.is_some_and(|l| l.added || !l.between.is_empty());
        if from.is_some() && from == to && !in_a_row {
            continue;
        }
        writes.push(Write::new(kind, path.clone(), from, to, by));
    }
    if !unknown.is_empty() {
        return Err(NoPlan::of_unknown(unknown));
    }
    let mut plan = Plan {
        writes,
        ..Plan::default()
    };
    plan.put_back(kind, resource, live, &mend.taken, now);
    plan.prefer_newer(kind, resource, live, located, now);
    let is_as_before = |w: &&Write| between.contains(&w.path) && w.from == w.to;
    let none = plan.writes.iter().filter(is_as_before);
    let none: Vec<_> = none.map(|w| w.path.clone()).collect();
    if !none.is_empty() {
        return Err(NoPlan::of_unknown(none));
    }
    plan.take_out_added(kind, resource, live, located, now);
    let desired = plan.desired(live);
    legal(kind, resource, live, &desired, mend, now)?;
    plan.keep_texts(kind, live, &desired, &mend.texts);
    let desired = plan.desired(live);
    plan.steps = kind
        .steps(resource, live, &desired)
        .map_err(|e| NoPlan::of_all(mend, e.to_string()))?;
    plan.fit();
    Ok(plan)
}

/// Why no plan can be made, and on whose account.
#[derive(Debug, Clone, PartialEq)]
pub struct NoPlan {
    /// The elements without which there could be one.
    pub paths: Vec<ElementPath>,
    /// Why.
    pub why: Why,
}

impl NoPlan {
    fn of_unknown(paths: Vec<ElementPath>) -> Self {
        let shown = paths.iter().map(ToString::to_string);
        let shown = shown.collect::<Vec<_>>().join(", ");
        let why = format!("neither the record nor a kept image shows {shown} before the change");
        Self {
            paths,
            why: Why::BeforeUnknown(why),
        }
    }

    pub(super) fn of_all(mend: &Mend, why: String) -> Self {
        Self {
            paths: mend.wrong.keys().cloned().collect(),
            why: Why::PlanIllegal(why),
        }
    }
}

/// How large a plan's elements may be in JSON with everything that hangs from them, in bytes:
/// the claim that holds them twice must fit into one item of the table.
const LARGEST_WRITES: usize = 64 * 1024;

impl Plan {
    /// Plans to put back what a whole-facet change took away, but for what would be wrong.
    fn put_back(
        &mut self,
        kind: &dyn Kind,
        resource: &ResourceRef,
        live: &Image,
        taken: &BTreeMap<ElementPath, (Element, Timestamp)>,
        now: Circumstances<'_>,
    ) {
        let is_free = |path: &ElementPath| !self.writes.iter().any(|w| w.path == *path);
        let mut wanted: Vec<Write> = taken
            .iter()
            .filter(|(path, _)| live.get(path).is_none() && is_free(path))
            .map(|(path, (element, at))| {
                let by = WriteBy::Restore { image: Some(*at) };
                Write::new(kind, path.clone(), None, Some(element.clone()), by)
            })
            .collect();
        let mut image = self.desired(live);
        for write in &wanted {
            image.set(&write.path, write.to.clone());
        }
        keep_right(kind, resource, &image, &mut wanted, now);
        self.writes.append(&mut wanted);
    }

    /// Of several changes in a row, what the last one found is what goes back, if it was right.
    fn prefer_newer(
        &mut self,
        kind: &dyn Kind,
        resource: &ResourceRef,
        live: &Image,
        located: &[Located],
        now: Circumstances<'_>,
    ) {
        for index in 0..self.writes.len() {
            let Some(write) = self.writes.get(index).cloned() else {
                continue;
            };
            let found = located.iter().find(|l| l.path == write.path);
            let between = found.map_or(&[][..], |l| &l.between);
            let restored = matches!(write.by, WriteBy::Restore { .. });
            let newer = between.iter().find(|element| {
                let mut image = self.desired(live);
                image.set(&write.path, Some((*element).clone()));
                let wrong = evidence(kind, resource, &image, now);
                wrong.is_ok_and(|all| !all.iter().any(|(_, path)| *path == write.path))
            });
            if let (true, Some(newer), Some(planned)) =
                (restored, newer, self.writes.get_mut(index))
            {
                let by = WriteBy::Restore { image: None };
                *planned = Write::new(kind, write.path, write.from, Some(newer.clone()), by);
            }
        }
    }

    /// What the very changes had added, and added wrong, is no way back.
    fn take_out_added(
        &mut self,
        kind: &dyn Kind,
        resource: &ResourceRef,
        live: &Image,
        located: &[Located],
        now: Circumstances<'_>,
    ) {
        let added = |w: &Write| {
            let restored = matches!(w.by, WriteBy::Restore { .. }) && w.to.is_some();
            restored && located.iter().any(|l| l.path == w.path && l.added)
        };
        if !self.writes.iter().any(added) {
            return;
        }
        // Where a policy can't tell, the plan isn't legal anyway.
        let desired = self.desired(live);
        let wrong = evidence(kind, resource, &desired, now).unwrap_or_default();
        let is_wrong = |path: &ElementPath| wrong.iter().any(|(_, p)| p == path);
        for write in &mut self.writes {
            if added(write) && is_wrong(&write.path) {
                let (path, from) = (write.path.clone(), write.from.clone());
                *write = Write::new(kind, path, from, None, WriteBy::Restore { image: None });
            }
        }
    }

    /// Keeps the text of each document that the plan writes, and takes an earlier text where the
    /// plan leads to that very document.
    pub(super) fn keep_texts(
        &mut self,
        kind: &dyn Kind,
        live: &Image,
        desired: &Image,
        earlier: &BTreeMap<FacetName, String>,
    ) {
        for facet in self.writes.iter().map(|w| &w.path.facet) {
            let wanted = desired.facets.get(facet);
            let says = |text: &&String| kind.document(facet, text).as_ref() == wanted;
            let texts = Texts {
                from: live.texts.get(facet).cloned(),
                to: earlier.get(facet).filter(says).cloned(),
            };
            if texts != Texts::default() {
                self.texts.insert(facet.clone(), texts);
            }
        }
    }

    /// Leaves tags out where they would make the plan too large to be written down: an undo then
    /// brings the elements back without them. Nobody keeps an exposure open by hanging tags on it.
    fn fit(&mut self) {
        let size = |w: &Write| {
            let of = |e: &Option<Element>| e.as_ref().map_or(0, |e| e.to_string().len());
            of(&w.from) + of(&w.to)
        };
        if self.writes.iter().map(size).sum::<usize>() <= LARGEST_WRITES {
            return;
        }
        for write in &mut self.writes {
            for element in [&mut write.from, &mut write.to].into_iter().flatten() {
                if let Some(members) = element.as_object_mut() {
                    members.remove("tags");
                }
            }
        }
    }
}

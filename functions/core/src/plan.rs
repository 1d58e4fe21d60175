//! From evidence to the desired image, and from there to calls.

mod undo;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decide::{Circumstances, Why, exempt};
use crate::judge::{BeforeFrom, Evidence, Located, Viewed, findings};
use crate::kind::{Element, ElementPath, FacetName, Image, Kind, ResourceRef, Step};
use crate::name::PolicyId;
use crate::policy::Remedy;

/// One element that a plan writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// Where it stands.
    pub path: ElementPath,
    /// What it is now; absent: it isn't there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Element>,
    /// What it is to be; absent: it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Element>,
    /// What it is and is to be, as people read it.
    pub shown: Shown,
    /// How that was found.
    pub by: WriteBy,
}

/// Both sides of a write in words, kept so that a record can be read after an upgrade.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// What it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Write {
    pub(crate) fn new(
        kind: &dyn Kind,
        path: ElementPath,
        from: Option<Element>,
        to: Option<Element>,
        by: WriteBy,
    ) -> Self {
        let say = |e: &Option<Element>| e.as_ref().map(|e| kind.describe(&path.facet, e));
        let shown = Shown {
            from: say(&from),
            to: say(&to),
        };
        Self {
            path,
            from,
            to,
            shown,
            by,
        }
    }
}

/// How a plan came to what an element is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteBy {
    /// It was so before the change: shown by the record, or by an image of that time.
    Restore {
        /// The image's time, where it wasn't the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<Timestamp>,
    },
    /// What it was isn't known; the policy says to take it out.
    Remove,
    /// What it was isn't known, or the resource is new; the policy states what to set it to.
    Set,
    /// It is made harmless.
    Contain,
    /// A revert is being undone.
    Undo,
    /// A person made it so in the moment in which Undrift wrote, and lost it by that.
    GiveBack,
}

pub use undo::{Moved, UndoError, undo};

/// The whole way from live to desired, complete before the first call is sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The elements that are written.
    pub writes: Vec<Write>,
    /// The calls, in order.
    pub steps: Vec<Step>,
    /// Of facets that are documents and become, or were, somebody's very text: that text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<FacetName, Texts>,
}

/// A document's text on both sides of a plan, where it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// What it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Plan {
    /// Every call commutes with other people's edits: no second look is needed.
    #[must_use]
    pub fn commutes(&self) -> bool {
        self.steps.iter().all(|s| s.commutes)
    }

    /// Between two looks nothing changed that the plan's calls would write over: none of the
    /// elements that they are about, and nothing of a facet that they write as a whole.
    #[must_use]
    pub fn is_undisturbed(&self, kind: &dyn Kind, first: &Image, second: &Image) -> bool {
        let mut facets = self.writes.iter().map(|w| &w.path.facet);
        facets.all(|f| !kind.is_whole(f) || kind.differences(f, first, second).is_empty())
    }

    /// The part of the plan that writes some of its elements; a call that writes others too stays whole.
    #[must_use]
    pub fn only(&self, paths: &[ElementPath]) -> Self {
        let writes = |path: &ElementPath| paths.contains(path);
        Self {
            writes: self
                .writes
                .iter()
                .filter(|w| writes(&w.path))
                .cloned()
                .collect(),
            steps: self
                .steps
                .iter()
                .filter(|s| s.writes.iter().any(writes))
                .cloned()
                .collect(),
            texts: self.texts.clone(),
        }
    }

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
        let view = Viewed::of(&image, &resource.account);
        for policy in now.bundle.of_kind(&resource.kind) {
            let found = findings(policy, kind, &view);
            wanted.retain(|w| {
                let wrong = found.wrong.iter().any(|e| e.path == w.path);
                let untold = |(path, _): &(Option<ElementPath>, String)| match path {
                    Some(path) => *path == w.path,
                    None => !policy.hangs_on_hidden(kind, &image),
                };
                !wrong && !found.untold.iter().any(untold)
            });
        }
        self.writes.append(&mut wanted);
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
        let desired = self.desired(live);
        let view = Viewed::of(&desired, &resource.account);
        let policies = now.bundle.of_kind(&resource.kind);
        let wrong: Vec<ElementPath> = policies
            .flat_map(|p| findings(p, kind, &view).wrong)
            .map(|e| e.path)
            .collect();
        for write in &mut self.writes {
            if added(write) && wrong.contains(&write.path) {
                let by = WriteBy::Restore { image: None };
                *write = Write::new(kind, write.path.clone(), write.from.clone(), None, by);
            }
        }
    }

    /// Keeps the text of each document that the plan writes, and takes an earlier text where the
    /// plan leads to that very document.
    fn keep_texts(
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

    /// The image that the plan leads to from a given one.
    #[must_use]
    pub fn desired(&self, live: &Image) -> Image {
        let mut desired = live.clone();
        for write in &self.writes {
            desired.set(&write.path, write.to.clone());
        }
        for (facet, texts) in &self.texts {
            if let Some(text) = &texts.to {
                desired.texts.insert(facet.clone(), text.clone());
            }
        }
        desired
    }
}

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
    let mut unknown = Vec::new();
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
                None => {
                    unknown.push(path.clone());
                    continue;
                }
            },
        };
        let from = live.get(path).cloned();
        // It is what it was: something beside it, that is put back, made it right.
        if from.is_some() && from == to {
            continue;
        }
        writes.push(Write::new(kind, path.clone(), from, to, by));
    }
    if let Some(path) = unknown.first() {
        let why = format!("neither the record nor a kept image shows {path} before the change");
        return Err(NoPlan {
            paths: unknown,
            why: Why::BeforeUnknown(why),
        });
    }
    let mut plan = Plan {
        writes,
        ..Plan::default()
    };
    plan.put_back(kind, resource, live, &mend.taken, now);
    plan.take_out_added(kind, resource, live, located, now);
    let mut desired = plan.desired(live);
    if let Err(no_plan) = legal(kind, resource, live, &desired, mend, now) {
        // What these very changes had added, and added wrong, is taken out.
        let added = |path: &ElementPath| {
            let contained = mend.wrong.get(path) == Some(&Remedy::Contain);
            !contained && located.iter().any(|l| l.path == *path && l.added)
        };
        let mut again = false;
        for write in &mut plan.writes {
            if no_plan.paths.contains(&write.path) && added(&write.path) && write.to.is_some() {
                let from = write.from.clone();
                let by = WriteBy::Restore { image: None };
                *write = Write::new(kind, write.path.clone(), from, None, by);
                again = true;
            }
        }
        if !again {
            return Err(no_plan);
        }
        desired = plan.desired(live);
        legal(kind, resource, live, &desired, mend, now)?;
    }
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
    fn of_all(mend: &Mend, why: String) -> Self {
        Self {
            paths: mend.wrong.keys().cloned().collect(),
            why: Why::PlanIllegal(why),
        }
    }
}

/// How large a plan's elements may be in JSON with everything that hangs from them, in bytes:
/// the claim that holds them twice must fit into one item of the table.
const LARGEST_WRITES: usize = 64 * 1024;

/// An element is, in all that Undrift can write, what it is compared with.
#[must_use]
pub fn stands(kind: &dyn Kind, image: &Image, path: &ElementPath, as_: Option<&Element>) -> bool {
    let written = |e: &Element| kind.written(&path.facet, e);
    image.get(path).map(written) == as_.map(written)
}

/// A write's effect is there. An element that was made anew has an id of its own: it counts where
/// one of the same content stands under another key.
#[must_use]
pub fn fulfilled(kind: &dyn Kind, image: &Image, write: &Write) -> bool {
    if stands(kind, image, &write.path, write.to.as_ref()) {
        return true;
    }
    let facet = &write.path.facet;
    write.to.as_ref().is_some_and(|wanted| {
        let mut standing = image.facets.get(facet).into_iter().flatten();
        let anew = image.get(&write.path).is_none();
        anew && standing.any(|(_, e)| kind.substance(facet, e) == kind.substance(facet, wanted))
    })
}

fn legal(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    desired: &Image,
    mend: &Mend,
    now: Circumstances<'_>,
) -> Result<(), NoPlan> {
    let all = |why: String| NoPlan::of_all(mend, why);
    let before = evidence(kind, resource, live, now).map_err(all)?;
    let after = evidence(kind, resource, desired, now).map_err(all)?;
    let on = |set: &BTreeSet<(PolicyId, ElementPath)>, path: &ElementPath| {
        set.iter().filter(|(_, p)| p == path).count()
    };
    let no_better = |p: &&ElementPath| on(&after, p) >= on(&before, p);
    let paths: Vec<ElementPath> = mend.wrong.keys().filter(no_better).cloned().collect();
    if let Some(path) = paths.first() {
        let why = format!("{path} was no better before the change than it is now");
        return Err(NoPlan {
            paths,
            why: Why::PlanIllegal(why),
        });
    }
    if let Some((policy, path)) = after.difference(&before).next() {
        return Err(all(format!("{path} would newly break {policy}")));
    }
    if after.len() >= before.len() {
        return Err(all("as much would be wrong as is now".to_owned()));
    }
    Ok(())
}

/// All evidence in an image that no exemption covers, for every enabled policy of the kind.
fn evidence(
    kind: &dyn Kind,
    resource: &ResourceRef,
    image: &Image,
    now: Circumstances<'_>,
) -> Result<BTreeSet<(PolicyId, ElementPath)>, String> {
    let mut all = BTreeSet::new();
    let view = Viewed::of(image, &resource.account);
    for policy in now.bundle.of_kind(&resource.kind) {
        let found = findings(policy, kind, &view);
        // Of what isn't shown nothing is written either.
        if let Some((None, why)) = found.untold.first()
            && !policy.hangs_on_hidden(kind, image)
        {
            return Err(format!("{}: {why}", policy.policy.id));
        }
        let counts =
            |e: &Evidence| exempt(&policy.policy.id, e, kind, resource, None, now).is_none();
        all.extend(
            found
                .wrong
                .into_iter()
                .filter(counts)
                .map(|e| (policy.policy.id.clone(), e.path)),
        );
    }
    Ok(all)
}

/// All enabled policies of the kind hold in an image, as far as it shows what they are about: it
/// may serve as a baseline.
#[must_use]
pub fn holds(
    kind: &dyn Kind,
    resource: &ResourceRef,
    image: &Image,
    now: Circumstances<'_>,
) -> bool {
    let view = Viewed::of(image, &resource.account);
    now.bundle.of_kind(&resource.kind).all(|policy| {
        let found = findings(policy, kind, &view);
        let hidden = policy.hangs_on_hidden(kind, image);
        let mut untold = found.untold.iter();
        found.wrong.is_empty() && untold.all(|(path, _)| path.is_none() && hidden)
    })
}

//! What no event told: elements of a live resource that are wrong and that no record speaks of.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::decide::Circumstances;
use crate::judge::{Evidence, Viewed, findings};
use crate::kind::{
    Before, Effect, Element, ElementPath, FacetName, Image, Kind, ResourceRef, Target, Touch,
};
use crate::name::{EventId, PolicyId};
use crate::observe::{History, LAG, SeenChange};
use crate::policy::Finding;

/// What a look at a whole resource shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sight {
    /// Every finding that no exemption covers, by its [`mark`].
    pub wrong: BTreeMap<String, Wrong>,
    /// The marks of findings that an exemption covers, or an undo once did.
    pub exempt: BTreeSet<String>,
    /// How many findings can't be told.
    pub undecided: usize,
}

/// One policy's finding on one element.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrong {
    /// The element.
    pub path: ElementPath,
    /// What it is, as it was read.
    pub element: Element,
    /// In one line, for people.
    pub shown: String,
    /// Since when it may be so.
    pub since: Since,
    /// Known changes that made it as it is, newest first.
    pub by: Vec<EventId>,
}

/// Since when an element may be as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Since {
    /// It was so in everything that was ever seen of the resource.
    FirstSeen,
    /// The resource was seen without it.
    Image {
        /// The newest time of which that is known.
        at: Timestamp,
        /// What it was then.
        was: Option<Element>,
    },
}

/// Judges a whole resource by every policy of its kind. `seen`: changes that are known beside
/// those of the history.
#[must_use]
pub fn sight(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    history: &History,
    seen: &[SeenChange],
    now: Circumstances<'_>,
) -> Sight {
    let mut sight = Sight::default();
    let view = Viewed::of(live, &resource.account);
    let states = states(kind, history);
    for policy in now.bundle.of_kind(&resource.kind) {
        let id = &policy.policy.id;
        let mut found = findings(policy, kind, &view);
        sight.undecided += found.untold.len();
        // What stands as it did when it was right is not what made it wrong, if anything else may
        // be. If nothing else is, something beside it was taken away since. An image of which that
        // can't be told tells only what came since.
        let mut beside = None;
        for (before, at) in states.iter().filter(|_| !found.wrong.is_empty()) {
            let then = findings(policy, kind, &Viewed::of(before, &resource.account));
            if !then.wrong.is_empty() {
                continue;
            }
            let stayed = |e: &Evidence| is_same(kind, before, live, &e.path);
            if !found.wrong.iter().all(stayed) {
                found.wrong.retain(|e| !stayed(e));
                break;
            }
            if then.untold.is_empty() {
                beside = Some(*at);
                break;
            }
        }
        for evidence in found.wrong {
            let Some(element) = live.get(&evidence.path) else {
                continue;
            };
            let mark = mark(kind, id, &evidence.path, element);
            let finding = Finding {
                policy: id,
                resource,
                actor: None,
                facet: &evidence.path.facet,
                substance: &kind.substance(&evidence.path.facet, element),
            };
            if now.exemptions.covering(finding, now.now).is_some() || now.exemptions.undone(finding)
            {
                sight.exempt.insert(mark);
                continue;
            }
            let wrong = Wrong {
                since: match beside {
                    Some(at) => Since::Image {
                        at,
                        was: Some(element.clone()),
                    },
                    None => since(kind, &evidence.path, element, history),
                },
                by: Vec::new(),
                path: evidence.path,
                element: element.clone(),
                shown: evidence.shown,
            };
            let by = makers(kind, &wrong, history, seen);
            sight.wrong.insert(mark, Wrong { by, ..wrong });
        }
    }
    sight
}

/// The resource as it was, as far as it is known whole, newest first, each with the newest change
/// in it.
fn states(kind: &dyn Kind, history: &History) -> Vec<(Image, Timestamp)> {
    let state = |moment: Timestamp| {
        let mut newest = None;
        let facets = kind.facets().iter().filter_map(|name| {
            let facet = FacetName::from(*name);
            let past = history.before(kind, moment, &facet)?;
            let elements = past.image.facets.get(&facet).filter(|_| past.whole)?;
            newest = newest.max(Some(past.as_of));
            Some((*name, elements.clone()))
        });
        let image = Image::of(facets);
        newest.map(|at| (image, at))
    };
    moments(history)
        .into_iter()
        .rev()
        .filter_map(state)
        .collect()
}

/// The moments just after each image and each change.
fn moments(history: &History) -> BTreeSet<Timestamp> {
    let images = history.images.iter().map(|i| i.as_of);
    let times = images.chain(history.changes.iter().map(|c| c.time));
    times
        .map(|at| at.checked_add(SignedDuration::from_nanos(1)).unwrap_or(at))
        .collect()
}

fn is_same(kind: &dyn Kind, before: &Image, live: &Image, path: &ElementPath) -> bool {
    let substance = |e: &Element| kind.substance(&path.facet, e);
    before.get(path).map(substance) == live.get(path).map(substance)
}

/// What a policy's finding on an element is known by between sweeps.
#[must_use]
pub fn mark(kind: &dyn Kind, policy: &PolicyId, path: &ElementPath, element: &Element) -> String {
    let substance = kind.substance(&path.facet, element);
    digest(&[policy.as_str(), &path.to_string(), &substance.to_string()])
}

/// The newest time of which it is known that the element was otherwise: by an image, or by the
/// changes after it.
fn since(kind: &dyn Kind, path: &ElementPath, live: &Element, history: &History) -> Since {
    let same = |e: &Element| kind.substance(&path.facet, e) == kind.substance(&path.facet, live);
    let states = moments(history)
        .into_iter()
        .filter_map(|moment| history.before(kind, moment, &path.facet))
        .filter(|past| past.whole && !past.image.get(path).is_some_and(same));
    match states.max_by_key(|past| past.as_of) {
        None => Since::FirstSeen,
        Some(past) => Since::Image {
            at: past.as_of,
            was: past.image.get(path).cloned(),
        },
    }
}

/// What a change has to do with an element that stands; of one second, later ones came last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Other,
    Made,
    /// Undrift took it away as it stands now.
    Took,
}

/// The changes that made an element what it is, newest first: what they made and a later one took
/// away again is another story.
fn makers(kind: &dyn Kind, wrong: &Wrong, history: &History, seen: &[SeenChange]) -> Vec<EventId> {
    let (path, live) = (&wrong.path, &wrong.element);
    // What was seen otherwise after it, it didn't make.
    let from = match wrong.since {
        Since::Image { at, .. } => at - LAG,
        Since::FirstSeen => Timestamp::MIN,
    };
    let substance = |e: &Element| kind.substance(&path.facet, e);
    let known = history.changes.iter().chain(seen);
    let known = known.filter(|c| c.time >= from);
    let same = |e: &Element| substance(e) == substance(live);
    // Those of one second come in any order: one of them made it; what Undrift took away was there.
    let mut touched: Vec<(&SeenChange, Part)> = known
        .filter_map(|change| {
            let touch = change.touch(kind, path)?;
            let knew = matches!(&touch.before, Before::Was(e) if same(e));
            let made = touch.after.as_ref().is_some_and(same);
            Some((
                change,
                match (made, change.is_own() && knew) {
                    (true, _) => Part::Made,
                    (false, true) => Part::Took,
                    (false, false) => Part::Other,
                },
            ))
        })
        .collect();
    touched.sort_by_key(|(change, what)| std::cmp::Reverse((change.time, *what)));
    let made = touched
        .into_iter()
        .take_while(|(_, what)| *what == Part::Made);
    made.map(|(change, _)| change.event.clone()).collect()
}

/// What must have been done to the resource, as far as its images tell.
#[must_use]
pub fn effect<'w>(
    kind: &dyn Kind,
    live: &Image,
    wrong: impl IntoIterator<Item = &'w Wrong>,
) -> Effect {
    let wrong: BTreeMap<&ElementPath, &Wrong> =
        wrong.into_iter().map(|one| (&one.path, one)).collect();
    let facets: BTreeSet<&FacetName> = wrong.keys().map(|path| &path.facet).collect();
    if facets.iter().all(|facet| kind.is_whole(facet)) {
        let mut written = Image::default();
        for facet in facets {
            if let Some(elements) = live.facets.get(facet) {
                written.facets.insert(facet.clone(), elements.clone());
            }
        }
        return Effect::Replaced(written);
    }
    let touches = wrong.into_values().map(|one| Touch {
        facets: vec![one.path.facet.clone()],
        target: Target::Key(one.path.key.clone()),
        before: match &one.since {
            Since::FirstSeen => Before::Unknown,
            Since::Image { was: None, .. } => Before::Absent,
            Since::Image { was: Some(was), .. } => Before::Was(was.clone()),
        },
        after: Some(one.element.clone()),
    });
    Effect::Edited(touches.collect())
}

/// How the ids of the sweep's records begin.
pub const SWEPT: &str = "sweep-";

/// The id of the record of some findings: the same findings have the same.
#[must_use]
pub fn event_id(marks: &BTreeSet<&str>, since: Option<Timestamp>) -> Option<EventId> {
    let since = since.map_or_else(String::new, |at| at.to_string());
    let parts: Vec<&str> = marks.iter().copied().chain([since.as_str()]).collect();
    let id: String = digest(&parts).chars().take(16).collect();
    EventId::parse(&format!("{SWEPT}{id}")).ok()
}

fn digest(parts: &[&str]) -> String {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().fold(String::new(), |mut hex, b| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{b:02x}");
        hex
    })
}

//! Finds what changes made in the live image, and what stood there before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::kind::{
    Before, Element, ElementKey, ElementPath, FacetName, Image, Kind, KindError, Target, Touch,
};
use crate::observe::History;

/// How an element stands now, compared with what the change made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As the change made it.
    Own,
    /// Otherwise: a later change's doing, and that one's to judge.
    Superseded,
    /// The image doesn't show its facet at all: that is for whoever judges it to say.
    Hidden,
    /// Not as the change made it, and no later change is known that explains that: taken away
    /// or changed since, or not yet visible.
    Missing,
}

/// Where the element's state before the change is known from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeforeFrom {
    /// The change's own record.
    Record,
    /// An image kept from that time.
    Image(Timestamp),
}

/// One element that changes touched, found in the live image.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Where it stands, or would stand.
    pub path: ElementPath,
    /// The first and the last change (by index) that touched it.
    pub changes: (usize, usize),
    /// Those of its last second that made of it what the last one did: each of them brought it.
    pub makers: Vec<usize>,
    /// What it was before the first of them, as far as it is known.
    pub before: Option<Option<Element>>,
    /// Where that is known from.
    pub before_from: Option<BeforeFrom>,
    /// What stood between the first and the last of them, newest first.
    pub between: Vec<Element>,
    /// How it stands now.
    pub standing: Standing,
    /// What the record of the last of them shows of it as they made it, where it stands so.
    pub shown: Option<Element>,
    /// The changes themselves had added it: where what they first made of it is as wrong, it can
    /// still be taken out.
    pub added: bool,
    /// The last change left it present, and otherwise than it was before the first.
    altered: bool,
    /// The last change left it present.
    made: bool,
}

impl Located {
    /// The changes brought this element: it stands as they made it and wasn't so before.
    #[must_use]
    pub fn brought(&self) -> bool {
        self.standing == Standing::Own && self.altered
    }

    /// The changes made it otherwise than it was, or may have.
    #[must_use]
    pub fn is_altered(&self) -> bool {
        self.altered
    }

    /// The changes left it present.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.made
    }

    /// The changes left it present, and it isn't seen so.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.standing == Standing::Missing
    }
}

/// Finds every element that `changes` touched, oldest first, in the live image.
///
/// `history` tells what an element was before the first change that touched it, where the record
/// doesn't. When several changes touched it in a row, *before* is what stood before the first.
pub fn locate(
    kind: &dyn Kind,
    live: &Image,
    changes: &[(Timestamp, &[Touch])],
    history: &History,
) -> Result<Vec<Located>, KindError> {
    let mut chains: Vec<Chain<'_>> = Vec::new();
    // Of the live image, and of each that is kept.
    let images = 1 + history.images.len();
    let mut likenesses: Vec<Likeness> = (0..images).map(|_| Likeness::default()).collect();
    for (index, (time, touches)) in changes.iter().enumerate() {
        for touch in *touches {
            let path = place(kind, live, touch, history, &mut likenesses)?;
            let link = Link {
                index,
                time: *time,
                touch,
                anew: false,
            };
            match chains.iter_mut().find(|c| c.path == path) {
                Some(chain) => chain.add(link),
                None => chains.push(Chain {
                    path,
                    added: None,
                    first: link,
                    between: Vec::new(),
                    newest: vec![link],
                }),
            }
        }
    }
    Ok(chains
        .into_iter()
        .map(|c| c.close(kind, live, history))
        .collect())
}

/// One touch of an element.
#[derive(Clone, Copy)]
struct Link<'t> {
    /// The change's place among those that are judged.
    index: usize,
    time: Timestamp,
    touch: &'t Touch,
    /// One before it had taken the element away.
    anew: bool,
}

impl Link<'_> {
    fn is_new(&self) -> bool {
        self.anew || self.touch.before == Before::Absent
    }
}

/// The touches of one element: the one that added it, the first that replaced it, all but the last,
/// and those of the newest second.
struct Chain<'t> {
    path: ElementPath,
    added: Option<&'t Touch>,
    first: Link<'t>,
    /// Oldest first; those of the newest second are among them.
    between: Vec<Link<'t>>,
    newest: Vec<Link<'t>>,
}

impl<'t> Chain<'t> {
    fn add(&mut self, mut link: Link<'t>) {
        let is_gone = |l: &Link<'_>| l.touch.after.is_none() && l.time < link.time;
        link.anew = link.touch.after.is_some() && self.newest.iter().all(is_gone);
        if link.is_new() {
            // It was made anew: what stood there before is another story.
            self.added = None;
            self.first = link;
            self.between.clear();
            self.newest = vec![link];
            return;
        }
        self.between.extend(self.newest.last().copied());
        if self.first.is_new() {
            self.added = Some(self.first.touch);
            self.first = link;
        }
        if self.newest.first().is_some_and(|n| n.time < link.time) {
            self.newest = vec![link];
        } else {
            self.newest.push(link);
        }
    }

    fn close(self, kind: &dyn Kind, live: &Image, history: &History) -> Located {
        let facet = &self.path.facet;
        let same = |a: &Element, b: &Element| kind.substance(facet, a) == kind.substance(facet, b);
        let now = live.get(&self.path);
        let is_now = |after: &Option<Element>| match (now, after) {
            (Some(now), Some(after)) => same(now, after),
            (None, None) => true,
            _ => false,
        };
        // Changes of one second come in any order: the one that stands was the last.
        let stands = self.newest.iter().find(|l| is_now(&l.touch.after));
        let last = stands.or(self.newest.last()).unwrap_or(&self.first);
        let made = &last.touch.after;
        let first = (self.first.time, self.first.touch);
        let mut between: Vec<Element> = self
            .between
            .iter()
            .rev()
            .filter(|l| l.index != last.index)
            .filter_map(|l| l.touch.after.clone())
            .collect();
        let (time, touch, added, beside) = if self.first.anew {
            let touch = Touch {
                before: Before::Absent,
                ..first.1.clone()
            };
            (first.0, touch, None, None)
        } else if let Some(added) = self.added {
            (first.0, first.1.clone(), Some(added.clone()), None)
        } else {
            // What stands as it was made was made so last in its second.
            let is_last = is_now(&first.1.after);
            let row = history.unhandled(kind, &self.path, first, is_last);
            between.extend(row.between);
            (row.time, row.first, row.added, row.beside)
        };
        let taken = match (&last.touch.before, made) {
            (Before::Was(e), None) => Some(e),
            _ => None,
        };
        let (before, before_from) = match (&touch.before, taken, &added) {
            // Of what was taken away, the last of them shows what it was.
            (_, Some(e), _) => (Some(Some(e.clone())), Some(BeforeFrom::Record)),
            (_, _, Some(Touch { after: Some(e), .. })) => {
                (Some(Some(e.clone())), Some(BeforeFrom::Record))
            }
            (Before::Absent, ..) => (Some(None), Some(BeforeFrom::Record)),
            (Before::Was(e), ..) => (Some(Some(e.clone())), Some(BeforeFrom::Record)),
            (Before::Existed | Before::Unknown, ..) => {
                let past = history.before(kind, time, facet);
                let was = past.as_ref().and_then(|p| p.image.get(&self.path).cloned());
                let absent =
                    past.as_ref().is_some_and(|p| p.whole) && touch.before == Before::Unknown;
                let known = was.is_some() || absent;
                let from = past.filter(|_| known).map(|p| BeforeFrom::Image(p.as_of));
                match beside {
                    Some(beside) => (Some(beside.after), Some(BeforeFrom::Image(time))),
                    None => (known.then_some(was), from),
                }
            }
        };
        // What stands as it was made, although it was made something else since, is another's.
        let is_anothers = |made: &Element| history.knows_other(kind, &self.path, last.time, made);
        let standing = match (now, made) {
            (_, Some(m)) if is_now(made) && is_anothers(m) => Standing::Superseded,
            _ if is_now(made) => Standing::Own,
            _ if !live.facets.contains_key(facet) => Standing::Hidden,
            (Some(_), Some(made)) if !history.knows_later(kind, &self.path, last.time, made) => {
                Standing::Missing
            }
            (None, _) => Standing::Missing,
            (Some(_), _) => Standing::Superseded,
        };
        let altered = match (&before, made) {
            (_, None) => false,
            (Some(Some(before)), Some(made)) => added.is_some() || !same(before, made),
            (Some(None) | None, Some(_)) => true,
        };
        let alike = |l: &&Link<'_>| match (&l.touch.after, made) {
            (Some(a), Some(b)) => same(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let makers = self.newest.iter().filter(alike).map(|l| l.index);
        let makers = makers.chain([last.index]).collect();
        let shown = made.clone().filter(|_| standing == Standing::Own);
        Located {
            shown,
            makers,
            added: added.is_some(),
            changes: (self.first.index, last.index),
            made: made.is_some(),
            path: self.path,
            before,
            before_from,
            between,
            standing,
            altered,
        }
    }
}

/// Where a touched element stands: by its key in live, else in a kept image; by substance; or,
/// where it is nowhere, where it would be.
fn place(
    kind: &dyn Kind,
    live: &Image,
    touch: &Touch,
    history: &History,
    likenesses: &mut [Likeness],
) -> Result<ElementPath, KindError> {
    let first = || {
        touch
            .facets
            .first()
            .cloned()
            .ok_or_else(|| KindError::Malformed {
                what: "a touch".into(),
                why: "it names no facet".into(),
            })
    };
    match &touch.target {
        Target::Key(key) => {
            let at = |facet: &FacetName| ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            };
            let kept = || history.images.iter().rev().map(|i| &i.image);
            let found = std::iter::once(live).chain(kept()).find_map(|image| {
                let facet = touch.facets.iter().find(|f| image.get(&at(f)).is_some())?;
                Some(at(facet))
            });
            match found {
                Some(path) => Ok(path),
                None => Ok(at(&first()?)),
            }
        }
        Target::Like(element) => {
            let kept = history.images.iter().rev().map(|i| &i.image);
            let images = std::iter::once(live).chain(kept);
            for (image, likeness) in images.zip(likenesses) {
                if let Some(path) = likeness.find(kind, image, &touch.facets, element) {
                    return Ok(path);
                }
            }
            let facet = first()?;
            let (key, _) = kind.element(&facet, element)?;
            Ok(ElementPath { facet, key })
        }
    }
}

/// The element of an image that has the substance of a given one.
pub(crate) fn alike(
    kind: &dyn Kind,
    image: &Image,
    facets: &[FacetName],
    element: &Element,
) -> Option<ElementPath> {
    Likeness::default().find(kind, image, facets, element)
}

/// The elements of an image by what they are, for whoever looks for many.
#[derive(Debug, Default)]
pub(crate) struct Likeness {
    by_substance: BTreeMap<FacetName, BTreeMap<String, ElementKey>>,
}

impl Likeness {
    /// The element of the image that has the substance of a given one. The image: always the same,
    /// but for what [`Likeness::set`] was told.
    pub(crate) fn find(
        &mut self,
        kind: &dyn Kind,
        image: &Image,
        facets: &[FacetName],
        element: &Element,
    ) -> Option<ElementPath> {
        facets.iter().find_map(|facet| {
            let known = self.by_substance.entry(facet.clone()).or_insert_with(|| {
                let elements = image.facets.get(facet).into_iter().flatten();
                // Of two alike the first counts.
                let elements = elements.map(|(key, e)| (substance(kind, facet, e), key.clone()));
                elements.rev().collect()
            });
            let key = known.get(&substance(kind, facet, element))?;
            let path = ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            };
            image.get(&path).is_some().then_some(path)
        })
    }

    /// An element was put into the image.
    pub(crate) fn set(&mut self, kind: &dyn Kind, path: &ElementPath, element: &Element) {
        if let Some(known) = self.by_substance.get_mut(&path.facet) {
            let substance = substance(kind, &path.facet, element);
            known.insert(substance, path.key.clone());
        }
    }
}

fn substance(kind: &dyn Kind, facet: &FacetName, element: &Element) -> String {
    kind.substance(facet, element).to_string()
}

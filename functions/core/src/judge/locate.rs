//! Finds what changes made in the live image, and what stood there before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::kind::{Before, Element, ElementPath, FacetName, Image, Kind, KindError, Target, Touch};
use crate::observe::History;

/// How an element stands now, compared with what the change made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As the change made it.
    Own,
    /// Otherwise: a later change's doing, and that one's to judge.
    Superseded,
    /// It isn't there although the change put it there: taken away since, or not yet visible.
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
    /// What it was before the first of them, as far as it is known.
    pub before: Option<Option<Element>>,
    /// Where that is known from.
    pub before_from: Option<BeforeFrom>,
    /// How it stands now.
    pub standing: Standing,
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

    /// The changes left it present.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.made
    }

    /// The changes left it present, and it isn't there.
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
    for (index, (time, touches)) in changes.iter().enumerate() {
        for touch in *touches {
            let path = place(kind, live, touch, history)?;
            match chains.iter_mut().find(|c| c.path == path) {
                Some(chain) => {
                    chain.last = (index, touch);
                }
                None => chains.push(Chain {
                    path,
                    first: (index, *time, touch),
                    last: (index, touch),
                }),
            }
        }
    }
    Ok(chains
        .into_iter()
        .map(|c| c.close(kind, live, history))
        .collect())
}

/// The touches of one element, first and last.
struct Chain<'t> {
    path: ElementPath,
    first: (usize, Timestamp, &'t Touch),
    last: (usize, &'t Touch),
}

impl Chain<'_> {
    fn close(self, kind: &dyn Kind, live: &Image, history: &History) -> Located {
        let (first, time, touch) = self.first;
        let (last, made) = (self.last.0, &self.last.1.after);
        let facet = &self.path.facet;
        let same = |a: &Element, b: &Element| kind.substance(facet, a) == kind.substance(facet, b);
        let (before, before_from) = match &touch.before {
            Before::Absent => (Some(None), Some(BeforeFrom::Record)),
            Before::Was(e) => (Some(Some(e.clone())), Some(BeforeFrom::Record)),
            Before::Existed | Before::Unknown => {
                let past = history.before(kind, time, facet);
                let was = past.as_ref().and_then(|p| p.image.get(&self.path).cloned());
                let absent =
                    past.as_ref().is_some_and(|p| p.whole) && touch.before == Before::Unknown;
                let known = was.is_some() || absent;
                let from = past.filter(|_| known).map(|p| BeforeFrom::Image(p.as_of));
                (known.then_some(was), from)
            }
        };
        let standing = match (live.get(&self.path), made) {
            (Some(now), Some(made)) if same(now, made) => Standing::Own,
            (None, None) => Standing::Own,
            (None, Some(_)) => Standing::Missing,
            (Some(_), _) => Standing::Superseded,
        };
        let altered = match (&before, made) {
            (_, None) => false,
            (Some(Some(before)), Some(made)) => !same(before, made),
            (Some(None) | None, Some(_)) => true,
        };
        Located {
            path: self.path,
            changes: (first, last),
            before,
            before_from,
            standing,
            altered,
            made: made.is_some(),
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
            for image in images {
                if let Some(path) = alike(kind, image, &touch.facets, element) {
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
    facets.iter().find_map(|facet| {
        let wanted = kind.substance(facet, element);
        let mut standing = image.facets.get(facet).into_iter().flatten();
        let (key, _) = standing.find(|(_, e)| kind.substance(facet, e) == wanted)?;
        Some(ElementPath {
            facet: facet.clone(),
            key: key.clone(),
        })
    })
}

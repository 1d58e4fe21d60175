//! One change, as it is remembered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::kind::{Before, Effect, Element, ElementPath, FacetName, Image, Kind, Target, Touch};
use crate::name::EventId;

/// A change that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenChange {
    /// Its event.
    pub event: EventId,
    /// Its event time.
    pub time: Timestamp,
    /// What it did.
    pub effect: Effect,
    /// The last moment at which it may have taken effect, where that is later: calls of Undrift's own
    /// are dated by their sending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Of Undrift's own: the changes of that time that it knew when it called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knew: Vec<EventId>,
    /// When it was looked at, a later change had altered what it made: nobody has judged it.
    #[serde(default)]
    pub superseded: bool,
}

/// What the ids of Undrift's own changes begin with.
pub const OWN: &str = "own:";

impl SeenChange {
    /// It is a change of Undrift's own.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.event.as_str().starts_with(OWN)
    }

    /// A change as its event tells it.
    #[must_use]
    pub fn new(event: EventId, time: Timestamp, effect: Effect) -> Self {
        Self {
            event,
            time,
            effect,
            until: None,
            knew: Vec::new(),
            superseded: false,
        }
    }

    /// The last moment at which it may have taken effect.
    #[must_use]
    pub fn latest(&self) -> Timestamp {
        self.until.unwrap_or(self.time)
    }

    /// What it did to one element.
    #[must_use]
    pub fn touch(&self, kind: &dyn Kind, path: &ElementPath) -> Option<Touch> {
        let Effect::Edited(touches) = &self.effect else {
            return self.effect.touch(path);
        };
        let found = touches.iter().find(|t| {
            t.facets.contains(&path.facet)
                && match &t.target {
                    Target::Key(key) => *key == path.key,
                    Target::Like(e) => kind
                        .element(&path.facet, e)
                        .is_ok_and(|(key, _)| key == path.key),
                }
        });
        found.cloned()
    }

    /// It found something as another change had made it.
    pub(super) fn took_from(&self, kind: &dyn Kind, maker: &Self) -> bool {
        let Effect::Edited(touches) = &self.effect else {
            return false;
        };
        touches.iter().any(|touch| {
            let (Target::Key(key), Before::Was(was)) = (&touch.target, &touch.before) else {
                return false;
            };
            touch.facets.iter().any(|facet| {
                let path = ElementPath {
                    facet: facet.clone(),
                    key: key.clone(),
                };
                let made = maker.touch(kind, &path).and_then(|t| t.after);
                made.is_some_and(|m| kind.substance(facet, &m) == kind.substance(facet, was))
            })
        })
    }

    /// It did something to an element, or replaced the facet that it is in.
    #[must_use]
    pub fn touches(&self, kind: &dyn Kind, path: &ElementPath) -> bool {
        self.replaced(&path.facet) || self.touch(kind, path).is_some()
    }

    /// It did something in a facet.
    pub(super) fn is_about(&self, facet: &FacetName) -> bool {
        let touches = self.effect.touches();
        self.replaced(facet) || touches.iter().any(|t| t.facets.contains(facet))
    }

    /// It replaced a facet as a whole.
    pub(crate) fn replaced(&self, facet: &FacetName) -> bool {
        matches!(&self.effect, Effect::Replaced(image) if image.facets.contains_key(facet))
    }

    /// An image has nothing else in the facets that it replaced.
    pub(super) fn is_all(&self, kind: &dyn Kind, live: &Image) -> bool {
        let Effect::Replaced(image) = &self.effect else {
            return true;
        };
        image.facets.iter().all(|(facet, made)| {
            let standing = live.facets.get(facet).into_iter().flatten();
            let mut others = standing.filter(|(key, _)| !made.contains_key(*key));
            others.all(|(_, e)| made.values().any(|m| kind.may_be(facet, m, e)))
        })
    }

    /// Something that it made stands otherwise in an image.
    pub(super) fn is_superseded(&self, kind: &dyn Kind, live: &Image) -> bool {
        let touches = match &self.effect {
            Effect::Edited(touches) => touches,
            Effect::Replaced(image) => {
                let stands = |path: &ElementPath, made: &Element| {
                    let Some(standing) = live.facets.get(&path.facet) else {
                        // What isn't shown may well stand as it was made.
                        return true;
                    };
                    let same = |e: &Element| {
                        kind.substance(&path.facet, e) == kind.substance(&path.facet, made)
                    };
                    standing.get(&path.key).is_some_and(same)
                        || standing.values().any(|e| kind.may_be(&path.facet, made, e))
                };
                return !image.elements().all(|(path, made)| stands(&path, made));
            }
            Effect::Created(_) | Effect::Deleted | Effect::Unclear(_) => return false,
        };
        touches.iter().any(|t| {
            let (Target::Key(key), Some(made)) = (&t.target, &t.after) else {
                return false;
            };
            t.facets.iter().any(|facet| {
                let path = ElementPath {
                    facet: facet.clone(),
                    key: key.clone(),
                };
                live.get(&path)
                    .is_some_and(|e| kind.substance(facet, e) != kind.substance(facet, made))
            })
        })
    }
}

/// Undrift's own changes, each once: as it remembers them, or else as their events tell them.
pub(crate) fn each_once<'c>(own: &[&'c SeenChange]) -> Vec<&'c SeenChange> {
    let is_told = |c: &SeenChange| c.until.is_none();
    let remembered = own.iter().filter(|c| !is_told(c));
    let is_twin = |c: &&&SeenChange| {
        let during = |r: &&&SeenChange| r.time <= c.time && c.time <= r.latest();
        is_told(c) && remembered.clone().any(|r| during(&r))
    };
    own.iter().filter(|c| !is_twin(c)).copied().collect()
}

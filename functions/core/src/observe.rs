//! What is remembered of a resource between events: images, and the changes seen since. It is
//! what later changes are judged against, in whatever order events come.

mod after;
mod compare;
mod keep;
mod seen;

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::after::after;
pub(crate) use self::after::of;
use self::compare::{has_keys_of, has_texts_of, is_seen, is_written};
pub(crate) use self::seen::each_once;
pub use self::seen::{OWN, SeenChange};
use crate::kind::{Before, Effect, Element, ElementPath, FacetName, Image, Kind, Touch};
use crate::name::EventId;

/// An image and the time of the newest change that is visible in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatedImage {
    /// The image.
    pub image: Image,
    /// It may serve as *before* for changes strictly later than this.
    pub as_of: Timestamp,
    /// Changes from this moment on may be missing in it: reads lag, and AWS's clock is read to
    /// the second.
    pub since: Timestamp,
    /// No change happened up to `as_of` that this image and the kept changes don't account for.
    pub gapless: bool,
    /// The facets of which only a part is in it: what isn't, may still have been there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub partial: BTreeSet<FacetName>,
}

/// How far a read may lag behind what was done (EC2 API Reference, "Eventual consistency", gives
/// no number; two seconds beside the second that a `Date` header is rounded up by).
pub(crate) const LAG: SignedDuration = SignedDuration::from_secs(3);

impl DatedImage {
    /// An image that was read, dated by AWS's clock at the read's end, rounded up.
    #[must_use]
    pub fn read(image: Image, at: Timestamp) -> Self {
        Self {
            image,
            as_of: at,
            since: at - LAG,
            gapless: false,
            partial: BTreeSet::new(),
        }
    }
}

/// What is remembered of one resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Images, oldest first.
    pub images: Vec<DatedImage>,
    /// Changes, oldest first.
    pub changes: Vec<SeenChange>,
    /// What was up to here is about an earlier resource of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Timestamp>,
}

/// A resource as it was just before a moment, as far as that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The image.
    pub image: Image,
    /// The newest change in it.
    pub as_of: Timestamp,
    /// It is whole: what isn't in it wasn't there. Otherwise only what is in it is known.
    pub whole: bool,
    /// No change is missing in it, as far as can be told.
    pub gapless: bool,
}

/// Changes in a row to one element that nobody has judged.
pub(crate) struct Unhandled {
    /// When the first of them was: what stood before it is what was before them all.
    pub(crate) time: Timestamp,
    /// What that one did.
    pub(crate) first: Touch,
    /// The change that had added the element, where nobody has judged that either.
    pub(crate) added: Option<Touch>,
    /// What stood since, newest first.
    pub(crate) between: Vec<Element>,
    /// What another change of the very second had made of it, where that one had its judgement.
    pub(crate) beside: Option<Touch>,
}

impl History {
    /// The resource just before a moment: the newest image strictly older than it, with the
    /// changes since, as their own records tell them; without such an image, what these changes
    /// alone tell. Changes of the very same second are not before each other, but Undrift's own are
    /// before everybody's: what stands although Undrift took it away came after that.
    #[must_use]
    pub fn before(&self, kind: &dyn Kind, moment: Timestamp, facet: &FacetName) -> Option<Past> {
        let image = self
            .images
            .iter()
            .filter(|i| i.as_of < moment && i.image.facets.contains_key(facet))
            .max_by_key(|i| i.as_of);
        let mut past = image.map(|i| Past {
            image: i.image.clone(),
            as_of: i.as_of,
            whole: !i.partial.contains(facet),
            gapless: i.gapless,
        });
        let since = image.map_or(Timestamp::MIN, |i| i.since);
        let as_of = image.map_or(Timestamp::MIN, |i| i.as_of);
        // What Undrift wrote as a whole, and looked at after it, has nothing of before it.
        let wrote = |c: &&SeenChange| {
            let is_over = c.until.is_some_and(|until| until <= as_of);
            is_over && c.is_own() && c.is_about(facet)
        };
        let whole = self.changes.iter().filter(wrote).map(|c| c.time).max();
        let since = whole
            .filter(|_| kind.is_whole(facet))
            .map_or(since, |at| since.max(at));
        let changes = self.changes.iter();
        let is_before = |c: &&SeenChange| c.time < moment || (c.is_own() && c.time == moment);
        for change in changes.filter(|c| since <= c.time).filter(is_before) {
            let known = past.get_or_insert_with(|| Past {
                image: Image::default(),
                as_of: change.time,
                whole: false,
                gapless: false,
            });
            known.image = after(kind, &known.image, &change.effect);
            // What a call wrote as a whole is known whole, whatever was there before.
            known.whole |= change.replaced(facet);
            known.as_of = known.as_of.max(change.time);
        }
        past
    }

    /// What was known of a moment.
    #[must_use]
    pub fn until(&self, moment: Timestamp) -> Self {
        let mut known = self.clone();
        known.images.retain(|i| i.as_of <= moment);
        known.changes.retain(|c| c.time <= moment);
        known
    }

    /// The changes in a row that replaced an element and that nobody has judged, up to a given
    /// one. That one may be known to be the last of its second.
    pub(crate) fn unhandled(
        &self,
        kind: &dyn Kind,
        path: &ElementPath,
        (time, touch): (Timestamp, &Touch),
        is_last: bool,
    ) -> Unhandled {
        let mut row = Unhandled {
            time,
            first: touch.clone(),
            added: None,
            between: Vec::new(),
            beside: None,
        };
        let is_before = |c: &SeenChange| {
            let beside = |made: &Element| {
                let other = c.touch(kind, path);
                other.is_some_and(|t| is_other(kind, path, &t, made))
            };
            let is_beside = is_last && !c.is_own() && c.time == time;
            c.time < time || is_beside && touch.after.as_ref().is_some_and(beside)
        };
        let earlier = self.changes.iter().rev().filter(|c| is_before(c));
        for change in earlier {
            if row.first.before == Before::Absent {
                break;
            }
            if change.is_own() && change.touches(kind, path) {
                break;
            }
            let Some(touch) = change.touch(kind, path) else {
                continue;
            };
            if !change.superseded || touch.after.is_none() {
                let is_beside = change.time == time && row.time == time;
                row.beside = is_beside.then_some(touch);
                break;
            }
            row.between.extend(touch.after.clone());
            if touch.before == Before::Absent {
                row.added = Some(touch);
                break;
            }
            (row.time, row.first) = (change.time, touch);
        }
        row
    }

    /// Somebody else than Undrift did something to an element since a moment.
    #[must_use]
    pub fn is_others_since(&self, kind: &dyn Kind, path: &ElementPath, since: Timestamp) -> bool {
        self.since(since)
            .any(|c| !c.is_own() && c.touches(kind, path))
    }

    /// One of Undrift's invocations did something to an element since a moment: as it remembers that
    /// itself, or as an event tells it that is of no other invocation's calls.
    #[must_use]
    pub fn is_done_by(
        &self,
        kind: &dyn Kind,
        path: &ElementPath,
        since: Timestamp,
        invocations: &[&str],
    ) -> bool {
        let is_its = |c: &SeenChange| {
            let nonce = c.event.as_str().strip_prefix(OWN);
            nonce.is_some_and(|n| invocations.contains(&n))
        };
        let touching = |c: &&SeenChange| c.is_own() && c.touches(kind, path);
        let all = self.changes.iter().filter(touching);
        let others = all.filter(|c| c.until.is_some() && !is_its(c));
        let told = |c: &SeenChange| {
            let during = |o: &&SeenChange| o.time <= c.time && c.time <= o.latest();
            c.until.is_none() && !others.clone().any(|o| during(&o))
        };
        let mut own = self.since(since).filter(touching);
        own.any(|c| is_its(c) || told(c))
    }

    /// When the newest change was that is known.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.changes.iter().map(|c| c.time).max()
    }

    fn since(&self, moment: Timestamp) -> impl Iterator<Item = &SeenChange> {
        let since = move |c: &&SeenChange| c.latest() >= moment;
        self.changes.iter().filter(since)
    }

    /// A change at or after a moment is known that made something else of an element.
    pub(crate) fn knows_later(
        &self,
        kind: &dyn Kind,
        path: &ElementPath,
        moment: Timestamp,
        made: &Element,
    ) -> bool {
        let later = self.changes.iter().filter(|c| c.time >= moment);
        let mut later = later.filter_map(|c| c.touch(kind, path));
        later.any(|t| is_other(kind, path, &t, made))
    }

    /// The last thing that is known to have been made of an element, later than at a moment, is
    /// something else.
    pub(crate) fn knows_other(
        &self,
        kind: &dyn Kind,
        path: &ElementPath,
        moment: Timestamp,
        made: &Element,
    ) -> bool {
        let mut later = self.changes.iter().rev().filter(|c| c.time > moment);
        let last = later.find_map(|c| c.touch(kind, path));
        last.is_some_and(|t| is_other(kind, path, &t, made))
    }

    /// What is remembered after changes were seen and the resource was read; `None` where
    /// nothing new is learnt.
    ///
    /// An image with something in it that no record explains may hold a change whose event is
    /// still on its way: it is dated by AWS's clock at the read, so that it is never taken for
    /// what was before that change.
    #[must_use]
    pub fn follow(
        &self,
        kind: &dyn Kind,
        live: &Image,
        read_at: Timestamp,
        changes: &[SeenChange],
    ) -> Option<Self> {
        let mut next = self.clone();
        for change in changes {
            next.see(kind, change, live);
        }
        let newest = next.changes.last().map(|c| c.time);
        match next.now(kind) {
            Some((image, gapless)) if is_seen(kind, &image, live) => {
                // Records may not show AWS's ids, or a document's very words: the live image does.
                let told = has_keys_of(&image, live) && has_texts_of(&image, live);
                if !told || !is_written(kind, &image, live) {
                    let as_of = newest.unwrap_or(read_at);
                    next.images.push(DatedImage {
                        image: restricted(live, &image),
                        as_of,
                        since: as_of,
                        gapless,
                        partial: BTreeSet::new(),
                    });
                }
            }
            _ => {
                // One image a second is enough: others would push the older ones out.
                next.images.retain(|i| i.gapless || i.as_of != read_at);
                next.images.push(DatedImage::read(live.clone(), read_at));
            }
        }
        next.shorten(kind);
        let next = next.lean(kind);
        (next != *self).then_some(next)
    }

    /// With changes that are known beside what is remembered, where nobody has looked since.
    #[must_use]
    pub fn with(&self, kind: &dyn Kind, live: &Image, changes: &[SeenChange]) -> Self {
        let mut next = self.clone();
        if changes.is_empty() {
            return next;
        }
        for change in changes {
            if change.is_own() {
                next.see(kind, change, &after(kind, live, &change.effect));
            } else {
                next.see(kind, change, live);
            }
        }
        next.shorten(kind);
        next.lean(kind)
    }

    /// What Undrift did itself, each call once, without knowing of a change.
    pub fn unaware<'h>(&'h self, of: &'h EventId) -> impl Iterator<Item = &'h SeenChange> {
        let own = self.changes.iter().filter(|c| c.is_own());
        each_once(&own.collect::<Vec<_>>())
            .into_iter()
            .filter(|c| !c.knew.contains(of))
    }

    fn see(&mut self, kind: &dyn Kind, change: &SeenChange, live: &Image) {
        let is_anothers = self.is_anothers(kind, change, live);
        if let Some(known) = self.changes.iter_mut().find(|c| c.event == change.event) {
            let altered = change.is_superseded(kind, live);
            known.superseded = !change.is_own() && (is_anothers || altered);
            return;
        }
        match &change.effect {
            Effect::Created(image) => self.made(change.time, image.as_ref()),
            Effect::Edited(_) | Effect::Replaced(_) => {
                let altered = change.is_superseded(kind, live);
                let superseded = !change.is_own() && (is_anothers || altered);
                let is_last = !superseded && !altered && !change.superseded;
                let stands = is_last && change.is_all(kind, live);
                // Of one second's changes, the one that stands came last; what Undrift took away
                // was there before.
                let took = |c: &SeenChange| change.is_own() && change.took_from(kind, c);
                let knew = self
                    .changes
                    .iter()
                    .rposition(|c| c.time == change.time && took(c));
                let earlier =
                    |c: &SeenChange| c.time < change.time || (stands && c.time == change.time);
                let later = self.changes.partition_point(earlier);
                let later = later.max(knew.map_or(0, |at| at + 1));
                let change = SeenChange {
                    superseded,
                    ..change.clone()
                };
                self.changes.insert(later, change);
            }
            Effect::Deleted => self.forget(change.time),
            Effect::Unclear(_) => {}
        }
    }

    /// Something stands as a change made it, although it is known to have been made something else
    /// since: whoever made it so again is to be judged for it.
    fn is_anothers(&self, kind: &dyn Kind, change: &SeenChange, live: &Image) -> bool {
        let mut standing = live.elements();
        standing.any(|(path, stands)| {
            let made = change.touch(kind, &path).and_then(|t| t.after);
            let same =
                |m: &Element| kind.substance(&path.facet, m) == kind.substance(&path.facet, stands);
            made.is_some_and(|m| same(&m) && self.knows_other(kind, &path, change.time, &m))
        })
    }

    /// What is known of an earlier resource of the same name says nothing of this one.
    fn forget(&mut self, until: Timestamp) {
        self.images.retain(|i| i.as_of > until);
        self.changes.retain(|c| c.time > until);
        self.over = self.over.max(Some(until));
    }

    /// It is known already that the resource was made then, or later.
    #[must_use]
    pub fn knows_made(&self, time: Timestamp) -> bool {
        self.over.is_some_and(|over| over >= just_before(time))
    }

    /// With the image that was the last in which all was right.
    #[must_use]
    pub fn with_baseline(mut self, baseline: Option<DatedImage>) -> Self {
        let own = baseline.filter(|b| self.over.is_none_or(|over| b.as_of > over));
        self.images.extend(own);
        self
    }

    /// The resource came into being, with this image if it is known.
    fn made(&mut self, time: Timestamp, image: Option<&Image>) {
        if self.knows_made(time) {
            return;
        }
        let before = just_before(time);
        self.forget(before);
        if let Some(image) = image {
            let first = DatedImage {
                image: image.clone(),
                as_of: before,
                since: before,
                gapless: true,
                partial: BTreeSet::new(),
            };
            self.images.insert(0, first);
        }
    }

    /// With what changes of a batch show that made the resource.
    #[must_use]
    pub fn with_made<'h, 'e>(
        &'h self,
        effects: impl Iterator<Item = (Timestamp, &'e Effect)>,
    ) -> Cow<'h, Self> {
        let mut history = Cow::Borrowed(self);
        for (time, effect) in effects {
            if let Effect::Created(image) = effect {
                history.to_mut().made(time, image.as_ref());
            }
        }
        history
    }

    /// The resource as images and changes tell it, now.
    fn now(&self, kind: &dyn Kind) -> Option<(Image, bool)> {
        let last = self.images.iter().max_by_key(|i| i.as_of)?;
        let mut image = last.image.clone();
        for change in self.changes.iter().filter(|c| c.time >= last.since) {
            image = after(kind, &image, &change.effect);
        }
        Some((image, last.gapless))
    }
}

fn is_other(kind: &dyn Kind, path: &ElementPath, touch: &Touch, made: &Element) -> bool {
    let substance = |e: &Element| kind.substance(&path.facet, e);
    touch.after.as_ref().map(substance) != Some(substance(made))
}

/// A resource is made before everything else that is done to it in the second.
fn just_before(time: Timestamp) -> Timestamp {
    time - SignedDuration::from_secs(1)
}

/// The live image, in the facets that another one knows.
fn restricted(live: &Image, known: &Image) -> Image {
    let mut restricted = live.clone();
    let is_known = |facet: &FacetName| known.facets.contains_key(facet);
    restricted.facets.retain(|facet, _| is_known(facet));
    restricted.texts.retain(|facet, _| is_known(facet));
    restricted
}

#[cfg(test)]
mod tests;

//! A resource followed through its recorded changes alone, without ever reading it.

mod order;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::change::Assumed;
use crate::decide::Circumstances;
use crate::judge::alike;
use crate::kind::{
    Before, Effect, ElementPath, FacetName, Image, Kind, ResourceRef, Target, Touch,
};
use crate::observe::{DatedImage, History, after};
use crate::weigh::{Noticed, Occurred, Scales, World, weigh_among};

/// How many elements are kept of one resource. AWS's quotas are lower; records of anybody's
/// making must not make each judgement slower than the one before.
const MOST: usize = 1_200;

/// What records have shown of one resource so far.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    image: Image,
    /// The facets that are known whole: what isn't in them isn't there.
    whole: BTreeSet<FacetName>,
    /// The newest change in it.
    newest: Option<Timestamp>,
}

impl Followed {
    /// Judges changes of the same second, and keeps what they show for the ones to come.
    ///
    /// A change that is older than one seen already, or whose time isn't known, is judged on its
    /// own record alone, and nothing is kept of it.
    #[must_use]
    pub fn judge(
        &mut self,
        kind: &dyn Kind,
        resource: &ResourceRef,
        occurred: &[Occurred<'_>],
        now: Circumstances<'_>,
    ) -> Scales {
        let Some(first) = occurred.first() else {
            return Scales {
                changes: Vec::new(),
                plan: None,
                act: false,
            };
        };
        let moment = first.change.time;
        let is_late = self.newest.is_some_and(|newest| moment <= newest);
        if is_late || first.change.assumed.contains(&Assumed::Time) {
            self.doubt();
            return Self::default().second(kind, resource, occurred, now).1;
        }
        let (next, scales) = std::mem::take(self).second(kind, resource, occurred, now);
        *self = next;
        scales
    }

    /// Something happened to it that isn't kept: what isn't known to be there may be there.
    pub fn doubt(&mut self) {
        self.whole.clear();
    }

    /// What a change took away, in words that say nothing but what it was.
    #[must_use]
    pub fn taken(&self, kind: &dyn Kind, effect: &Effect) -> Vec<String> {
        let touches = effect.touches_over(&self.image);
        let gone = touches.iter().filter(|t| t.after.is_none());
        let shown = gone.filter_map(|touch| {
            let known = touch.facets.iter().find_map(|facet| match &touch.target {
                Target::Key(key) => Some((facet, self.image.facets.get(facet)?.get(key)?)),
                Target::Like(_) => None,
            });
            let (facet, element) = match (&touch.before, &touch.target) {
                (Before::Was(e), _) | (_, Target::Like(e)) => (touch.facets.first()?, e),
                _ => known?,
            };
            Some(kind.describe(facet, &kind.substance(facet, element)))
        });
        shown.collect()
    }

    /// How many elements are known.
    #[must_use]
    pub fn size(&self) -> usize {
        self.image.facets.values().map(|f| f.len() + 1).sum()
    }

    /// Judges the changes of one second. CloudTrail doesn't order them further: what is certain is
    /// what comes out in each order that they may have had.
    fn second(
        self,
        kind: &dyn Kind,
        resource: &ResourceRef,
        occurred: &[Occurred<'_>],
        now: Circumstances<'_>,
    ) -> (Self, Scales) {
        let plain: Vec<usize> = order::likely(occurred);
        let unordered = order::unordered(kind, occurred);
        let (mut next, mut scales) = self.clone().next(kind, resource, occurred, &plain, now);
        for last in &unordered {
            let other = order::with_last(&plain, *last);
            if other != plain {
                let other = self.clone().next(kind, resource, occurred, &other, now).1;
                order::agree(&mut scales, &other);
            }
        }
        // Which of them stands at the end isn't known.
        for one in unordered.iter().filter_map(|i| occurred.get(*i)) {
            for touch in one.effect.touches().iter() {
                next.forget(kind, touch);
            }
            if let Effect::Replaced(image) = one.effect {
                for facet in image.facets.keys() {
                    next.image.facets.remove(facet);
                    next.whole.remove(facet);
                }
            }
        }
        (next, scales)
    }

    /// What an element is after changes isn't known.
    fn forget(&mut self, kind: &dyn Kind, touch: &Touch) {
        let standing = match &touch.target {
            Target::Key(key) => touch
                .facets
                .iter()
                .map(|facet| ElementPath {
                    facet: facet.clone(),
                    key: key.clone(),
                })
                .find(|path| self.image.get(path).is_some()),
            Target::Like(element) => alike(kind, &self.image, &touch.facets, element),
        };
        if let Some(path) = standing {
            self.image.set(&path, None);
        }
        for facet in &touch.facets {
            self.whole.remove(facet);
        }
    }

    fn next(
        mut self,
        kind: &dyn Kind,
        resource: &ResourceRef,
        occurred: &[Occurred<'_>],
        order: &[usize],
        now: Circumstances<'_>,
    ) -> (Self, Scales) {
        let moment = occurred.first().map_or(Timestamp::MIN, |o| o.change.time);
        let unclear = |o: &Occurred<'_>| matches!(o.effect, Effect::Unclear(_));
        if occurred.iter().any(unclear) || self.size() > MOST {
            // Anything may have become of it.
            self.image = Image::default();
            self.whole.clear();
        }
        for one in occurred {
            if let Effect::Edited(touches) = one.effect {
                for touch in touches {
                    self.meet(kind, touch);
                }
            }
        }
        let mut before = self.clone();
        let mut ambiguous = BTreeSet::new();
        let mut effects = vec![Effect::Deleted; occurred.len()];
        for index in order {
            let Some((one, slot)) = occurred.get(*index).zip(effects.get_mut(*index)) else {
                continue;
            };
            match one.effect {
                Effect::Created(image) => {
                    self.image = image.clone().unwrap_or_default();
                    self.whole = self.image.facets.keys().cloned().collect();
                    // There was nothing before: it may serve for changes of the same second.
                    before = self.clone();
                }
                Effect::Deleted => {
                    self.image = Image::default();
                    self.whole.clear();
                }
                Effect::Replaced(image) => self.whole.extend(image.facets.keys().cloned()),
                Effect::Edited(_) | Effect::Unclear(_) => {}
            }
            *slot = self.narrowed(one.effect, &mut ambiguous);
            self.image = after(kind, &self.image, slot);
        }
        // Judged in the order in which they are taken to have come.
        let ordered = order
            .iter()
            .filter_map(|i| occurred.get(*i).zip(effects.get(*i)));
        let ordered: Vec<Occurred<'_>> = ordered
            .map(|(o, effect)| Occurred {
                change: o.change,
                effect,
                noticed: Noticed::ByEvent,
            })
            .collect();
        // A facet that nothing is known of is not an empty one, and is listed as partly known.
        for facet in kind.facets() {
            let facet = FacetName::from(*facet);
            self.image.facets.entry(facet).or_default();
        }
        let worlds = self.worlds(kind, &effects, &ambiguous);
        let history = before.history(moment);
        let mut scales = weigh_among(
            kind,
            resource,
            (&self.image, &worlds),
            &ordered,
            &history,
            now,
        );
        order::back(&mut scales, order);
        for (path, _) in &ambiguous {
            // Which facet it is in isn't known: it is known in none.
            self.image.set(path, None);
        }
        for (facet, elements) in &mut self.image.facets {
            for element in elements.values_mut() {
                *element = kind.remembered(facet, element);
            }
        }
        self.newest = Some(moment);
        (self, scales)
    }

    /// A change is about an element that should be known by AWS's id, and isn't: it may be any of
    /// those whose ids no record has shown, or one that no record has shown at all.
    fn meet(&mut self, kind: &dyn Kind, touch: &Touch) {
        let Target::Key(key) = &touch.target else {
            return;
        };
        let holds = |f: &&FacetName| {
            self.image
                .facets
                .get(*f)
                .is_some_and(|f| f.contains_key(key))
        };
        let known = touch.facets.iter().any(|f| holds(&f));
        if known || touch.before == Before::Absent || kind.is_unnamed(key) {
            return;
        }
        for facet in &touch.facets {
            self.whole.remove(facet);
            if let Some(elements) = self.image.facets.get_mut(facet) {
                elements.retain(|key, _| !kind.is_unnamed(key));
            }
        }
    }

    /// The effect, its elements in the facet where they are known to stand; those that may stand in
    /// several are listed, with the place that is taken first.
    fn narrowed(
        &self,
        effect: &Effect,
        ambiguous: &mut BTreeSet<(ElementPath, Vec<FacetName>)>,
    ) -> Effect {
        let Effect::Edited(touches) = effect else {
            return effect.clone();
        };
        let narrow = |touch: &Touch| {
            let mut touch = touch.clone();
            let Target::Key(key) = &touch.target else {
                return (touch, None);
            };
            let at = |facet: &FacetName| ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            };
            if let Some(facet) = touch
                .facets
                .iter()
                .find(|f| self.image.get(&at(f)).is_some())
            {
                touch.facets = vec![facet.clone()];
                return (touch, None);
            }
            let unsure = match touch.facets.as_slice() {
                [first, others @ ..] if !others.is_empty() => Some((at(first), others.to_vec())),
                _ => None,
            };
            (touch, unsure)
        };
        let narrowed = touches.iter().map(narrow).map(|(touch, unsure)| {
            ambiguous.extend(unsure.filter(|_| touch.after.is_some()));
            touch
        });
        Effect::Edited(narrowed.collect())
    }

    /// What the resource may be instead.
    fn worlds(
        &self,
        kind: &dyn Kind,
        effects: &[Effect],
        ambiguous: &BTreeSet<(ElementPath, Vec<FacetName>)>,
    ) -> Vec<World> {
        let touches = effects.iter().map(Effect::touches);
        let touched: BTreeSet<FacetName> = touches
            .flat_map(|touches| {
                let facets = touches.iter().flat_map(|t| t.facets.clone());
                facets.collect::<Vec<_>>()
            })
            .collect();
        let mut worlds = Vec::new();
        let mut fuller = self.image.clone();
        let mut partial = Vec::new();
        for facet in self
            .image
            .facets
            .keys()
            .filter(|f| !self.whole.contains(*f))
        {
            let unseen = kind.unseen(facet);
            if !unseen.is_empty() && touched.contains(facet) {
                partial.push(facet.0.as_str());
            }
            for element in unseen {
                if let Ok((key, element)) = kind.element(facet, &element) {
                    let facet = facet.clone();
                    let path = ElementPath { facet, key };
                    if fuller.get(&path).is_none() {
                        fuller.set(&path, Some(element));
                    }
                }
            }
        }
        if !partial.is_empty() {
            let facets = partial.join(" and ");
            worlds.push(World {
                image: fuller,
                moved: Vec::new(),
                unknown: format!(
                    "it depends on what else stands in its {facets}, which these records don't show"
                ),
            });
        }
        let most = ambiguous.iter().map(|(_, others)| others.len()).max();
        for index in 0..most.unwrap_or(0) {
            let mut image = self.image.clone();
            let mut moved = Vec::new();
            for (path, others) in ambiguous {
                if let Some(facet) = others.get(index) {
                    let there = ElementPath {
                        facet: facet.clone(),
                        key: path.key.clone(),
                    };
                    image.set(&there, self.image.get(path).cloned());
                    image.set(path, None);
                    moved.push((path.clone(), there));
                }
            }
            let all: Vec<String> = ambiguous
                .iter()
                .flat_map(|(path, others)| std::iter::once(&path.facet).chain(others))
                .map(ToString::to_string)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            let keys: Vec<&str> = ambiguous.iter().map(|(p, _)| p.key.0.as_str()).collect();
            worlds.push(World {
                image,
                moved,
                unknown: format!(
                    "no record shows whether {} is of its {}",
                    keys.join(", "),
                    all.join(" or ")
                ),
            });
        }
        worlds
    }

    /// What changes of that moment are judged against.
    fn history(self, moment: Timestamp) -> History {
        let just_before = moment
            .checked_sub(SignedDuration::from_nanos(1))
            .unwrap_or(Timestamp::MIN);
        let as_of = self.newest.unwrap_or(just_before).min(just_before);
        let facets = self.image.facets.keys();
        let partial = facets
            .filter(|f| !self.whole.contains(*f))
            .cloned()
            .collect();
        History {
            images: vec![DatedImage {
                image: self.image,
                as_of,
                since: as_of,
                gapless: false,
                partial,
            }],
            ..History::default()
        }
    }
}

//! What records make of an image.

use super::compare::{is_seen, says_all};
use crate::judge::Likeness;
use crate::kind::{Effect, ElementPath, FacetName, Image, Kind, Target};

/// An image after a change, as the change's record tells it.
#[must_use]
pub fn after(kind: &dyn Kind, before: &Image, effect: &Effect) -> Image {
    let mut image = before.clone();
    if let Effect::Replaced(by) = effect {
        image.replace(by);
        // The same document once more: nobody says that its words are others.
        for (facet, text) in &before.texts {
            if by.facets.contains_key(facet) && is_seen(kind, &of(before, facet), by) {
                let kept = image.texts.entry(facet.clone());
                kept.or_insert_with(|| text.clone());
            }
        }
    }
    let Effect::Edited(touches) = effect else {
        return image;
    };
    let mut likeness = Likeness::default();
    for touch in touches {
        let standing = match &touch.target {
            Target::Key(key) => touch.facets.iter().find_map(|facet| {
                let path = ElementPath {
                    facet: facet.clone(),
                    key: key.clone(),
                };
                image.get(&path).is_some().then_some(path)
            }),
            Target::Like(element) => likeness.find(kind, &image, &touch.facets, element),
        };
        match (standing, &touch.after) {
            // It tells nothing new of it, and maybe less.
            (Some(path), Some(after)) if says_all(image.get(&path), after) => {}
            (Some(path), after) => {
                if let Some(after) = after {
                    likeness.set(kind, &path, after);
                }
                image.set(&path, after.clone());
            }
            (None, Some(after)) => {
                if let Some(facet) = touch.facets.first()
                    && let Ok((key, element)) = kind.element(facet, after)
                {
                    let facet = facet.clone();
                    let path = ElementPath { facet, key };
                    likeness.set(kind, &path, &element);
                    image.set(&path, Some(element));
                }
            }
            (None, None) => {}
        }
    }
    image
}

/// An image's one facet.
pub(crate) fn of(image: &Image, facet: &FacetName) -> Image {
    let mut one = image.clone();
    one.facets.retain(|f, _| f == facet);
    one.texts.retain(|f, _| f == facet);
    one
}

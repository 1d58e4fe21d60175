//! The images kept of a resource: what later changes are judged against.

use jiff::Timestamp;

use crate::judge::{DatedImage, alike};
use crate::kind::{Effect, Image, Kind, Target};

/// How many images of a resource are kept. One would do if events came in order; a late event
/// needs the image before it, and four span any reordering that CloudTrail is known for.
const KEPT: usize = 4;

/// The images to keep after changes were seen and the resource was read, oldest first; `None`
/// if they stay as they are.
///
/// An image that the kept one and the changes' own records explain is dated by the newest of
/// these changes: it may serve as *before* for anything later. An image with something in it
/// that no record explains may hold a change whose event is still on its way: it is dated by
/// AWS's clock at the read, so that it is never taken for what was before that change.
#[must_use]
pub fn follow(
    kind: &dyn Kind,
    kept: &[DatedImage],
    live: &Image,
    read_at: Timestamp,
    changes: &[(Timestamp, &Effect)],
) -> Option<Vec<DatedImage>> {
    let mut images = kept.to_vec();
    for (time, effect) in changes {
        // A change older than what is kept is in it already.
        if images.last().is_some_and(|last| last.as_of > *time) {
            continue;
        }
        match effect {
            Effect::Created(Some(image)) => images = vec![dated(image.clone(), *time, true)],
            Effect::Edited(_) => {
                if let Some(last) = images.last() {
                    let (image, gapless) = (after(kind, &last.image, effect), last.gapless);
                    images.push(dated(image, *time, gapless));
                }
            }
            Effect::Created(None) | Effect::Deleted | Effect::Unclear(_) => {}
        }
    }
    let explained = images
        .last()
        .is_some_and(|last| is_seen(kind, &last.image, live));
    if explained {
        // The live image has AWS's ids and all that records leave out.
        if let Some(last) = images.last_mut() {
            for (facet, elements) in &mut last.image.facets {
                if let Some(seen) = live.facets.get(facet) {
                    elements.clone_from(seen);
                }
            }
        }
    } else {
        images.push(dated(live.clone(), read_at, false));
    }
    images.dedup_by(|newer, older| newer.image == older.image && newer.gapless == older.gapless);
    let surplus = images.len().saturating_sub(KEPT);
    images.drain(..surplus);
    (images != kept).then_some(images)
}

fn dated(image: Image, as_of: Timestamp, gapless: bool) -> DatedImage {
    DatedImage {
        image,
        as_of,
        gapless,
    }
}

/// An image after a change, as the change's record tells it.
#[must_use]
pub fn after(kind: &dyn Kind, before: &Image, effect: &Effect) -> Image {
    let mut image = before.clone();
    let Effect::Edited(touches) = effect else {
        return image;
    };
    for touch in touches {
        let path = match &touch.target {
            Target::Key(key) => touch.facets.iter().find_map(|facet| {
                let path = crate::kind::ElementPath {
                    facet: facet.clone(),
                    key: key.clone(),
                };
                image.get(&path).is_some().then_some(path)
            }),
            Target::Like(element) => alike(kind, &image, &touch.facets, element),
        };
        match (path, &touch.after) {
            (Some(path), after) => image.set(&path, after.clone()),
            (None, Some(after)) => {
                if let Some(facet) = touch.facets.first()
                    && let Ok((key, element)) = kind.element(facet, after)
                {
                    let path = crate::kind::ElementPath {
                        facet: facet.clone(),
                        key,
                    };
                    image.set(&path, Some(element));
                }
            }
            (None, None) => {}
        }
    }
    image
}

/// Every facet that the expected image knows is in the live one, element by element.
fn is_seen(kind: &dyn Kind, expected: &Image, live: &Image) -> bool {
    expected.facets.iter().all(|(facet, elements)| {
        let Some(seen) = live.facets.get(facet) else {
            return false;
        };
        let substances = |f: &crate::kind::Facet| {
            let mut all: Vec<String> = f
                .values()
                .map(|e| kind.substance(facet, e).to_string())
                .collect();
            all.sort_unstable();
            all
        };
        substances(elements) == substances(seen)
    })
}

//! How much of a history is kept.

use super::{History, after};
use crate::kind::Kind;

/// How many images are kept. The newest one serves; older ones serve events that come late.
pub(super) const IMAGES: usize = 3;
/// How many changes are kept besides. Older ones are folded into the first image.
pub(super) const CHANGES: usize = 16;
/// How much the changes may have that are kept, in bytes of JSON. Whole documents may be large, and
/// of anybody's making: what is remembered must fit into an item of the table.
const LARGEST: usize = 128 * 1024;

impl History {
    /// The image and the changes as they are to be kept: without what is never needed to judge.
    pub(super) fn lean(mut self, kind: &dyn Kind) -> Self {
        for image in &mut self.images {
            for (facet, elements) in &mut image.image.facets {
                for element in elements.values_mut() {
                    *element = kind.remembered(facet, element);
                }
            }
        }
        self
    }

    fn is_large(&self) -> bool {
        serde_json::to_vec(&self.changes).is_ok_and(|json| json.len() > LARGEST)
    }

    pub(super) fn shorten(&mut self, kind: &dyn Kind) {
        self.images.sort_by_key(|i| i.as_of);
        // The oldest stays: reads that nobody can explain must not push it out.
        while self.images.len() > IMAGES {
            self.images.remove(1);
        }
        while self.changes.len() > CHANGES || (self.is_large() && !self.changes.is_empty()) {
            let oldest = self.changes.remove(0);
            if let Some(first) = self.images.first_mut()
                && first.as_of <= oldest.time
            {
                first.image = after(kind, &first.image, &oldest.effect);
                first.as_of = oldest.time;
                first.since = oldest.time;
            }
        }
    }
}

//! From evidence to the desired image, and from there to calls.

mod legal;
mod make;
mod undo;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::kind::{Before, Element, ElementPath, FacetName, Image, Kind, Step, Target, Touch};

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
    /// What it does to its element.
    #[must_use]
    pub fn touch(&self) -> Touch {
        Touch {
            facets: vec![self.path.facet.clone()],
            target: Target::Key(self.path.key.clone()),
            before: self.from.clone().map_or(Before::Absent, Before::Was),
            after: self.to.clone(),
        }
    }

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

pub(crate) use legal::{evidence, keep_right};
pub use legal::{holds, still_mends};
pub use make::{Mend, NoPlan, plan};
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

//! A revert taken back.

use serde::{Deserialize, Serialize};

use super::{Plan, Write, WriteBy, fulfilled};
use crate::kind::{Element, ElementPath, Image, Kind, KindError, ResourceRef};

/// Plans an undo: each element that a revert wrote gets back what it was before that.
/// Elements that were edited since are named in the error.
pub fn undo(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    reverted: &Plan,
) -> Result<Plan, UndoError> {
    let mut writes = Vec::new();
    let mut moved = Vec::new();
    for write in &reverted.writes {
        let now = live.get(&write.path);
        let anew = made_anew(kind, live, write, reverted);
        if anew.is_some() || !fulfilled(kind, live, write) {
            moved.push(Moved {
                path: write.path.clone(),
                left: write.to.clone(),
                found: now.or(anew).cloned(),
            });
            continue;
        }
        let (path, to) = (write.path.clone(), write.from.clone());
        writes.push(Write::new(kind, path, now.cloned(), to, WriteBy::Undo));
    }
    if !moved.is_empty() {
        return Err(UndoError::Moved(moved));
    }
    let mut plan = Plan {
        writes,
        ..Plan::default()
    };
    let earlier = reverted.texts.iter();
    let earlier = earlier.filter_map(|(facet, t)| Some((facet.clone(), t.from.clone()?)));
    let desired = plan.desired(live);
    plan.keep_texts(kind, live, &desired, &earlier.collect());
    plan.steps = kind.steps(resource, live, &plan.desired(live))?;
    Ok(plan)
}

/// What a revert took away, where somebody has made it again under a key of its own.
fn made_anew<'l>(
    kind: &dyn Kind,
    live: &'l Image,
    write: &Write,
    reverted: &Plan,
) -> Option<&'l Element> {
    let facet = &write.path.facet;
    let taken = write.from.as_ref().filter(|_| write.to.is_none())?;
    let same = |e: &Element| kind.substance(facet, e) == kind.substance(facet, taken);
    // The revert itself may have put the like of it elsewhere.
    let ours = |w: &Write| w.path.facet == *facet && w.to.as_ref().is_some_and(same);
    if reverted.writes.iter().any(ours) {
        return None;
    }
    let mut standing = live.facets.get(facet)?.values();
    standing.find(|e| same(e))
}

/// Why a revert can't be undone.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UndoError {
    /// Elements were edited since: undoing would take those edits back.
    #[error("{} of its elements changed since", .0.len())]
    Moved(Vec<Moved>),
    /// The kind knows no call for it.
    #[error(transparent)]
    Kind(#[from] KindError),
}

/// An element that isn't as a revert left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Where it stands.
    pub path: ElementPath,
    /// What the revert left.
    pub left: Option<Element>,
    /// What is there now.
    pub found: Option<Element>,
}

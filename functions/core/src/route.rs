//! Which resources a change concerns, and which policies speak about them.

use std::collections::BTreeMap;

use crate::change::Change;
use crate::kind::{Effect, Kind, KindError, Kinds, Lookup};
use crate::name::{AccountId, KindId};

/// What one change did to one resource, the resource named as the record names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Routed {
    /// The resource's kind.
    pub kind: KindId,
    /// How the record names it.
    pub resource: Lookup,
    /// What was done to it.
    pub effect: Effect,
}

/// Every resource a change touched. Kinds alone decide that, not policies: an event that no
/// policy lists still keeps the observed image current. Another account's copy of the record
/// touches nothing here.
pub fn route(change: &Change, kinds: Kinds<'_>) -> Result<Vec<Routed>, KindError> {
    let mut routed = Vec::new();
    for kind in kinds.altered_by(change) {
        if others(kind, change).is_none() {
            routed.extend(touched(kind, change)?);
        }
    }
    Ok(routed)
}

/// The owner of the resource, where the record is the copy that another account was sent.
///
/// A call across accounts is recorded once in each, with one `sharedEventID` (CloudTrail User
/// Guide, "CloudTrail record contents"); it is to be acted on where the resource is.
#[must_use]
pub fn others(kind: &dyn Kind, change: &Change) -> Option<AccountId> {
    change.shared_id.as_ref()?;
    kind.owner(change).filter(|owner| *owner != change.account)
}

fn touched(kind: &dyn Kind, change: &Change) -> Result<Vec<Routed>, KindError> {
    let id = kind.id();
    Ok(kind
        .touched(change)?
        .into_iter()
        .map(|t| Routed {
            kind: id.clone(),
            resource: t.resource,
            effect: if change.cut {
                Effect::Unclear("the record is cut: part of it was over CloudTrail's size".into())
            } else {
                t.effect
            },
        })
        .collect())
}

/// Groups items by key, each group in the order of its items' event times, then of arrival.
pub fn group<K: Ord, T>(
    items: impl IntoIterator<Item = (K, T)>,
    time: impl Fn(&T) -> jiff::Timestamp,
) -> BTreeMap<K, Vec<T>> {
    let mut groups: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for (key, item) in items {
        groups.entry(key).or_default().push(item);
    }
    for items in groups.values_mut() {
        items.sort_by_key(&time);
    }
    groups
}

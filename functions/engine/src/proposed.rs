//! What was only proposed, for want of what an older change's late event tells.

use undrift_core::kind::{ElementPath, Kind, Target};
use undrift_core::observe::SeenChange;
use undrift_core::record::{Cause, ChangeKey, OutcomeKind, Record};
use undrift_core::weigh::Noticed;

use crate::look::Looked;
use crate::port::{Clock, Cloud, Journal, JournalError, Switch};
use crate::way::Run;
use crate::{Engine, Item};

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// The changes that were only proposed to be mended, and that an older one of these touches in
    /// an element of theirs: they are judged once more beside it.
    pub(crate) async fn proposed(
        &self,
        run: &Run,
        kind: &dyn Kind,
        looked: &Looked,
        fresh: &[Item],
    ) -> Result<Vec<(Item, Record)>, JournalError> {
        let mut found = Vec::new();
        for seen in &looked.known.observed.history.changes {
            let is_here = run.items.iter().any(|i| i.change.id == seen.event);
            let is_after = |item: &Item| is_after(kind, seen, item);
            if seen.is_own() || is_here || !fresh.iter().any(is_after) {
                continue;
            }
            let key = ChangeKey {
                event: seen.event.clone(),
                resource: run.resource.clone(),
            };
            let record = self.journal.record(&key).await?;
            let is_open = |r: &Record| {
                let kind = r.outcome.kind;
                matches!(kind, OutcomeKind::Proposed | OutcomeKind::Undecided)
            };
            found.extend(record.filter(is_open).and_then(|r| closed(seen, r)));
        }
        Ok(found)
    }
}

/// A change that has its record, as one to be judged once more.
pub(crate) fn closed(seen: &SeenChange, record: Record) -> Option<(Item, Record)> {
    let Cause::Change(change) = &record.cause else {
        return None;
    };
    let item = Item {
        index: None,
        change: (**change).clone(),
        effect: seen.effect.clone(),
        key: record.key.clone(),
        noticed: Noticed::ByEvent,
    };
    Some((item, record))
}

/// A change that was seen did something to an element after an item's change, or in its second.
fn is_after(kind: &dyn Kind, seen: &SeenChange, item: &Item) -> bool {
    let touches = item.effect.touches();
    let mut paths = touches.iter().flat_map(|touch| {
        let key = match &touch.target {
            Target::Key(key) => Some(key),
            Target::Like(_) => None,
        };
        let facets = key.into_iter().flat_map(|key| {
            let at = |facet: &_| ElementPath {
                facet: Clone::clone(facet),
                key: key.clone(),
            };
            touch.facets.iter().map(at)
        });
        facets.collect::<Vec<_>>()
    });
    seen.time >= item.change.time && paths.any(|path| seen.touches(kind, &path))
}

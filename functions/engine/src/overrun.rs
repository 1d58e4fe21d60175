//! What others did and closed while Undrift wrote.

use jiff::Timestamp;
use undrift_core::decide::Circumstances;
use undrift_core::kind::{ElementPath, Image, Kind, Target};
use undrift_core::observe::{History, SeenChange};
use undrift_core::plan::stands;
use undrift_core::record::{Cause, ChangeKey, OutcomeKind, Record};
use undrift_core::weigh::{BESIDE, Noticed, is_overrun};

use crate::look::Looked;
use crate::port::{Clock, Cloud, Journal, JournalError, Switch};
use crate::verify::LAG;
use crate::way::Run;
use crate::{Engine, Item};

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Changes that others judged and closed while this run wrote, and that it wrote over: theirs
    /// was right when they looked.
    pub(crate) async fn overrun(
        &self,
        run: &Run,
        kind: &dyn Kind,
        looked: &Looked,
        now: Circumstances<'_>,
    ) -> Result<Vec<(Item, Record)>, JournalError> {
        let (Some(began), Some(live)) = (run.own.first().map(|c| c.time), &looked.seen.image)
        else {
            return Ok(Vec::new());
        };
        let known = &looked.known.observed.history;
        let history = &known.with(kind, live, &self.seen(run, &run.items, looked));
        let mut found = Vec::new();
        for seen in &history.changes {
            let is_here = run.items.iter().any(|i| i.change.id == seen.event);
            let is_near = seen.time >= began - BESIDE;
            if seen.is_own() || is_here || !is_near {
                continue;
            }
            let key = ChangeKey {
                event: seen.event.clone(),
                resource: run.resource.clone(),
            };
            let Some(record) = self.journal.record(&key).await? else {
                continue;
            };
            let (Cause::Change(change), OutcomeKind::Left) = (&record.cause, record.outcome.kind)
            else {
                continue;
            };
            let item = Item {
                index: usize::MAX,
                change: (**change).clone(),
                effect: seen.effect.clone(),
                key,
                noticed: Noticed::ByEvent,
            };
            let one = [item.occurred()];
            if is_overrun(kind, &run.resource, live, &one, history, now) {
                found.push((item, record));
            }
        }
        Ok(found)
    }
}

/// A call of Undrift's own of the last moments isn't visible: what is shown may be older than that,
/// and nothing is to be called right by it.
pub(crate) fn is_stale(kind: &dyn Kind, live: &Image, history: &History, now: Timestamp) -> bool {
    let lately = |c: &&SeenChange| c.is_own() && now.duration_since(c.latest()) < LAG;
    history.changes.iter().filter(lately).any(|own| {
        let touches = own.effect.touches();
        touches.iter().any(|touch| {
            let (Target::Key(key), Some(facet)) = (&touch.target, touch.facets.first()) else {
                return false;
            };
            let path = ElementPath {
                facet: facet.clone(),
                key: key.clone(),
            };
            let gone = touch.after.is_none();
            live.facets.contains_key(facet) && gone && !stands(kind, live, &path, None)
        })
    })
}

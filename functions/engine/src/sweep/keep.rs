//! What a sweep writes: images, marks of what is accounted for, and records.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use undrift_core::kind::ResourceRef;
use undrift_core::observe::History;
use undrift_core::plan::holds;
use undrift_core::record::{ChangeKey, Record};
use undrift_core::sweep::{effect, event_id};
use undrift_core::weigh::{Noticed, weigh};

use super::Look;
use super::account::{ByMark, swept};
use crate::close::{Draft, baseline, remembered};
use crate::look::LookError;
use crate::port::{Accounted, Clock, Close, Closed, Cloud, Journal, Switch};
use crate::way::Run;
use crate::{Engine, Item};

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// The record of findings that no event explains.
    pub(super) fn draft(
        &self,
        look: &Look<'_>,
        resource: &ResourceRef,
        wrong: &ByMark<'_>,
        noticed: Noticed,
        since: Option<Timestamp>,
    ) -> Option<Record> {
        let live = look
            .looked
            .seen
            .image
            .as_ref()
            .filter(|_| !wrong.is_empty())?;
        let seen = self.clock.now();
        let marks: BTreeSet<&str> = wrong.keys().copied().collect();
        let event = event_id(&marks, since)?;
        let change = swept(event.clone(), resource, look.looked.seen.at)?;
        let item = Item {
            index: None,
            effect: effect(look.kind, live, wrong.values().copied()),
            key: ChangeKey {
                event,
                resource: resource.clone(),
            },
            change,
            noticed,
        };
        let run = Run::bare(resource.clone(), seen, seen, String::new());
        let exemptions = self.exemptions(&look.looked);
        let now = self.circumstances(&exemptions, &look.looked);
        let occurred = [item.occurred()];
        // Of what was so from the first, nothing is to count as having been there before; and an
        // earlier look may have kept what was wrong already.
        let history = match (noticed, since) {
            (Noticed::FirstSeen, _) => History::default(),
            (_, Some(since)) => look.history.until(since),
            (_, None) => look.history.clone(),
        };
        let scales = weigh(look.kind, resource, live, &occurred, &history, now);
        let weighed = scales.changes.first()?.clone();
        let items = [item];
        let draft = Draft {
            kind: look.kind,
            live,
            looked: &look.looked,
            items: &items,
            looked_at: seen,
            decided_at: self.clock.now(),
            observed: None,
            scales,
            now,
        };
        let item = items.first()?;
        let mut record = self.record_unacted(&run, item, &weighed, &draft);
        record.cause = undrift_core::record::Cause::Sweep { since };
        Some(record)
    }

    /// Keeps the image, what is accounted for, and the record of what is told now.
    pub(super) async fn keep(
        &self,
        look: &Look<'_>,
        resource: &ResourceRef,
        mut accounted: BTreeMap<String, Accounted>,
        told: Option<(Record, ByMark<'_>)>,
    ) -> Result<(), LookError> {
        let Some(live) = &look.looked.seen.image else {
            return Ok(());
        };
        let mut close = Close::of(resource.clone());
        if let Some((mut record, wrong)) = told {
            record.stages.closed = Some(self.clock.now());
            let by = Accounted {
                record: record.key.event.clone(),
                at: look.looked.seen.at,
            };
            accounted.extend(wrong.keys().map(|mark| ((*mark).to_owned(), by.clone())));
            close.records.push(record);
        }
        let known = &look.looked.known.observed;
        let history = known
            .history
            .follow(look.kind, live, look.looked.seen.at, &[]);
        if history.is_some() || accounted != known.accounted {
            let history = history.unwrap_or_else(|| known.history.clone());
            close.observed = remembered(&look.looked, Some(history));
            if let Some(observed) = &mut close.observed {
                observed.accounted = accounted;
            }
        }
        let exemptions = self.exemptions(&look.looked);
        let now = self.circumstances(&exemptions, &look.looked);
        if holds(look.kind, resource, live, now) {
            close.baseline = baseline(live, &look.looked);
        }
        if close.records.is_empty() && close.observed.is_none() && close.baseline.is_none() {
            return Ok(());
        }
        let closed = self.journal.close(&close).await?;
        for record in &close.records {
            crate::close::tell(record);
        }
        if closed == Closed::Outrun {
            // An event was handled meanwhile; the next sweep looks again, and a record is put once.
            tracing::info!(resource = %resource, "somebody else remembered something meanwhile");
        }
        Ok(())
    }
}

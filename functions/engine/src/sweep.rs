//! The sweep: what no event told of. It lists resources, keeps their images, and finds what is
//! wrong that no record speaks of.
//!
//! What was there when a resource was first seen is reported. What came since is a missed change:
//! whoever calls looks for its event, hands it to [`Engine::missed`], and it is decided like any;
//! where there is none, taking it back is proposed.

mod account;
mod keep;
mod page;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use undrift_core::change::Change;
use undrift_core::decide::Circumstances;
use undrift_core::kind::{Kind, ResourceRef};
use undrift_core::name::EventId;
use undrift_core::observe::{History, SeenChange};
use undrift_core::record::{ChangeKey, Record};
use undrift_core::sweep::{Sight, Since, sight};
use undrift_core::weigh::Noticed;

use crate::look::{LookError, Looked};
use crate::port::{CallError, Clock, Cloud, ErrorClass, Journal, Place, Switch};
use crate::{Disposition, Engine};
use account::{accounts, events_of, finding, newest, of_record, shown};
pub use page::{Cursor, Explained, Finding, Missed, Page, Unread};

/// How many resources are looked at together: reads are paid from the account's own budget.
const TOGETHER: usize = 4;
/// How often a throttled read is tried again.
const TRIES: u32 = 4;
/// The wait before the first of these; it doubles.
const FIRST_WAIT: std::time::Duration = std::time::Duration::from_millis(500);

/// How far a read may lag behind what was done.
const LAG: SignedDuration = SignedDuration::from_secs(3);

/// Why a sweep could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// AWS, the journal or the switch can't be read.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The cursor is none of this function's.
    #[error("there is no kind number {0} here; begin anew without a cursor")]
    Cursor(usize),
}

/// One resource, looked at.
struct Look<'k> {
    kind: &'k dyn Kind,
    looked: Looked,
    sight: Sight,
    history: History,
}

impl<'k, C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'k, C, J, S, T> {
    /// The kinds that policies are about, in order.
    fn swept_kinds(&self) -> Vec<&'k dyn Kind> {
        let kinds = self.kinds.0.iter().copied();
        kinds
            .filter(|k| self.bundle.of_kind(&k.id()).next().is_some())
            .collect()
    }

    /// Looks at one page of a place's resources, or at as many of them as it can until the
    /// deadline. `dry_run`: writes nothing anywhere.
    pub async fn sweep(
        &self,
        place: &Place,
        cursor: &Cursor,
        dry_run: bool,
        deadline: Timestamp,
    ) -> Result<Page, SweepError> {
        let kinds = self.swept_kinds();
        let mut page = Page {
            kinds: kinds.len(),
            ..Page::default()
        };
        let Some(kind) = kinds.get(cursor.kind) else {
            return if cursor.kind == 0 {
                Ok(page)
            } else {
                Err(SweepError::Cursor(cursor.kind))
            };
        };
        let id = kind.id();
        page.kind = Some(id.clone());
        let following = Cursor {
            kind: cursor.kind + 1,
            ..Cursor::default()
        };
        let listed = self
            .patiently(passes, || {
                self.cloud.list(&id, place, cursor.from.as_deref())
            })
            .await;
        let listed = match listed {
            Ok(listed) => listed,
            // The other kinds are looked at all the same.
            Err(e) => {
                page.unread.push(Unread {
                    what: format!("the list of {id}"),
                    why: e.to_string(),
                });
                page.next = (following.kind < kinds.len()).then_some(following);
                return Ok(page);
            }
        };
        page.next = match listed.next {
            Some(from) => Some(Cursor {
                kind: cursor.kind,
                from: Some(from),
                done: 0,
            }),
            None => (following.kind < kinds.len()).then_some(following),
        };
        let of = listed.ids.len();
        let resources = listed
            .ids
            .into_iter()
            .skip(cursor.done)
            .map(|id| ResourceRef {
                account: place.account.clone(),
                region: place.region.clone(),
                kind: kind.id(),
                id,
            });
        let looks = futures_util::stream::iter(resources).map(|resource| async move {
            let found = self.sweep_one(&resource, dry_run).await;
            (resource, found)
        });
        let mut looks = looks.buffered(TOGETHER);
        let mut done = cursor.done;
        while let Some((resource, found)) = looks.next().await {
            match found {
                Ok(one) => {
                    page.seen += one.seen;
                    page.undecided += one.undecided;
                    page.findings.extend(one.findings);
                    page.missed.extend(one.missed);
                }
                // Without its journal nothing gets on; one item that can't be read is its own trouble.
                Err(LookError::Journal(e)) if e.transient => {
                    return Err(LookError::Journal(e).into());
                }
                Err(e) => page.unread.push(Unread {
                    what: resource.to_string(),
                    why: e.to_string(),
                }),
            }
            done += 1;
            if self.clock.now() >= deadline && done < of {
                page.next = Some(Cursor {
                    done,
                    ..cursor.clone()
                });
                break;
            }
        }
        Ok(page)
    }

    /// Looks at one resource: keeps its image, reports what was so from the first.
    async fn sweep_one(&self, resource: &ResourceRef, dry_run: bool) -> Result<Page, LookError> {
        let mut page = Page::default();
        let Some(look) = self.look_whole(resource, &[]).await? else {
            return Ok(page);
        };
        page.seen = 1;
        page.undecided = look.sight.undecided;
        if self.in_work(&look) {
            return Ok(page);
        }
        let records = self.records_of(resource, &look).await?;
        let (accounted, rest) = accounts(&look, &records);
        let (first, missed): (BTreeMap<_, _>, BTreeMap<_, _>) = rest
            .into_iter()
            .partition(|(_, wrong)| wrong.since == Since::FirstSeen);
        if let Some((since, _)) = newest(&missed) {
            page.missed.push(Missed {
                resource: resource.clone(),
                name: look.kind.lookup_name(resource),
                since,
                events: events_of(look.kind),
                shown: shown(&missed),
            });
        }
        let reported = self.draft(&look, resource, &first, Noticed::FirstSeen, None);
        page.findings
            .extend(reported.iter().map(|record| finding(record, dry_run)));
        if !dry_run {
            let told = reported.map(|record| (record, first));
            self.keep(&look, resource, accounted, told).await?;
        }
        Ok(page)
    }

    /// Decides missed changes of a resource like any, by the events that were found for it; what
    /// none of them explains is proposed, if these were all that there will be.
    pub async fn missed(
        &self,
        resource: &ResourceRef,
        changes: Vec<Change>,
        all: bool,
        deadline: Timestamp,
    ) -> Result<Explained, SweepError> {
        let Some(look) = self.look_whole(resource, &[]).await? else {
            return Ok(Explained::Ended(Vec::new()));
        };
        if self.in_work(&look) {
            let why = "another invocation is at it".to_owned();
            return Ok(Explained::Later(why));
        }
        let (_, missed) = accounts(&look, &BTreeMap::new());
        let Some((since, _)) = newest(&missed) else {
            return Ok(Explained::Ended(Vec::new()));
        };
        // Older ones made what was there then.
        let changes: Vec<Change> = changes
            .into_iter()
            .filter(|c| c.time >= since - LAG)
            .collect();
        let mut seen = Vec::new();
        for (index, change) in changes.iter().enumerate() {
            let items = match self.touched(index, change.clone()).await {
                Ok(items) => items,
                Err(Disposition::Retry { why, .. }) => return Ok(Explained::Later(why)),
                Err(Disposition::Done) => continue,
            };
            let here = items
                .into_iter()
                .filter(|(r, _)| r == resource)
                .map(|(_, item)| item);
            seen.extend(here.map(|i| SeenChange::new(i.change.id, i.change.time, i.effect)));
        }
        let events: BTreeSet<EventId> = seen.iter().map(|c| c.event.clone()).collect();
        let ours = changes.into_iter().filter(|c| events.contains(&c.id));
        let before = self.known_records(resource, &events).await?;
        let dispositions = self.handle(ours.collect(), deadline).await;
        for disposition in dispositions {
            if let Disposition::Retry { why, .. } = disposition {
                return Ok(Explained::Later(why));
            }
        }
        let records = self.known_records(resource, &events).await?;
        let new = records
            .values()
            .filter(|r| !before.contains_key(&r.key.event));
        let mut findings: Vec<Finding> = new
            .filter(|r| r.assessments.iter().any(|a| !a.evidence.is_empty()))
            .map(of_record)
            .collect();
        let Some(look) = self.look_whole(resource, &seen).await? else {
            return Ok(Explained::Ended(findings));
        };
        let records = self.records_of(resource, &look).await?;
        let (accounted, mut rest) = accounts(&look, &records);
        rest.retain(|_, wrong| wrong.since != Since::FirstSeen);
        if !rest.is_empty() && !all {
            return Ok(Explained::Later(
                "no event is found yet that explains it".to_owned(),
            ));
        }
        let since = newest(&rest).map(|(at, _)| at);
        let proposed = self.draft(&look, resource, &rest, Noticed::Missed, since);
        findings.extend(proposed.iter().map(of_record));
        let told = proposed.map(|record| (record, rest));
        self.keep(&look, resource, accounted, told).await?;
        Ok(Explained::Ended(findings))
    }

    /// Whoever holds the claim is at it. What a crash left behind is no reason to look away.
    fn in_work(&self, look: &Look<'_>) -> bool {
        let claim = look.looked.known.claim.as_ref();
        claim.is_some_and(|c| c.is_live(self.clock.now()))
    }

    /// A resource as it is, judged as a whole; `None`: it doesn't exist.
    async fn look_whole(
        &self,
        resource: &ResourceRef,
        seen: &[SeenChange],
    ) -> Result<Option<Look<'k>>, LookError> {
        let passing = |e: &LookError| matches!(e, LookError::Cloud(e) if passes(e));
        let looked = self.patiently(passing, || self.look(resource, &[])).await?;
        let (Some(kind), Some(live)) = (self.kinds.get(&resource.kind), &looked.seen.image) else {
            return Ok(None);
        };
        let history = looked.known.observed.history.clone();
        let history = history.with_baseline(looked.known.baseline.clone());
        let exemptions = self.exemptions(&looked);
        let now = self.circumstances(&exemptions, &looked);
        let sight = sight(kind, resource, live, &history, seen, now);
        Ok(Some(Look {
            kind,
            looked,
            sight,
            history,
        }))
    }

    /// Asks again while AWS throttles or fails, a few times.
    async fn patiently<A, E, F: Future<Output = Result<A, E>>>(
        &self,
        passes: impl Fn(&E) -> bool,
        ask: impl Fn() -> F,
    ) -> Result<A, E> {
        let mut wait = FIRST_WAIT;
        let mut tries = 1;
        loop {
            match ask().await {
                Err(e) if passes(&e) && tries < TRIES => {
                    let jitter = 0.5 + self.clock.jitter();
                    self.clock.sleep(wait.mul_f64(jitter)).await;
                    wait *= 2;
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    /// The records of the known changes that made what is wrong.
    async fn records_of(
        &self,
        resource: &ResourceRef,
        look: &Look<'_>,
    ) -> Result<BTreeMap<EventId, Record>, LookError> {
        let (_, open) = accounts(look, &BTreeMap::new());
        let events = open.values().flat_map(|wrong| wrong.by.iter().cloned());
        self.known_records(resource, &events.collect()).await
    }

    async fn known_records(
        &self,
        resource: &ResourceRef,
        events: &BTreeSet<EventId>,
    ) -> Result<BTreeMap<EventId, Record>, LookError> {
        if events.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: Vec<ChangeKey> = events
            .iter()
            .map(|event| ChangeKey {
                event: event.clone(),
                resource: resource.clone(),
            })
            .collect();
        let known = self.journal.know(resource, &keys).await?;
        let records = known.records.into_iter();
        Ok(records.map(|(key, r)| (key.event, r)).collect())
    }

    fn circumstances<'c>(
        &'c self,
        exemptions: &'c undrift_core::policy::Exemptions,
        looked: &'c Looked,
    ) -> Circumstances<'c> {
        Circumstances {
            bundle: &self.bundle,
            exemptions,
            paused: looked.paused,
            protected: looked.protected.as_deref(),
            now: self.clock.now(),
        }
    }
}

fn passes(e: &CallError) -> bool {
    matches!(e.class, ErrorClass::Throttled | ErrorClass::Transient)
}

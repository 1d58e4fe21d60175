//! Where what was read comes in and is sent to the judges, and what was judged goes out in order.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use undrift_core::change::{Assumed, Change};
use undrift_core::kind::{KindError, Lookup};
use undrift_core::name::KindId;
use undrift_core::route::Routed;

use crate::court::{Case, Key, Part, untold};
use crate::order::{Order, Waiting, What};
use crate::reading::{Announced, Meters, News};
use crate::replay::{Counts, Judged, Progress, Replay, Watch};

/// How many cases go to a judge at once: waking one costs as much as a case.
const AT_ONCE: usize = 32;
/// How many places are remembered where resources were named by names.
const NAMED: usize = 100_000;
/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// The desk.
pub(crate) struct Desk<'d, 'r> {
    pub(crate) replay: &'d Replay<'r>,
    pub(crate) courts: Vec<SyncSender<Vec<Case>>>,
    /// Cases that are not yet sent to each judge.
    pub(crate) pending: Vec<Vec<Case>>,
    pub(crate) judged: Receiver<Vec<(u64, Part)>>,
    /// Records that are given out once all their parts are judged and all before them are given.
    pub(crate) open: BTreeMap<u64, (Judged, usize)>,
    /// Where changes named their resources by names: they may be any that others name by id.
    pub(crate) named: BTreeSet<(String, String, KindId)>,
    pub(crate) number: u64,
    pub(crate) youngest: Option<Timestamp>,
    pub(crate) ended: bool,
    pub(crate) counts: &'d mut Counts,
    pub(crate) watch: &'d mut dyn Watch,
}

impl Desk<'_, '_> {
    /// Takes in all news of so many files, in their order, and gives out all that is judged.
    pub(crate) fn run(
        &mut self,
        announced: &Receiver<Announced>,
        files: usize,
        meters: &Meters,
        of: u64,
    ) {
        let mut order = Order::default();
        let mut early = BTreeMap::new();
        let progress = |watch: &mut dyn Watch| {
            watch.progress(Progress {
                read: meters.read.load(Ordering::Relaxed),
                of,
                records: meters.records.load(Ordering::Relaxed),
            });
        };
        let mut told = Instant::now();
        for index in 0..files {
            // Files are taken in order, but readers may announce them otherwise.
            let (receiver, ahead) = loop {
                if let Some(news) = early.remove(&index) {
                    break news;
                }
                match announced.recv() {
                    Ok((index, receiver, ahead)) => early.insert(index, (receiver, ahead)),
                    Err(_) => return,
                };
            };
            loop {
                if told.elapsed() >= TELL {
                    progress(self.watch);
                    told = Instant::now();
                }
                match receiver.recv_timeout(TELL) {
                    Ok(News::Fault(fault)) => {
                        self.counts.faults += fault.places;
                        self.watch.fault(&fault);
                    }
                    Ok(News::Waiting(waiting)) => {
                        ahead.fetch_sub(waiting.size, Ordering::Relaxed);
                        if !order.push(waiting) {
                            self.counts.again += 1;
                        }
                        while order.is_full() && !self.ended {
                            self.second(order.next_second());
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if self.ended {
                    // Readers that wait to be heard wake up as their channels go.
                    meters.stop.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
        loop {
            let second = order.next_second();
            if second.is_empty() || self.ended {
                break;
            }
            self.second(second);
            if told.elapsed() >= TELL {
                progress(self.watch);
                told = Instant::now();
            }
        }
        for court in 0..self.courts.len() {
            self.flush(court);
        }
        self.courts.clear();
        while let Ok(parts) = self.judged.recv() {
            self.take(parts);
            self.give();
        }
        self.give();
    }

    /// Sends the changes of one second to their judges, those of one resource together.
    fn second(&mut self, second: Vec<Waiting>) {
        let mut cases: BTreeMap<(Key, u64), Case> = BTreeMap::new();
        let time = second.first().map(|w| w.time);
        let is_late = self.youngest > time;
        self.youngest = self.youngest.max(time);
        for waiting in second {
            let number = self.number;
            self.number += 1;
            let mut judged = Judged {
                head: *waiting.head,
                change: None,
                why: None,
                parts: Vec::new(),
                outcomes: Vec::new(),
            };
            let mut parts = 0;
            if let What::Other(why) = waiting.what {
                judged.why = Some(why);
            } else if let What::Change(touching) = waiting.what {
                self.counts.late += u64::from(is_late);
                let change = Arc::new(touching.change);
                judged.change = Some(Arc::clone(&change));
                let place = (touching.account, touching.region);
                match touching.touched {
                    Ok(touched) => {
                        parts = touched.len();
                        send_to(&mut cases, number, &change, place, touched);
                    }
                    Err(e) => self.cannot(&mut judged, &change, &e),
                }
            }
            self.open.insert(number, (judged, parts));
        }
        for (key, _) in cases.keys() {
            if let (Lookup::Name(_), true) = (&key.resource, self.named.len() < NAMED) {
                self.named.insert(place(key));
            }
        }
        for ((key, _), mut case) in cases {
            let by_id = matches!(key.resource, Lookup::Id(_));
            case.doubtful = by_id && self.named.contains(&place(&key));
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            let court = usize::try_from(hasher.finish() % self.courts.len().max(1) as u64);
            self.send(court.unwrap_or(0), case);
        }
        self.give();
    }

    fn cannot(&self, judged: &mut Judged, change: &Change, error: &KindError) {
        let why = error.to_string();
        judged.outcomes = untold(self.replay.bundle, change, &why);
        judged.why = Some(why);
    }

    /// Hands a case to a judge, many at once.
    fn send(&mut self, court: usize, case: Case) {
        if let Some(pending) = self.pending.get_mut(court) {
            pending.push(case);
            if pending.len() >= AT_ONCE {
                self.flush(court);
            }
        }
    }

    /// Hands a judge what is pending; takes what is done meanwhile, so that nobody waits for each
    /// other.
    fn flush(&mut self, court: usize) {
        let pending = self.pending.get_mut(court).map(std::mem::take);
        let mut pending = pending.filter(|p| !p.is_empty());
        while let (Some(cases), Some(court)) = (pending.take(), self.courts.get(court)) {
            match court.try_send(cases) {
                Ok(()) => {}
                Err(TrySendError::Full(back)) => {
                    pending = Some(back);
                    match self.judged.recv() {
                        Ok(parts) => self.take(parts),
                        Err(_) => return,
                    }
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }

    fn take(&mut self, parts: Vec<(u64, Part)>) {
        for (number, part) in parts {
            if let Some((judged, left)) = self.open.get_mut(&number) {
                *left = left.saturating_sub(1);
                judged.parts.push(part);
            }
        }
    }

    /// Gives out what is ready and whose turn it is.
    fn give(&mut self) {
        while let Ok(parts) = self.judged.try_recv() {
            self.take(parts);
        }
        while let Some(entry) = self.open.first_entry() {
            if entry.get().1 > 0 || self.ended {
                return;
            }
            let (mut judged, _) = entry.remove();
            judged
                .parts
                .sort_by(|a, b| (&a.kind, &a.resource).cmp(&(&b.kind, &b.resource)));
            let of_parts = judged.parts.iter().flat_map(|p| &p.outcomes);
            judged.outcomes.extend(of_parts.cloned());
            if !judged.outcomes.is_empty() {
                self.counts.routed += 1;
            } else if judged.parts.is_empty() && !self.replay.all {
                // With parts it may still matter to whoever follows what was opened and closed.
                continue;
            }
            if self.watch.judged(&judged).is_break() {
                self.ended = true;
            }
        }
    }
}

/// Where resources of a kind are named.
fn place(key: &Key) -> (String, String, KindId) {
    (key.account.clone(), key.region.clone(), key.kind.clone())
}

/// Puts a change into the cases of the resources that it touched.
fn send_to(
    cases: &mut BTreeMap<(Key, u64), Case>,
    number: u64,
    change: &Arc<Change>,
    (account, region): (String, String),
    touched: Vec<Routed>,
) {
    // A change whose time isn't known is of no second.
    let alone = if change.assumed.contains(&Assumed::Time) {
        number + 1
    } else {
        0
    };
    for routed in touched {
        let key = Key {
            account: account.clone(),
            region: region.clone(),
            kind: routed.kind,
            resource: routed.resource,
        };
        let case = cases.entry((key.clone(), alone)).or_insert_with(|| Case {
            key,
            doubtful: false,
            changes: Vec::new(),
        });
        case.changes
            .push((number, Arc::clone(change), routed.effect));
    }
}

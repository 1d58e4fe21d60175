//! The run: readers read, the caller's thread puts in order, judges judge, what was judged is
//! given in order.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use jiff::Timestamp;
use undrift_core::change::Change;
use undrift_core::kind::{Effect, KindError, Kinds};
use undrift_core::policy::Bundle;
use undrift_core::route::Routed;

use crate::court::{Case, Court, Key, Outcome, Part, untold};
use crate::files::{Found, Source, find, open};
use crate::order::{Order, Waiting, What};
use crate::record::{Head, Reader, Taken};
use crate::split::{Piece, Place, Splitter};

/// How many faults of one file are told one by one.
const TOLD: u64 = 1_000;
/// How many records of one file wait between its reader and the order.
const AHEAD: usize = 512;
/// How many cases wait between the order and each judge.
const BEFORE_COURT: usize = 256;
/// How often progress is told.
const TELL: Duration = Duration::from_millis(100);

/// A run through history.
#[derive(Debug, Clone, Copy)]
pub struct Replay<'r> {
    /// The policies and settings to judge by.
    pub bundle: &'r Bundle,
    /// The kinds of resource that are known.
    pub kinds: Kinds<'r>,
    /// Also give the records that concern no policy.
    pub all: bool,
    /// How many threads read, and how many judge.
    pub threads: usize,
}

/// One record and what came of it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What the record says of itself.
    pub head: Head,
    /// The change, without its request and response; none where the record is none, or concerns
    /// nobody.
    pub change: Option<Arc<Change>>,
    /// Why nothing is said of it, or why its resource can't be told.
    pub why: Option<String>,
    /// Each resource that it touched.
    pub parts: Vec<Part>,
    /// What each policy says of each resource.
    pub outcomes: Vec<Outcome>,
}

/// Something that can't be read, or not further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub source: Source,
    /// Where in it; none where it is the whole.
    pub place: Option<Place>,
    /// Why.
    pub why: String,
    /// How many places it stands for.
    pub places: u64,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            source,
            place,
            why,
            places: _,
        } = self;
        match place {
            None => write!(f, "{source}: {why}"),
            Some(Place {
                line,
                byte,
                records,
            }) => write!(
                f,
                "{source}:{line}: {why} (byte {byte}, behind {records} records); it is left out"
            ),
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes read of the files.
    pub read: u64,
    /// Bytes that there are, as far as that is known.
    pub of: u64,
    /// Records read.
    pub records: u64,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Files read.
    pub files: u64,
    /// Files of folders that have no log's ending.
    pub left_out: u64,
    /// Records read, those that concern nobody included.
    pub records: u64,
    /// Records that some policy listens to, each counted once.
    pub routed: u64,
    /// Records that were read before.
    pub again: u64,
    /// Records judged on their own, since they came after younger ones of their resource.
    pub late: u64,
    /// What couldn't be read: files, and records in them.
    pub faults: u64,
    /// Bytes of JSON.
    pub bytes: u64,
}

/// Who is told of a run as it goes.
pub trait Watch {
    /// A record was judged. They come in the order of their time. `Break` ends the run.
    fn judged(&mut self, judged: &Judged) -> ControlFlow<()>;
    /// Something can't be read.
    fn fault(&mut self, fault: &Fault);
    /// The run goes on.
    fn progress(&mut self, progress: Progress);
}

/// From a reader.
enum News {
    Waiting(Waiting),
    Fault(Fault),
}

/// What readers count.
#[derive(Debug, Default)]
struct Meters {
    read: Arc<AtomicU64>,
    records: AtomicU64,
    bytes: AtomicU64,
    files: AtomicU64,
    stop: AtomicBool,
}

impl Replay<'_> {
    /// Judges every record of the paths: files, folders, `-` for standard input.
    pub fn run(&self, paths: &[PathBuf], watch: &mut dyn Watch) -> Counts {
        let found = find(paths);
        let mut counts = Counts {
            left_out: found.left_out,
            ..Counts::default()
        };
        for (path, e) in &found.unreadable {
            counts.faults += 1;
            watch.fault(&Fault {
                source: Source::File(path.clone()),
                place: None,
                why: e.to_string(),
                places: 1,
            });
        }
        let threads = self.threads.max(1);
        let reader = Reader::new(self.bundle, self.kinds);
        let meters = Meters::default();
        let next = AtomicUsize::new(0);
        let (announce, announced) = sync_channel(threads);
        std::thread::scope(|scope| {
            for _ in 0..threads.min(found.sources.len()) {
                let announce = announce.clone();
                let (found, next, reader, meters) = (&found, &next, &reader, &meters);
                scope.spawn(move || self.read(found, next, &announce, reader, meters));
            }
            drop(announce);
            let (done, judged) = channel();
            let courts: Vec<SyncSender<Case>> = (0..threads)
                .map(|_| {
                    let (sender, cases) = sync_channel::<Case>(BEFORE_COURT);
                    let done = done.clone();
                    let mut court = Court::new(self.bundle, self.kinds);
                    scope.spawn(move || hold(&mut court, &cases, &done));
                    sender
                })
                .collect();
            drop(done);
            let mut desk = Desk {
                replay: self,
                courts,
                judged,
                open: BTreeMap::new(),
                asked: 0,
                number: 0,
                youngest: None,
                ended: false,
                counts: &mut counts,
                watch,
            };
            desk.run(&announced, found.sources.len(), &meters, found.bytes);
        });
        counts.records = meters.records.load(Ordering::Relaxed);
        counts.bytes = meters.bytes.load(Ordering::Relaxed);
        counts.files = meters.files.load(Ordering::Relaxed);
        counts
    }

    /// One reader: takes file after file.
    fn read(
        &self,
        found: &Found,
        next: &AtomicUsize,
        announce: &SyncSender<(usize, Receiver<News>)>,
        reader: &Reader<'_>,
        meters: &Meters,
    ) {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = found.sources.get(index) else {
                return;
            };
            let (sender, receiver) = sync_channel(AHEAD);
            if announce.send((index, receiver)).is_err() {
                return;
            }
            let mut faults = 0;
            let fault = |place, why: String, places| {
                let fault = Fault {
                    source: source.clone(),
                    place,
                    why,
                    places,
                };
                sender.send(News::Fault(fault)).is_ok()
            };
            let stream = match open(source, &meters.read) {
                Ok(stream) => stream,
                Err(e) => {
                    fault(None, e.to_string(), 1);
                    continue;
                }
            };
            meters.files.fetch_add(1, Ordering::Relaxed);
            let mut splitter = Splitter::new(stream);
            let mut time = Timestamp::MIN;
            let mut number = 0;
            while let Some(piece) = splitter.next() {
                if meters.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (why, of_record) = match piece {
                    Piece::Record { text, name } => {
                        meters.records.fetch_add(1, Ordering::Relaxed);
                        meters.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
                        number += 1;
                        let size = text.len();
                        let wanted = self.all || name.is_none_or(|name| reader.is_wanted(name));
                        let taken = if wanted {
                            reader.take(text)
                        } else if std::str::from_utf8(text).is_ok() {
                            continue;
                        } else {
                            Taken::Fault("it is not UTF-8".to_owned())
                        };
                        let (head, what) = match taken {
                            Taken::NoRecord => {
                                meters.records.fetch_sub(1, Ordering::Relaxed);
                                continue;
                            }
                            Taken::Other(..) if !self.all => continue,
                            Taken::Other(head, why) => (Some(head), Ok(What::Other(why))),
                            Taken::Change(head, touching) => {
                                (Some(head), Ok(What::Change(touching)))
                            }
                            Taken::Fault(why) => (None, Err(why)),
                        };
                        match (head, what) {
                            (Some(head), Ok(what)) => {
                                time = head.time.unwrap_or(time);
                                let at = (index, number);
                                let waiting = Waiting {
                                    time,
                                    at,
                                    head,
                                    what,
                                    size,
                                };
                                if sender.send(News::Waiting(waiting)).is_err() {
                                    return;
                                }
                                continue;
                            }
                            (_, Err(why)) => {
                                meters.records.fetch_sub(1, Ordering::Relaxed);
                                (why, true)
                            }
                            (None, Ok(_)) => continue,
                        }
                    }
                    Piece::Fault(why) => (why.to_owned(), false),
                    Piece::Unreadable(e) => (e.to_string(), false),
                };
                faults += 1;
                if faults <= TOLD && !fault(Some(splitter.place(of_record)), why, 1) {
                    return;
                }
            }
            if faults > TOLD {
                let more = faults - TOLD;
                fault(
                    None,
                    format!("{more} more places in it can't be read"),
                    more,
                );
            }
        }
    }
}

/// One judge: takes case after case.
fn hold(court: &mut Court<'_>, cases: &Receiver<Case>, done: &Sender<(u64, Part)>) {
    while let Ok(case) = cases.recv() {
        for part in court.judge(&case) {
            if done.send(part).is_err() {
                return;
            }
        }
    }
}

/// Where what was read comes in, and what was judged goes out.
struct Desk<'d, 'r> {
    replay: &'d Replay<'r>,
    courts: Vec<SyncSender<Case>>,
    judged: Receiver<(u64, Part)>,
    /// Records that are given out once all their parts are judged and all before them are given.
    open: BTreeMap<u64, (Judged, usize)>,
    /// How many parts are being judged.
    asked: usize,
    number: u64,
    youngest: Option<Timestamp>,
    ended: bool,
    counts: &'d mut Counts,
    watch: &'d mut dyn Watch,
}

impl Desk<'_, '_> {
    fn run(
        &mut self,
        announced: &Receiver<(usize, Receiver<News>)>,
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
        let mut told = std::time::Instant::now();
        for index in 0..files {
            // Files are taken in order, but readers may announce them otherwise.
            let receiver = loop {
                if let Some(receiver) = early.remove(&index) {
                    break receiver;
                }
                match announced.recv() {
                    Ok((index, receiver)) => early.insert(index, receiver),
                    Err(_) => return,
                };
            };
            loop {
                if told.elapsed() >= TELL {
                    progress(self.watch);
                    told = std::time::Instant::now();
                }
                match receiver.recv_timeout(TELL) {
                    Ok(News::Fault(fault)) => {
                        self.counts.faults += fault.places;
                        self.watch.fault(&fault);
                    }
                    Ok(News::Waiting(waiting)) => {
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
                told = std::time::Instant::now();
            }
        }
        self.courts.clear();
        while let Ok(part) = self.judged.recv() {
            self.take(part);
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
        for ((key, _), case) in cases {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            let court = usize::try_from(hasher.finish() % self.courts.len().max(1) as u64);
            self.asked += case.changes.len();
            self.send(court.unwrap_or(0), case);
        }
        self.give();
    }

    fn cannot(&self, judged: &mut Judged, change: &Change, error: &KindError) {
        let why = error.to_string();
        judged.outcomes = untold(self.replay.bundle, change, &why);
        judged.why = Some(why);
    }

    /// Hands a case to a judge; takes what is done meanwhile, so that nobody waits for each other.
    fn send(&mut self, court: usize, case: Case) {
        let mut case = Some(case);
        while let (Some(this), Some(court)) = (case.take(), self.courts.get(court)) {
            match court.try_send(this) {
                Ok(()) => {}
                Err(std::sync::mpsc::TrySendError::Full(back)) => {
                    case = Some(back);
                    match self.judged.recv() {
                        Ok(part) => self.take(part),
                        Err(_) => return,
                    }
                }
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return,
            }
        }
    }

    fn take(&mut self, (number, part): (u64, Part)) {
        self.asked = self.asked.saturating_sub(1);
        if let Some((judged, left)) = self.open.get_mut(&number) {
            *left = left.saturating_sub(1);
            judged.outcomes.extend(part.outcomes.iter().cloned());
            judged.parts.push(part);
        }
    }

    /// Gives out what is ready and whose turn it is.
    fn give(&mut self) {
        while let Ok(part) = self.judged.try_recv() {
            self.take(part);
        }
        while let Some(entry) = self.open.first_entry() {
            if entry.get().1 > 0 || self.ended {
                return;
            }
            let (mut judged, _) = entry.remove();
            judged
                .parts
                .sort_by(|a, b| (&a.kind, &a.resource).cmp(&(&b.kind, &b.resource)));
            if judged.outcomes.is_empty() {
                if !self.replay.all {
                    // It may still matter to whoever follows what was opened and closed.
                    if judged.parts.is_empty() {
                        continue;
                    }
                }
            } else {
                self.counts.routed += 1;
            }
            if self.watch.judged(&judged).is_break() {
                self.ended = true;
            }
        }
    }
}

/// Puts a change into the cases of the resources that it touched.
fn send_to(
    cases: &mut BTreeMap<(Key, u64), Case>,
    number: u64,
    change: &Arc<Change>,
    (account, region): (String, String),
    touched: Vec<Routed>,
) {
    use undrift_core::change::Assumed;
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
            changes: Vec::new(),
        });
        let effect: Effect = routed.effect;
        case.changes.push((number, Arc::clone(change), effect));
    }
}

//! The run: readers read, the caller's thread puts in order, judges judge, what was judged is
//! given in order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use undrift_core::change::Change;
use undrift_core::kind::Kinds;
use undrift_core::policy::Bundle;

use crate::court::{Case, Court, Outcome, Part};
use crate::desk::Desk;
use crate::files::{Source, find};
use crate::reading::{Meters, Reading};
use crate::record::{Head, Reader};
use crate::split::Place;

/// How many bundles of cases wait between the order and each judge.
const BEFORE_COURT: usize = 8;

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
        let meters = Meters::default();
        let reading = Reading {
            sources: &found.sources,
            next: AtomicUsize::new(0),
            reader: Reader::new(self.bundle, self.kinds),
            meters: &meters,
            all: self.all,
        };
        let (announce, announced) = sync_channel(threads);
        std::thread::scope(|scope| {
            for _ in 0..threads.min(found.sources.len()) {
                let (reading, announce) = (&reading, announce.clone());
                scope.spawn(move || reading.run(&announce));
            }
            drop(announce);
            let (done, judged) = channel();
            let courts: Vec<SyncSender<Vec<Case>>> = (0..threads)
                .map(|_| {
                    let (sender, cases) = sync_channel::<Vec<Case>>(BEFORE_COURT);
                    let done = done.clone();
                    let mut court = Court::new(self.bundle, self.kinds);
                    scope.spawn(move || hold(&mut court, &cases, &done));
                    sender
                })
                .collect();
            drop(done);
            let mut desk = Desk {
                replay: self,
                pending: (0..threads).map(|_| Vec::new()).collect(),
                courts,
                judged,
                open: BTreeMap::new(),
                named: BTreeSet::new(),
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
}

/// One judge: takes cases after cases.
fn hold(court: &mut Court<'_>, cases: &Receiver<Vec<Case>>, done: &Sender<Vec<(u64, Part)>>) {
    while let Ok(cases) = cases.recv() {
        let parts = cases.iter().flat_map(|case| court.judge(case));
        if done.send(parts.collect()).is_err() {
            return;
        }
    }
}

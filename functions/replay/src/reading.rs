//! One reader: takes file after file, and gives on what concerns somebody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::time::Duration;

use jiff::Timestamp;

use crate::files::{Source, open};
use crate::order::{Waiting, What};
use crate::record::{Reader, Taken};
use crate::replay::Fault;
use crate::split::{Piece, Place, Splitter};

/// How many faults of one file are told one by one.
const TOLD: u64 = 1_000;
/// How many records of one file wait between its reader and the order: a reader that waits for
/// the file before its own to be done reads no further.
const AHEAD: usize = 4_096;
/// How much of one file waits, in bytes of JSON: records of anybody's making may be large.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;

/// From a reader.
pub(crate) enum News {
    Waiting(Waiting),
    Fault(Fault),
}

/// A file's number, where its news come from, and how much of it waits, in bytes.
pub(crate) type Announced = (usize, Receiver<News>, Arc<AtomicUsize>);

/// What readers count.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// Bytes of the files themselves.
    pub(crate) read: Arc<AtomicU64>,
    pub(crate) records: AtomicU64,
    /// Bytes of JSON.
    pub(crate) bytes: AtomicU64,
    pub(crate) files: AtomicU64,
    /// Nobody wants more.
    pub(crate) stop: AtomicBool,
}

/// What all readers share.
#[derive(Debug)]
pub(crate) struct Reading<'r> {
    pub(crate) sources: &'r [Source],
    /// The number of the next file that nobody reads yet.
    pub(crate) next: AtomicUsize,
    pub(crate) reader: Reader<'r>,
    pub(crate) meters: &'r Meters,
    /// Give on what concerns nobody too.
    pub(crate) all: bool,
}

/// Nobody listens any more.
struct Deaf;

impl<T> From<SendError<T>> for Deaf {
    fn from(_: SendError<T>) -> Self {
        Self
    }
}

impl Reading<'_> {
    /// Reads until there are no more files, or nobody listens.
    pub(crate) fn run(&self, announce: &SyncSender<Announced>) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(source) = self.sources.get(index) else {
                return;
            };
            let (news, receiver) = sync_channel(AHEAD);
            let waiting = Arc::new(AtomicUsize::new(0));
            let announced = announce.send((index, receiver, Arc::clone(&waiting)));
            if announced.is_err() || self.file(index, source, &news, &waiting).is_err() {
                return;
            }
        }
    }

    fn file(
        &self,
        index: usize,
        source: &Source,
        news: &SyncSender<News>,
        waiting: &AtomicUsize,
    ) -> Result<(), Deaf> {
        let fault = |place: Option<Place>, why: String, places: u64| {
            news.send(News::Fault(Fault {
                source: source.clone(),
                place,
                why,
                places,
            }))
        };
        let stream = match open(source, &self.meters.read) {
            Ok(stream) => stream,
            Err(e) => return Ok(fault(None, e.to_string(), 1)?),
        };
        self.meters.files.fetch_add(1, Ordering::Relaxed);
        let mut splitter = Splitter::new(stream);
        let mut turn = (Timestamp::MIN, (index, 0));
        let mut faults = 0;
        while let Some(piece) = splitter.next() {
            if self.meters.stop.load(Ordering::Relaxed) {
                return Err(Deaf);
            }
            let (why, of_record) = match piece {
                Piece::Record { text, name } => match self.record(text, name, &mut turn) {
                    Ok(None) => continue,
                    Ok(Some(record)) => {
                        while waiting.load(Ordering::Relaxed) > AHEAD_BYTES {
                            if self.meters.stop.load(Ordering::Relaxed) {
                                return Err(Deaf);
                            }
                            std::thread::sleep(Duration::from_millis(1));
                        }
                        waiting.fetch_add(record.size, Ordering::Relaxed);
                        news.send(News::Waiting(record))?;
                        continue;
                    }
                    Err(why) => (why, true),
                },
                Piece::Fault(why) => (why.to_owned(), false),
                Piece::Unreadable(e) => (e.to_string(), false),
            };
            faults += 1;
            if faults <= TOLD {
                fault(Some(splitter.place(of_record)), why, 1)?;
            }
        }
        if faults > TOLD {
            let more = faults - TOLD;
            fault(
                None,
                format!("{more} more places in it can't be read"),
                more,
            )?;
        }
        Ok(())
    }

    /// One record; none where it concerns nobody. `turn`: the time and place of the one before it.
    fn record(
        &self,
        text: &[u8],
        name: Option<&[u8]>,
        turn: &mut (Timestamp, (usize, u64)),
    ) -> Result<Option<Waiting>, String> {
        let count = || {
            self.meters.records.fetch_add(1, Ordering::Relaxed);
            self.meters
                .bytes
                .fetch_add(text.len() as u64, Ordering::Relaxed);
        };
        let wanted = self.all || name.is_none_or(|name| self.reader.is_wanted(name));
        if !wanted {
            if std::str::from_utf8(text).is_err() {
                return Err("it is not UTF-8".to_owned());
            }
            count();
            return Ok(None);
        }
        let (head, what) = match self.reader.take(text) {
            Taken::Fault(why) => return Err(why),
            Taken::NoRecord => return Ok(None),
            Taken::Other(head, why) => (head, What::Other(why)),
            Taken::Change(head, touching) => (head, What::Change(touching)),
        };
        count();
        if !self.all && matches!(what, What::Other(_)) {
            return Ok(None);
        }
        turn.0 = head.time.unwrap_or(turn.0);
        turn.1.1 += 1;
        Ok(Some(Waiting {
            time: turn.0,
            at: turn.1,
            head,
            what,
            size: text.len(),
        }))
    }
}

//! Cuts a stream into records, whatever lies around them: CloudTrail's own files, one record per
//! line, lists, pretty-printed objects one after the other.
//!
//! A record that is broken costs no other one: what follows it is found again at the next line
//! that begins with an object, or at the next object behind another that names a call or begins a
//! list.

use std::io::Read;

use memchr::{memchr, memchr_iter};

use crate::skim::{Name, Skimmed, Stop, skim, skim_rest};

/// The longest record that is taken, in bytes. CloudTrail's own are up to 256 KB (CloudTrail User
/// Guide, "Quotas"); pretty-printed and in an envelope they are longer.
const LONGEST: usize = 4 * 1024 * 1024;
const TOO_LONG: &str = "it is longer than 4 MiB";
/// How much is read at once.
const BLOCK: usize = 256 * 1024;
/// How far before an object it is looked at what it follows.
const LOOK_BACK: usize = 64;
/// How deep lists may lie in each other.
const DEEPEST: usize = 8;

/// Where something stands in a file, or in what a file inflates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// Its first byte, from 0.
    pub byte: u64,
    /// How many records stand before it.
    pub records: u64,
}

/// Part of a stream.
#[derive(Debug)]
pub(crate) enum Piece<'b> {
    /// A value that should be a record.
    Record {
        /// Its JSON text.
        text: &'b [u8],
        /// Its `eventName`, where it takes no parsing to tell.
        name: Option<&'b [u8]>,
    },
    /// Something that can't be read.
    Fault(&'static str),
    /// Nothing more can be read.
    Unreadable(std::io::Error),
}

/// A stream that is being cut.
#[derive(Debug)]
pub(crate) struct Splitter<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Everything before this byte of the buffer is done with.
    at: usize,
    /// How many bytes of the stream stand before the buffer.
    offset: u64,
    /// Lines are counted up to this byte of the buffer.
    counted: usize,
    lines: u64,
    records: u64,
    within: Vec<Within>,
    /// In something broken.
    lost: bool,
    end: End,
    /// Where the piece at hand begins.
    piece: usize,
}

/// What the stream is in the middle of; between values, of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// A list that stands alone.
    List,
    /// A list of records that is a member of an object.
    Member,
    /// Such an object, behind its list.
    Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More may come.
    No,
    /// The stream ended.
    Whole,
    /// It broke off, which was told.
    Cut,
}

/// A piece by its places in the buffer.
enum Cut {
    Record(usize, usize, Name),
    Fault(&'static str),
    Unreadable(std::io::Error),
}

impl<R: Read> Splitter<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            at: 0,
            offset: 0,
            counted: 0,
            lines: 0,
            records: 0,
            within: Vec::new(),
            lost: false,
            end: End::No,
            piece: 0,
        }
    }

    /// The next piece.
    pub(crate) fn next(&mut self) -> Option<Piece<'_>> {
        let cut = self.cut()?;
        let slice = |from, to| self.buffer.get(from..to).unwrap_or_default();
        Some(match cut {
            Cut::Record(from, to, name) => {
                self.records += 1;
                Piece::Record {
                    text: slice(from, to),
                    name: match name {
                        Name::Is(from, to) => Some(slice(from, to)),
                        Name::Unsure => None,
                    },
                }
            }
            Cut::Fault(why) => Piece::Fault(why),
            Cut::Unreadable(error) => Piece::Unreadable(error),
        })
    }

    /// Where the piece given last begins.
    pub(crate) fn place(&mut self, of_record: bool) -> Place {
        self.count(self.piece);
        Place {
            line: self.lines + 1,
            byte: self.offset + self.piece as u64,
            records: self.records - u64::from(of_record),
        }
    }

    fn cut(&mut self) -> Option<Cut> {
        loop {
            if self.lost {
                if let Some(error) = self.find() {
                    return Some(error);
                }
                continue;
            }
            let Some(byte) = self.peek() else {
                match self.end {
                    End::No => match self.fill() {
                        Ok(()) => continue,
                        Err(error) => return Some(Cut::Unreadable(error)),
                    },
                    End::Whole if !self.within.is_empty() => {
                        self.within.clear();
                        self.piece = self.at;
                        return Some(Cut::Fault("it ends before its list of records does"));
                    }
                    End::Whole | End::Cut => return None,
                }
            };
            self.piece = self.at;
            let cut = match (self.within.last(), byte) {
                (None | Some(Within::List | Within::Member), b',') => {
                    self.at += 1;
                    None
                }
                (None | Some(Within::List), b'[') if self.within.len() < DEEPEST => {
                    self.at += 1;
                    self.within.push(Within::List);
                    None
                }
                (Some(Within::List), b']') => {
                    self.at += 1;
                    self.within.pop();
                    None
                }
                (Some(Within::Member), b']') => {
                    self.at += 1;
                    self.within.pop();
                    self.within.push(Within::Object);
                    None
                }
                (Some(Within::Object), b'{') => {
                    self.within.pop();
                    Some(Cut::Fault("another object begins before it ends"))
                }
                (Some(Within::Object), _) => self.rest(),
                _ => self.value(),
            };
            if cut.is_some() {
                return cut;
            }
        }
    }

    /// The value that begins here.
    fn value(&mut self) -> Option<Cut> {
        match skim(&self.buffer, self.at, true) {
            Ok(Skimmed::Value(end, _)) if end - self.at > LONGEST => {
                self.at = end;
                Some(Cut::Fault(TOO_LONG))
            }
            Ok(Skimmed::Value(end, name)) => {
                let from = std::mem::replace(&mut self.at, end);
                Some(Cut::Record(from, end, name))
            }
            Ok(Skimmed::List(at)) => {
                self.at = at;
                if self.within.last() == Some(&Within::Member) {
                    // Files that were joined, one of which was cut.
                    return Some(Cut::Fault("another list begins before it ends"));
                }
                self.within.push(Within::Member);
                None
            }
            Err(stop) => self.stopped(stop),
        }
    }

    /// What stands behind the list of an object: another list, perhaps.
    fn rest(&mut self) -> Option<Cut> {
        match skim_rest(&self.buffer, self.at) {
            Ok(Skimmed::Value(end, name)) => {
                self.at = end;
                self.within.pop();
                let is_record = matches!(name, Name::Is(..));
                is_record.then_some(Cut::Fault("it is a list of records and a record itself"))
            }
            Ok(Skimmed::List(at)) => {
                self.at = at;
                self.within.pop();
                self.within.push(Within::Member);
                None
            }
            Err(stop) => self.stopped(stop),
        }
    }

    /// The next byte that is not blank. Between values, byte order marks and the separators of
    /// JSON text sequences (RFC 7464) are.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            match rest {
                [b' ' | b'\n' | b'\r' | b'\t', ..] => self.at += 1,
                [0x1e, ..] if self.within.is_empty() => self.at += 1,
                [0xef, 0xbb, 0xbf, ..] if self.within.is_empty() => self.at += 3,
                other => return other.first().copied(),
            }
        }
    }

    /// What comes of a value that can't be run over: nothing yet, where there is more to read.
    fn stopped(&mut self, stop: Stop) -> Option<Cut> {
        let why = match stop {
            Stop::Broken(_, why) => why,
            Stop::More if self.buffer.len() - self.at > LONGEST => {
                // It is no line that somebody cut: what is in it is part of it.
                self.at = self.buffer.len();
                self.lost = true;
                return Some(Cut::Fault(TOO_LONG));
            }
            Stop::More => match self.end {
                End::No => return self.fill().err().map(Cut::Unreadable),
                End::Whole => "it ends in the middle",
                End::Cut => {
                    self.lost = true;
                    self.at += 1;
                    return None;
                }
            },
        };
        self.lost = true;
        // What looked like its inside may be the next one: from its second byte on.
        self.at += 1;
        Some(Cut::Fault(why))
    }

    /// Goes to where a record may begin behind something broken, or to the end.
    fn find(&mut self) -> Option<Cut> {
        if self.within.last() == Some(&Within::Object) {
            self.within.pop();
        }
        let in_list = !self.within.is_empty();
        match next_beginning(&self.buffer, self.at, in_list, self.end == End::No) {
            Beginning::At(at) => {
                self.at = at;
                self.lost = false;
                return None;
            }
            // It can't be told yet; what is longer than any record is none.
            Beginning::Perhaps(at) if self.buffer.len() - at <= LONGEST => self.at = at,
            Beginning::Perhaps(at) => {
                self.at = at + 1;
                return None;
            }
            // What was searched is done with, but for what may belong to what comes.
            Beginning::Nowhere => {
                self.at = self.at.max(self.buffer.len().saturating_sub(LOOK_BACK));
            }
        }
        match self.end {
            End::No => self.fill().err().map(Cut::Unreadable),
            End::Whole | End::Cut => {
                self.at = self.buffer.len();
                self.within.clear();
                self.lost = false;
                None
            }
        }
    }

    /// Reads on.
    fn fill(&mut self) -> Result<(), std::io::Error> {
        // Beginnings are looked for a little further back.
        let done = if self.lost {
            self.at.saturating_sub(LOOK_BACK)
        } else {
            self.at
        };
        self.count(done);
        self.buffer.drain(..done);
        self.offset += done as u64;
        self.at -= done;
        self.piece = self.piece.saturating_sub(done);
        self.counted = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + BLOCK, 0);
        let mut end = filled;
        let result = loop {
            let Some(free) = self.buffer.get_mut(end..).filter(|f| !f.is_empty()) else {
                break Ok(());
            };
            match self.reader.read(free) {
                Ok(0) => {
                    self.end = End::Whole;
                    break Ok(());
                }
                Ok(read) => end += read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.end = End::Cut;
                    break Err(e);
                }
            }
        };
        self.buffer.truncate(end);
        result
    }

    fn count(&mut self, to: usize) {
        if let Some(passed) = self.buffer.get(self.counted..to) {
            self.lines += memchr_iter(b'\n', passed).count() as u64;
            self.counted = to;
        }
    }
}

/// Where a record may begin.
enum Beginning {
    At(usize),
    /// Here, if what follows the buffer's end is right.
    Perhaps(usize),
    Nowhere,
}

/// The next object that may be a record, or list some: at the beginning of a line, or behind
/// another one and naming a call or beginning a list. The lists inside of records hold objects too.
fn next_beginning(bytes: &[u8], mut from: usize, in_list: bool, more: bool) -> Beginning {
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(brace) = memchr(b'{', rest) else {
            return Beginning::Nowhere;
        };
        let at = from + brace;
        let before = bytes
            .get(at.saturating_sub(LOOK_BACK)..at)
            .unwrap_or_default();
        if !in_list && before.last() == Some(&b'\n') {
            return Beginning::At(at);
        }
        let blanks = before.iter().rev().take_while(|b| b.is_ascii_whitespace());
        let on_new_line = blanks.clone().any(|b| matches!(b, b'\n' | b'\r'));
        let last = before.iter().rev().nth(blanks.count());
        let follows = matches!(last, None | Some(b',' | b'[' | b'}' | 0x1e | 0xbf));
        if follows || on_new_line {
            match skim(bytes, at, true) {
                Ok(Skimmed::Value(_, Name::Is(..)) | Skimmed::List(_)) => return Beginning::At(at),
                Err(Stop::More) if more => return Beginning::Perhaps(at),
                Ok(_) | Err(_) => {}
            }
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests;

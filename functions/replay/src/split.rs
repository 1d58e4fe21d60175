//! Cuts a stream into records, whatever lies around them: CloudTrail's own files, one record per
//! line, lists, pretty-printed objects one after the other.
//!
//! A record that is broken costs no other one: what follows it is found again at the next line
//! that begins an object or, in a list, at the next object that names a call.

use std::io::Read;

use memchr::{memchr, memchr_iter};

use crate::skim::{Name, Skimmed, Stop, skim, skim_rest};

/// The longest record that is taken, in bytes. CloudTrail's own are up to 256 KB (CloudTrail User
/// Guide, "Quotas"); pretty-printed and in an envelope they are longer.
const LONGEST: usize = 4 * 1024 * 1024;
/// How much is read at once.
const BLOCK: usize = 256 * 1024;
/// How far before a member's name its object's beginning is looked for.
const LOOK_BACK: usize = 64;

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
    state: State,
    end: End,
    /// Where the piece at hand begins.
    piece: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between values.
    Top,
    /// In a list of records, which is a member of an object or stands alone.
    List { member: bool },
    /// Behind such a member.
    Tail,
    /// In something broken.
    Lost { in_list: Option<bool> },
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
            state: State::Top,
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
            if let State::Lost { in_list } = self.state {
                if let Some(error) = self.find(in_list) {
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
                    End::Whole if self.state != State::Top => {
                        self.state = State::Top;
                        self.piece = self.at;
                        return Some(Cut::Fault("it ends before its list of records does"));
                    }
                    End::Whole | End::Cut => return None,
                }
            };
            self.piece = self.at;
            match (self.state, byte) {
                (State::Top | State::List { .. }, b',') => self.at += 1,
                (State::Top, b'[') => {
                    self.at += 1;
                    self.state = State::List { member: false };
                }
                (State::List { member }, b']') => {
                    self.at += 1;
                    self.state = if member { State::Tail } else { State::Top };
                }
                (State::Tail, _) => match skim_rest(&self.buffer, self.at) {
                    Ok(end) => {
                        self.at = end;
                        self.state = State::Top;
                    }
                    Err(stop) => {
                        if let Some(cut) = self.stopped(stop, None) {
                            return Some(cut);
                        }
                    }
                },
                (state, _) => {
                    let in_list = match state {
                        State::List { member } => Some(member),
                        _ => None,
                    };
                    match skim(&self.buffer, self.at, in_list.is_none()) {
                        Ok(Skimmed::Value(end, name)) => {
                            let from = std::mem::replace(&mut self.at, end);
                            return Some(Cut::Record(from, end, name));
                        }
                        Ok(Skimmed::List(at)) => {
                            self.at = at;
                            self.state = State::List { member: true };
                        }
                        Err(stop) => {
                            if let Some(cut) = self.stopped(stop, in_list) {
                                return Some(cut);
                            }
                        }
                    }
                }
            }
        }
    }

    /// The next byte that is not blank. A byte order mark is.
    fn peek(&mut self) -> Option<u8> {
        if self.offset == 0 && self.at == 0 && self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        loop {
            match self.buffer.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// What comes of a value that can't be run over: nothing yet, where there is more to read.
    fn stopped(&mut self, stop: Stop, in_list: Option<bool>) -> Option<Cut> {
        let why = match stop {
            Stop::Broken(_, why) => why,
            Stop::More if self.buffer.len() - self.at > LONGEST => {
                // It is no line that somebody cut: what is in it is part of it.
                self.at = self.buffer.len();
                self.state = State::Lost { in_list };
                return Some(Cut::Fault("it is longer than 4 MiB"));
            }
            Stop::More => match self.end {
                End::No => return self.fill().err().map(Cut::Unreadable),
                End::Whole => "it ends in the middle",
                End::Cut => {
                    self.state = State::Lost { in_list };
                    self.at += 1;
                    return None;
                }
            },
        };
        self.state = State::Lost { in_list };
        // What looked like its inside may be the next one: from its second byte on.
        self.at += 1;
        Some(Cut::Fault(why))
    }

    /// Goes to where a record may begin behind something broken, or to the end.
    fn find(&mut self, in_list: Option<bool>) -> Option<Cut> {
        let found = match in_list {
            None => next_line(&self.buffer, self.at),
            Some(_) => next_record(&self.buffer, self.at, self.end == End::No),
        };
        match found {
            Beginning::At(at) => {
                self.at = at;
                self.state = match in_list {
                    Some(member) => State::List { member },
                    None => State::Top,
                };
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
                self.state = State::Top;
                None
            }
        }
    }

    /// Reads on.
    fn fill(&mut self) -> Result<(), std::io::Error> {
        // Beginnings are looked for a little further back.
        let done = match self.state {
            State::Lost { .. } => self.at.saturating_sub(LOOK_BACK),
            _ => self.at,
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

/// The next line that begins an object.
fn next_line(bytes: &[u8], mut from: usize) -> Beginning {
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(newline) = memchr(b'\n', rest) else {
            return Beginning::Nowhere;
        };
        from += newline + 1;
        if bytes.get(from) == Some(&b'{') {
            return Beginning::At(from);
        }
    }
}

/// The next member of a list that is an object and names a call: the lists inside of records hold
/// objects too.
fn next_record(bytes: &[u8], mut from: usize, more: bool) -> Beginning {
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(brace) = memchr(b'{', rest) else {
            return Beginning::Nowhere;
        };
        let at = from + brace;
        let before = bytes
            .get(at.saturating_sub(LOOK_BACK)..at)
            .unwrap_or_default();
        let blank = |b: &&u8| b.is_ascii_whitespace();
        let last = before.iter().rev().find(|b| !blank(b));
        let follows = matches!(last, None | Some(b',' | b'[')) || before.last() == Some(&b'\n');
        if follows {
            match skim(bytes, at, false) {
                Ok(Skimmed::Value(_, Name::Is(..))) => return Beginning::At(at),
                Err(Stop::More) if more => return Beginning::Perhaps(at),
                Ok(_) | Err(_) => {}
            }
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests;

//! The files that are meant, in the order of what is in them; each opened as one bounded stream.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// How deep folders are searched. AWS's own are ten deep.
const DEEPEST: usize = 32;
/// How many times its size a file may inflate to, once it is beyond [`ROOM`]. Logs come to 10 to
/// 40 times, the same record over and over to 300.
const RATIO: u64 = 400;
/// What any file may inflate to, in bytes.
const ROOM: u64 = 1 << 30;
/// Endings of files that are read when a folder is named.
const ENDINGS: [&str; 7] = [
    ".json",
    ".json.gz",
    ".jsonl",
    ".jsonl.gz",
    ".ndjson",
    ".ndjson.gz",
    ".log.gz",
];

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// What paths came to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What is to be read, in order.
    pub(crate) sources: Vec<Source>,
    /// How large the files are together, in bytes.
    pub(crate) bytes: u64,
    /// What can't be looked at.
    pub(crate) unreadable: Vec<(PathBuf, std::io::Error)>,
    /// How many files of folders have none of the endings that logs have.
    pub(crate) left_out: u64,
}

/// Finds every file of the paths: files themselves, folders with all below them, `-`.
///
/// They are ordered by the time that CloudTrail writes into its files' names, whatever folder
/// they are in; others by their path, before these.
pub(crate) fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.as_os_str() == "-" {
            found.sources.push(Source::Stdin);
        } else {
            look(path, true, 0, &mut found);
        }
    }
    found
        .sources
        .sort_by_cached_key(|s| (written_at(s), s.clone()));
    found.sources.dedup();
    found
}

fn look(path: &Path, named: bool, depth: usize, found: &mut Found) {
    let kind = if named {
        std::fs::metadata(path)
    } else {
        std::fs::symlink_metadata(path)
    };
    let mut unreadable = |e| found.unreadable.push((path.to_owned(), e));
    let kind = match kind {
        Ok(kind) => kind,
        Err(e) => return unreadable(e),
    };
    if kind.is_dir() {
        if depth == DEEPEST {
            return unreadable(std::io::Error::other("it is nested too deep"));
        }
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match entries {
            Ok(mut entries) => {
                entries.sort_by_key(std::fs::DirEntry::file_name);
                for entry in entries {
                    look(&entry.path(), false, depth + 1, found);
                }
            }
            Err(e) => unreadable(e),
        }
        return;
    }
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase());
    let is_log = name.is_some_and(|n| ENDINGS.iter().any(|e| n.ends_with(e)));
    // A link to a file is as good as the file; one to a folder may lead round.
    let is_file = kind.is_file() || !named && path.is_file();
    let leads_on = kind.is_symlink() && path.is_dir();
    if leads_on || is_log && !named && !is_file {
        let why = if leads_on {
            "it is a link to a folder, and not followed; name that folder too"
        } else {
            "it is no file that can be read"
        };
        return unreadable(std::io::Error::other(why));
    }
    if named || is_log {
        let size = std::fs::metadata(path).map_or(0, |m| m.len());
        found.bytes += size;
        found.sources.push(Source::File(path.to_owned()));
    } else {
        found.left_out += 1;
    }
}

/// The time in the name of a file of CloudTrail's: `…_20261127T0930Z_…`.
fn written_at(source: &Source) -> Option<String> {
    let Source::File(path) = source else {
        return None;
    };
    let name = path.file_name()?.to_str()?;
    let is_time = |part: &&str| {
        let bytes = part.as_bytes();
        let is_digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
        bytes.len() == 14
            && (0..8).chain(9..13).all(is_digit)
            && bytes.get(8) == Some(&b'T')
            && bytes.get(13) == Some(&b'Z')
    };
    name.split('_').find(is_time).map(str::to_owned)
}

/// Opens a source; what is gzip is inflated, whatever it is called. `read` counts what is taken
/// from the file itself.
pub(crate) fn open(source: &Source, read: &Arc<AtomicU64>) -> std::io::Result<Stream> {
    let raw: Box<dyn Read + Send> = match source {
        Source::Stdin => Box::new(std::io::stdin()),
        Source::File(path) => Box::new(File::open(path)?),
    };
    let own = Arc::new(AtomicU64::new(0));
    let counted = Counted {
        inner: raw,
        own: Arc::clone(&own),
        all: Arc::clone(read),
    };
    let mut buffered = BufReader::with_capacity(64 * 1024, counted);
    let is_gzip = buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let empty_gzip = buffered.buffer().is_empty() && named_gzip(source);
    if empty_gzip {
        return Err(std::io::Error::other("it is empty, and no gzip file is"));
    }
    Ok(Stream {
        inner: if is_gzip {
            Inner::Gzip(Box::new(MultiGzDecoder::new(buffered)))
        } else {
            Inner::Plain(buffered)
        },
        taken: own,
        given: 0,
    })
}

fn named_gzip(source: &Source) -> bool {
    matches!(source, Source::File(path) if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")))
}

/// A source's text.
pub(crate) struct Stream {
    inner: Inner,
    taken: Arc<AtomicU64>,
    given: u64,
}

enum Inner {
    Plain(BufReader<Counted>),
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
}

struct Counted {
    inner: Box<dyn Read + Send>,
    own: Arc<AtomicU64>,
    all: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(to)?;
        self.own.fetch_add(read as u64, Ordering::Relaxed);
        self.all.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let gzip = match &mut self.inner {
            Inner::Plain(plain) => return plain.read(to),
            Inner::Gzip(gzip) => gzip,
        };
        let taken = self.taken.load(Ordering::Relaxed);
        if self.given > ROOM && self.given / RATIO > taken {
            return Err(std::io::Error::other(format!(
                "it inflates to more than {RATIO} times its size, which no log does"
            )));
        }
        let read = gzip.read(to).map_err(|e| {
            let why = match e.kind() {
                std::io::ErrorKind::UnexpectedEof => "the gzip file ends in the middle".to_owned(),
                _ => format!("the gzip file is damaged ({e})"),
            };
            std::io::Error::new(e.kind(), why)
        })?;
        self.given += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_what_they_hold() {
        let at = |name: &str| written_at(&Source::File(PathBuf::from(name)));
        assert_eq!(
            at("x/123456789012_CloudTrail_eu-west-1_20261127T0930Z_aB3.json.gz").as_deref(),
            Some("20261127T0930Z")
        );
        assert_eq!(at("20261127T0930.json"), None);
        assert_eq!(at("events.json"), None);
    }
}

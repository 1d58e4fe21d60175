//! What is right and yet worth a look, as of a time.

use std::path::PathBuf;

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use undrift_core::policy::Exemption;

use crate::Documents;

/// An exemption that lasts longer than this many years is hardly meant to end.
const LONG: i64 = 1;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// What to look at, and what to do about it.
    pub message: String,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = self.line.map_or(String::new(), |l| format!(":{l}"));
        write!(f, "{}{line}: {}", self.file.display(), self.message)
    }
}

impl Documents {
    /// Exemptions that have ended, and those that last suspiciously long.
    #[must_use]
    pub fn notes(&self, now: Timestamp) -> Vec<Note> {
        let Some((file, lines)) = &self.exemptions_at else {
            return Vec::new();
        };
        let long = now
            .to_zoned(TimeZone::UTC)
            .checked_add(LONG.years())
            .map_or(Timestamp::MAX, |t| t.timestamp());
        let note = |(exemption, line): (&Exemption, &Option<usize>)| {
            let (id, until) = (&exemption.id, exemption.until);
            let message = if until <= now {
                format!("the exemption `{id}` ended at {until}; take it out")
            } else if until > long {
                format!(
                    "the exemption `{id}` lasts until {until}, more than a year; is that meant?"
                )
            } else {
                return None;
            };
            Some(Note {
                file: file.clone(),
                line: *line,
                message,
            })
        };
        self.exemptions
            .0
            .iter()
            .zip(lines)
            .filter_map(note)
            .collect()
    }
}

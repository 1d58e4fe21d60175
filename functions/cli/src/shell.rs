//! What commands print with: results to standard output, notes and failures to standard error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use crate::ending::Failure;

/// A format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// One object per line
    Json,
}

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Where and how to print. Colours are left out where `NO_COLOR` is set or no terminal reads.
#[derive(Debug)]
pub(crate) struct Shell {
    output: Output,
    quiet: bool,
}

impl Shell {
    pub(crate) fn new(output: Option<Output>, quiet: bool) -> Self {
        let fitting = || {
            if std::io::stdout().is_terminal() {
                Output::Table
            } else {
                Output::Json
            }
        };
        Self {
            output: output.unwrap_or_else(fitting),
            quiet,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(crate) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// A line of a result.
    #[expect(clippy::unused_self, reason = "printing is the shell's")]
    pub(crate) fn line(&self, text: impl Display) -> Result<(), Failure> {
        Ok(writeln!(anstream::stdout(), "{text}")?)
    }

    /// Whether somebody may still read the results: not once the other end of a pipe was closed.
    #[expect(clippy::unused_self, reason = "printing is the shell's")]
    pub(crate) fn is_read(&self) -> bool {
        let stdout = std::io::stdout();
        let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
        let at_once = Timespec::default();
        // Where it can't be told, the next write tells it.
        poll(&mut asked, Some(&at_once)).is_err()
            || asked
                .iter()
                .all(|a| !a.revents().intersects(PollFlags::ERR | PollFlags::HUP))
    }

    /// A result as an object of one line.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(serde_json::to_string(value).map_err(std::io::Error::from)?)
    }

    /// A note for people.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            // A note that nobody can read is no reason to stop.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Why a command could not do its work.
    #[expect(clippy::unused_self, reason = "printing is the shell's")]
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.is_closed_pipe() {
            return;
        }
        let mut to = anstream::stderr();
        if let Failure::Documents(errors) = failure {
            for error in errors {
                let _ = writeln!(to, "{error}");
            }
        }
        let _ = writeln!(to, "{BAD}undrift:{BAD:#} {failure}");
    }
}

/// Text from documents and records, without what would move a terminal's cursor, hide text or turn it around.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .filter_map(undrift_core::notice::tamed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_of_others_cant_disguise_itself() {
        assert_eq!(plain("a\u{1b}[2Jb\u{9b}c\u{202e}d\u{200b}é"), "a [2Jb cdé");
    }
}

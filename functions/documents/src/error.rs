//! What is wrong with a document, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a text; lines and columns from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) length: usize,
}

/// A fault of a text, before anybody says which file it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Option<Place>,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(at: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}

/// Something that is wrong with a document.
///
/// It prints as `file:line:column: message` with the line and a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DocumentError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; `None`: the file as a whole.
    pub line: Option<usize>,
    /// The column, from 1, in characters.
    pub column: Option<usize>,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// The file could not be looked at, which is not the same as being wrong.
    pub unreadable: bool,
    source_line: Option<String>,
    length: usize,
}

/// Longer lines are shown up to here.
const WIDEST: usize = 160;

impl DocumentError {
    pub(crate) fn of(file: &Path, text: &str, fault: &Fault) -> Self {
        let place = fault.at.filter(|p| p.line > 0);
        let source_line = place
            .and_then(|p| text.lines().nth(p.line - 1))
            .map(|l| plain(&l.chars().take(WIDEST).collect::<String>()));
        Self {
            file: file.to_owned(),
            line: place.map(|p| p.line),
            column: place.map(|p| p.column),
            message: plain(&fault.message),
            unreadable: false,
            source_line,
            length: place.map_or(0, |p| p.length),
        }
    }

    pub(crate) fn unreadable(file: &Path, why: &std::io::Error) -> Self {
        Self {
            unreadable: true,
            ..Self::of(
                file,
                "",
                &Fault::new(None, format!("it could not be read: {why}")),
            )
        }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", plain(&self.file.display().to_string()))?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let (Some(line), Some(column), Some(text)) = (self.line, self.column, &self.source_line)
        {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let width = text.chars().count();
            if column <= width + 1 {
                let carets = self.length.clamp(1, (width + 1 - column).max(1));
                write!(f, "\n {number} | {text}")?;
                write!(
                    f,
                    "\n {margin} | {}{}",
                    " ".repeat(column.saturating_sub(1)),
                    "^".repeat(carets)
                )?;
            }
        }
        Ok(())
    }
}

/// Tabs and control characters would move the caret, or the terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

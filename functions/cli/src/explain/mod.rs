//! How a verdict comes about, in words.

mod event;
mod mode;
mod policy;

pub(crate) use event::event;
pub(crate) use policy::policy;

use serde::Serialize;

/// Some sentences about one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Section {
    /// The question, as a heading.
    pub(crate) about: String,
    /// The answer, a line each; lines that begin with blanks belong to the one before.
    pub(crate) says: Vec<String>,
}

impl Section {
    fn new(about: &str, says: Vec<String>) -> Self {
        let about = about.to_owned();
        Self { about, says }
    }
}

/// A sentence's beginning in upper case, and a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let end = if text.ends_with(['.', '!', '?', ':']) {
        ""
    } else {
        "."
    };
    let mut chars = text.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}{end}", chars.as_str())
}

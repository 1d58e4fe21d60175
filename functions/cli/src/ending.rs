//! How a run ends: the exit codes, and what went wrong.

use std::path::PathBuf;

use undrift_documents::DocumentError;

use crate::shell::plain;

/// How a run ended. These are the exit codes, part of the command's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// Nothing was found that shouldn't be.
    Fine,
    /// Something was found.
    Found,
    /// The arguments or a document are wrong.
    Usage,
    /// It could not look, or not at all of it.
    Blind,
}

impl Ending {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Blind => 3,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Not in a tree.
    #[error(
        "no folder `policies` here or above; run it inside the tree, name paths, or begin one with `undrift init`"
    )]
    NoTree,
    /// Documents are wrong.
    #[error("{} in the policy documents; `undrift check` lists them", mistakes(.0.len()))]
    Documents(Vec<DocumentError>),
    /// A bundle made of right documents can't be used.
    #[error("{0}")]
    Bundle(#[from] undrift_core::policy::BundleError),
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The local account, or what stands in it, failed.
    #[error("{0}")]
    Stack(#[from] undrift_stack::StackError),
    /// No local account runs.
    #[error("no local account answers; start one with `cargo undrift local`")]
    NoLocal,
    /// What was asked for can't be had without it.
    #[error("only the local account's records can be read yet: add --local")]
    LocalOnly,
    /// An undo in an account.
    #[error(
        "undo works on the local account only so far: add --local; in an account, invoke the \
         function that undoes, as README shows under `Undo`"
    )]
    UndoLocalOnly,
    /// An approval in an account.
    #[error(
        "approve works on the local account only so far: add --local; in an account, invoke the \
         function that reverts, as README shows under `Approve`"
    )]
    ApproveLocalOnly,
    /// The pause switch of an account.
    #[error(
        "pause and resume work on the local account only so far: add --local; in an account, put \
         `paused` or `running` into the SSM parameter that UNDRIFT_PAUSE_PARAMETER names"
    )]
    PauseLocalOnly,
    /// A sweep of an account.
    #[error(
        "sweep works on the local account only so far: add --local; in an account, the function \
         `undrift-sweep` does it by its schedule, and at once when it is invoked with \
         {{\"undrift\": \"sweep\"}}"
    )]
    SweepLocalOnly,
    /// Dead letters of an account.
    #[error(
        "redrive works on the local account only so far: add --local; in an account, invoke the \
         function `undrift-janitor` with {{\"undrift\": \"redrive\"}}"
    )]
    RedriveLocalOnly,
    /// No record, or several, have that name.
    #[error("{0}")]
    Record(String),
    /// What was named isn't there, or can't be spoken of.
    #[error("{0}")]
    Subject(String),
    /// A folder that is to be begun holds something.
    #[error("{} is there already{}; nothing was written: name another folder, as in `undrift init DIR`", path.display(), held(names))]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        names: Vec<String>,
    },
    /// What was to be printed can't be.
    #[error("the output can't be written: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn ending(&self) -> Ending {
        match self {
            Self::NoTree
            | Self::NotEmpty { .. }
            | Self::Subject(_)
            | Self::Bundle(_)
            | Self::LocalOnly
            | Self::UndoLocalOnly
            | Self::ApproveLocalOnly
            | Self::PauseLocalOnly
            | Self::SweepLocalOnly
            | Self::RedriveLocalOnly
            | Self::Record(_) => Ending::Usage,
            Self::Documents(errors) => of_documents(errors),
            Self::File { .. } | Self::Output(_) | Self::Stack(_) | Self::NoLocal => Ending::Blind,
        }
    }

    /// The reader of our output has gone: it has what it wanted, and nobody is there to be told.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(e) if e.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// Not having seen a document beats having seen a wrong one.
pub(crate) fn of_documents(errors: &[DocumentError]) -> Ending {
    if errors.is_empty() {
        Ending::Fine
    } else if errors.iter().any(|e| e.unreadable) {
        Ending::Blind
    } else {
        Ending::Usage
    }
}

/// What a folder holds, as far as it helps to recognise it.
fn held(names: &[String]) -> String {
    const SHOWN: usize = 8;
    if names.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|n| plain(n)).collect();
    let more = names.len().saturating_sub(SHOWN);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(" and holds {}{rest}", shown.join(", "))
}

pub(crate) fn mistakes(count: usize) -> String {
    counted(count, "mistake", "mistakes")
}

pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

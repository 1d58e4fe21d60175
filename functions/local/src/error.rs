//! What can go wrong in the local account itself, said so that a person can act on it.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

/// A failure of the local account. Errors that AWS would answer are not here: they are [`crate::ApiError`].
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is no `python3` on the `PATH`.
    #[error(
        "python3 was not found; install Python 3.10 or newer (the emulated account, moto, is written in it)"
    )]
    PythonMissing,
    /// The `python3` on the `PATH` cannot run moto.
    #[error(
        "python3 is version {found}, moto needs 3.10 or newer; put a newer one first on the PATH"
    )]
    PythonTooOld {
        /// The version found, such as `3.8`.
        found: String,
    },
    /// `python3 -m venv` failed.
    #[error(
        "python3 could not make a virtual environment; on Debian and Ubuntu install python3-venv\n{output}"
    )]
    VenvFailed {
        /// The end of what Python printed.
        output: String,
    },
    /// `pip install` failed.
    #[error(
        "pip could not install {what}; check the network, or point PIP_INDEX_URL at a mirror or PIP_FIND_LINKS at a folder of wheels, and run again\n{output}"
    )]
    PipFailed {
        /// What was to be installed.
        what: String,
        /// The end of what pip printed.
        output: String,
    },
    /// Moto ended or did not answer in time.
    #[error("moto did not start: {reason}")]
    EmulatorFailed {
        /// What was seen of it.
        reason: String,
    },
    /// A file of the tree or of the virtual environment is missing or unreadable.
    #[error("`{path}`: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A port could not be opened.
    #[error("port {port} on 127.0.0.1 {}", cannot_open(source))]
    Port {
        /// The port asked for; 0 means any.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// An API model is not there or not understood.
    #[error("the API model of `{service}` could not be read: {reason}")]
    Model {
        /// The service, by botocore's folder name.
        service: String,
        /// Why.
        reason: String,
    },
    /// An event pattern that EventBridge would refuse.
    #[error("event pattern: {0}")]
    Pattern(String),
    /// A function binary could not be started.
    #[error("function `{name}`: {reason}")]
    Function {
        /// The function's name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A call the account makes for its own set-up was refused.
    #[error("setting the account up: {0}")]
    Setup(#[from] crate::client::ApiError),
    /// Something did not come to rest in time.
    #[error("not settled after {waited:?}: {what}")]
    NotSettled {
        /// How long was waited.
        waited: Duration,
        /// What is still under way.
        what: String,
    },
}

/// Why a port can't be opened, and what to do then.
fn cannot_open(source: &std::io::Error) -> String {
    match source.kind() {
        ErrorKind::AddrInUse => {
            "is taken by another program; choose another with `--port`, or leave it out for any free one".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "is not yours to open; choose one from 1024 up, or leave `--port` out for any free one".to_owned()
        }
        _ => format!("could not be opened: {source}"),
    }
}

impl LocalError {
    /// Wraps an input or output error with the file it concerns.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

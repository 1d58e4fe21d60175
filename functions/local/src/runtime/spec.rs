//! What a function is, and how an invocation may fail.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where a function's output goes besides its log: the function's name and a line.
pub type LogSink = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// A function to run.
#[derive(Clone)]
pub struct FunctionSpec {
    /// Its name.
    pub name: String,
    /// The program.
    pub binary: PathBuf,
    /// The program's arguments; a compiled function has none.
    pub args: Vec<String>,
    /// The role it runs under, made if it is missing.
    pub role: String,
    /// Its own environment variables.
    pub env: Vec<(String, String)>,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// The memory it is told it has, in MB. Not enforced.
    pub memory_mb: u32,
    /// How many invocations may run at once, each in a process of its own.
    pub concurrency: usize,
    /// Where its output goes too.
    pub log: Option<LogSink>,
}

impl FunctionSpec {
    /// A function with a role of its own name, 30 s, 128 MB and one process.
    #[must_use]
    pub fn new(name: &str, binary: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.into(),
            args: Vec::new(),
            role: name.to_owned(),
            env: Vec::new(),
            timeout: Duration::from_secs(30),
            memory_mb: 128,
            concurrency: 1,
            log: None,
        }
    }
}

/// An invocation that brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The function reported an error.
    #[error("{error_type}: {message}")]
    Failed {
        /// The type it gave.
        error_type: String,
        /// Its message.
        message: String,
    },
    /// It took longer than its time-out and was killed.
    #[error("timed out after {after:?}")]
    TimedOut {
        /// The time-out.
        after: Duration,
    },
    /// Its process ended.
    #[error("the process ended: {status}")]
    Crashed {
        /// How, with its last lines.
        status: String,
    },
    /// Its program could not be started or never asked for work.
    #[error("could not be started: {reason}")]
    NotStarted {
        /// Why.
        reason: String,
    },
}

//! `undrift undo`

use undrift_stack::Asked;

use crate::ending::{Ending, Failure};
use crate::shell::Shell;
use crate::{local, paper};

/// Take a revert back, and leave what that re-opens alone for 24 hours
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The record of the revert: its event's id, or the beginning of it
    record: String,
    /// Why
    #[arg(long, default_value = "no reason given")]
    reason: String,
    /// Of the local account that another terminal runs
    #[arg(long)]
    local: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        if !self.local {
            return Err(Failure::UndoLocalOnly);
        }
        local::block_on(async {
            let ledger = local::find(shell).await?;
            let records = ledger.records().await?;
            let record = local::named(&records, &self.record)?;
            let by = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
            let undone = ledger.undo(&record.key, &by, &self.reason).await?;
            let ending = paper::asked(shell, &undone, "undone", "left by Undrift")?;
            if let Asked::Done(_) = undone {
                shell.note("what it re-opened is exempt for 24 hours");
            }
            Ok(ending)
        })
    }
}

//! `undrift approve`

use undrift_stack::Asked;

use crate::ending::{Ending, Failure};
use crate::shell::Shell;
use crate::{local, paper};

/// Have what a record proposes carried out, exactly as it is proposed
///
/// It is refused if what the plan is about changed since, if today's policies, modes or exemptions
/// would have it stay, and a week after the proposal was made.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The record that proposes: its event's id, or the beginning of it
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
            return Err(Failure::ApproveLocalOnly);
        }
        local::block_on(async {
            let ledger = local::find(shell).await?;
            let records = ledger.records().await?;
            let record = local::named(&records, &self.record)?;
            let by = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
            let key = record.key.clone();
            let approved = ledger.approve(&key, &by, &self.reason).await?;
            let ending = paper::asked(shell, &approved, "done", "the plan was for")?;
            if let Asked::Done(_) = approved {
                shell.note(format!("to take it back: undrift undo {key}"));
            }
            Ok(ending)
        })
    }
}

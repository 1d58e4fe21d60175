//! `undrift records`

use crate::ending::{Ending, Failure};
use crate::local;
use crate::paper;
use crate::shell::{FAINT, Shell};

/// List what happened
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of the local account that another terminal runs
    #[arg(long)]
    local: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        if !self.local {
            return Err(Failure::LocalOnly);
        }
        local::block_on(async {
            let records = local::find(shell).await?.records().await?;
            for record in &records {
                if shell.is_json() {
                    shell.json(record)?;
                    continue;
                }
                shell.line(format!(
                    "{FAINT}{}{FAINT:#}  {}",
                    paper::time(record),
                    paper::line(record)
                ))?;
                shell.line(format!("{FAINT}    {}{FAINT:#}", record.key))?;
            }
            if records.is_empty() {
                shell.note("nothing was judged yet");
            }
            Ok(Ending::Fine)
        })
    }
}

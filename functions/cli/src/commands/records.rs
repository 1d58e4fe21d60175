//! `undrift records`

use crate::ending::{Ending, Failure};
use crate::local;
use crate::paper;
use crate::shell::{FAINT, Shell, plain};

/// List what happened
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what waits for a person to approve it
    #[arg(long)]
    proposed: bool,
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
            let mut records = local::find(shell).await?.records().await?;
            let now = jiff::Timestamp::now();
            if self.proposed {
                records.retain(|r| r.expires().is_some_and(|end| now < end));
            }
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
                if self.proposed {
                    for line in paper::diff(record) {
                        shell.line(format!("    {line}"))?;
                    }
                    let why = plain(&record.outcome.reason);
                    let end = record
                        .expires()
                        .map_or(String::new(), |e| format!("{e:.0}"));
                    shell.line(format!("{FAINT}    {why}; until {end}{FAINT:#}"))?;
                }
            }
            if records.is_empty() {
                shell.note(if self.proposed {
                    "nothing waits for a person"
                } else {
                    "nothing was judged yet"
                });
            }
            Ok(Ending::Fine)
        })
    }
}

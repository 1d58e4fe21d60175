//! `undrift pause`

use crate::ending::{Ending, Failure};
use crate::local;
use crate::shell::{GOOD, Shell};

/// Keep Undrift from writing anything to any resource
///
/// Changes are judged and proposed meanwhile; nothing is reverted, approved or undone. It takes
/// effect within 30 seconds, in the region that is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The local account that another terminal runs
    #[arg(long)]
    local: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        if !self.local {
            return Err(Failure::PauseLocalOnly);
        }
        local::block_on(async {
            let ledger = local::find(shell).await?;
            ledger.switch(true).await?;
            if shell.is_json() {
                shell.json(&serde_json::json!({"paused": true, "region": local::REGION}))?;
            }
            let region = local::REGION;
            shell.note(format!(
                "{GOOD}{region}{GOOD:#} paused: nothing is written to any resource from 30 seconds on at the latest; `undrift resume` ends it"
            ));
            Ok(Ending::Fine)
        })
    }
}

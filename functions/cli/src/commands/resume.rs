//! `undrift resume`

use crate::ending::{Ending, Failure};
use crate::local;
use crate::shell::{GOOD, Shell};

/// Let Undrift revert again
///
/// What was proposed during the pause waits: `undrift records --proposed` lists it.
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
            ledger.switch(false).await?;
            if shell.is_json() {
                shell.json(&serde_json::json!({"paused": false, "region": local::REGION}))?;
            }
            let region = local::REGION;
            shell.note(format!(
                "{GOOD}{region}{GOOD:#} running again, within 30 seconds; what was proposed meanwhile waits: `undrift records --proposed`"
            ));
            Ok(Ending::Fine)
        })
    }
}

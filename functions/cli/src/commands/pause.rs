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
        let said = "paused: nothing is written to any resource from 30 seconds on at the latest; \
                    `undrift resume` ends it";
        turn(shell, self.local, true, said)
    }
}

/// Turns the pause switch, and says what that means.
pub(crate) fn turn(
    shell: &Shell,
    is_local: bool,
    paused: bool,
    said: &str,
) -> Result<Ending, Failure> {
    if !is_local {
        return Err(Failure::PauseLocalOnly);
    }
    local::block_on(async {
        let region = local::REGION;
        local::find(shell).await?.switch(paused).await?;
        if shell.is_json() {
            shell.json(&serde_json::json!({"paused": paused, "region": region}))?;
        }
        shell.note(format!("{GOOD}{region}{GOOD:#} {said}"));
        Ok(Ending::Fine)
    })
}

//! `undrift resume`

use crate::ending::{Ending, Failure};
use crate::shell::Shell;

use super::pause::turn;

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
        let said = "running again, within 30 seconds; what was proposed meanwhile waits: \
                    `undrift records --proposed`";
        turn(shell, self.local, false, said)
    }
}

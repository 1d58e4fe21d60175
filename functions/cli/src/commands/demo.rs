//! `undrift demo`

use std::path::PathBuf;

use crate::demo::{Stage, play};
use crate::ending::{Ending, Failure};
use crate::local;
use crate::shell::Shell;

/// Watch real misconfigurations come back, on a local account
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Without pauses to read in
    #[arg(long)]
    fast: bool,
    /// A program that takes the function's place: to see that the demo can fail
    #[arg(long, hide = true, value_name = "PROGRAM")]
    function: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        local::block_on(async {
            let replaced = self.function;
            let (account, stack) = local::start(shell, None, |deployment| {
                if let Some(program) = replaced {
                    let binaries = deployment.binaries.clone();
                    deployment.binaries = binaries.replace("undrift-ec2", program);
                }
            })
            .await?;
            let mut stage = Stage::new(shell, self.fast);
            let wrong = play(&mut stage, account, stack).await?;
            Ok(if wrong == 0 {
                Ending::Fine
            } else {
                Ending::Found
            })
        })
    }
}

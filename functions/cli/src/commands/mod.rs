//! The subcommands. Each is a file with its `Args`, which say what it takes, and their `run`.

mod approve;
mod bundle;
mod check;
mod demo;
mod events;
mod explain;
mod iam;
mod init;
mod judge;
mod local;
mod pause;
mod policies;
mod records;
mod redrive;
mod replay;
mod resume;
mod schema;
mod show;
mod sweep;
mod test;
mod undo;

use clap::Subcommand;

use crate::ending::{Ending, Failure};
use crate::shell::Shell;

macro_rules! commands {
    ($($name:ident($module:ident)),* $(,)?) => {
        /// What to do.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($name($module::Args)),*
        }

        impl Command {
            /// Does it.
            pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
                match self {
                    $(Self::$name(args) => args.run(shell)),*
                }
            }
        }
    };
}

// In the order of `--help`. What a command does, says the docstring of its `Args`.
commands! {
    Demo(demo),
    Local(local),
    Records(records),
    Show(show),
    Undo(undo),
    Approve(approve),
    Pause(pause),
    Resume(resume),
    Sweep(sweep),
    Redrive(redrive),
    Init(init),
    Check(check),
    Test(test),
    Policies(policies),
    Replay(replay),
    Judge(judge),
    Explain(explain),
    Schema(schema),
    Bundle(bundle),
    Events(events),
    Iam(iam),
}

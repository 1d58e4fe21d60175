//! The `undrift` command. It links no AWS service SDK.
//!
//! A subcommand is one file in `commands/` and one line in its list there.

mod commands;
mod demo;
mod ending;
mod explain;
mod history;
mod live;
mod local;
mod panics;
mod paper;
mod shell;
mod tree;
mod wrap;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;
use ending::Ending;
use shell::{Output, Shell};

/// Puts back what was there before: the command of the auto-remediator for AWS.
#[derive(Debug, Parser)]
#[command(name = "undrift", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 fine; 1 found something; 2 usage, or a bad document; \
                        3 could not look, or not all of it."
)]
struct Arguments {
    /// How to print: a table for people, or one JSON object per line [default: table on a
    /// terminal, json otherwise]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Output>,
    /// Print results only, no notes
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    panics::say_one_line();
    let arguments = Arguments::parse();
    let shell = Shell::new(arguments.output, arguments.quiet);
    match arguments.command.run(&shell) {
        Ok(ending) => ending,
        Err(failure) => {
            shell.failure(&failure);
            failure.ending()
        }
    }
    .into()
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}

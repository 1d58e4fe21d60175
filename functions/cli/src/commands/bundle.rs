//! `undrift bundle`

use std::path::PathBuf;

use undrift_core::policy::Bundle;
use undrift_documents::kinds;

use crate::ending::{Ending, Failure, counted};
use crate::shell::Shell;
use crate::tree;

/// Write what the functions load: policies, settings and exemptions as one JSON text
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// For one service's function, which knows no other kinds (`ec2`, `s3`) [default: all policies]
    #[arg(long)]
    service: Option<String>,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let text = tree::documents()?.bundle(self.service.as_deref());
        // Read as the functions will: a bundle that they'd refuse is not written.
        let bundle = Bundle::read(&text, kinds())?;
        match &self.out {
            Some(file) => std::fs::write(file, &text).map_err(Failure::file(file))?,
            None => shell.line(&text)?,
        }
        let policies = counted(bundle.policies.len(), "policy", "policies");
        shell.note(format!("{policies}, digest {}", bundle.digest));
        Ok(Ending::Fine)
    }
}

//! `undrift check`

use std::path::PathBuf;

use serde_json::json;

use crate::ending::{Ending, Failure, counted, mistakes, of_documents};
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};
use crate::tree;

/// Validate policies, settings and exemptions
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files or folders [default: the tree's policies/]
    paths: Vec<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let errors = match tree::documents_at(&self.paths) {
            Ok(documents) => {
                for note in documents.notes(jiff::Timestamp::now()) {
                    shell.note(format!(
                        "{FAINT}look at:{FAINT:#} {}",
                        plain(&note.to_string())
                    ));
                }
                let policies = counted(documents.policies.len(), "policy", "policies");
                let exemptions = counted(documents.exemptions.0.len(), "exemption", "exemptions");
                shell.note(format!(
                    "{GOOD}right:{GOOD:#} {policies}, {exemptions}; run `undrift test` for their cases"
                ));
                return Ok(Ending::Fine);
            }
            Err(Failure::Documents(errors)) => errors,
            Err(other) => return Err(other),
        };
        for error in &errors {
            if shell.is_json() {
                shell.json(&json!({
                    "file": error.file,
                    "line": error.line,
                    "column": error.column,
                    "message": error.message,
                }))?;
            } else {
                shell.line(format!("{error}\n"))?;
            }
        }
        shell.note(format!("{BAD}wrong:{BAD:#} {}", mistakes(errors.len())));
        Ok(of_documents(&errors))
    }
}

//! `undrift policies`

use std::fs;

use serde_json::json;
use undrift_core::notice::word;
use undrift_documents::catalogue::placed;

use crate::ending::{Ending, Failure};
use crate::shell::{BAD, FAINT, Shell, plain};
use crate::tree;

/// List the enabled policies, with their numbers in standards
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the lists in policies/README.md anew
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Only see whether policies/README.md holds them
    #[arg(long)]
    check: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let policies = tree::documents()?.enabled();
        if self.write || self.check {
            let file = tree::root()?.join("policies/README.md");
            let text = fs::read_to_string(&file).map_err(Failure::file(&file))?;
            let wanted = placed(&text, &policies).ok_or_else(|| {
                Failure::Subject(format!("{} has no place for the lists", file.display()))
            })?;
            if wanted == text {
                return Ok(Ending::Fine);
            }
            if self.write {
                fs::write(&file, wanted).map_err(Failure::file(&file))?;
                shell.note(format!("wrote {}", file.display()));
                return Ok(Ending::Fine);
            }
            shell.note(format!(
                "{BAD}outdated:{BAD:#} write the lists anew with `undrift policies --write`"
            ));
            return Ok(Ending::Found);
        }
        for policy in &policies {
            if shell.is_json() {
                shell.json(&json!({
                    "policy": policy.id, "title": policy.title, "severity": policy.severity,
                    "mode": policy.mode, "kind": policy.kind, "references": policy.references
                }))?;
                continue;
            }
            shell.line(format!(
                "{:<8}  {}  {FAINT}{}{FAINT:#}",
                word(policy.severity),
                policy.id,
                plain(&policy.title)
            ))?;
        }
        Ok(Ending::Fine)
    }
}

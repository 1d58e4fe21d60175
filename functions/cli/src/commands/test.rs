//! `undrift test`

use std::path::PathBuf;

use serde_json::json;
use undrift_documents::{CaseResult, kinds, run_cases};

use crate::ending::{Ending, Failure, counted};
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};
use crate::tree;

/// Run the policies' own cases
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files or folders [default: the tree's policies/]
    paths: Vec<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let documents = tree::documents_at(&self.paths)?;
        let results = run_cases(&documents, kinds());
        for document in &documents.policies {
            let own: Vec<&CaseResult> = results
                .iter()
                .filter(|r| r.policy == document.policy.id)
                .collect();
            if shell.is_json() {
                own.iter().try_for_each(|r| shell.json(&object(r)))?;
            } else {
                table(shell, document.policy.id.as_str(), &own)?;
            }
        }
        let failed = results.iter().filter(|r| !r.held()).count();
        let cases = counted(results.len(), "case", "cases");
        if failed == 0 {
            shell.note(format!("{GOOD}fine:{GOOD:#} {cases}"));
            Ok(Ending::Fine)
        } else {
            shell.note(format!("{BAD}failed:{BAD:#} {failed} of {cases}"));
            Ok(Ending::Found)
        }
    }
}

fn object(result: &CaseResult) -> serde_json::Value {
    json!({
        "policy": result.policy,
        "it": result.it,
        "held": result.held(),
        "failures": result.failures,
        "file": result.file,
        "line": result.line,
    })
}

fn table(shell: &Shell, policy: &str, results: &[&CaseResult]) -> Result<(), Failure> {
    shell.line(policy)?;
    for result in results {
        let it = plain(&result.it);
        if result.held() {
            shell.line(format!("  {GOOD}ok{GOOD:#}    {it}"))?;
            continue;
        }
        let line = result.line.map(|l| format!(":{l}")).unwrap_or_default();
        shell.line(format!(
            "  {BAD}fails{BAD:#} {it} {FAINT}{}{line}{FAINT:#}",
            result.file.display()
        ))?;
        for failure in &result.failures {
            shell.line(format!("          {}", plain(failure)))?;
        }
    }
    Ok(())
}

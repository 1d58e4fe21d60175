//! `undrift show`

use undrift_core::record::{OutcomeKind, Record};

use crate::ending::{Ending, Failure};
use crate::local;
use crate::paper;
use crate::shell::{FAINT, Shell, plain};

/// Show one record: the nine answers, the diff, the calls
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The record: its event's id, or the beginning of it
    record: String,
    /// Of the local account that another terminal runs
    #[arg(long)]
    local: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        if !self.local {
            return Err(Failure::LocalOnly);
        }
        local::block_on(async {
            let records = local::find(shell).await?.records().await?;
            let record = local::named(&records, &self.record)?;
            if shell.is_json() {
                shell.json(record)?;
            } else {
                whole(shell, record)?;
            }
            Ok(Ending::Fine)
        })
    }
}

/// A record as people read it.
pub(crate) fn whole(shell: &Shell, record: &Record) -> Result<(), Failure> {
    let outcome = record.outcome.kind;
    let style = paper::colour(outcome);
    shell.line(format!(
        "{style}{}{style:#} {}: {}",
        outcome.word(),
        record.key.resource,
        plain(&record.outcome.reason)
    ))?;
    for line in paper::diff(record) {
        shell.line(format!("    {line}"))?;
    }
    for left in &record.left_alone {
        let shown: Vec<String> = left.shown.iter().map(|s| plain(s)).collect();
        shell.line(format!(
            "    left alone: {} of {} ({})",
            left.count,
            left.facet,
            shown.join("; ")
        ))?;
    }
    for answer in record.answers() {
        shell.line(format!("\n{FAINT}{}{FAINT:#}", answer.question))?;
        shell.line(format!("  {}", plain(&answer.answer)))?;
    }
    if !record.sent.is_empty() {
        shell.line(format!("\n{FAINT}The calls{FAINT:#}"))?;
        for sent in &record.sent {
            let end = sent.error.as_deref().unwrap_or("succeeded");
            shell.line(format!(
                "  {}:{} {} (request {})",
                sent.call.service,
                sent.call.operation,
                plain(end),
                sent.request_id.as_deref().unwrap_or("unknown")
            ))?;
        }
    }
    shell.line(format!("\n{FAINT}What decided{FAINT:#}"))?;
    for assessment in &record.assessments {
        shell.line(format!(
            "  {} {}",
            assessment.policy,
            plain(&assessment.digest)
        ))?;
    }
    shell.line(format!("  bundle {}", plain(&record.worker.bundle)))?;
    if outcome == OutcomeKind::Reverted {
        shell.line(format!("\nundo: undrift undo {} --local", record.key))?;
    }
    Ok(())
}

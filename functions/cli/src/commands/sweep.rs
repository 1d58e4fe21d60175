//! `undrift sweep`

use std::io::{IsTerminal as _, Write as _};

use undrift_core::record::OutcomeKind;
use undrift_stack::{Finding, Ledger, Progress};

use crate::ending::{Ending, Failure};
use crate::local;
use crate::paper;
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};

/// Look at every resource for what no event told of
///
/// What is wrong and came since Undrift saw the resource is decided like any change, by its event
/// in CloudTrail's history; without one, taking it back is proposed. What was wrong when Undrift
/// first saw it is reported and left.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only show what would be found; nothing is written or remembered
    #[arg(long)]
    dry_run: bool,
    /// Of the local account that another terminal runs
    #[arg(long)]
    local: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        if !self.local {
            return Err(Failure::SweepLocalOnly);
        }
        local::block_on(async {
            let ledger = local::find(shell).await?;
            self.follow(shell, &ledger).await
        })
    }

    async fn follow(&self, shell: &Shell, ledger: &Ledger) -> Result<Ending, Failure> {
        let bar = Bar(!shell.is_quiet() && std::io::stderr().is_terminal());
        let mut last: Option<Progress> = None;
        loop {
            let state = last.as_ref().and_then(|p| p.state.as_ref());
            let progress = ledger.sweep(last.is_none(), self.dry_run, state).await?;
            bar.clear();
            for finding in &progress.findings {
                say(shell, finding)?;
            }
            for unread in &progress.unread {
                let (what, why) = (plain(&unread.what), plain(&unread.why));
                shell.note(format!("{BAD}not looked at:{BAD:#} {what}: {why}"));
            }
            if progress.finished {
                return Ok(end(shell, &progress));
            }
            bar.draw(&progress);
            last = Some(progress);
        }
    }
}

fn say(shell: &Shell, finding: &Finding) -> Result<(), Failure> {
    if shell.is_json() {
        return shell.json(finding);
    }
    let (word, style) = match finding.outcome {
        Some(OutcomeKind::Left) => ("older", paper::colour(OutcomeKind::Left)),
        Some(outcome) => (outcome.word(), paper::colour(outcome)),
        None => ("found", paper::colour(OutcomeKind::Proposed)),
    };
    let resource = plain(&finding.resource.to_string());
    shell.line(format!("{style}{word}{style:#}  {resource}"))?;
    for line in &finding.shown {
        shell.line(format!("    {}", plain(line)))?;
    }
    for policy in &finding.policies {
        shell.line(format!("{FAINT}    {policy}{FAINT:#}"))?;
    }
    shell.line(format!("{FAINT}    {}{FAINT:#}", plain(&finding.reason)))
}

fn end(shell: &Shell, progress: &Progress) -> Ending {
    let counts = progress.counts;
    let found = match counts.found {
        0 => format!("{GOOD}nothing new{GOOD:#}"),
        n => format!("{BAD}{n} found{BAD:#}"),
    };
    let undecided = match counts.undecided {
        0 => String::new(),
        n => format!(", {n} can't be told"),
    };
    let waiting = match progress.waiting {
        0 => String::new(),
        n => format!(
            "; {n} wait for CloudTrail's event history, which may take 15 minutes, and are decided then"
        ),
    };
    shell.note(format!(
        "{} resources seen: {found}{undecided}{waiting}",
        counts.seen
    ));
    if counts.unread > 0 {
        Ending::Blind
    } else if counts.found > 0 || progress.waiting > 0 {
        Ending::Found
    } else {
        Ending::Fine
    }
}

/// A line on the terminal that says how far it is.
struct Bar(bool);

impl Bar {
    fn draw(&self, progress: &Progress) {
        if !self.0 {
            return;
        }
        let (function, functions) = progress.functions;
        let kind = progress.kind.as_ref().map(ToString::to_string);
        let mut to = anstream::stderr();
        // A terminal that can't be written to is no reason to stop.
        let _ = write!(
            to,
            "\r\u{1b}[K{FAINT}service {} of {functions}  {}  {} resources{FAINT:#}",
            function + 1,
            kind.unwrap_or_default(),
            progress.counts.seen
        );
        let _ = to.flush();
    }

    fn clear(&self) {
        if self.0 {
            let mut to = anstream::stderr();
            let _ = write!(to, "\r\u{1b}[K");
            let _ = to.flush();
        }
    }
}

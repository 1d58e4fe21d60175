//! `undrift replay`

use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;
use undrift_core::policy::Bundle;
use undrift_documents::{Documents, kinds};
use undrift_replay::{Counts, Fault, Judged, Outcome, Progress, Replay, Summary, Watch};

use crate::ending::{Ending, Failure};
use crate::history;
use crate::shell::{BAD, FAINT, Shell, plain};
use crate::tree;

/// Judge history: what the policies would have done about the changes that CloudTrail recorded
///
/// Reads CloudTrail's log files as AWS writes them (plain or gzip), `EventBridge` events, what
/// `aws cloudtrail lookup-events` prints, or one record per line. Needs no account: it judges what
/// the records show, and follows each resource through the history it has seen.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, folders, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Also print the records that no policy looks at
    #[arg(long)]
    all: bool,
    /// Judge under these settings [default: as if everything were to be reverted]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Policies to judge by: a file or folder, repeatable [default: the tree's policies/]
    #[arg(long, value_name = "PATH")]
    policies: Vec<PathBuf>,
    /// How many cores to use [default: all]
    #[arg(long, value_name = "NUMBER")]
    threads: Option<std::num::NonZeroUsize>,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let documents = documents(&self.policies, self.settings.as_ref())?;
        let bundle = Bundle::of(
            &documents.enabled(),
            &documents.settings,
            &documents.exemptions,
            kinds(),
        )?;
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let replay = Replay {
            bundle: &bundle,
            kinds: kinds(),
            all: self.all,
            threads: self
                .threads
                .map_or_else(cores, std::num::NonZero::get)
                .min(MOST_THREADS),
        };
        let mut printer = Printer {
            shell,
            all: self.all,
            lines: std::io::BufWriter::new(std::io::stdout()),
            summary: Summary::default(),
            told: 0,
            more: 0,
            failed: None,
            bar: Bar::new(shell),
        };
        let start = Instant::now();
        let counts = replay.run(&self.paths, &mut printer);
        printer.bar.clear();
        if let Some(failure) = printer.failed {
            return Err(failure);
        }
        printer.lines.flush()?;
        if printer.more > 0 {
            shell.note(format!(
                "{BAD}left out:{BAD:#} {} more places that can't be read",
                history::number(printer.more)
            ));
        }
        for line in history::summary(&counts, &printer.summary, start.elapsed()) {
            shell.note(line);
        }
        Ok(ending(&counts, &printer.summary))
    }
}

/// The policies, and how they are to be taken.
fn documents(policies: &[PathBuf], settings: Option<&PathBuf>) -> Result<Documents, Failure> {
    let documents = tree::documents_at(policies)?;
    match settings {
        Some(file) => documents.under(file).map_err(Failure::Documents),
        None => Ok(documents.reverting()),
    }
}

/// Not having seen everything beats having seen something.
fn ending(counts: &Counts, summary: &Summary) -> Ending {
    if counts.faults > 0 || counts.files == 0 {
        Ending::Blind
    } else if summary.violated > 0 || summary.undecided > 0 {
        Ending::Found
    } else {
        Ending::Fine
    }
}

/// How many threads read, at most, and how many judge.
const MOST_THREADS: usize = 64;
/// How many places that can't be read are told one by one.
const SHOWN: u64 = 1_000;

/// Prints a run as it goes.
struct Printer<'s> {
    shell: &'s Shell,
    all: bool,
    /// JSON needs no taming, and there may be much of it.
    lines: std::io::BufWriter<std::io::Stdout>,
    summary: Summary,
    told: u64,
    more: u64,
    failed: Option<Failure>,
    bar: Bar,
}

impl Printer<'_> {
    fn print(&mut self, judged: &Judged) -> Result<(), Failure> {
        if judged.outcomes.is_empty() && !self.all {
            return Ok(());
        }
        if self.shell.is_json() {
            serde_json::to_writer(&mut self.lines, &Line::of(judged))
                .map_err(std::io::Error::from)?;
            return Ok(self.lines.write_all(b"\n")?);
        }
        let lines = history::lines(judged, self.all);
        if !lines.is_empty() {
            self.bar.clear();
        }
        lines.iter().try_for_each(|line| self.shell.line(line))
    }
}

/// A judged record as JSON: part of the command's contract.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'j> {
    #[serde(rename = "eventID")]
    event_id: Option<&'j str>,
    event_name: Option<&'j str>,
    event_time: Option<String>,
    actor: &'j str,
    outcomes: &'j [Outcome],
}

impl<'j> Line<'j> {
    fn of(judged: &'j Judged) -> Self {
        let head = &judged.head;
        Self {
            event_id: head.id.as_deref(),
            event_name: head.name.as_deref(),
            event_time: head.time.map(|t| t.to_string()),
            actor: history::actor(&head.actor),
            outcomes: &judged.outcomes,
        }
    }
}

impl Watch for Printer<'_> {
    fn judged(&mut self, judged: &Judged) -> ControlFlow<()> {
        self.summary.add(judged);
        match self.print(judged) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                if failure.is_closed_pipe() {
                    // Standard input may stay open for long, and nobody is there to wait for it.
                    std::process::exit(i32::from(failure.ending().code()));
                }
                self.failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn fault(&mut self, fault: &Fault) {
        if self.told >= SHOWN {
            self.more += fault.places;
        } else {
            self.told += 1;
            self.bar.clear();
            self.shell.note(format!(
                "{BAD}left out:{BAD:#} {}",
                plain(&fault.to_string())
            ));
        }
    }

    fn progress(&mut self, progress: Progress) {
        self.bar.draw(progress);
    }
}

/// A line on the terminal that says how far it is.
struct Bar {
    wanted: bool,
    drawn: bool,
    begun: Instant,
}

impl Bar {
    fn new(shell: &Shell) -> Self {
        Self {
            wanted: !shell.is_quiet() && std::io::stderr().is_terminal(),
            drawn: false,
            begun: Instant::now(),
        }
    }

    fn draw(&mut self, progress: Progress) {
        // What is over at once needs no telling.
        if !self.wanted || self.begun.elapsed().as_millis() < 500 {
            return;
        }
        let share = (progress.read * 100).checked_div(progress.of);
        let share = share.map_or(String::new(), |s| format!("{:3} %  ", s.min(100)));
        let records = history::number(progress.records);
        let mut to = anstream::stderr();
        // A terminal that can't be written to is no reason to stop.
        let _ = write!(to, "\r\u{1b}[K{FAINT}{share}{records} records{FAINT:#}");
        let _ = to.flush();
        self.drawn = true;
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let mut to = anstream::stderr();
            let _ = write!(to, "\r\u{1b}[K");
            let _ = to.flush();
        }
    }
}

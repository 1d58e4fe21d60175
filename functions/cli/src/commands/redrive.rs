//! `undrift redrive`

use undrift_stack::{Emptied, Ledger};

use crate::ending::{Ending, Failure, counted};
use crate::local;
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};

/// Put the dead letters back on their queues: changes that no function could handle
///
/// To be done once what kept the functions from them is mended. Each is then handled like any
/// change, and its record gets a new revision. Ends with 0 if no dead letter is left, 1 if the
/// janitor is at some of them just now, 3 if a queue could not be emptied.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of the local account that another terminal runs
    #[arg(long)]
    local: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        if !self.local {
            return Err(Failure::RedriveLocalOnly);
        }
        local::block_on(async {
            let ledger = local::find(shell).await?;
            let emptied = all(&ledger).await?;
            for queue in &emptied {
                say(shell, queue)?;
            }
            Ok(end(shell, &emptied))
        })
    }
}

/// Asks until there is nothing left to put back; the sums per queue.
async fn all(ledger: &Ledger) -> Result<Vec<Emptied>, Failure> {
    let mut sums: Vec<Emptied> = Vec::new();
    loop {
        let redriven = ledger.redrive().await?;
        for queue in redriven.queues {
            match sums.iter_mut().find(|s| s.queue == queue.queue) {
                Some(sum) => {
                    sum.moved += queue.moved;
                    sum.failed = sum.failed.take().or(queue.failed);
                }
                None => sums.push(queue),
            }
        }
        if redriven.finished {
            return Ok(sums);
        }
    }
}

fn say(shell: &Shell, queue: &Emptied) -> Result<(), Failure> {
    if shell.is_json() {
        return shell.json(queue);
    }
    let (from, to) = (plain(&queue.queue), plain(&queue.to));
    if queue.moved > 0 {
        shell.line(format!(
            "{:>6}  {from} {FAINT}to{FAINT:#} {to}",
            queue.moved
        ))?;
    }
    Ok(())
}

fn end(shell: &Shell, emptied: &[Emptied]) -> Ending {
    let moved: u64 = emptied.iter().map(|q| q.moved).sum();
    let hidden: u64 = emptied.iter().map(|q| q.hidden).sum();
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let failed = || emptied.iter().filter_map(|q| Some((q, q.failed.as_ref()?)));
    match moved {
        0 => shell.note("nothing was put back"),
        n => {
            let letters = counted(count(n), "dead letter", "dead letters");
            shell.note(format!("{GOOD}{letters} put back{GOOD:#}"));
        }
    }
    for (queue, why) in failed() {
        let (queue, why) = (plain(&queue.queue), plain(why));
        shell.note(format!("{BAD}not emptied:{BAD:#} {queue}: {why}"));
    }
    if hidden > 0 {
        let more = counted(count(hidden), "more is", "more are");
        shell.note(format!(
            "{more} being looked at by the janitor; ask again in some minutes"
        ));
    }
    if failed().next().is_some() {
        Ending::Blind
    } else if hidden > 0 {
        Ending::Found
    } else {
        Ending::Fine
    }
}

//! `undrift local`

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use undrift_core::record::{OutcomeKind, Record};
use undrift_stack::Stack;

use crate::ending::{Ending, Failure};
use crate::local::{self, REGION};
use crate::paper;
use crate::shell::{FAINT, Shell};

/// How often the journal is read for what is new.
const EVERY: Duration = Duration::from_millis(200);

/// Keep a local account running, with Undrift in it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The port to serve on [default: any free one]
    #[arg(long)]
    port: Option<u16>,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        local::block_on(async {
            // Signals count from here on, also while things are being built.
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let stopped = async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            let work = async {
                let (account, stack) = local::start(shell, self.port, |_| {}).await?;
                let _published = local::publish(&account)?;
                shell.line(format!("ready {}", account.endpoint()))?;
                help(shell, &account.endpoint());
                watch(shell, &stack).await
            };
            tokio::select! {
                () = stopped => Ok(Ending::Fine),
                ended = work => ended,
            }
        })
    }
}

fn help(shell: &Shell, endpoint: &str) {
    shell.note(format!(
        "{FAINT}Point any AWS client at it from another terminal, with any key:

  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={REGION}
  export AWS_ACCESS_KEY_ID=you AWS_SECRET_ACCESS_KEY=any
  aws ec2 create-security-group --group-name web --description web
  aws ec2 authorize-security-group-ingress --group-name web --protocol tcp --port 22 --cidr 0.0.0.0/0

and watch it come back here. Then: undrift records --local, undrift show RECORD --local,
undrift undo RECORD --local. Ctrl-C ends it and leaves nothing behind.{FAINT:#}
"
    ));
}

/// Says what happens as it happens.
async fn watch(shell: &Shell, stack: &Stack) -> Result<Ending, Failure> {
    let mut said = BTreeSet::new();
    loop {
        let revisions = stack.revisions().await?;
        for record in &revisions {
            if said.insert((record.key.clone(), record.revision)) {
                say(shell, record)?;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn say(shell: &Shell, record: &Record) -> Result<(), Failure> {
    if shell.is_json() {
        return shell.json(record);
    }
    let when = record.happened().map(|t| t.to_string());
    shell.line(format!(
        "{FAINT}{}{FAINT:#}  {}",
        when.unwrap_or_default(),
        paper::line(record)
    ))?;
    for line in paper::diff(record) {
        shell.line(format!("    {line}"))?;
    }
    let stayed: usize = record.left_alone.iter().map(|l| l.count).sum();
    if record.plan.is_some() {
        shell.line(format!(
            "{FAINT}    {stayed} other rules stayed as they were{FAINT:#}"
        ))?;
    }
    if record.outcome.kind == OutcomeKind::Reverted {
        shell.line(format!(
            "{FAINT}    undrift undo {} --local{FAINT:#}",
            record.key
        ))?;
    }
    Ok(())
}

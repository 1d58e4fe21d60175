//! `undrift local`

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use undrift_core::policy::Mode;
use undrift_core::record::{Cause, Record};
use undrift_local::{Account, Wire};
use undrift_stack::Stack;

use crate::ending::{Ending, Failure};
use crate::live;
use crate::local::{self, Published, REGION};
use crate::shell::{FAINT, Shell};
use crate::wrap::{width, wrap};

/// How often the journal is read for what is new.
const EVERY: Duration = Duration::from_millis(200);

/// How often the janitor looks.
const JANITOR: Duration = Duration::from_mins(1);

/// Keep a local account running, with Undrift in it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The port to serve on [default: any free one]
    #[arg(long)]
    port: Option<u16>,
    /// What may be done about what is found
    #[arg(long, default_value = "revert")]
    mode: Choice,
}

/// The deployment's mode.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Choice {
    /// Record it, and tell people
    Observe,
    /// Propose it, and wait for `undrift approve`
    Approve,
    /// Put back what was there before
    Revert,
}

impl From<Choice> for Mode {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Observe => Self::Observe,
            Choice::Approve => Self::Approve,
            Choice::Revert => Self::Revert,
        }
    }
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        local::block_on(async {
            // Signals count from here on, also while things are being built.
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut hang_up = signal(SignalKind::hangup())?;
            let stopped = async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hang_up.recv() => {}
                }
            };
            let work = async {
                let (account, stack) = local::start(shell, self.port, |what| {
                    let mode = self.mode.into();
                    what.documents = Box::new(move |d| d.settings.deployment = Some(mode));
                })
                .await?;
                let published = local::publish(shell, &account)?;
                shell.line(format!("ready {}", account.endpoint()))?;
                help(shell, &account.endpoint(), &stack.slack.address());
                tokio::select! {
                    watched = watch(shell, &account, &stack, &published) => watched,
                    never = tidy(shell, &stack) => match never {},
                }
            };
            tokio::select! {
                () = stopped => Ok(Ending::Fine),
                ended = work => match ended {
                    Err(failure) if failure.is_closed_pipe() => Ok(Ending::Fine),
                    other => other,
                },
            }
        })
    }
}

fn help(shell: &Shell, endpoint: &str, slack: &str) {
    let say = |text: &str| {
        for line in wrap(text, width().saturating_sub(1)) {
            shell.note(format!("{FAINT}{line}{FAINT:#}"));
        }
    };
    say("Point any AWS client at it from another terminal, with any name for a key:");
    // Commands are not wrapped, so that they can be copied.
    shell.note(format!(
        "{FAINT}
  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={REGION}
  export AWS_ACCESS_KEY_ID=you AWS_SECRET_ACCESS_KEY=any
  aws ec2 create-security-group --group-name web --description web
  aws ec2 authorize-security-group-ingress --group-name web --protocol tcp --port 22 --cidr 0.0.0.0/0
{FAINT:#}"
    ));
    say("and watch it come back here. Then:");
    shell.note(format!(
        "{FAINT}
  cargo undrift records --local
  cargo undrift show RECORD --local
  cargo undrift undo RECORD --local

What engineers would read in Slack: {slack}/
{FAINT:#}"
    ));
    say("Ctrl-C ends it and leaves nothing behind.");
    shell.note("");
}

/// Says what happens as it happens, until nobody reads it any more.
async fn watch(
    shell: &Shell,
    account: &Account,
    stack: &Stack,
    published: &Published,
) -> Result<Ending, Failure> {
    let mut said = BTreeSet::new();
    while shell.is_read() {
        published.renew()?;
        let revisions = stack.revisions().await?;
        for record in &revisions {
            if !said.insert((record.key.clone(), record.revision)) {
                continue;
            }
            if shell.is_json() {
                shell.json(record)?;
            } else if record.undone_by.is_none() {
                // That it was undone, the undo's own record says.
                live::say(shell, record, lasted(account.wire(), record), width())?;
                shell.line("")?;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(Ending::Fine)
}

/// Runs the janitor as its schedule does in an account.
async fn tidy(shell: &Shell, stack: &Stack) -> Infallible {
    loop {
        tokio::time::sleep(JANITOR).await;
        if let Err(e) = stack.janitor().await {
            shell.note(format!("the janitor failed: {e}"));
        }
    }
}

/// The time from the answer to the change to the answer to the last call that took it back.
fn lasted(wire: &Wire, record: &Record) -> Option<Duration> {
    let Cause::Change(change) = &record.cause else {
        return None;
    };
    let answered = |id: Option<&str>| id.and_then(|id| wire.answered(id));
    let opened = answered(change.request_id.as_deref())?;
    let last = record.sent.iter().rev().find(|s| s.error.is_none())?;
    let closed = answered(last.request_id.as_deref())?;
    Some(Duration::from_micros(closed.checked_sub(opened)?))
}

//! A command of ours with all that it starts in turn.

use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::account::Account;
use crate::guard::Watched;

/// A running command in a process group of its own. Whatever still runs of the group when this is dropped is killed:
/// compilers that cargo started, and installers that Python did.
#[derive(Debug)]
pub struct Group {
    child: Child,
    leader: Option<Pid>,
    // Dropped last: no longer watched once it was killed.
    _watched: Option<Watched>,
}

impl Group {
    /// Starts a command; with an account, its group ends also if this process is killed.
    pub fn start(command: &mut Command, account: Option<&Account>) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = child.id();
        Ok(Self {
            leader: id
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
            _watched: account.zip(id).map(|(account, id)| account.watch(id)),
            child,
        })
    }

    /// Its standard output, if it is piped and was not taken before.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, if it is piped and was not taken before.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for the command's end.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // The number may be given to others from now on.
        self.leader = None;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // An error means that all of it has ended.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

//! Moto as a child process of ours.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::error::LocalError;
use crate::guard::Guard;
use crate::venv::Venv;

/// How long moto may take to import itself and listen: about half a second when idle.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Beginnings of environment variables that would change what moto does.
const FOREIGN: [&str; 5] = ["AWS_", "BOTO", "MOTO_", "PYTHON", "FLASK_"];

/// A running moto. It ends when this is dropped, and also when this process ends in any way, since the
/// launcher watches the pipe we hold.
#[derive(Debug)]
pub(crate) struct Emulator {
    port: u16,
    child: Child,
    // Held open for as long as moto shall live.
    guard: Guard,
}

impl Emulator {
    /// Starts moto on a free port of 127.0.0.1 and waits until it listens. `services` (moto's names) are loaded
    /// in the background before their first call.
    pub(crate) async fn start(
        venv: &Venv,
        launcher: &Path,
        services: &[&str],
    ) -> Result<Self, LocalError> {
        let failed = |reason: String| LocalError::EmulatorFailed { reason };
        let mut command = Command::new(venv.python());
        // Whose AWS account a terminal speaks to, and how its Python is set up, is nothing to moto.
        for (name, _) in std::env::vars_os() {
            if FOREIGN
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg(launcher)
            .arg("0")
            .args(services)
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            // Hundreds of images of other owners take seconds to load at the first list.
            .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A terminal's interrupt goes to us; moto ends through its pipe, after the functions did.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let stdin = child
            .stdin
            .take()
            .ok_or_else(|| failed("no standard input".into()))?
            .into_owned_fd()
            .map_err(|error| failed(error.to_string()))?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| failed("no standard output".into()))?;
        let mut stderr = child
            .stderr
            .take()
            .ok_or_else(|| failed("no standard error".into()))?;
        let mut line = String::new();
        let mut lines = BufReader::new(stdout);
        let read = tokio::time::timeout(START_LIMIT, lines.read_line(&mut line)).await;
        let port = line
            .trim()
            .strip_prefix("ready ")
            .and_then(|port| port.parse().ok());
        let Some(port) = port else {
            let reason = if read.is_err() {
                format!("no answer in {START_LIMIT:?}")
            } else {
                let mut text = String::new();
                let _ =
                    tokio::time::timeout(Duration::from_secs(2), stderr.read_to_string(&mut text))
                        .await;
                text
            };
            return Err(failed(reason));
        };
        // Whatever moto prints later is dropped, but must be read, or it would block on a full pipe.
        tokio::spawn(async move {
            let mut sink = tokio::io::sink();
            let _ = tokio::io::copy(&mut stderr, &mut sink).await;
        });
        tokio::spawn(async move {
            let mut sink = tokio::io::sink();
            let _ = tokio::io::copy(&mut lines, &mut sink).await;
        });
        Ok(Self {
            port,
            child,
            guard: Guard::new(stdin.into()),
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What ends processes of ours when we cannot.
    pub(crate) fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// Ends moto and waits for its end.
    pub(crate) async fn stop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill().await;
    }
}

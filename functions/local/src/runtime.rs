//! The Lambda Runtime API for a real function binary, as AWS documents it.
//!
//! A function is a program that asks `/2018-06-01/runtime/invocation/next` for work and posts its answers. Here it
//! is started with the environment variables Lambda gives, and with nothing else of ours but `PATH`, `HOME` and
//! `RUST_BACKTRACE`.

mod spec;

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::activity::Activity;
use crate::client::Credentials;
use crate::error::LocalError;
use crate::guard::{Guard, Watched};
use crate::runtime_api::{Api, Invocation};

pub use spec::{FunctionError, FunctionSpec, LogSink};

/// How long a function may take from its start until it first asks for work. Lambda gives 10 s.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How many lines of a function's output are kept.
const LOG_LINES: usize = 20_000;

/// What every process of a function is told.
pub(crate) struct Host {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) endpoint: String,
    pub(crate) credentials: Credentials,
    pub(crate) activity: Activity,
    pub(crate) guard: Guard,
}

struct Inner {
    spec: FunctionSpec,
    host: Host,
    slots: Semaphore,
    idle: Mutex<Vec<Process>>,
    log: Arc<Log>,
    invocations: AtomicU64,
    kill: Notify,
}

#[derive(Default)]
struct Log {
    lines: Mutex<VecDeque<String>>,
}

struct Process {
    // Dropped first: killed, then no longer watched.
    child: Child,
    api: Api,
    _watched: Option<Watched>,
}

/// A running function. Clones are the same function; its processes end with the last of them.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

impl std::fmt::Debug for Function {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Function")
            .field("name", &self.0.spec.name)
            .finish_non_exhaustive()
    }
}

impl Function {
    /// Makes a function and starts its first process, so that the first invocation finds it warm.
    pub(crate) async fn start(spec: FunctionSpec, host: Host) -> Result<Self, LocalError> {
        let slots = Semaphore::new(spec.concurrency.max(1));
        let function = Self(Arc::new(Inner {
            spec,
            host,
            slots,
            idle: Mutex::default(),
            log: Arc::default(),
            invocations: AtomicU64::new(0),
            kill: Notify::new(),
        }));
        let process = function
            .spawn()
            .await
            .map_err(|error| LocalError::Function {
                name: function.0.spec.name.clone(),
                reason: error.to_string(),
            })?;
        function.idle().push(process);
        Ok(function)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.spec.name
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        let Host {
            region, account, ..
        } = &self.0.host;
        format!(
            "arn:aws:lambda:{region}:{account}:function:{}",
            self.0.spec.name
        )
    }

    /// What it signs with: its role's credentials.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.0.host.credentials
    }

    /// How many invocations may run at once.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.0.spec.concurrency.max(1)
    }

    /// How many invocations have begun.
    #[must_use]
    pub fn invocations(&self) -> u64 {
        self.0.invocations.load(Ordering::SeqCst)
    }

    /// What its processes printed, line by line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.0
            .log
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// Kills its processes as a crash would: running invocations fail, the next one starts afresh.
    pub fn kill(&self) {
        self.idle().clear();
        self.0.kill.notify_waiters();
    }

    /// Invokes it and waits for its answer; waits also for its turn if all processes are busy.
    pub async fn invoke(&self, payload: &Value) -> Result<Value, FunctionError> {
        let _running = self.0.host.activity.begin();
        let not_started = |reason: &str| FunctionError::NotStarted {
            reason: reason.to_owned(),
        };
        let _slot = self
            .0
            .slots
            .acquire()
            .await
            .map_err(|_| not_started("it was stopped"))?;
        self.0.invocations.fetch_add(1, Ordering::SeqCst);
        let waiting = self.idle().pop();
        let alive = waiting.and_then(|mut process| {
            matches!(process.child.try_wait(), Ok(None)).then_some(process)
        });
        let mut process = match alive {
            Some(process) => process,
            None => self.spawn().await?,
        };
        let result = self.run(&mut process, payload).await;
        // After anything but an answer the process is in an unknown state, as in Lambda: it is dropped, which
        // kills it.
        if matches!(result, Ok(_) | Err(FunctionError::Failed { .. })) {
            self.idle().push(process);
        }
        result
    }

    async fn run(&self, process: &mut Process, payload: &Value) -> Result<Value, FunctionError> {
        let killed = self.0.kill.notified();
        let (taken, mut begun) = oneshot::channel();
        let timeout = self.0.spec.timeout;
        let mut answer = process.api.offer(Invocation {
            payload: payload.to_string(),
            timeout,
            arn: self.arn(),
            taken: Some(taken),
        });
        let deadline = async {
            match tokio::time::timeout(INIT_LIMIT, &mut begun).await {
                Ok(_) => tokio::time::sleep(timeout).await,
                Err(_) => {
                    return FunctionError::NotStarted {
                        reason: format!("it asked for no work in {INIT_LIMIT:?}"),
                    };
                }
            }
            FunctionError::TimedOut { after: timeout }
        };
        tokio::select! {
            biased;
            answered = &mut answer => answered.unwrap_or_else(|_| Err(FunctionError::Crashed { status: "its API ended".into() })),
            status = process.child.wait() => {
                // It may have answered and ended in one go.
                match tokio::time::timeout(Duration::from_millis(50), answer).await {
                    Ok(Ok(answered)) => answered,
                    _ => Err(self.crashed(&status.map_or_else(|error| error.to_string(), |status| status.to_string()))),
                }
            }
            () = killed => {
                let _ = process.child.start_kill();
                Err(self.crashed("killed on purpose"))
            }
            late = deadline => {
                let _ = process.child.start_kill();
                Err(late)
            }
        }
    }

    fn crashed(&self, status: &str) -> FunctionError {
        let lines = self.log();
        let tail: Vec<&str> = lines
            .iter()
            .rev()
            .take(5)
            .rev()
            .map(String::as_str)
            .collect();
        FunctionError::Crashed {
            status: format!("{status}\n{}", tail.join("\n"))
                .trim_end()
                .to_owned(),
        }
    }

    async fn spawn(&self) -> Result<Process, FunctionError> {
        let failed = |reason: String| FunctionError::NotStarted { reason };
        // A process gets an API of its own, so that a dead one's open request can take no invocation.
        let api = Api::start()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let Inner { spec, host, .. } = &*self.0;
        let mut command = Command::new(&spec.binary);
        command
            .args(&spec.args)
            .env_clear()
            .envs(
                ["PATH", "HOME", "RUST_BACKTRACE"]
                    .iter()
                    .filter_map(|name| Some((*name, std::env::var_os(name)?))),
            )
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                format!("127.0.0.1:{}", api.port()),
            )
            .env("AWS_LAMBDA_FUNCTION_NAME", &spec.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env(
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                spec.memory_mb.to_string(),
            )
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env(
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{}", spec.name),
            )
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .env("AWS_REGION", &host.region)
            .env("AWS_DEFAULT_REGION", &host.region)
            .env("AWS_ACCESS_KEY_ID", &host.credentials.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &host.credentials.secret_key)
            .env("AWS_ENDPOINT_URL", &host.endpoint)
            // With `HOME` come a person's own settings of AWS, which may say to take no notice of the endpoint.
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("_HANDLER", "bootstrap")
            .env("TZ", ":UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A terminal's interrupt ends us in order; functions end with their API.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(token) = &host.credentials.session_token {
            command.env("AWS_SESSION_TOKEN", token);
        }
        command.envs(spec.env.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .spawn()
            .map_err(|error| failed(format!("`{}`: {error}", spec.binary.display())))?;
        self.collect(child.stdout.take());
        self.collect(child.stderr.take());
        let watched = child.id().map(|pid| host.guard.watch(pid));
        Ok(Process {
            child,
            api,
            _watched: watched,
        })
    }

    /// Reads a process's output to its end.
    fn collect(&self, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(output) = output else { return };
        let log = Arc::clone(&self.0.log);
        let (sink, name) = (self.0.spec.log.clone(), self.0.spec.name.clone());
        tokio::spawn(async move {
            let mut reader = BufReader::new(output);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line).await, Ok(read) if read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if let Some(sink) = &sink {
                    sink(&name, &text);
                }
                let mut lines = log.lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() >= LOG_LINES {
                    lines.pop_front();
                }
                lines.push_back(text);
            }
        });
    }
}

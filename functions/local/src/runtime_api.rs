//! The four routes of the Lambda Runtime API, for one process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::error::LocalError;
use crate::http::{self, Asked, Reply, Server};
use crate::ids;
use crate::runtime::FunctionError;

/// Work for a process.
pub(crate) struct Invocation {
    pub(crate) payload: String,
    pub(crate) timeout: Duration,
    pub(crate) arn: String,
    /// Told when the process takes it.
    pub(crate) taken: Option<oneshot::Sender<()>>,
}

type Outcome = Result<Value, FunctionError>;

#[derive(Default)]
struct State {
    offered: Option<(String, Invocation)>,
    open: Option<(String, oneshot::Sender<Outcome>)>,
    broken: Option<FunctionError>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    offered: Notify,
}

/// The API of one process; it ends when this is dropped.
pub(crate) struct Api {
    server: Server,
    shared: Arc<Shared>,
}

impl Api {
    pub(crate) async fn start() -> Result<Self, LocalError> {
        let shared = Arc::new(Shared::default());
        let handler = Arc::clone(&shared);
        let server = Server::start(0, move |asked| {
            let shared = Arc::clone(&handler);
            async move { shared.answer(asked).await }
        })
        .await?;
        Ok(Self { server, shared })
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Offers work to the process; the answer comes through the channel.
    pub(crate) fn offer(&self, invocation: Invocation) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.shared.state();
        if let Some(broken) = &state.broken {
            // The receiver is held by the caller.
            let _ = sender.send(Err(broken.clone()));
            return receiver;
        }
        let id = ids::uuid();
        state.open = Some((id.clone(), sender));
        state.offered = Some((id, invocation));
        drop(state);
        self.shared.offered.notify_one();
        receiver
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, asked: Asked) -> Reply {
        let path = asked.target.split('?').next().unwrap_or_default();
        let Some(path) = path.strip_prefix("/2018-06-01/runtime/") else {
            return Reply::Answer(http::text(404, "text/plain", "no such route"));
        };
        let parts: Vec<&str> = path.split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["invocation", "next"]) => self.next().await,
            ("POST", ["invocation", id, "response"]) => {
                let value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
                self.close(id, Ok(value))
            }
            ("POST", ["invocation", id, "error"]) => {
                let error = failed(&asked);
                self.close(id, Err(error))
            }
            ("POST", ["init", "error"]) => {
                let error = failed(&asked);
                let mut state = self.state();
                state.broken = Some(error.clone());
                if let Some((_, open)) = state.open.take() {
                    let _ = open.send(Err(error));
                }
                accepted()
            }
            _ => Reply::Answer(http::text(404, "text/plain", "no such route")),
        }
    }

    async fn next(&self) -> Reply {
        let (id, invocation) = loop {
            if let Some(offered) = self.state().offered.take() {
                break offered;
            }
            self.offered.notified().await;
        };
        if let Some(taken) = invocation.taken {
            // The invoker may have given up.
            let _ = taken.send(());
        }
        let timeout = i64::try_from(invocation.timeout.as_millis()).unwrap_or(i64::MAX);
        let deadline = jiff::Timestamp::now()
            .as_millisecond()
            .saturating_add(timeout);
        let mut response = http::text(200, "application/json", invocation.payload);
        let headers = response.headers_mut();
        http::set(headers, "lambda-runtime-aws-request-id", &id);
        http::set(headers, "lambda-runtime-deadline-ms", &deadline.to_string());
        http::set(
            headers,
            "lambda-runtime-invoked-function-arn",
            &invocation.arn,
        );
        http::set(
            headers,
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000;Sampled=0",
        );
        Reply::Answer(response)
    }

    fn close(&self, id: &str, outcome: Outcome) -> Reply {
        let mut state = self.state();
        if state.open.as_ref().is_none_or(|(open, _)| open != id) {
            return Reply::Answer(http::text(
                400,
                "application/json",
                "{\"errorType\":\"InvalidRequestID\"}",
            ));
        }
        if let Some((_, open)) = state.open.take() {
            // The invoker may have given up.
            let _ = open.send(outcome);
        }
        accepted()
    }
}

fn accepted() -> Reply {
    Reply::Answer(http::text(202, "application/json", "{\"status\":\"OK\"}"))
}

fn failed(asked: &Asked) -> FunctionError {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let header = asked
        .headers
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok());
    FunctionError::Failed {
        error_type: text("errorType")
            .or_else(|| header.map(str::to_owned))
            .unwrap_or_else(|| "Unknown".into()),
        message: text("errorMessage")
            .unwrap_or_else(|| String::from_utf8_lossy(&asked.body).into_owned()),
    }
}

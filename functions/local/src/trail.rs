//! The trail: every call to the local account goes through it, and leaves its record as CloudTrail would write it.
//!
//! A reverse proxy before moto. A call is answered first and recorded after, one call after the other in the order
//! of the answers, so that a record never delays its call.

mod answer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::activity::{Activity, Running};
use crate::bus::Bus;
use crate::encoder;
use crate::fault::{self, FaultAction, Faults};
use crate::history::History;
use crate::http::{self, Answer, Asked, Http, Reply, Server};
use crate::identity::Identities;
use crate::local_api;
use crate::model::Models;
use crate::queue::Queue;
use crate::record::Done;
use crate::request::{Identified, Raw, Scope};
use crate::response;
use crate::runtime::Function;
use crate::wire::{Ended, Kept, Wire};
use answer::{HOP_BY_HOP, own_request_id, spoil, to_response, whole};

/// Longer than a killed process takes to be gone.
const DYING: Duration = Duration::from_millis(50);

/// What the trail knows and keeps.
pub(crate) struct Trail {
    pub(crate) models: Arc<Models>,
    pub(crate) http: Http,
    /// `http://127.0.0.1:port` of moto.
    pub(crate) upstream: String,
    pub(crate) identities: Identities,
    pub(crate) wire: Wire,
    pub(crate) faults: Faults,
    pub(crate) bus: Bus,
    pub(crate) history: History,
    pub(crate) activity: Activity,
    pub(crate) queues: Mutex<HashMap<String, Queue>>,
    pub(crate) functions: Mutex<HashMap<String, Function>>,
    recorder: mpsc::UnboundedSender<Job>,
    port: std::sync::OnceLock<u16>,
}

/// A call that was answered and may have to be recorded.
struct Job {
    call: Identified,
    kept: Arc<Kept>,
    answer: Answer,
    source_ip: String,
    at: jiff::Timestamp,
    _running: Running,
}

/// The trail at work; it ends when this is dropped.
pub(crate) struct Serving {
    pub(crate) server: Server,
    recording: JoinHandle<()>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.recording.abort();
    }
}

impl Trail {
    /// Starts the trail before `upstream`, on a port (0: any).
    pub(crate) async fn start(
        models: Arc<Models>,
        upstream: String,
        port: u16,
    ) -> Result<(Arc<Self>, Serving), crate::error::LocalError> {
        let (recorder, jobs) = mpsc::unbounded_channel();
        let trail = Arc::new(Self {
            identities: Identities::new(Arc::clone(&models), upstream.clone()),
            models,
            http: Http::new(),
            upstream,
            wire: Wire::new(),
            faults: Faults::default(),
            bus: Bus::new(),
            history: History::default(),
            activity: Activity::new(),
            queues: Mutex::default(),
            functions: Mutex::default(),
            recorder,
            port: std::sync::OnceLock::new(),
        });
        let handler = Arc::clone(&trail);
        let server = Server::start(port, move |asked| {
            let trail = Arc::clone(&handler);
            // A call whose caller goes away meanwhile is done all the same.
            let handling = tokio::spawn(async move { trail.handle(asked).await });
            async move { handling.await.unwrap_or(Reply::Close) }
        })
        .await?;
        // Set once, here.
        let _ = trail.port.set(server.port());
        let recording = tokio::spawn(record_all(Arc::downgrade(&trail), jobs));
        Ok((trail, Serving { server, recording }))
    }

    /// `http://127.0.0.1:port`, for clients.
    pub(crate) fn endpoint(&self) -> String {
        format!(
            "http://127.0.0.1:{}",
            self.port.get().copied().unwrap_or_default()
        )
    }

    /// The queue of that name, if it is one of ours.
    pub(crate) fn queue(&self, name: &str) -> Option<Queue> {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// The function of that name, if it is one of ours.
    pub(crate) fn function(&self, name: &str) -> Option<Function> {
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    async fn handle(self: &Arc<Self>, asked: Asked) -> Reply {
        let begun = self.wire.begin();
        let at = jiff::Timestamp::now();
        let raw = Raw {
            method: &asked.method,
            target: &asked.target,
            headers: &asked.headers,
            body: &asked.body,
        };
        let scope = Scope::of(&asked.headers, &asked.target);
        let call = raw.identify(&self.models);
        let operation = call
            .as_ref()
            .map(|call| call.operation.clone())
            .unwrap_or_default();
        let path = || {
            asked
                .target
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        let service = scope
            .as_ref()
            .map_or_else(path, |scope| scope.service.clone());
        let access_key = scope.as_ref().map(|scope| scope.access_key.clone());
        let kept = Arc::new(Kept {
            method: asked.method.clone(),
            target: asked.target.clone(),
            headers: asked.headers.clone(),
            body: asked.body.clone(),
            model: call.as_ref().map(|call| Arc::clone(&call.service)),
        });
        let key = access_key.as_deref().unwrap_or_default();
        let action = self.faults.strike(&fault::Call {
            seq: begun.seq,
            service: &service,
            operation: &operation,
            access_key: key,
            target: &asked.target,
            body: &asked.body,
        });
        let latency = self.faults.latency(&service);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let outcome = self
            .act(&asked, call.as_ref(), action.as_ref(), &kept, at)
            .await;
        if let Some(FaultAction::KillBeforeForward | FaultAction::KillAfterForward) = action {
            self.kill(key).await;
        }
        let (reply, status, error, request_id) = match outcome {
            Some(answer) => {
                let error = response::error_code(answer.status, &answer.headers, &answer.body);
                let id = answer
                    .headers
                    .get("x-amzn-requestid")
                    .or_else(|| answer.headers.get("x-amz-request-id"));
                let id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
                (
                    Reply::Answer(to_response(&answer)),
                    answer.status,
                    error,
                    id,
                )
            }
            None => (Reply::Close, 0, None, None),
        };
        let caller = access_key
            .as_deref()
            .and_then(|key| self.identities.known(key))
            .map(|caller| caller.arn.clone());
        let region = scope.map(|scope| scope.region).unwrap_or_default();
        let ended = Ended {
            access_key,
            caller,
            service,
            operation,
            region,
            status,
            error,
            request_id,
            asked: kept,
        };
        self.wire.end(&begun, ended);
        reply
    }

    /// The answer to a call, from a fault, from what is hosted here or from moto; none closes the connection.
    async fn act(
        self: &Arc<Self>,
        asked: &Asked,
        call: Option<&Identified>,
        action: Option<&FaultAction>,
        kept: &Arc<Kept>,
        at: jiff::Timestamp,
    ) -> Option<Answer> {
        let service = call.map(|call| &*call.service);
        match action {
            Some(FaultAction::Status(status, code)) => {
                return whole(fault::refusal(service, *status, code, "injected")).await;
            }
            Some(FaultAction::Refused(status, code, message)) => {
                return whole(fault::refusal(service, *status, code, message)).await;
            }
            Some(FaultAction::Body(body)) => {
                return whole(http::text(200, "text/xml", body.clone())).await;
            }
            Some(FaultAction::CloseBeforeForward | FaultAction::KillBeforeForward) => return None,
            Some(FaultAction::Delay(ms)) => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
            }
            _ => {}
        }
        let local = match call {
            Some(call) => local_api::answer(self, call, asked).await,
            None => None,
        };
        let mut answer = if let Some(response) = local {
            whole(response).await?
        } else {
            let answer = self.forward(asked, call).await;
            if let Some(call) = call {
                self.record_later(call, kept, &answer, asked, at);
            }
            answer
        };
        match action {
            Some(FaultAction::CloseAfterForward | FaultAction::KillAfterForward) => return None,
            Some(FaultAction::DelayAnswer(ms)) => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
            }
            Some(FaultAction::Garbled | FaultAction::Truncated) => spoil(&mut answer, action),
            _ => {}
        }
        Some(answer)
    }

    /// Kills the function of that access key, and gives it the time to be gone before its
    /// connection closes: it must not see that and call again.
    async fn kill(&self, access_key: &str) {
        let functions = self
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut functions = functions.values();
        if let Some(function) = functions.find(|f| f.credentials().access_key == access_key) {
            function.kill();
            tokio::time::sleep(DYING).await;
        }
    }

    async fn forward(&self, asked: &Asked, call: Option<&Identified>) -> Answer {
        let mut request = Request::builder()
            .method(asked.method.as_str())
            .uri(format!("{}{}", self.upstream, asked.target));
        if let Some(headers) = request.headers_mut() {
            for (name, value) in &asked.headers {
                if !HOP_BY_HOP.contains(&name.as_str()) && name != "expect" {
                    headers.append(name, value.clone());
                }
            }
        }
        let sent = match request.body(Full::new(asked.body.clone())) {
            Ok(request) => self.http.send(request).await,
            Err(error) => Err(error.to_string()),
        };
        match sent {
            Ok(mut answer) => {
                own_request_id(&mut answer, call);
                answer
            }
            Err(error) => Answer {
                status: 502,
                headers: HeaderMap::new(),
                body: Bytes::from(error),
            },
        }
    }

    fn record_later(
        &self,
        call: &Identified,
        kept: &Arc<Kept>,
        answer: &Answer,
        asked: &Asked,
        at: jiff::Timestamp,
    ) {
        // A server error of the emulator is not an answer of AWS.
        if answer.status >= 500 || !encoder::is_recorded(&call.service, &call.operation) {
            return;
        }
        let job = Job {
            call: call.clone(),
            kept: Arc::clone(kept),
            answer: answer.clone(),
            source_ip: asked.peer.ip().to_string(),
            at,
            _running: self.activity.begin(),
        };
        // The recorder ends only with the trail.
        let _ = self.recorder.send(job);
    }

    async fn record(&self, job: &Job) -> Value {
        let Identified {
            scope,
            service,
            operation,
        } = &job.call;
        let kept = &job.kept;
        let raw = Raw {
            method: &kept.method,
            target: &kept.target,
            headers: &kept.headers,
            body: &kept.body,
        };
        let caller = self.identities.resolve(&scope.access_key).await;
        let answer = response::understand(
            service,
            operation,
            job.answer.status,
            &job.answer.headers,
            &job.answer.body,
        );
        let user_agent = kept
            .headers
            .get("user-agent")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        Done {
            service,
            operation,
            input: &raw.input(service, operation),
            status: job.answer.status,
            answer: &answer,
            caller: &caller,
            region: &scope.region,
            source_ip: &job.source_ip,
            user_agent,
            at: job.at,
        }
        .envelope()
    }
}

async fn record_all(trail: std::sync::Weak<Trail>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        let Some(trail) = trail.upgrade() else { return };
        let event = trail.record(&job).await;
        if trail.history.keep(&event) {
            trail.bus.put(&event);
        }
    }
}

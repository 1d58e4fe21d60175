//! HTTP on the loopback: one pooled client, whole bodies, and a server that answers whole bodies.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::LocalError;

/// The largest body carried, in bytes: more than any management call has.
pub(crate) const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// Longer than any answer of moto takes.
const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A client that keeps its connections.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Self(client)
    }

    /// Sends a request and reads the whole answer; the error is in words.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let answer = async {
            let response = self
                .0
                .request(request)
                .await
                .map_err(|error| chain(&error))?;
            let (parts, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| chain(&error))?
                .to_bytes();
            Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        tokio::time::timeout(ANSWER_LIMIT, answer)
            .await
            .map_err(|_| format!("no answer in {ANSWER_LIMIT:?}"))?
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) peer: SocketAddr,
}

/// What a handler wants done with the connection.
pub(crate) enum Reply {
    /// An answer.
    Answer(Response<Full<Bytes>>),
    /// The connection is closed without an answer.
    Close,
}

/// A server on 127.0.0.1; it ends when this is dropped, with all its connections.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on a port (0: any free one) and answers with `handler`.
    pub(crate) async fn start<H, F>(port: u16, handler: H) -> Result<Self, LocalError>
    where
        H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = listen(port).await?;
        let bound = listener
            .local_addr()
            .map_err(|source| LocalError::Port { port, source })?
            .port();
        let accepting = tokio::spawn(accept(listener, handler));
        Ok(Self {
            port: bound,
            accepting,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// Opens a port of 127.0.0.1; 0: any free one.
pub(crate) async fn listen(port: u16) -> Result<TcpListener, LocalError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|source| LocalError::Port { port, source })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<H, F>(listener: TcpListener, handler: H)
where
    H: Fn(Asked) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    // Dropped with this task, so that connections end with their server.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors, most likely: give others time to close some.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // An error only means slower answers.
        let _ = stream.set_nodelay(true);
        let handler = handler.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| serve(request, peer, handler.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // The client went away, or a handler asked to close.
            let _ = connection.await;
        });
    }
}

/// The error that makes hyper drop a connection.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

async fn serve<H, F>(
    request: Request<Incoming>,
    peer: SocketAddr,
    handler: H,
) -> Result<Response<Full<Bytes>>, Closed>
where
    H: Fn(Asked) -> F,
    F: Future<Output = Reply>,
{
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(text(413, "text/plain", "the body is larger than 10 MB"));
    };
    let target = parts
        .uri
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    let asked = Asked {
        method: parts.method.to_string(),
        target,
        headers: parts.headers,
        body: body.to_bytes(),
        peer,
    };
    match handler(asked).await {
        Reply::Answer(response) => Ok(response),
        Reply::Close => Err(Closed),
    }
}

/// An answer of text.
pub(crate) fn text(
    status: u16,
    content_type: &str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    if let Ok(value) = hyper::header::HeaderValue::from_str(content_type) {
        response
            .headers_mut()
            .insert(hyper::header::CONTENT_TYPE, value);
    }
    response
}

/// Adds a header whose value may not be one; then it is left out.
pub(crate) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = hyper::header::HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

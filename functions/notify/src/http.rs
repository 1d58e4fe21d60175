//! HTTP as the SDK does it, to where no SDK goes.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use crate::channel::Failure;
use crate::secret::Hidden;

/// How long a request may take, to its answer's last byte.
pub const LONGEST: Duration = Duration::from_secs(12);
/// The most bytes of an answer that are read.
const MOST: usize = 4 * 1024 * 1024;

/// A client of HTTP.
#[derive(Debug, Clone)]
pub struct Http(Arc<Connector>);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Retry-After`, which is in seconds.
    pub wait: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

impl Http {
    /// A client that trusts what this machine trusts.
    pub fn new() -> Result<Self, String> {
        let roots = tls::TrustStore::empty().with_native_roots(true);
        let context = tls::TlsContext::builder()
            .with_trust_store(roots)
            .build()
            .map_err(|e| e.to_string())?;
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let connector = Connector::builder()
            .pool_idle_timeout(Duration::from_secs(20))
            .tls_provider(ring)
            .tls_context(context)
            .build();
        Ok(Self(Arc::new(connector)))
    }

    /// Gets, or posts JSON. Neither address nor token ever stands in a failure.
    pub async fn call(
        &self,
        url: &str,
        token: Option<&Hidden>,
        json: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let body = json.map_or_else(SdkBody::empty, |json| SdkBody::from(json.to_string()));
        let mut request = HttpRequest::new(body);
        let unfit = |_| Failure::not("the address or token is none");
        request.set_uri(url).map_err(unfit)?;
        if json.is_some() {
            request
                .set_method("POST")
                .map_err(|_| Failure::not("no POST"))?;
            let headers = request.headers_mut();
            headers.insert("content-type", "application/json; charset=utf-8");
        }
        if let Some(token) = token {
            let headers = request.headers_mut();
            let bearer = format!("Bearer {}", token.show());
            headers.try_insert("authorization", bearer).map_err(unfit)?;
        }
        let answered = tokio::time::timeout(LONGEST, self.answer(request)).await;
        answered.map_err(|_| Failure::Unknown("no answer in time".to_owned()))?
    }

    async fn answer(&self, request: HttpRequest) -> Result<Answer, Failure> {
        let lost = |what: &str| Failure::Unknown(what.to_owned());
        let answer = self.0.call(request).await;
        let answer = answer.map_err(|_| lost("the connection failed"))?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get("retry-after");
        let wait = wait.and_then(|s| s.parse().ok()).map(Duration::from_secs);
        let mut stream = ByteStream::new(answer.into_body());
        let mut body = Vec::new();
        while let Some(part) = stream.next().await {
            body.extend(part.map_err(|_| lost("the answer broke off"))?);
            if body.len() > MOST {
                return Err(lost("the answer is too long"));
            }
        }
        Ok(Answer { status, wait, body })
    }
}

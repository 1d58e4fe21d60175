//! SDK clients as every function sets them up: one HTTP client, short time-outs, no retries of
//! the SDK's own (the engine retries, since it knows the lease).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::operation::RequestId;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use undrift_core::name::ResourceId;
use undrift_engine::port::{CallError, ErrorClass, Listed};

use crate::classify::{CLIENT, class_of};
use crate::intake::plain;
use crate::whole::is_whole;

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one attempt of a call may take, from its first byte to the answer's last. The engine
/// sends nothing whose attempt could outlive its lease.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The longest message of AWS's that is passed on, in characters.
const LONGEST_MESSAGE: usize = 500;

/// The SDK could not be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the TLS of the HTTP client could not be set up: {0}")]
pub struct ClientError(String);

/// Loads credentials, region and endpoints from the environment (`AWS_ENDPOINT_URL` too, plain
/// HTTP included) for all of a function's clients. To be called once.
pub async fn load() -> Result<SdkConfig, ClientError> {
    // ring: the other provider's entropy set-up costs a cold function hundreds of milliseconds.
    let roots = tls::TrustStore::empty().with_native_roots(true);
    let context = tls::TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .map_err(|e| ClientError(e.to_string()))?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .tls_context(context)
        // Lambda freezes a function between events; connections that idled longer are dead.
        .pool_idle_timeout(Duration::from_secs(50))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    Ok(aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled())
        .load()
        .await)
}

/// An answer broke off.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off before its end")]
struct BrokenOff;

/// Catches the `Date` of a call's answers, and refuses those that broke off.
///
/// ```text
/// let date = AnswerDate::default();
/// let groups = client.describe_security_groups().customize().interceptor(date.clone()).send().await;
/// let at = date.latest();
/// ```
#[derive(Debug, Clone, Default)]
pub struct AnswerDate(Arc<Mutex<Option<Timestamp>>>);

impl AnswerDate {
    /// AWS's own time at the end of the latest call it was given to, rounded up to the second;
    /// `None` before the first answer. Several calls (pages) may share one.
    ///
    /// The header leaves the fraction of the second off (RFC 9110, 6.6.1), so that the answer
    /// was made *within* the second it names: rounded up, that is the second after it.
    #[must_use]
    pub fn latest(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// AWS's time at a read's end. An answer without a date is dated late: an image may then be of
    /// less use, but is never taken for older than it is.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.latest()
            .unwrap_or_else(|| Timestamp::now() + SignedDuration::from_mins(1))
    }
}

/// AWS answered, or a plan holds, what a kind doesn't understand.
#[must_use]
pub fn malformed(operation: &str, resource: &str, why: &str) -> CallError {
    CallError {
        class: ErrorClass::Invalid,
        operation: operation.to_owned(),
        resource: resource.to_owned(),
        code: CLIENT.to_owned(),
        message: why.to_owned(),
        request_id: None,
    }
}

/// The part of an answer that was asked for; `None` where AWS says that it doesn't exist.
#[expect(clippy::result_large_err, reason = "the error of the engine's ports")]
pub fn found<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(e) if e.class == ErrorClass::Missing => Ok(None),
        Err(e) => Err(e),
    }
}

/// How many resources a page of a list has: as many as are looked at within one invocation's time.
pub const LISTED: i32 = 50;

/// A page of a list, and where the next one begins.
#[expect(clippy::result_large_err, reason = "the error of the engine's ports")]
pub fn listed<'i>(
    operation: &str,
    ids: impl IntoIterator<Item = Option<&'i str>>,
    next: Option<&str>,
) -> Result<Listed, CallError> {
    let ids = ids.into_iter().map(|id| {
        let id = id.ok_or_else(|| malformed(operation, "a page", "one has no id"))?;
        ResourceId::parse(id).map_err(|e| malformed(operation, id, &e.to_string()))
    });
    Ok(Listed {
        ids: ids.collect::<Result<_, _>>()?,
        next: next.filter(|t| !t.is_empty()).map(str::to_owned),
    })
}

/// The end of the second that a `Date` header names.
fn rounded_up(header: &str) -> Option<Timestamp> {
    let date = DateTimeParser::new().parse_timestamp(header).ok()?;
    date.checked_add(SignedDuration::from_secs(1)).ok()
}

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context
            .response()
            .headers()
            .get("date")
            .and_then(rounded_up)
        {
            let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = Some(latest.map_or(date, |l| l.max(date)));
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        let body = answer.body().bytes().unwrap_or_default();
        if answer.status().is_success() && !is_whole(body) {
            return Err(BrokenOff.into());
        }
        Ok(())
    }
}

/// What to do about a call that failed. `operation` is named with its service
/// (`ec2:RevokeSecurityGroupIngress`), `resource` is what it was about.
#[must_use]
pub fn classify<E>(error: &SdkError<E, HttpResponse>, operation: &str, resource: &str) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|r| r.status().as_u16());
    let (class, code) = match error {
        // The input can't be sent at all: another attempt is no better.
        SdkError::ConstructionFailure(_) => (ErrorClass::Invalid, CLIENT),
        SdkError::ServiceError(_) => {
            let code = error.code().unwrap_or_default();
            (class_of(code, status), code)
        }
        // Time-outs, lost connections, answers that can't be read: it may have been done.
        _ => (ErrorClass::Transient, CLIENT),
    };
    let message = match (error.message(), error, status) {
        (Some(message), ..) => message.to_owned(),
        (None, SdkError::ServiceError(_), Some(status)) => format!("HTTP {status}, and no reason"),
        _ => DisplayErrorContext(error).to_string(),
    };
    CallError {
        class,
        operation: operation.to_owned(),
        resource: resource.to_owned(),
        code: plain(code, 100),
        message: plain(&message, LONGEST_MESSAGE),
        request_id: error.request_id().map(|id| plain(id, 200)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_rounded_up_to_the_seconds_end() {
        assert_eq!(
            rounded_up("Sat, 24 Jan 2026 03:45:49 GMT"),
            Some("2026-01-24T03:45:50Z".parse().unwrap())
        );
        assert_eq!(rounded_up("yesterday"), None);
        assert_eq!(AnswerDate::default().latest(), None);
    }

    #[tokio::test]
    async fn what_was_not_answered_may_have_been_done() {
        let config = load().await.unwrap();
        let config = aws_sdk_dynamodb::config::Builder::from(&config)
            // Nothing listens there.
            .endpoint_url("http://127.0.0.1:9")
            .region(aws_sdk_dynamodb::config::Region::new("eu-central-1"))
            .credentials_provider(aws_credential_types::Credentials::new(
                "key", "secret", None, None, "test",
            ))
            .build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        let error = client.list_tables().send().await.unwrap_err();
        let error = classify(&error, "dynamodb:ListTables", "all tables");
        assert_eq!(error.class, ErrorClass::Transient);
        assert_eq!(error.code, CLIENT);
        assert!(
            error
                .to_string()
                .contains("dynamodb:ListTables on all tables failed"),
            "{error}"
        );
    }
}

//! Asking another function, and sending again what may pass.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::error::SdkError;
use aws_smithy_types::Blob;
use serde_json::Value;
use undrift_engine::port::{CallError, ErrorClass};

use crate::client::classify;

/// How often a request is sent before it has failed.
const TRIES: u32 = 4;
/// The wait before the second; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How long an invocation of another function may take: its own time-out, and a little. Whoever
/// gives up on it knows that it has ended.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(35);

/// Sends a request again while its failure may pass, a few times.
pub async fn attempts<T, F: Future<Output = Result<T, CallError>>>(
    send: impl Fn() -> F,
) -> Result<T, CallError> {
    let mut wait = FIRST_WAIT;
    let mut tries = 1;
    loop {
        match send().await {
            Err(e)
                if tries < TRIES
                    && matches!(e.class, ErrorClass::Throttled | ErrorClass::Transient) =>
            {
                tokio::time::sleep(wait.mul_f64(crate::clock::jitter() + 0.5)).await;
                wait *= 2;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// The other functions, to be asked directly.
#[derive(Debug, Clone)]
pub struct Functions(aws_sdk_lambda::Client);

impl Functions {
    /// By Lambda.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let timeouts = aws_sdk_lambda::config::timeout::TimeoutConfig::builder()
            .operation_attempt_timeout(INVOKE_TIMEOUT)
            .build();
        let config = aws_sdk_lambda::config::Builder::from(config)
            .timeout_config(timeouts)
            .build();
        Self(aws_sdk_lambda::Client::from_conf(config))
    }

    /// Asks a function something; its answer, or why there is none.
    pub async fn ask(&self, function: &str, request: &Value) -> Result<Value, String> {
        let answer = attempts(|| async {
            self.0
                .invoke()
                .function_name(function)
                .payload(Blob::new(request.to_string()))
                .send()
                .await
                .map_err(|e: SdkError<_, _>| classify(&e, "lambda:InvokeFunction", function))
        })
        .await
        .map_err(|e| e.to_string())?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let payload: Value = serde_json::from_slice(payload)
            .map_err(|e| format!("{function} answered no JSON: {e}"))?;
        match answer.function_error() {
            None => Ok(payload),
            Some(kind) => Err(format!("{function} failed ({kind}): {payload}")),
        }
    }
}

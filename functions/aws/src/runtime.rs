//! The Lambda's main loop, as all functions share it.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument as _;
use undrift_core::name::{AccountId, Arn};

/// An error that ends an invocation or the process; Lambda reports it.
pub type Error = lambda_runtime::Error;

/// How long work may take within one invocation.
const LONGEST: SignedDuration = SignedDuration::from_secs(20);
/// How long before Lambda ends the function its work should be done.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);
/// How long before Lambda ends the function its work is broken off, so that it can still answer.
const LAST_MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// One invocation, beside its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// The function's own account, from its ARN: what somebody else can't have put there.
    pub account: AccountId,
    /// When work should be done: 20 s on, or 5 s before Lambda ends the function.
    pub deadline: Timestamp,
    /// When work is broken off: 2 s before Lambda ends the function.
    pub limit: Timestamp,
}

/// The function's ARN names no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the invoked function's ARN `{0}` names no account")]
pub struct NoAccount(String);

impl Invocation {
    /// Reads what Lambda says of an invocation. `ends` is when it ends the function.
    fn of(
        request_id: &str,
        function_arn: &str,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<Self, NoAccount> {
        let account = Arn::parse(function_arn)
            .ok()
            .and_then(|arn| arn.account())
            .ok_or_else(|| NoAccount(function_arn.to_owned()))?;
        let before = |margin| ends.saturating_sub(margin).unwrap_or(now);
        let longest = now.saturating_add(LONGEST).unwrap_or(now);
        Ok(Self {
            request_id: request_id.to_owned(),
            account,
            deadline: longest.min(before(MARGIN)),
            limit: before(LAST_MARGIN),
        })
    }
}

/// Runs the function: gives each invocation's payload to `serve`, until Lambda ends the process.
pub async fn run<F, Fut>(serve: F) -> Result<(), Error>
where
    F: Fn(Value, Invocation) -> Fut,
    Fut: Future<Output = Result<Value, Error>>,
{
    let cold = AtomicBool::new(true);
    let (serve, cold) = (&serve, &cold);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let (payload, context) = event.into_parts();
        let cold_start = cold.swap(false, Ordering::Relaxed);
        let span = tracing::info_span!(target: "undrift", "invocation",
            function_request_id = context.request_id, cold_start,
            xray_trace_id = context.xray_trace_id.as_deref().unwrap_or_default());
        let now = Timestamp::now();
        let ends = i64::try_from(context.deadline)
            .ok()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .unwrap_or(now);
        let invocation = Invocation::of(
            &context.request_id,
            &context.invoked_function_arn,
            ends,
            now,
        )?;
        serve(payload, invocation).instrument(span).await
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_leave_time_to_answer() {
        let at = |t: &str| t.parse::<Timestamp>().unwrap();
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:undrift-ec2:live";
        let now = at("2026-01-24T03:45:00Z");
        let long = Invocation::of("r", arn, at("2026-01-24T03:45:30Z"), now).unwrap();
        assert_eq!(long.account.as_str(), "123456789012");
        assert_eq!(long.deadline, at("2026-01-24T03:45:20Z"));
        assert_eq!(long.limit, at("2026-01-24T03:45:28Z"));
        let short = Invocation::of("r", arn, at("2026-01-24T03:45:10Z"), now).unwrap();
        assert_eq!(short.deadline, at("2026-01-24T03:45:05Z"));
        assert!(Invocation::of("r", "", now, now).is_err());
    }
}

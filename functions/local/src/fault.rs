//! Failures on demand, for calls through the trail.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::json;

use crate::http;
use crate::ids;
use crate::model::{Protocol, Service};
use crate::throttle::Throttle;

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAction {
    /// It is refused with this HTTP status and AWS error code, in the service's own error form.
    Status(u16, String),
    /// As [`Self::Status`], with the message after the code.
    Refused(u16, String, String),
    /// The connection closes and AWS never saw the call.
    CloseBeforeForward,
    /// AWS does it, and the connection closes before the answer.
    CloseAfterForward,
    /// AWS does it after so many milliseconds.
    Delay(u64),
    /// AWS does it, and answers so many milliseconds later.
    DelayAnswer(u64),
    /// A status 200 with this body, which AWS never sent.
    Body(String),
    /// AWS does it, and something else comes in place of its answer's body.
    Garbled,
    /// AWS does it, and only the first half of its answer's body comes.
    Truncated,
    /// The function that calls is killed, and AWS never saw the call.
    KillBeforeForward,
    /// AWS does it, and the function that calls is killed before the answer.
    KillAfterForward,
}

/// A failure that waits for its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// The service's signing name (`ec2`, `dynamodb`); none: any.
    pub service: Option<String>,
    /// The operation; none: any.
    pub operation: Option<String>,
    /// The caller's access key; none: anyone's.
    pub access_key: Option<String>,
    /// What the request's target or body must hold, all of it.
    pub mentions: Vec<String>,
    /// How many matching calls go through before it strikes.
    pub after: u32,
    /// How often it strikes.
    pub times: u32,
    /// What it does.
    pub action: FaultAction,
}

impl FaultRule {
    /// Strikes the next `times` calls of an operation.
    #[must_use]
    pub fn new(service: &str, operation: &str, times: u32, action: FaultAction) -> Self {
        let (service, operation) = (Some(service.to_owned()), Some(operation.to_owned()));
        Self {
            service,
            operation,
            access_key: None,
            mentions: Vec::new(),
            after: 0,
            times,
            action,
        }
    }

    fn fits(&self, call: &Call<'_>) -> bool {
        let is = |want: &Option<String>, is: &str| want.as_deref().is_none_or(|want| want == is);
        is(&self.service, call.service)
            && is(&self.operation, call.operation)
            && is(&self.access_key, call.access_key)
            && self.mentions.iter().all(|part| call.mentions(part))
    }
}

/// A call that a failure may strike.
pub(crate) struct Call<'a> {
    pub(crate) seq: u64,
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) access_key: &'a str,
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

impl Call<'_> {
    fn mentions(&self, part: &str) -> bool {
        let mut windows = self.body.windows(part.len().max(1));
        self.target.contains(part) || windows.any(|w| w == part.as_bytes())
    }
}

/// A failure that struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Struck {
    /// The call's number in the log of calls.
    pub seq: u64,
    /// The service's signing name.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// What was done.
    pub action: FaultAction,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<FaultRule>,
    struck: Vec<Struck>,
    latency: Duration,
    dynamodb_latency: Duration,
    throttle: Option<Throttle>,
}

/// The failures and delays of a trail. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl Faults {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a rule; of several that match a call, the first added strikes.
    pub fn add(&self, rule: FaultRule) {
        self.with(|state| state.rules.push(rule));
    }

    /// Throttles calls to EC2 from now on as EC2 does: per API, with all callers together but for one
    /// by its access key.
    pub fn throttle_ec2(&self, but_for: Option<&str>) {
        self.with(|state| state.throttle = Some(Throttle::but_for(but_for)));
    }

    /// Removes all rules and delays, and forgets what struck.
    pub fn clear(&self) {
        self.with(|state| *state = State::default());
    }

    /// What struck so far, in order.
    #[must_use]
    pub fn struck(&self) -> Vec<Struck> {
        self.with(|state| state.struck.clone())
    }

    /// Delays every call from now on: those to `DynamoDB` by the second time, all others by the first.
    pub fn set_latency(&self, others: Duration, dynamodb: Duration) {
        self.with(|state| {
            state.latency = others;
            state.dynamodb_latency = dynamodb;
        });
    }

    pub(crate) fn latency(&self, service: &str) -> Duration {
        self.with(|state| {
            if service == "dynamodb" {
                state.dynamodb_latency
            } else {
                state.latency
            }
        })
    }

    pub(crate) fn strike(&self, call: &Call<'_>) -> Option<FaultAction> {
        self.with(|state| {
            for rule in &mut state.rules {
                if rule.times == 0 || !rule.fits(call) {
                    continue;
                }
                if rule.after > 0 {
                    rule.after -= 1;
                    continue;
                }
                rule.times -= 1;
                state.struck.push(Struck {
                    seq: call.seq,
                    service: call.service.to_owned(),
                    operation: call.operation.to_owned(),
                    action: rule.action.clone(),
                });
                return Some(rule.action.clone());
            }
            let throttle = state.throttle.as_mut().filter(|_| call.service == "ec2")?;
            if throttle.admits(call.operation, call.access_key, Instant::now()) {
                return None;
            }
            let code = "RequestLimitExceeded".to_owned();
            let action = FaultAction::Status(503, code);
            state.struck.push(Struck {
                seq: call.seq,
                service: call.service.to_owned(),
                operation: call.operation.to_owned(),
                action: action.clone(),
            });
            Some(action)
        })
    }
}

/// A refusal as the service itself would write it.
pub(crate) fn refusal(
    service: Option<&Service>,
    status: u16,
    code: &str,
    message: &str,
) -> Response<Full<Bytes>> {
    let id = ids::uuid();
    let message_xml = quick_xml::escape::escape(message);
    let protocol = service.map_or(Protocol::Json, |service| service.protocol);
    let mut response = match protocol {
        Protocol::Ec2 => http::text(
            status,
            "text/xml;charset=UTF-8",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message_xml}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
            ),
        ),
        Protocol::Query => http::text(
            status,
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>{}</Type><Code>{code}</Code><Message>{message_xml}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                if status >= 500 { "Receiver" } else { "Sender" }
            ),
        ),
        Protocol::RestXml => {
            let error = format!(
                "<Error><Code>{code}</Code><Message>{message_xml}</Message><RequestId>{id}</RequestId></Error>"
            );
            // S3 alone puts nothing around it.
            let error = match service {
                Some(service) if service.name != "s3" => {
                    format!("<ErrorResponse>{error}<RequestId>{id}</RequestId></ErrorResponse>")
                }
                _ => error,
            };
            let begin = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
            http::text(status, "application/xml", format!("{begin}\n{error}"))
        }
        Protocol::Json | Protocol::RestJson | Protocol::Other => http::text(
            status,
            "application/x-amz-json-1.0",
            json!({ "__type": code, "message": message }).to_string(),
        ),
    };
    if matches!(
        protocol,
        Protocol::Json | Protocol::RestJson | Protocol::Other
    ) {
        http::set(response.headers_mut(), "x-amzn-errortype", code);
    }
    http::set(response.headers_mut(), "x-amzn-requestid", &id);
    response
}

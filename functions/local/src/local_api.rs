//! The AWS operations that the local account answers itself: SQS for its own queues, Lambda's `Invoke` for its own
//! functions, EventBridge's `PutEvents` for its own bus, CloudTrail's `LookupEvents` over what it recorded.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::fault;
use crate::http::{self, Asked};
use crate::identity::DEFAULT_ACCOUNT;
use crate::ids;
use crate::mapping;
use crate::queue::Queue;
use crate::request::{Identified, Raw};
use crate::runtime::FunctionError;
use crate::trail::Trail;

/// The answer, if the call concerns something hosted here; none: it is moto's.
pub(crate) async fn answer(
    trail: &Arc<Trail>,
    call: &Identified,
    asked: &Asked,
) -> Option<Response<Full<Bytes>>> {
    let raw = Raw {
        method: &asked.method,
        target: &asked.target,
        headers: &asked.headers,
        body: &asked.body,
    };
    match call.service.name.as_str() {
        "sqs" => {
            let input = raw.input(&call.service, &call.operation);
            sqs(trail, call, &input).await
        }
        "events" if call.operation == "PutEvents" => {
            let answer = put_events(
                trail,
                &call.scope.region,
                &raw.input(&call.service, "PutEvents"),
            );
            Some(ok(&call.service.json_version, &answer))
        }
        "cloudtrail" if call.operation == "LookupEvents" => {
            let input = raw.input(&call.service, "LookupEvents");
            let answer = trail.history.lookup(&input, &call.scope.region);
            Some(ok(&call.service.json_version, &answer))
        }
        "lambda" if call.operation == "Invoke" => invoke(trail, call, asked, &raw).await,
        _ => None,
    }
}

async fn sqs(trail: &Trail, call: &Identified, input: &Value) -> Option<Response<Full<Bytes>>> {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let name = text("QueueUrl").map_or_else(|| text("QueueName"), |url| url.rsplit('/').next())?;
    let queue = trail.queue(name)?;
    let refused = |status: u16, code: &str, message: &str| {
        fault::refusal(Some(&call.service), status, code, message)
    };
    let answered = match call.operation.as_str() {
        "ChangeMessageVisibility" => match change(&queue, input) {
            Ok(()) => json!({}),
            Err((code, message)) => return Some(refused(400, code, message)),
        },
        "ChangeMessageVisibilityBatch" => {
            let entries = input
                .get("Entries")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let id = |entry: &Value| entry.get("Id").cloned().unwrap_or_default();
            let (mut done, mut failed) = (Vec::new(), Vec::new());
            for entry in &entries {
                match change(&queue, entry) {
                    Ok(()) => done.push(json!({ "Id": id(entry) })),
                    Err((code, message)) => {
                        failed.push(json!({ "Id": id(entry), "SenderFault": true, "Code": code, "Message": message }));
                    }
                }
            }
            json!({ "Successful": done, "Failed": failed })
        }
        "ReceiveMessage" => receive(&queue, input).await,
        "DeleteMessage" => {
            queue.delete(text("ReceiptHandle").unwrap_or_default());
            json!({})
        }
        "SendMessage" => {
            let body = text("MessageBody").unwrap_or_default();
            let wait = input.get("DelaySeconds").and_then(Value::as_u64);
            let wait = Duration::from_secs(wait.unwrap_or(0));
            json!({ "MessageId": queue.send_later(body, wait), "MD5OfMessageBody": mapping::md5(body) })
        }
        "GetQueueUrl" => {
            let account = queue.arn().split(':').nth(4).unwrap_or_default();
            json!({ "QueueUrl": format!("{}/{account}/{name}", trail.endpoint()) })
        }
        "GetQueueAttributes" => {
            let (visible, hidden) = queue.depth();
            json!({ "Attributes": {
                "QueueArn": queue.arn(),
                "ApproximateNumberOfMessages": visible.to_string(),
                "ApproximateNumberOfMessagesNotVisible": hidden.to_string(),
                "ApproximateNumberOfMessagesDelayed": "0",
                "VisibilityTimeout": queue.options().visibility.as_secs().to_string(),
            } })
        }
        _ => return None,
    };
    Some(ok(&call.service.json_version, &answered))
}

/// Messages as `ReceiveMessage` gives them: one where nothing is asked for, ten at most, and of what
/// SQS says of them only what is asked for (SQS API Reference).
async fn receive(queue: &Queue, input: &Value) -> Value {
    let number = |name: &str| input.get(name).and_then(Value::as_u64);
    let most = number("MaxNumberOfMessages").unwrap_or(1).clamp(1, 10);
    let wait = Duration::from_secs(number("WaitTimeSeconds").unwrap_or(0).min(20));
    let visibility = number("VisibilityTimeout").map(Duration::from_secs);
    let visibility = visibility.unwrap_or(queue.options().visibility);
    let most = usize::try_from(most).unwrap_or(1);
    let asked: Vec<&str> = ["MessageSystemAttributeNames", "AttributeNames"]
        .iter()
        .filter_map(|name| input.get(*name)?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let messages: Vec<Value> = queue
        .receive_for(most, wait, visibility)
        .await
        .iter()
        .map(|delivery| {
            let said = [
                ("ApproximateReceiveCount", delivery.receives.to_string()),
                ("SentTimestamp", delivery.sent_ms.to_string()),
                (
                    "ApproximateFirstReceiveTimestamp",
                    delivery.first_received_ms.to_string(),
                ),
            ];
            let wanted = |name: &str| asked.iter().any(|a| *a == "All" || *a == name);
            let said = said.into_iter().filter(|(name, _)| wanted(name));
            let said: serde_json::Map<String, Value> = said
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect();
            json!({
                "MessageId": delivery.id, "ReceiptHandle": delivery.receipt, "Body": delivery.body,
                "MD5OfBody": mapping::md5(&delivery.body), "Attributes": said
            })
        })
        .collect();
    json!({ "Messages": messages })
}

/// As EventBridge does it: an entry whose source begins with `aws.` is refused, the others are not.
fn put_events(trail: &Trail, region: &str, input: &Value) -> Value {
    let entries = input.get("Entries").and_then(Value::as_array);
    let mut failed = 0;
    let answers: Vec<Value> = entries
        .into_iter()
        .flatten()
        .map(|entry| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            let mut refuse = |code: &str| {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": format!("{code}: {}", text("Source")) })
            };
            if text("Source").is_empty() || text("DetailType").is_empty() {
                return refuse("InvalidArgument");
            }
            if text("Source").starts_with("aws.") {
                return refuse("NotAuthorizedForSourceException");
            }
            let Ok(detail) = serde_json::from_str::<Value>(text("Detail")) else {
                return refuse("MalformedDetail");
            };
            let id = ids::uuid();
            trail.bus.put(&json!({
                "version": "0", "id": id, "detail-type": text("DetailType"), "source": text("Source"),
                "account": DEFAULT_ACCOUNT, "time": format!("{:.0}", jiff::Timestamp::now()), "region": region,
                "resources": entry.get("Resources").cloned().unwrap_or_else(|| json!([])), "detail": detail,
            }));
            json!({ "EventId": id })
        })
        .collect();
    json!({ "FailedEntryCount": failed, "Entries": answers })
}

fn ok(version: &str, value: &Value) -> Response<Full<Bytes>> {
    let mut response = http::text(
        200,
        &format!("application/x-amz-json-{version}"),
        value.to_string(),
    );
    http::set(response.headers_mut(), "x-amzn-requestid", &ids::uuid());
    response
}

fn change(queue: &Queue, input: &Value) -> Result<(), (&'static str, &'static str)> {
    let receipt = input
        .get("ReceiptHandle")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let seconds = input
        .get("VisibilityTimeout")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    if seconds > 43_200 {
        return Err((
            "InvalidParameterValue",
            "the visibility time-out is at most 12 hours",
        ));
    }
    if queue.change_visibility(receipt, Duration::from_secs(seconds)) {
        return Ok(());
    }
    Err((
        "ReceiptHandleIsInvalid",
        "the receipt handle is not of a message in flight",
    ))
}

async fn invoke(
    trail: &Arc<Trail>,
    call: &Identified,
    asked: &Asked,
    raw: &Raw<'_>,
) -> Option<Response<Full<Bytes>>> {
    let input = raw.input(&call.service, &call.operation);
    let named = input.get("FunctionName").and_then(Value::as_str)?;
    let name = named.split(":function:").last()?.split(':').next()?;
    let function = trail.function(name)?;
    let payload: Value = if asked.body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(&asked.body).ok()?
    };
    if input.get("InvocationType").and_then(Value::as_str) == Some("Event") {
        tokio::spawn(async move {
            // Nobody waits for the answer of an asynchronous invocation.
            let _ = function.invoke(&payload).await;
        });
        return Some(http::text(202, "application/json", ""));
    }
    let mut response = match function.invoke(&payload).await {
        Ok(value) => http::text(200, "application/json", value.to_string()),
        Err(error) => {
            let (kind, message) = match error {
                FunctionError::Failed {
                    error_type,
                    message,
                } => (error_type, message),
                FunctionError::TimedOut { after } => {
                    let text = format!("Task timed out after {:.2} seconds", after.as_secs_f64());
                    ("Sandbox.Timedout".to_owned(), text)
                }
                other => ("Runtime.ExitError".to_owned(), other.to_string()),
            };
            let body = json!({ "errorType": kind, "errorMessage": message }).to_string();
            let mut response = http::text(200, "application/json", body);
            http::set(response.headers_mut(), "x-amz-function-error", "Unhandled");
            response
        }
    };
    http::set(response.headers_mut(), "x-amzn-requestid", &ids::uuid());
    http::set(response.headers_mut(), "x-amz-executed-version", "$LATEST");
    Some(response)
}

//! Event source mappings from queues: what polls a queue and invokes a function with its messages.

use std::time::Duration;

use md5::{Digest, Md5};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::ids;
use crate::queue::{Delivery, Queue};
use crate::runtime::Function;

/// How long one poll waits for a message.
const POLL: Duration = Duration::from_secs(20);

/// Starts as many pollers as the function has processes. They end when aborted.
pub(crate) fn map_queue(
    queue: &Queue,
    function: &Function,
    batch_size: usize,
    window: Duration,
) -> Vec<JoinHandle<()>> {
    (0..function.concurrency())
        .map(|_| {
            tokio::spawn(poll(
                queue.clone(),
                function.clone(),
                batch_size.max(1),
                window,
            ))
        })
        .collect()
}

async fn poll(queue: Queue, function: Function, batch_size: usize, window: Duration) {
    loop {
        let mut batch = queue.receive(batch_size, POLL).await;
        if batch.is_empty() {
            continue;
        }
        if !window.is_zero() {
            let until = tokio::time::Instant::now() + window;
            while batch.len() < batch_size && tokio::time::Instant::now() < until {
                let left = until.saturating_duration_since(tokio::time::Instant::now());
                batch.extend(queue.receive(batch_size - batch.len(), left).await);
            }
        }
        let records: Vec<Value> = batch
            .iter()
            .map(|delivery| record(&queue, delivery))
            .collect();
        // An error leaves the whole batch hidden until its visibility ends, as Lambda does.
        if let Ok(answer) = function.invoke(&json!({ "Records": records })).await {
            for delivery in &batch {
                if !failed(&answer, &delivery.id) {
                    queue.delete(&delivery.receipt);
                }
            }
        }
    }
}

/// Whether a partial batch response names a message. An answer with an empty or null id fails the whole batch, as
/// AWS documents.
pub(crate) fn failed(answer: &Value, id: &str) -> bool {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    failures.into_iter().flatten().any(|failure| {
        let named = failure
            .get("itemIdentifier")
            .and_then(Value::as_str)
            .unwrap_or_default();
        named.is_empty() || named == id
    })
}

/// The digest SQS gives of a body.
pub(crate) fn md5(body: &str) -> String {
    ids::hex(Md5::digest(body))
}

/// A message as Lambda hands it to a function.
fn record(queue: &Queue, delivery: &Delivery) -> Value {
    let region = queue.arn().split(':').nth(3).unwrap_or_default();
    json!({
        "messageId": delivery.id,
        "receiptHandle": delivery.receipt,
        "body": delivery.body,
        "attributes": {
            "ApproximateReceiveCount": delivery.receives.to_string(),
            "SentTimestamp": delivery.sent_ms.to_string(),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": delivery.first_received_ms.to_string(),
        },
        "messageAttributes": {},
        "md5OfBody": md5(&delivery.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn(),
        "awsRegion": region,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_batch_responses_are_read_as_documented() {
        let answer = json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] });
        assert!(failed(&answer, "a") && !failed(&answer, "b"));
        assert!(failed(
            &json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }),
            "b"
        ));
        assert!(failed(
            &json!({ "batchItemFailures": [{ "itemIdentifier": null }] }),
            "b"
        ));
        for all_fine in [
            json!(null),
            json!({}),
            json!({ "batchItemFailures": [] }),
            json!({ "batchItemFailures": null }),
        ] {
            assert!(!failed(&all_fine, "b"));
        }
    }
}

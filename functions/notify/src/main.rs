//! The Lambda function that tells people, fed by the table's stream and by the queue of what
//! channels are owed.

use serde_json::Value;
use undrift_aws::client;
use undrift_aws::config::NotifyEnvironment;
use undrift_aws::journal::DynamoJournal;
use undrift_aws::metrics::Metrics;
use undrift_aws::queue::Queue;
use undrift_aws::runtime::{Error, run};
use undrift_core::policy::Bundle;
use undrift_notify::all::all;
use undrift_notify::marks::{OwedQueue, TableMarks};
use undrift_notify::owed::settle;
use undrift_notify::stream::Batch;
use undrift_notify::tell::tell;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    undrift_aws::log::init("undrift-notify");
    let environment = NotifyEnvironment::load()?;
    let config = client::load().await?;
    let journal = DynamoJournal::new(&config, &environment.table);
    let metrics = Metrics::to_stdout(&environment.function);
    journal.warm().await;
    let bundle = std::fs::read_to_string(&environment.bundle)
        .map_err(|e| format!("UNDRIFT_BUNDLE, {}: {e}", environment.bundle.display()))?;
    let routes = Bundle::read_settings(&bundle)?.notices;
    let channels = all(&config, &environment, &routes)?;
    let marks = TableMarks(journal);
    let queue = environment.owed_queue_url.as_deref();
    let owed = OwedQueue(queue.map(|url| Queue::new(&config, url)));
    let (marks, channels, owed, metrics) = (&marks, &channels, &owed, &metrics);
    run(|payload, invocation| async move {
        let limit = invocation.deadline;
        let unread = |e: serde_json::Error| {
            tracing::error!(error = %e, "the invocation is neither a stream's nor the queue's");
            e
        };
        let from = payload.pointer("/Records/0/eventSource");
        let answer = if from.and_then(Value::as_str) == Some("aws:sqs") {
            let batch = serde_json::from_value(payload).map_err(unread)?;
            settle(&batch, marks, channels, owed, metrics, limit).await
        } else {
            let batch: Batch = serde_json::from_value(payload).map_err(unread)?;
            tell(&batch, marks, channels, owed, metrics, limit).await
        };
        Ok(serde_json::to_value(answer)?)
    })
    .await
}

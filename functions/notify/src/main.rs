//! The Lambda function that tells people, fed by the table's stream.

use undrift_aws::client;
use undrift_aws::config::NotifyEnvironment;
use undrift_aws::journal::DynamoJournal;
use undrift_aws::metrics::Metrics;
use undrift_aws::runtime::{Error, run};
use undrift_core::policy::Bundle;
use undrift_notify::all::all;
use undrift_notify::marks::TableMarks;
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
    let (marks, channels, metrics) = (&marks, &channels, &metrics);
    run(|payload, invocation| async move {
        let batch: Batch = serde_json::from_value(payload).map_err(|e| {
            tracing::error!(error = %e, "the invocation is no stream's batch");
            e
        })?;
        let answer = tell(&batch, marks, channels, metrics, invocation.deadline).await;
        Ok(serde_json::to_value(answer)?)
    })
    .await
}

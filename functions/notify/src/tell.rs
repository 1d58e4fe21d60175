//! A batch of the stream to every channel: at the same time, so that a slow one holds no other
//! up, and on each in the stream's order.

use futures_util::future::join_all;
use jiff::Timestamp;
use undrift_aws::batch::BatchAnswer;
use undrift_aws::metrics::Metrics;
use undrift_core::notice::repeats;

use crate::channel::{Channel, Told};
use crate::deliver::{Done, Marks, deliver};
use crate::stream::{Batch, Entry, Seen};

/// Tells of the revisions in a stream's batch. From `limit` on nothing is begun any more; what
/// is left comes again.
pub async fn tell<M: Marks, C: Channel>(
    batch: &Batch,
    marks: &M,
    channels: &[C],
    metrics: &Metrics,
    limit: Timestamp,
) -> BatchAnswer {
    let mut all = Vec::new();
    for entry in &batch.entries {
        if let Some(told) = read(entry, marks, metrics).await {
            all.push((entry.dynamodb.sequence_number.as_str(), told));
        }
    }
    let all = &all;
    let failed = join_all(channels.iter().map(|channel| async move {
        let mut failed = Vec::new();
        for (sequence, told) in all.iter().filter(|(_, told)| channel.takes(told)) {
            if Timestamp::now() >= limit {
                tracing::warn!(
                    sequence_number = sequence,
                    channel = channel.name(),
                    "no time is left for the notice"
                );
                failed.push(*sequence);
                continue;
            }
            match deliver(told, marks, channel, limit).await {
                Done::Now => metrics.told(channel.name(), Timestamp::now()),
                Done::Before => {}
                Done::Again => {
                    metrics.failed(Timestamp::now());
                    failed.push(*sequence);
                }
            }
        }
        failed
    }))
    .await
    .concat();
    // In the stream's order, each once.
    let again = all.iter().map(|(sequence, _)| *sequence);
    let again = again.filter(|sequence| failed.contains(sequence));
    BatchAnswer::of(again.map(str::to_owned).collect::<Vec<_>>())
}

/// What is to be told of an entry.
async fn read<M: Marks>(entry: &Entry, marks: &M, metrics: &Metrics) -> Option<Told> {
    let record = match entry.read() {
        Seen::Record(record) => *record,
        Seen::Other => return None,
        Seen::Unreadable(why) => {
            // It would hold up all that follow for as long as the stream keeps it.
            tracing::error!(
                sequence_number = entry.dynamodb.sequence_number,
                why,
                "a record in the stream can't be read; nobody is told of it"
            );
            metrics.failed(Timestamp::now());
            return None;
        }
    };
    let times = match repeats(&record) {
        None => None,
        Some(repeats) => {
            let counted = marks.count(&record.key, &repeats).await;
            counted
                .inspect_err(|e| {
                    tracing::warn!(record = %record.key, error = %e,
                        "the notice says nothing of repeats");
                })
                .ok()
        }
    };
    Some(Told::of(record, times))
}

#[cfg(test)]
#[path = "tell_testing.rs"]
pub(crate) mod testing;

#[cfg(test)]
#[path = "tell_tests.rs"]
mod tests;

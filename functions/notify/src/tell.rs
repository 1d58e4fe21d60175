//! A batch of the stream to every channel: at the same time, so that a slow one holds no other
//! up, and on each in the stream's order.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use undrift_aws::batch::BatchAnswer;
use undrift_aws::metrics::Metrics;
use undrift_core::notice::repeats;
use undrift_core::record::Record;

use crate::channel::{Channel, Told};
use crate::deliver::{Done, Marks, deliver};
use crate::owed::{Owe, Owed};
use crate::stream::{Batch, Entry, Seen};

/// How long a hanging channel is waited for.
const HANGING: SignedDuration = SignedDuration::from_secs(6);

/// Tells of the revisions in a stream's batch. What fails on a channel is owed to it, and what
/// follows in the batch with it, so that one channel's failure holds up nobody. From `limit` on
/// nothing is begun any more. Only what could not be kept as owed comes again with the stream.
pub async fn tell<M: Marks, C: Channel, O: Owe>(
    batch: &Batch,
    marks: &M,
    channels: &[C],
    owe: &O,
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
        let (mut failed, mut broken) = (Vec::new(), None);
        for (sequence, told) in all.iter().filter(|(_, told)| channel.takes(told)) {
            let done = match broken {
                Some(wait) => Done::Again { wait },
                None if Timestamp::now() >= limit => Done::Again {
                    wait: Duration::ZERO,
                },
                None => deliver(told, marks, channel, patience(channel, limit)).await,
            };
            match done {
                Done::Now => metrics.told(channel.name(), Timestamp::now()),
                Done::Before => {}
                Done::Again { wait } => {
                    metrics.failed(Timestamp::now());
                    if is_owed(told, channel.name(), owe, wait).await {
                        broken = Some(wait);
                    } else {
                        failed.push(*sequence);
                    }
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

/// A channel that can be asked whether it took a notice is left for later as soon as it hangs: the
/// stream's next batch, and with it all other channels, waits for this one.
fn patience<C: Channel>(channel: &C, limit: Timestamp) -> Timestamp {
    if channel.threads() {
        limit.min(Timestamp::now() + HANGING)
    } else {
        limit
    }
}

async fn is_owed<O: Owe>(told: &Told, channel: &str, owe: &O, wait: Duration) -> bool {
    let (key, revision) = (&told.record.key, told.record.revision);
    let owed = Owed {
        key: key.clone(),
        revision,
        channel: channel.to_owned(),
    };
    match owe.owe(&owed, wait).await {
        Ok(()) => {
            tracing::warn!(record = %key, revision, channel, "the notice is owed");
            true
        }
        Err(why) => {
            tracing::error!(record = %key, revision, channel, why,
                "the notice can't be kept as owed; it comes again with the stream");
            false
        }
    }
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
    Some(told(record, marks).await)
}

/// What is told of a record.
pub(crate) async fn told<M: Marks>(record: Record, marks: &M) -> Told {
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
    Told::of(record, times)
}

#[cfg(test)]
#[path = "tell_testing.rs"]
pub(crate) mod testing;

#[cfg(test)]
#[path = "tell_fakes.rs"]
pub(crate) mod fakes;

#[cfg(test)]
#[path = "tell_tests.rs"]
mod tests;

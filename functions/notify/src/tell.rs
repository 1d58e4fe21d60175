//! Each revision is told of once: marked before, published, marked after.
//!
//! A publish that failed is tried again with the whole rest of the stream's batch; marks keep
//! what was published from being published again. Only a crash between the publish and its mark
//! can make people read the same twice.

use std::future::Future;

use jiff::Timestamp;
use undrift_aws::batch::BatchAnswer;
use undrift_aws::metrics::Metrics;
use undrift_core::notice::notice;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{CallError, JournalError};

use crate::message::{Message, message};
use crate::stream::{Batch, Entry, Seen};

/// May a revision be told of?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Yes, by us.
    Tell,
    /// It was told of.
    Told,
    /// Somebody is at it.
    Busy,
}

/// Remembers what was told of.
pub trait Marks: Send + Sync {
    /// Marks a revision as being told of.
    fn begin(
        &self,
        key: &ChangeKey,
        revision: u32,
    ) -> impl Future<Output = Result<May, JournalError>> + Send;

    /// Marks it as told of, by the channel's id of the message.
    fn finish(
        &self,
        key: &ChangeKey,
        revision: u32,
        message_id: &str,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Takes the mark back: it was not told of.
    fn cancel(
        &self,
        key: &ChangeKey,
        revision: u32,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;
}

/// A way to tell people.
pub trait Channel: Send + Sync {
    /// Its name in metrics.
    fn name(&self) -> &'static str;

    /// Tells them; gives the channel's id of the message.
    fn publish(&self, message: &Message) -> impl Future<Output = Result<String, CallError>> + Send;
}

/// Tells people of the revisions in a stream's batch, in their order. From `limit` on nothing is
/// begun any more; what is left comes again.
pub async fn tell<M: Marks, C: Channel>(
    batch: &Batch,
    marks: &M,
    channel: &C,
    metrics: &Metrics,
    limit: Timestamp,
) -> BatchAnswer {
    let mut again = Vec::new();
    for entry in &batch.entries {
        let sequence = &entry.dynamodb.sequence_number;
        if Timestamp::now() >= limit {
            tracing::warn!(sequence_number = sequence, "no time is left for the notice");
            again.push(sequence.clone());
            continue;
        }
        if !one(entry, marks, channel, metrics).await {
            again.push(sequence.clone());
        }
    }
    BatchAnswer::of(again)
}

/// Tells of one entry; `false`: it is to come again.
async fn one<M: Marks, C: Channel>(
    entry: &Entry,
    marks: &M,
    channel: &C,
    metrics: &Metrics,
) -> bool {
    let record = match entry.read() {
        Seen::Record(record) => record,
        Seen::Other => return true,
        Seen::Unreadable(why) => {
            // It would hold up all that follow for as long as the stream keeps it.
            tracing::error!(
                sequence_number = entry.dynamodb.sequence_number,
                why,
                "a record in the stream can't be read; nobody is told of it"
            );
            metrics.failed(Timestamp::now());
            return true;
        }
    };
    let Some(notice) = notice(&record) else {
        return true;
    };
    let Record { key, revision, .. } = &*record;
    match marks.begin(key, *revision).await {
        Ok(May::Tell) => {}
        Ok(May::Told) => return true,
        Ok(May::Busy) => {
            tracing::info!(record = %key, revision, "somebody else is telling of it");
            return false;
        }
        Err(e) => {
            tracing::error!(record = %key, revision, error = %e, "the notice can't be marked");
            return false;
        }
    }
    let message_id = match channel.publish(&message(&notice)).await {
        Ok(id) => id,
        Err(e) => {
            tracing::error!(record = %key, revision, error = %e, "the notice could not be published");
            metrics.failed(Timestamp::now());
            if let Err(e) = marks.cancel(key, *revision).await {
                tracing::warn!(record = %key, revision, error = %e,
                    "the mark could not be taken back; it gives way after two minutes");
            }
            return false;
        }
    };
    metrics.told(channel.name(), Timestamp::now());
    tracing::info!(record = %key, revision, message_id, outcome = record.outcome.kind.word(),
        "people were told");
    if let Err(e) = marks.finish(key, *revision, &message_id).await {
        tracing::warn!(record = %key, revision, error = %e,
            "the notice could not be marked as published; it may be published once more");
        // Published all the same: coming again would only publish it again.
    }
    true
}

#[cfg(test)]
#[path = "tell_testing.rs"]
pub(crate) mod testing;

#[cfg(test)]
#[path = "tell_tests.rs"]
mod tests;

//! What a channel is owed: notices that failed wait in a queue, so that one channel's failure holds
//! up neither the stream nor the other channels.

use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use undrift_aws::batch::{Batch, BatchAnswer, Message, Postpone};
use undrift_aws::metrics::Metrics;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::JournalError;

use crate::channel::Channel;
use crate::deliver::{Done, Marks, deliver};
use crate::tell::told;

/// The shortest and the longest wait before an owed notice is tried again, in seconds.
const WAITS: (u32, u32) = (2, 900);

/// A notice that a channel is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The record.
    pub key: ChangeKey,
    /// Its revision.
    pub revision: u32,
    /// The channel's name.
    pub channel: String,
}

/// Keeps what is owed.
pub trait Owe: Send + Sync {
    /// Keeps it for `wait` at least. An error: it is not kept, in words.
    fn owe(&self, owed: &Owed, wait: Duration) -> impl Future<Output = Result<(), String>> + Send;
}

/// Reads records back.
pub trait Records: Send + Sync {
    /// That revision, if it is there.
    fn revision(
        &self,
        key: &ChangeKey,
        revision: u32,
    ) -> impl Future<Output = Result<Option<Record>, JournalError>> + Send;
}

/// Tries what is owed once more, all messages at the same time; those that fail again are put off,
/// each time for longer.
pub async fn settle<M: Marks + Records, C: Channel, P: Postpone>(
    batch: &Batch,
    marks: &M,
    channels: &[C],
    queue: &P,
    metrics: &Metrics,
    limit: Timestamp,
) -> BatchAnswer {
    let tried = join_all(batch.messages.iter().map(|message| async move {
        if try_one(message, marks, channels, metrics, limit).await {
            return None;
        }
        let receives = message.attributes.approximate_receive_count.parse();
        let seconds = wait(receives.unwrap_or(1));
        if let Err(e) = queue.postpone(&message.receipt_handle, seconds).await {
            tracing::warn!(error = %e, "an owed notice could not be put off; it comes by itself");
        }
        Some(message.message_id.clone())
    }));
    BatchAnswer::of(tried.await.into_iter().flatten())
}

/// It was told, or never can be.
async fn try_one<M: Marks + Records, C: Channel>(
    message: &Message,
    marks: &M,
    channels: &[C],
    metrics: &Metrics,
    limit: Timestamp,
) -> bool {
    let Ok(owed) = serde_json::from_str::<Owed>(&message.body) else {
        tracing::error!(
            message_id = message.message_id,
            "a message of the queue of owed notices is none"
        );
        metrics.failed(Timestamp::now());
        return true;
    };
    let Owed {
        key,
        revision,
        channel: name,
    } = &owed;
    let Some(channel) = channels.iter().find(|c| c.name() == name) else {
        tracing::error!(record = %key, revision, channel = name,
            "a notice is owed to a channel that is no more; nobody is told of it there");
        metrics.failed(Timestamp::now());
        return true;
    };
    let record = match marks.revision(key, *revision).await {
        Ok(Some(record)) => record,
        Ok(None) => {
            tracing::error!(record = %key, revision, channel = name,
                "a notice is owed of a record that is no more");
            metrics.failed(Timestamp::now());
            return true;
        }
        Err(e) => {
            tracing::error!(record = %key, revision, channel = name, error = %e,
                "the record of an owed notice can't be read");
            return false;
        }
    };
    match deliver(&told(record, marks).await, marks, channel, limit).await {
        Done::Now => {
            metrics.told(channel.name(), Timestamp::now());
            true
        }
        Done::Before => true,
        Done::Again { .. } => {
            metrics.failed(Timestamp::now());
            false
        }
    }
}

/// The wait after so many receives: it doubles.
fn wait(receives: u32) -> u32 {
    let (shortest, longest) = WAITS;
    let doubled = 2_u32.checked_pow(receives.saturating_sub(1));
    doubled
        .and_then(|times| times.checked_mul(shortest))
        .map_or(longest, |seconds| seconds.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        assert_eq!(
            [0, 1, 2, 3, 9, 10, 40, u32::MAX].map(wait),
            [2, 2, 4, 8, 512, 900, 900, 900]
        );
    }
}

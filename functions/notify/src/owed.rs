//! What a channel is owed: notices that failed wait in a queue, so that one channel's failure holds
//! up neither the stream nor the other channels.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use undrift_aws::batch::{Batch, BatchAnswer, Message, Postpone};
use undrift_aws::journal::post::Shown;
use undrift_aws::metrics::Metrics;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::JournalError;

use crate::channel::Channel;
use crate::deliver::{Done, Marks, deliver};
use crate::tell::told;

/// The shortest and the longest wait before an owed notice is tried again, in seconds.
const WAITS: (u32, u32) = (2, 900);
/// The longest wait that a channel may ask for, in seconds: SQS keeps a message invisible for 12
/// hours at most, the time it already was included (SQS Developer Guide, "Quotas").
const LONGEST: u32 = 42_000;

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

/// Tries what is owed once more: channels at the same time, and on each in the order in which it
/// happened, so that an incident's notices find its message. What fails again is put off, each time
/// for longer, and for as long as its channel asks; what follows it on a channel that asks, too.
pub async fn settle<M: Marks + Records, C: Channel, P: Postpone>(
    batch: &Batch,
    marks: &M,
    channels: &[C],
    queue: &P,
    metrics: &Metrics,
    limit: Timestamp,
) -> BatchAnswer {
    let reads = batch.messages.iter().map(|message| async move {
        let found = find(message, marks, channels, metrics).await;
        (message, found)
    });
    let (mut later, mut of_channels) = (Vec::new(), BTreeMap::<&str, Vec<_>>::new());
    for (message, found) in join_all(reads).await {
        match found {
            Found::Never => {}
            Found::Unread => later.push((message, Duration::ZERO)),
            Found::Record(record, channel) => {
                let of_channel = of_channels.entry(channel.name()).or_default();
                of_channel.push((message, record, channel));
            }
        }
    }
    let tried = join_all(of_channels.into_values().map(|mut all| async move {
        all.sort_by_cached_key(|(_, record, _)| Shown::of(record));
        let (mut later, mut asked) = (Vec::new(), Duration::ZERO);
        for (message, record, channel) in all {
            // What is begun without time may be sent, and its answer lost.
            if asked.is_zero() && Timestamp::now() < limit {
                match deliver(&told(*record, marks).await, marks, channel, limit).await {
                    Done::Now => metrics.told(channel.name(), Timestamp::now()),
                    Done::Before => {}
                    Done::Again { wait } => {
                        metrics.failed(Timestamp::now());
                        asked = wait;
                        later.push((message, wait));
                    }
                }
            } else {
                later.push((message, asked));
            }
        }
        later
    }));
    later.extend(tried.await.into_iter().flatten());
    join_all(later.iter().map(|(message, asked)| async move {
        let receives = message.attributes.approximate_receive_count.parse();
        let asked = u32::try_from(asked.as_secs()).map_or(LONGEST, |s| s.min(LONGEST));
        let seconds = wait(receives.unwrap_or(1)).max(asked);
        if let Err(e) = queue.postpone(&message.receipt_handle, seconds).await {
            tracing::warn!(error = %e, "an owed notice could not be put off; it comes by itself");
        }
    }))
    .await;
    BatchAnswer::of(
        later
            .into_iter()
            .map(|(message, _)| message.message_id.clone()),
    )
}

/// What a message of the queue is about.
enum Found<'c, C> {
    /// The record, and the channel that is owed it.
    Record(Box<Record>, &'c C),
    /// It can't be read now.
    Unread,
    /// It can never be told.
    Never,
}

async fn find<'c, M: Records, C: Channel>(
    message: &Message,
    marks: &M,
    channels: &'c [C],
    metrics: &Metrics,
) -> Found<'c, C> {
    let Ok(owed) = serde_json::from_str::<Owed>(&message.body) else {
        tracing::error!(
            message_id = message.message_id,
            "a message of the queue of owed notices is none"
        );
        metrics.failed(Timestamp::now());
        return Found::Never;
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
        return Found::Never;
    };
    match marks.revision(key, *revision).await {
        Ok(Some(record)) => Found::Record(Box::new(record), channel),
        Ok(None) => {
            tracing::error!(record = %key, revision, channel = name,
                "a notice is owed of a record that is no more");
            metrics.failed(Timestamp::now());
            Found::Never
        }
        Err(e) => {
            tracing::error!(record = %key, revision, channel = name, error = %e,
                "the record of an owed notice can't be read");
            Found::Unread
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
#[path = "owed_tests.rs"]
mod tests;

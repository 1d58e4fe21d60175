//! What becomes of a queue's batch: each message is read, changes go to the handler together,
//! and the answer says which messages are to come again.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use undrift_core::change::{Change, Expected};
use undrift_engine::Disposition;
use undrift_engine::port::{CallError, Journal};

use crate::intake::{Rejected, Taken, take};
use crate::metrics::Metrics;
use crate::request::{Fate, REDELIVER, Redeliver, Request, RequestError, TAG};

/// What a service's function does with what it is given.
pub trait Handler: Send + Sync {
    /// Handles changes; one disposition each, in their order.
    fn handle(
        &self,
        changes: Vec<Change>,
        deadline: Timestamp,
    ) -> impl Future<Output = Vec<Disposition>> + Send;

    /// Whether it takes changes at all.
    fn takes_changes(&self) -> bool {
        true
    }

    /// Carries a direct request out.
    fn request(
        &self,
        request: Value,
        place: &Expected,
        deadline: Timestamp,
    ) -> impl Future<Output = Result<Value, RequestError>> + Send;
}

/// Puts one message off, so that it isn't delivered before its time.
pub trait Postpone: Send + Sync {
    /// Keeps the message with that receipt invisible for whole `seconds` from now.
    fn postpone(
        &self,
        receipt: &str,
        seconds: u32,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// A batch as Lambda hands it over (Lambda Developer Guide, "Using Lambda with Amazon SQS").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub messages: Vec<Message>,
}

/// One message of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// SQS's id of it.
    pub message_id: String,
    /// What it is put off or deleted by.
    pub receipt_handle: String,
    /// An EventBridge event.
    #[serde(default)]
    pub body: String,
    /// What SQS says of it.
    #[serde(default)]
    pub attributes: Attributes,
}

/// What SQS says of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The how manieth time it was received; a number as text.
    #[serde(default)]
    pub approximate_receive_count: String,
}

/// The messages that are to come again, as Lambda reads it (`ReportBatchItemFailures`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// One for each of them; all others are deleted from the queue.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that is to come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// SQS's id of the message, or a stream's sequence number.
    pub item_identifier: String,
}

impl BatchAnswer {
    /// The answer that has these come again.
    pub fn of(ids: impl IntoIterator<Item = String>) -> Self {
        Self {
            batch_item_failures: ids
                .into_iter()
                .map(|item_identifier| BatchItemFailure { item_identifier })
                .collect(),
        }
    }
}

/// The longest that SQS keeps a message invisible, with room for the time it already was
/// (12 hours in all; SQS Developer Guide, "Quotas").
const LONGEST_WAIT: u64 = 42_000;

/// What batches are worked through with.
#[derive(Debug)]
pub struct Work<'w, H, J, P> {
    /// Handles changes.
    pub handler: &'w H,
    /// Remembers what isn't understood.
    pub journal: &'w J,
    /// Puts messages off; absent: the queue's own visibility time-out counts.
    pub postpone: Option<&'w P>,
    /// Counts.
    pub metrics: &'w Metrics,
    /// The account and region of events that are meant for us.
    pub expected: &'w Expected,
    /// When the work should be done.
    pub deadline: Timestamp,
    /// When it is broken off.
    pub limit: Timestamp,
}

impl<H: Handler, J: Journal, P: Postpone> Work<'_, H, J, P> {
    /// Works a batch through. A message is acknowledged only if it was dealt with or can never be.
    pub async fn batch(&self, batch: Batch) -> BatchAnswer {
        let fates = self.deal(&batch.messages).await;
        let messages = batch.messages.into_iter().zip(fates);
        let again: Vec<(Message, Fate)> = messages.filter(|(_, f)| *f != Fate::Done).collect();
        join_all(again.iter().map(|(message, fate)| async move {
            if let Fate::Again { after, why } = fate {
                self.put_off(message, *after, why).await;
            }
        }))
        .await;
        BatchAnswer::of(again.into_iter().map(|(message, _)| message.message_id))
    }

    /// Deals with messages that didn't come by the queue; what became of each, in their order.
    async fn redeliver(&self, redeliver: Redeliver) -> Value {
        if !self.handler.takes_changes() {
            let why = "this function undoes; ask the one that reverts".to_owned();
            return RequestError::Refused(why).answer();
        }
        let bodies = redeliver.messages.into_iter().enumerate();
        let messages: Vec<Message> = bodies
            .map(|(place, body)| Message {
                message_id: format!("redelivered-{place}"),
                receipt_handle: String::new(),
                body,
                attributes: Attributes::default(),
            })
            .collect();
        json!({"redelivered": self.deal(&messages).await})
    }

    /// Reads messages, and hands all changes among them over together; what became of each.
    async fn deal(&self, messages: &[Message]) -> Vec<Fate> {
        let now = Timestamp::now();
        let (mut changes, mut of_changes, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
        for (place, message) in messages.iter().enumerate() {
            match take(&message.body, self.expected) {
                Taken::Change(change) => {
                    self.metrics.event_lag(change.time, now);
                    tracing::debug!(event = %change.id, name = %change.name, "a change was taken");
                    changes.push(*change);
                    of_changes.push(place);
                }
                Taken::Ignored(why) => {
                    tracing::debug!(message_id = message.message_id, why = ?why, "ignored");
                }
                Taken::Rejected(rejected) => rejects.push((place, &message.message_id, rejected)),
            }
        }
        let rejecting = join_all(rejects.into_iter().map(|(place, id, rejected)| async move {
            self.metrics.rejected(now);
            (place, self.reject(id, rejected).await)
        }));
        let (rejected, handled) = tokio::join!(rejecting, self.changes(changes));
        let mut fates = vec![Fate::Done; messages.len()];
        for (place, fate) in rejected
            .into_iter()
            .chain(of_changes.into_iter().zip(handled))
        {
            if let Some(known) = fates.get_mut(place) {
                *known = fate;
            }
        }
        fates
    }

    /// Remembers a message that will never be understood.
    async fn reject(&self, id: &str, rejected: Rejected) -> Fate {
        tracing::error!(
            message_id = id,
            digest = rejected.digest,
            why = rejected.why,
            beginning = rejected.beginning,
            "a message is not understood"
        );
        let remembered = self
            .journal
            .reject(&rejected.digest, &rejected.why, &rejected.beginning)
            .await;
        match remembered {
            Ok(()) => Fate::Done,
            Err(e) => {
                tracing::error!(message_id = id, error = %e,
                    "the message could not be remembered; it comes again");
                Fate::Failed(e.to_string())
            }
        }
    }

    /// Hands changes over; what becomes of the message of each.
    async fn changes(&self, changes: Vec<Change>) -> Vec<Fate> {
        if changes.is_empty() {
            return Vec::new();
        }
        let count = changes.len();
        let failed = |why: &str| vec![Fate::Failed(why.to_owned()); count];
        let work = self.guarded(self.handler.handle(changes, self.deadline));
        let Some(dispositions) = work.await else {
            return failed("the function failed or ran out of time; its log says how");
        };
        if dispositions.len() != count {
            tracing::error!(
                changes = count,
                dispositions = dispositions.len(),
                "not every change has its disposition; the whole batch comes again"
            );
            self.metrics.failed(Timestamp::now());
            return failed("not every change has its disposition");
        }
        dispositions.into_iter().map(fate).collect()
    }

    async fn put_off(&self, message: &Message, seconds: u32, why: &str) {
        tracing::info!(
            message_id = message.message_id,
            seconds,
            why,
            "the message comes again"
        );
        let Some(postpone) = self.postpone else {
            return;
        };
        // It comes again in any case: sooner or later than asked for, if this fails.
        if let Err(e) = postpone.postpone(&message.receipt_handle, seconds).await {
            tracing::warn!(message_id = message.message_id, error = %e,
                "the message could not be put off; it comes again by the queue's own time-out");
        }
    }

    /// Carries a direct request out; errors are answers too.
    pub async fn request(&self, request: Value) -> Value {
        if request.get(TAG).and_then(Value::as_str) == Some(REDELIVER) {
            return match Request::parse(request) {
                Ok(Request::Redeliver(messages)) => self.redeliver(messages).await,
                Ok(_) => RequestError::NotUnderstood("it is another request".to_owned()).answer(),
                Err(e) => e.answer(),
            };
        }
        match self
            .guarded(self.handler.request(request, self.expected, self.deadline))
            .await
        {
            Some(Ok(answer)) => answer,
            Some(Err(e)) => {
                tracing::warn!(error = %e, "the request was not carried out");
                e.answer()
            }
            None => RequestError::Failed(
                "the function failed or ran out of time; its log says how".to_owned(),
            )
            .answer(),
        }
    }

    /// Runs a handler's work to its end, its panic or the limit; `None` for the latter two,
    /// which are logged and counted.
    async fn guarded<T>(&self, work: impl Future<Output = T> + Send) -> Option<T> {
        let left = self.limit.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        let why = match tokio::time::timeout(left, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(panic)) => format!("it panicked: {}", words(panic.as_ref())),
            Err(_) => "it ran out of time".to_owned(),
        };
        tracing::error!(why, "the handler failed; its messages come again");
        self.metrics.failed(Timestamp::now());
        None
    }
}

/// A panic's words.
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no words")
}

/// What becomes of a message, in whole seconds.
pub(crate) fn fate(disposition: Disposition) -> Fate {
    match disposition {
        Disposition::Done => Fate::Done,
        Disposition::Retry { after, why } => Fate::Again {
            after: wait(after),
            why,
        },
    }
}

/// A wait in SQS's whole seconds: never shorter than asked for, never none.
fn wait(after: Duration) -> u32 {
    let up = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    u32::try_from(up.clamp(1, LONGEST_WAIT)).unwrap_or(1)
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;

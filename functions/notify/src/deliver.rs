//! One revision to one channel, once: marked before, told, marked after.
//!
//! What surely wasn't sent is sent again. What may have been sent (its answer was lost, the
//! function ended on the way) is looked for first where the channel can be read, which Slack's
//! Web API can; SNS, EventBridge and webhooks can't, and there a lost answer may make people read
//! the same twice. Nothing is ever given up: what isn't done comes again with the stream's batch.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use undrift_core::record::ChangeKey;
use undrift_engine::port::JournalError;

use crate::channel::{Channel, Failure, Told};

/// How often a delivery is tried within one invocation.
const TRIES: u32 = 3;
/// The wait before the second try, where the channel names none; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// May a revision be told of?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Yes, by us.
    Tell {
        /// It was begun at this time, and it isn't known what became of it.
        since: Option<Timestamp>,
    },
    /// It was told of.
    Told,
    /// Somebody is at it.
    Busy,
}

/// An incident's message on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The channel's id of it.
    pub id: String,
    /// The revision it shows.
    pub revision: u32,
}

/// Remembers what was told of, where.
pub trait Marks: Send + Sync {
    /// Marks a revision as being told of on a channel.
    fn begin(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
    ) -> impl Future<Output = Result<May, JournalError>> + Send;

    /// Marks it as told of, by the channel's id of the message.
    fn finish(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
        id: &str,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Takes the mark back: it was not told of. Or keeps it, free to be taken at once, where it
    /// isn't known.
    fn cancel(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
        known: bool,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// The incident's message.
    fn posted(
        &self,
        incident: &ChangeKey,
        channel: &str,
    ) -> impl Future<Output = Result<Option<Post>, JournalError>> + Send;

    /// Remembers the incident's message.
    fn keep(
        &self,
        incident: &ChangeKey,
        channel: &str,
        post: &Post,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Counts a record among those of its actor, policy and day, once.
    fn count(
        &self,
        key: &ChangeKey,
        of: (&str, &str, &str),
    ) -> impl Future<Output = Result<u64, JournalError>> + Send;
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It was told now.
    Now,
    /// It was told before.
    Before,
    /// It is to come again.
    Again,
}

/// Tells of one revision on one channel, until `limit`.
pub async fn deliver<M: Marks, C: Channel>(
    told: &Told,
    marks: &M,
    channel: &C,
    limit: Timestamp,
) -> Done {
    let (key, revision, name) = (&told.record.key, told.record.revision, channel.name());
    let began = Timestamp::now();
    let mut since = match marks.begin(key, revision, name).await {
        Ok(May::Tell { since }) => since,
        Ok(May::Told) => return Done::Before,
        Ok(May::Busy) => {
            tracing::info!(record = %key, revision, channel = name, "somebody else is telling of it");
            return Done::Again;
        }
        Err(e) => {
            tracing::error!(record = %key, revision, channel = name, error = %e,
                "the notice can't be marked");
            return Done::Again;
        }
    };
    let mut wait = FIRST_WAIT;
    for attempt in 1..=TRIES {
        let left = Duration::try_from(limit.duration_since(Timestamp::now())).unwrap_or_default();
        let tried = tokio::time::timeout(left, once(told, marks, channel, since)).await;
        let failure = match tried {
            Ok(Ok(id)) => {
                tracing::info!(record = %key, revision, channel = name, message_id = id,
                    outcome = told.record.outcome.kind.word(), "people were told");
                if let Err(e) = marks.finish(key, revision, name, &id).await {
                    tracing::warn!(record = %key, revision, channel = name, error = %e,
                        "the notice could not be marked as published; it may be published once more");
                    // Published all the same: coming again would only publish it again.
                }
                return Done::Now;
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Unknown("the time ran out".to_owned()),
        };
        tracing::error!(record = %key, revision, channel = name, attempt, error = %failure,
            "the notice could not be published");
        let asked = match &failure {
            Failure::Not { wait, .. } => *wait,
            Failure::Gone => None,
            Failure::Unknown(_) => {
                since = since.or(Some(began));
                None
            }
        };
        let pause = asked.unwrap_or(wait);
        wait *= 2;
        let left = Duration::try_from(limit.duration_since(Timestamp::now())).unwrap_or_default();
        if attempt == TRIES || pause >= left {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    if let Err(e) = marks.cancel(key, revision, name, since.is_none()).await {
        tracing::warn!(record = %key, revision, channel = name, error = %e,
            "the mark could not be taken back; it gives way after two minutes");
    }
    Done::Again
}

/// Tells once. Whatever was done of it before is not done again: the incident's message is
/// remembered as soon as it is sent, edits can be repeated, and what may have been sent since a
/// given time is looked for.
async fn once<M: Marks, C: Channel>(
    told: &Told,
    marks: &M,
    channel: &C,
    since: Option<Timestamp>,
) -> Result<String, Failure> {
    let (key, revision, name) = (&told.record.key, told.record.revision, channel.name());
    let notice = told.notice.as_ref();
    let Some(notice) = notice.filter(|_| channel.threads()) else {
        return channel.send(told).await;
    };
    let unread = |e: JournalError| Failure::not(e.to_string());
    // An undo is told under the message of what it undoes, and has none of its own.
    let above = if notice.follows() {
        let above = marks.posted(&notice.incident, name).await;
        above.map_err(unread)?.map(|post| post.id)
    } else {
        None
    };
    let root = if let Some(id) = above {
        id
    } else {
        let mut post = marks.posted(key, name).await.map_err(unread)?;
        if let Some(shown) = post.clone().filter(|p| p.revision < revision) {
            post = match channel.edit(&shown.id, told).await {
                Ok(()) => Some(Post {
                    id: shown.id,
                    revision,
                }),
                // Somebody deleted it.
                Err(Failure::Gone) => None,
                Err(e) => return Err(e),
            };
            if let Some(post) = &post {
                marks.keep(key, name, post).await.map_err(unread)?;
            }
        }
        match post {
            Some(post) => post.id,
            None => first(told, marks, channel, since).await?,
        }
    };
    if let Some(since) = since
        && channel.find(told, Some(&root), since).await?.is_some()
    {
        return Ok(root);
    }
    channel.reply(&root, told).await?;
    Ok(root)
}

/// Sends the incident's message and remembers it.
async fn first<M: Marks, C: Channel>(
    told: &Told,
    marks: &M,
    channel: &C,
    since: Option<Timestamp>,
) -> Result<String, Failure> {
    let found = match since {
        Some(since) => channel.find(told, None, since).await?,
        None => None,
    };
    let id = match found {
        Some(id) => id,
        None => channel.send(told).await?,
    };
    let post = Post {
        id: id.clone(),
        revision: told.record.revision,
    };
    let kept = marks.keep(&told.record.key, channel.name(), &post).await;
    // It was sent: the next try has to find it.
    kept.map_err(|e| Failure::Unknown(e.to_string()))?;
    Ok(id)
}

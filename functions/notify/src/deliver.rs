//! One revision to one channel, once: marked before, told, marked after.
//!
//! What surely wasn't sent is sent again. What may have been sent (its answer was lost, the
//! function ended on the way) is looked for first where the channel can be read, which Slack's
//! Web API can; SNS, EventBridge and webhooks can't, and there a lost answer may make people read
//! the same twice. What isn't done is owed, and tried again until the queue's dead-letter queue takes it.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use undrift_aws::journal::post::{Posted, Shown, Thread};
use undrift_core::notice::{Notice, Repeats};
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

    /// The message of an incident, or of an actor's repeats.
    fn posted(
        &self,
        thread: Thread<'_>,
        channel: &str,
    ) -> impl Future<Output = Result<Option<Posted>, JournalError>> + Send;

    /// Remembers it.
    fn keep(
        &self,
        thread: Thread<'_>,
        channel: &str,
        posted: &Posted,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Takes the message of a thread for `owner`, for half a minute: nobody else sends or edits it.
    /// `false`: somebody else has it.
    fn hold(
        &self,
        thread: Thread<'_>,
        channel: &str,
        owner: &str,
    ) -> impl Future<Output = Result<bool, JournalError>> + Send;

    /// Gives it back.
    fn let_go(
        &self,
        thread: Thread<'_>,
        channel: &str,
        owner: &str,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Counts a record among those of its actor, severity and day, once.
    fn count(
        &self,
        key: &ChangeKey,
        repeats: &Repeats,
    ) -> impl Future<Output = Result<u64, JournalError>> + Send;
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It was told now.
    Now,
    /// It was told before.
    Before,
    /// It is to come again, this late at the earliest.
    Again {
        /// How long the channel wants to be left alone.
        wait: Duration,
    },
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
    let again = Done::Again {
        wait: Duration::ZERO,
    };
    let mut since = match marks.begin(key, revision, name).await {
        Ok(May::Tell { since }) => since,
        Ok(May::Told) => return Done::Before,
        Ok(May::Busy) => {
            tracing::info!(record = %key, revision, channel = name, "somebody else is telling of it");
            return again;
        }
        Err(e) => {
            tracing::error!(record = %key, revision, channel = name, error = %e,
                "the notice can't be marked");
            return again;
        }
    };
    let mut wait = FIRST_WAIT;
    let mut asked_for = Duration::ZERO;
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
        asked_for = asked.unwrap_or_default();
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
    Done::Again { wait: asked_for }
}

/// Tells once. Whatever was done of it before is not done again: a message is remembered as soon
/// as it is sent, edits can be repeated, and what may have been sent since a given time is looked
/// for.
async fn once<M: Marks, C: Channel>(
    told: &Told,
    marks: &M,
    channel: &C,
    since: Option<Timestamp>,
) -> Result<String, Failure> {
    let notice = told.notice.as_ref();
    let Some(notice) = notice.filter(|_| channel.threads()) else {
        return channel.send(told).await;
    };
    // An undo is told under the message of what it undoes, and has none of its own.
    let above = if notice.follows() {
        let undone = Thread::Incident(&notice.incident);
        marks.posted(undone, channel.name()).await.map_err(unread)?
    } else {
        None
    };
    let post = match above {
        Some(post) => post,
        None => alone(told, notice, marks, channel, since).await?,
    };
    if let Some(since) = since
        && channel.find(told, Some(&post.id), since).await?.is_some()
    {
        return Ok(post.id);
    }
    // An edit rings nobody's bell.
    let loud = notice.needs_somebody() && post.first != Shown::of(&told.record);
    channel.reply(&post.id, told, loud).await?;
    Ok(post.id)
}

/// How long somebody else's hold on a message is waited for.
const HELD: Duration = Duration::from_secs(1);

/// The message that shows this revision, or a later one, made or edited by nobody else meanwhile.
async fn alone<M: Marks, C: Channel>(
    told: &Told,
    notice: &Notice,
    marks: &M,
    channel: &C,
    since: Option<Timestamp>,
) -> Result<Posted, Failure> {
    let (key, name, owner) = (&told.record.key, channel.name(), told.id());
    let thread = match &notice.repeats {
        Some(repeats) => Thread::Repeats(repeats, &key.resource),
        None => Thread::Incident(key),
    };
    if !marks.hold(thread, name, &owner).await.map_err(unread)? {
        return Err(Failure::Not {
            why: "another notice of the same incident is under way".to_owned(),
            wait: Some(HELD),
        });
    }
    let root = root(told, notice, marks, channel, since).await;
    if let Err(e) = marks.let_go(thread, name, &owner).await {
        tracing::warn!(record = %key, channel = name, error = %e,
            "the hold on a message could not be given back; it ends by itself");
    }
    root
}

/// The message that shows this revision, or a later one.
async fn root<M: Marks, C: Channel>(
    told: &Told,
    notice: &Notice,
    marks: &M,
    channel: &C,
    since: Option<Timestamp>,
) -> Result<Posted, Failure> {
    let (key, name) = (&told.record.key, channel.name());
    let own = Thread::Incident(key);
    let repeats = notice.repeats.as_ref();
    let shared = repeats.map(|repeats| Thread::Repeats(repeats, &key.resource));
    let of_own = marks.posted(own, name).await.map_err(unread)?;
    let of_all = match shared {
        Some(shared) => marks.posted(shared, name).await.map_err(unread)?,
        None => None,
    };
    let (thread, mut there) = match (shared, of_own, of_all) {
        // It has a message of its own.
        (Some(_), Some(post), Some(all)) if post.id != all.id => (own, Some(post)),
        (Some(shared), _, Some(all)) => (shared, Some(all)),
        // Where somebody must act, no later repeat may take the message's place.
        (Some(shared), post, None) if !notice.needs_somebody() => (shared, post),
        (_, post, _) => (own, post),
    };
    let now = Shown::of(&told.record);
    if let Some(post) = &mut there
        && post.shows < now
    {
        match channel.edit(&post.id, told).await {
            Ok(()) => {
                post.shows = now;
                marks.keep(thread, name, post).await.map_err(unread)?;
            }
            // Somebody deleted it.
            Err(Failure::Gone) => there = None,
            Err(e) => return Err(e),
        }
    }
    let post = match there {
        Some(post) => post,
        None => first(told, marks, channel, thread, since).await?,
    };
    // An undo looks for its incident.
    if thread != own {
        marks.keep(own, name, &post).await.map_err(unread)?;
    }
    Ok(post)
}

/// Sends the message and remembers it.
async fn first<M: Marks, C: Channel>(
    told: &Told,
    marks: &M,
    channel: &C,
    thread: Thread<'_>,
    since: Option<Timestamp>,
) -> Result<Posted, Failure> {
    let found = match since {
        Some(since) => channel.find(told, None, since).await?,
        None => None,
    };
    let id = match found {
        Some(id) => id,
        None => channel.send(told).await?,
    };
    let shows = Shown::of(&told.record);
    let post = Posted {
        id,
        first: shows.clone(),
        shows,
    };
    let kept = marks.keep(thread, channel.name(), &post).await;
    // It was sent: the next try has to find it.
    kept.map_err(|e| Failure::Unknown(e.to_string()))?;
    Ok(post)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what errors are mapped with"
)]
fn unread(error: JournalError) -> Failure {
    Failure::not(error.to_string())
}

//! Marks that a revision was told of on a channel: before the telling that it is being done,
//! after it that it is done.

use jiff::{SignedDuration, Timestamp};
use undrift_core::record::ChangeKey;
use undrift_engine::port::JournalError;

use super::attribute::Item;
use super::items::{RECORD_LIFE, TTL};
use super::keys::{of_delivery, of_post};
use super::post::{Posted, Shown, Thread};
use super::table::{DynamoJournal, Failure, Put};
use super::wire;

/// After this long a delivery that was begun and not finished is taken for crashed: longer than
/// the function may run.
const LEASE: SignedDuration = SignedDuration::from_secs(120);

/// May this revision be told of now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Yes, by us: it is marked as begun.
    Ours {
        /// Somebody began it earlier, at this time, and it isn't known what became of it.
        since: Option<Timestamp>,
    },
    /// No: it was told of, or somebody is at it.
    NotOurs {
        /// It was told of.
        done: bool,
    },
}

impl DynamoJournal {
    /// Marks the delivery of a revision on a channel as begun, unless it was made, or another
    /// is at it and hasn't crashed.
    pub async fn begin_delivery(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
        now: Timestamp,
    ) -> Result<Delivery, JournalError> {
        let doing = format!("marking revision {revision} of {key} for {channel}");
        let at = of_delivery(key, revision, channel);
        let until = now.saturating_add(LEASE).unwrap_or(now);
        let end = now.saturating_add(RECORD_LIFE).unwrap_or(now);
        // `if_not_exists`: the first of several beginnings dates them all.
        let begun = self
            .attempt(&doing, "dynamodb:UpdateItem", || {
                self.client
                    .update_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&at)))
                    .update_expression(
                        "SET #status = :begun, lease = :until, #ttl = :ttl, entity = :entity, \
                         since = if_not_exists(since, :now)",
                    )
                    .condition_expression(
                        "attribute_not_exists(pk) OR (#status = :begun AND lease <= :now)",
                    )
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_names("#ttl", TTL)
                    .expression_attribute_values(":begun", wire::text("begun"))
                    .expression_attribute_values(":until", wire::number(until.as_millisecond()))
                    .expression_attribute_values(":ttl", wire::number(end.as_second()))
                    .expression_attribute_values(":entity", wire::text("delivery"))
                    .expression_attribute_values(":now", wire::number(now.as_millisecond()))
                    .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld)
                    .send()
            })
            .await;
        match begun {
            Ok(answer) => {
                let old = answer.attributes.map(wire::back);
                let since = old.and_then(|item| item.get_number::<i64>("since"));
                let since = since.and_then(|ms| Timestamp::from_millisecond(ms).ok());
                return Ok(Delivery::Ours { since });
            }
            Err(Failure::Condition) => {}
            Err(Failure::Journal(e)) => return Err(e),
        }
        let there = self.get(&doing, &at).await?;
        let done = there.is_some_and(|item| item.get_text("status") == Some("done"));
        Ok(Delivery::NotOurs { done })
    }

    /// Marks a delivery as made, with the channel's own id of it.
    pub async fn finish_delivery(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
        message_id: &str,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let doing = format!("marking revision {revision} of {key} as told on {channel}");
        let end = now.saturating_add(RECORD_LIFE).unwrap_or(now);
        let item = Item::new(&of_delivery(key, revision, channel), "delivery")
            .text("status", "done")
            .text("message_id", message_id)
            .text("at", now.to_string())
            .number(TTL, end.as_second());
        let mut put = Put::new(item);
        put.condition = None;
        self.put(&doing, put).await?;
        Ok(())
    }

    /// Takes the mark of a delivery that failed away, so that it is made again.
    pub async fn cancel_delivery(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
    ) -> Result<(), JournalError> {
        let doing = format!("taking back the mark of revision {revision} of {key} for {channel}");
        let at = of_delivery(key, revision, channel);
        let deleted = self
            .attempt(&doing, "dynamodb:DeleteItem", || {
                self.client
                    .delete_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&at)))
                    .condition_expression("#status = :begun")
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":begun", wire::text("begun"))
                    .send()
            })
            .await;
        match deleted {
            Ok(_) | Err(Failure::Condition) => Ok(()),
            Err(Failure::Journal(e)) => Err(e),
        }
    }

    /// Lets a delivery whose outcome isn't known be begun again at once.
    pub async fn release_delivery(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
    ) -> Result<(), JournalError> {
        let doing = format!("releasing revision {revision} of {key} for {channel}");
        let at = of_delivery(key, revision, channel);
        let released = self
            .attempt(&doing, "dynamodb:UpdateItem", || {
                self.client
                    .update_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&at)))
                    .update_expression("SET lease = :none")
                    .condition_expression("#status = :begun")
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":begun", wire::text("begun"))
                    .expression_attribute_values(":none", wire::number(0))
                    .send()
            })
            .await;
        match released {
            Ok(_) | Err(Failure::Condition) => Ok(()),
            Err(Failure::Journal(e)) => Err(e),
        }
    }

    /// The message that an incident or an actor's repeats have on a channel, if there is one.
    pub async fn posted(
        &self,
        thread: Thread<'_>,
        channel: &str,
    ) -> Result<Option<Posted>, JournalError> {
        let doing = format!("looking for a message on {channel}");
        let item = self.get(&doing, &of_post(thread, channel)).await?;
        let shown = |item: &Item, of: &str| {
            Some(Shown {
                at: item.get_number(&format!("{of}_at"))?,
                seen: item.get_number(&format!("{of}_seen"))?,
                event: item.get_text(&format!("{of}_event"))?.to_owned(),
                revision: item.get_number(&format!("{of}_revision"))?,
            })
        };
        Ok(item.and_then(|item| {
            Some(Posted {
                id: item.get_text("message_id")?.to_owned(),
                first: shown(&item, "first")?,
                shows: shown(&item, "shows")?,
            })
        }))
    }

    /// Remembers a message.
    pub async fn keep_posted(
        &self,
        thread: Thread<'_>,
        channel: &str,
        posted: &Posted,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let doing = format!("remembering a message on {channel}");
        let end = now.saturating_add(RECORD_LIFE).unwrap_or(now);
        let mut item = Item::new(&of_post(thread, channel), "post")
            .text("message_id", &posted.id)
            .number(TTL, end.as_second());
        for (of, shown) in [("first", &posted.first), ("shows", &posted.shows)] {
            item = item
                .number(&format!("{of}_at"), shown.at)
                .number(&format!("{of}_seen"), shown.seen)
                .text(&format!("{of}_event"), &shown.event)
                .number(&format!("{of}_revision"), shown.revision);
        }
        let mut put = Put::new(item);
        put.condition = None;
        self.put(&doing, put).await?;
        Ok(())
    }
}

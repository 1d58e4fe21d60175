//! Marks that a revision was told of on a channel: before the telling that it is being done,
//! after it that it is done.

use jiff::{SignedDuration, Timestamp};
use undrift_core::record::ChangeKey;
use undrift_engine::port::JournalError;

use super::attribute::Item;
use super::items::{RECORD_LIFE, TTL};
use super::keys::of_delivery;
use super::table::{DynamoJournal, Failure, Put};
use super::wire;

/// After this long a delivery that was begun and not finished is taken for crashed: longer than
/// the function may run.
const LEASE: SignedDuration = SignedDuration::from_secs(120);

/// May this revision be told of now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Yes, by us: it is marked as begun.
    Ours,
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
        let item = Item::new(&at, "delivery")
            .text("status", "begun")
            .number("lease", until.as_millisecond())
            .number(TTL, end.as_second());
        let mut put = Put::new(item);
        put.condition = Some("attribute_not_exists(pk) OR (#status = :begun AND lease <= :now)");
        put.names = &[("#status", "status")];
        put.values = vec![
            (":begun", wire::text("begun")),
            (":now", wire::number(now.as_millisecond())),
        ];
        if self.put(&doing, put).await? {
            return Ok(Delivery::Ours);
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
}

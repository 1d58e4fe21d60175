//! Counters: caps, and messages that were not understood.

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use undrift_engine::port::{CapKey, JournalError};

use super::items::TTL;
use super::keys::{of_cap, of_rejected};
use super::table::DynamoJournal;
use super::wire;

/// How long a counter is kept after its window.
const CAP_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How long a message that was not understood is remembered.
const REJECTED_LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);

fn end(time: Timestamp, life: SignedDuration) -> i64 {
    time.saturating_add(life).unwrap_or(time).as_second()
}

impl DynamoJournal {
    /// Adds one to each counter of the current ten minutes. An addition whose answer got lost is
    /// made again: a counter may stand too high by it, never too low.
    pub(super) async fn count_up(
        &self,
        caps: &[CapKey],
        now: Timestamp,
    ) -> Result<Vec<u64>, JournalError> {
        try_join_all(caps.iter().map(|cap| self.count(cap, 1, now))).await
    }

    pub(super) async fn count_down(
        &self,
        caps: &[CapKey],
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let counts = caps.iter().map(|cap| self.count(cap, -1, now));
        try_join_all(counts).await.map(|_| ())
    }

    async fn count(&self, cap: &CapKey, by: i64, now: Timestamp) -> Result<u64, JournalError> {
        let doing = format!("counting the cap {cap:?}");
        let (key, window_end) = of_cap(cap, now);
        let answer = self
            .attempt(&doing, "dynamodb:UpdateItem", || {
                self.client
                    .update_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&key)))
                    .update_expression("ADD spent :by SET #ttl = :ttl, entity = :entity")
                    .expression_attribute_names("#ttl", TTL)
                    .expression_attribute_values(":by", wire::number(by))
                    .expression_attribute_values(":ttl", wire::number(end(window_end, CAP_LIFE)))
                    .expression_attribute_values(":entity", wire::text("cap"))
                    .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
                    .send()
            })
            .await?;
        wire::back(answer.attributes.unwrap_or_default())
            // What is given back may have been spent in the window before.
            .get_number("spent")
            .map(|spent: i64| u64::try_from(spent).unwrap_or(0))
            .ok_or_else(|| JournalError {
                doing,
                message: "DynamoDB gave no count back".to_owned(),
                transient: false,
            })
    }

    pub(super) async fn remember_rejected(
        &self,
        digest: &str,
        why: &str,
        beginning: &str,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let doing = format!("remembering the message {digest}");
        let key = of_rejected(digest);
        self.attempt(&doing, "dynamodb:UpdateItem", || {
            self.client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(wire::key(&key)))
                .update_expression(
                    "SET why = :why, beginning = :beginning, entity = :entity, #ttl = :ttl, \
                     last_seen = :now, first_seen = if_not_exists(first_seen, :now) ADD seen :one",
                )
                .expression_attribute_names("#ttl", TTL)
                .expression_attribute_values(":why", wire::text(why))
                .expression_attribute_values(":beginning", wire::text(beginning))
                .expression_attribute_values(":entity", wire::text("rejected"))
                .expression_attribute_values(":ttl", wire::number(end(now, REJECTED_LIFE)))
                .expression_attribute_values(":now", wire::text(now.to_string()))
                .expression_attribute_values(":one", wire::number(1))
                .send()
        })
        .await?;
        Ok(())
    }
}

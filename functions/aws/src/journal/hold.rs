//! Holding a message while it is sent or edited.

use jiff::{SignedDuration, Timestamp};
use undrift_engine::port::JournalError;

use super::items::TTL;
use super::keys::of_hold;
use super::post::Thread;
use super::table::{DynamoJournal, Failure};
use super::wire;

/// How long a hold lasts that nobody gives back: longer than a message takes.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

impl DynamoJournal {
    /// Holds the message of a thread for `owner`; `false` if somebody else does. Holding it again
    /// is holding it.
    pub async fn hold_post(
        &self,
        thread: Thread<'_>,
        channel: &str,
        owner: &str,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        let doing = format!("holding a message on {channel}");
        let at = of_hold(thread, channel);
        let until = now.saturating_add(LEASE).unwrap_or(now);
        let held = self
            .attempt(&doing, "dynamodb:UpdateItem", || {
                self.client
                    .update_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&at)))
                    .update_expression(
                        "SET holder = :owner, lease = :until, #ttl = :ttl, entity = :entity",
                    )
                    .condition_expression(
                        "attribute_not_exists(pk) OR holder = :owner OR lease <= :now",
                    )
                    .expression_attribute_names("#ttl", TTL)
                    .expression_attribute_values(":owner", wire::text(owner))
                    .expression_attribute_values(":until", wire::number(until.as_millisecond()))
                    .expression_attribute_values(":now", wire::number(now.as_millisecond()))
                    .expression_attribute_values(":ttl", wire::number(until.as_second() + 3600))
                    .expression_attribute_values(":entity", wire::text("hold"))
                    .send()
            })
            .await;
        match held {
            Ok(_) => Ok(true),
            Err(Failure::Condition) => Ok(false),
            Err(Failure::Journal(e)) => Err(e),
        }
    }

    /// Gives a hold back, if it is still the owner's.
    pub async fn let_go_of_post(
        &self,
        thread: Thread<'_>,
        channel: &str,
        owner: &str,
    ) -> Result<(), JournalError> {
        let doing = format!("letting go of a message on {channel}");
        let at = of_hold(thread, channel);
        let gone = self
            .attempt(&doing, "dynamodb:DeleteItem", || {
                self.client
                    .delete_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&at)))
                    .condition_expression("holder = :owner")
                    .expression_attribute_values(":owner", wire::text(owner))
                    .send()
            })
            .await;
        match gone {
            Ok(_) | Err(Failure::Condition) => Ok(()),
            Err(Failure::Journal(e)) => Err(e),
        }
    }
}

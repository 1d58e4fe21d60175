//! How often an actor broke policies on a day, each record counted once.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use undrift_core::notice::Repeats;
use undrift_core::record::ChangeKey;
use undrift_engine::port::JournalError;

use super::items::TTL;
use super::keys::{digest, of_repeats, record_partition};
use super::table::{DynamoJournal, Failure};
use super::wire;

/// How long a day's counter is kept.
const LIFE: i64 = 3 * 24 * 3600;
/// The highest count: the item remembers whom it counted, and an item may have 400 KB.
const MOST: u64 = 1000;

impl DynamoJournal {
    /// Counts a record among those of its severity, actor and day; gives the how manieth it is, at
    /// most 1000. Counting it again, or after an answer that got lost, changes nothing, but may
    /// then give the count as it stands by now.
    pub async fn count_repeat(
        &self,
        record: &ChangeKey,
        repeats: &Repeats,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        let doing = format!("counting the repeats of {record}");
        let key = of_repeats(repeats);
        let id = digest(record_partition(record).as_bytes());
        let id: String = id.chars().take(24).collect();
        let counted = self
            .attempt(&doing, "dynamodb:UpdateItem", || {
                let ids = aws_sdk_dynamodb::types::AttributeValue::Ss(vec![id.clone()]);
                self.client
                    .update_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&key)))
                    .update_expression("ADD times :one, ids :ids SET #ttl = :ttl, entity = :entity")
                    .condition_expression(
                        "attribute_not_exists(pk) OR (times < :most AND NOT contains(ids, :id))",
                    )
                    .expression_attribute_names("#ttl", TTL)
                    .expression_attribute_values(":one", wire::number(1))
                    .expression_attribute_values(":most", wire::number(MOST))
                    .expression_attribute_values(":ids", ids)
                    .expression_attribute_values(":id", wire::text(&id))
                    .expression_attribute_values(":ttl", wire::number(now.as_second() + LIFE))
                    .expression_attribute_values(":entity", wire::text("repeat"))
                    .return_values(ReturnValue::UpdatedNew)
                    .send()
            })
            .await;
        let item = match counted {
            Ok(answer) => answer.attributes.map(wire::back),
            Err(Failure::Condition) => self.get(&doing, &key).await?,
            Err(Failure::Journal(e)) => return Err(e),
        };
        item.and_then(|item| item.get_number("times"))
            .ok_or_else(|| JournalError {
                doing,
                message: "DynamoDB gave no count back".to_owned(),
                transient: false,
            })
    }
}

//! What a crash left open: held claims whose lease is over.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use undrift_core::kind::ResourceRef;
use undrift_engine::port::JournalError;

use super::keys::{OPEN, PK, SHARDS, resource_of};
use super::table::{DynamoJournal, by_key};
use super::wire::{self, SdkItem};

const DOING: &str = "looking for what was left open";
/// The most pages of one shard that are read at once: of up to 1 MB of keys each (`DynamoDB` API
/// Reference, `Query`).
const PAGES: usize = 4;

impl DynamoJournal {
    /// The resources that somebody holds a claim on whose lease was over `before`. An index is read
    /// eventually consistent: one that was just cleared may be among them, one that was just made
    /// may not.
    pub async fn left_open(&self, before: Timestamp) -> Result<Vec<ResourceRef>, JournalError> {
        let shards = (0..SHARDS).map(|shard| self.open_in(shard, before));
        Ok(try_join_all(shards).await?.into_iter().flatten().collect())
    }

    async fn open_in(
        &self,
        shard: u8,
        before: Timestamp,
    ) -> Result<Vec<ResourceRef>, JournalError> {
        let mut open = Vec::new();
        let mut from: Option<SdkItem> = None;
        for _ in 0..PAGES {
            let page = self
                .attempt(DOING, "dynamodb:Query", || {
                    self.client
                        .query()
                        .table_name(&self.table)
                        .index_name(OPEN)
                        .key_condition_expression("#open = :shard AND lease < :before")
                        // `open` is a reserved word.
                        .expression_attribute_names("#open", OPEN)
                        .expression_attribute_values(":shard", wire::text(shard.to_string()))
                        .expression_attribute_values(
                            ":before",
                            wire::number(before.as_millisecond()),
                        )
                        .set_exclusive_start_key(from.clone())
                        .send()
                })
                .await?;
            for (key, item) in by_key(page.items.unwrap_or_default()) {
                match resource_of(&key.pk) {
                    Some(resource) => open.push(resource),
                    None => {
                        tracing::error!(pk = item.pk(), "a claim's key names no resource");
                    }
                }
            }
            from = page.last_evaluated_key.filter(has_key);
            if from.is_none() {
                break;
            }
        }
        Ok(open)
    }
}

fn has_key(key: &SdkItem) -> bool {
    matches!(key.get(PK), Some(AttributeValue::S(_)))
}

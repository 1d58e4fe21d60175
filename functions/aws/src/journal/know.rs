//! All that is known of a resource, in one consistent round.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;
use undrift_core::kind::ResourceRef;
use undrift_core::policy::Exemptions;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{JournalError, Known};

use super::attribute::Item;
use super::items::{read_baseline, read_claim, read_exemptions, read_observed, read_record};
use super::keys::{Key, PK, Part, global_exemptions, of_resource, of_revision, record_partition};
use super::table::{DynamoJournal, by_key, reading};
use super::wire;
use crate::clock::jitter;

/// The most keys of one `BatchGetItem` (`DynamoDB` API Reference).
const BATCH: usize = 100;

/// How often keys that were left unprocessed are asked for again.
const ROUNDS: u32 = 5;

impl DynamoJournal {
    pub(super) async fn know_all(
        &self,
        resource: &ResourceRef,
        keys: &[ChangeKey],
    ) -> Result<Known, JournalError> {
        let doing = format!("reading what is known of {resource}");
        let part = |part| of_resource(resource, part);
        let first = |key: &ChangeKey| of_revision(key, 1);
        let mut wanted: Vec<Key> = [
            Part::Claim,
            Part::Observed,
            Part::Baseline,
            Part::Exemptions,
        ]
        .map(part)
        .into();
        wanted.push(global_exemptions());
        wanted.extend(keys.iter().map(first));
        let found = self.get_all(&doing, wanted).await?;

        let mut known = Known::default();
        if let Some(item) = found.get(&part(Part::Claim)) {
            known.claim = Some(reading(&doing, read_claim(item))?);
        }
        if let Some(item) = found.get(&part(Part::Observed)) {
            known.observed = reading(&doing, read_observed(item))?;
        }
        if let Some(item) = found.get(&part(Part::Baseline)) {
            known.baseline = Some(reading(&doing, read_baseline(item))?);
        }
        let mut exemptions = Vec::new();
        for key in [part(Part::Exemptions), global_exemptions()] {
            if let Some(item) = found.get(&key) {
                exemptions.extend(reading(&doing, read_exemptions(item))?);
            }
        }
        known.exemptions = Exemptions(exemptions);

        // A record begins with revision 1: where that exists, a higher one may.
        let existing = keys.iter().filter(|key| found.contains_key(&first(key)));
        let highest = try_join_all(existing.map(|key| async move {
            let record = self.highest_revision(key).await?;
            Ok::<_, JournalError>(record.map(|r| (key.clone(), r)))
        }));
        known.records = highest.await?.into_iter().flatten().collect();
        Ok(known)
    }

    /// Reads items by their keys, consistently. Keys that don't exist are absent from the answer.
    async fn get_all(
        &self,
        doing: &str,
        mut wanted: Vec<Key>,
    ) -> Result<BTreeMap<Key, Item>, JournalError> {
        // DynamoDB refuses a batch that names a key twice.
        wanted.sort();
        wanted.dedup();
        let batches = wanted.chunks(BATCH).map(|keys| self.get_batch(doing, keys));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    async fn get_batch(&self, doing: &str, keys: &[Key]) -> Result<Vec<(Key, Item)>, JournalError> {
        let unreadable = |message: String, transient| JournalError {
            doing: doing.to_owned(),
            message,
            transient,
        };
        let ask = KeysAndAttributes::builder()
            .consistent_read(true)
            .set_keys(Some(keys.iter().map(wire::key).collect()))
            .build()
            .map_err(|e| unreadable(e.to_string(), false))?;
        let mut left = Some(ask);
        let mut found = Vec::new();
        for round in 0..ROUNDS {
            let Some(ask) = left.take() else {
                return Ok(found);
            };
            if round > 0 {
                let wait = Duration::from_millis(25) * 2_u32.pow(round);
                tokio::time::sleep(wait.mul_f64(jitter())).await;
            }
            let answer = self
                .attempt(doing, "dynamodb:BatchGetItem", || {
                    self.client
                        .batch_get_item()
                        .request_items(&self.table, ask.clone())
                        .send()
                })
                .await?;
            let items = answer.responses.unwrap_or_default().into_values().flatten();
            found.extend(by_key(items.collect()));
            left = answer
                .unprocessed_keys
                .unwrap_or_default()
                .into_values()
                .next();
        }
        match left {
            None => Ok(found),
            Some(_) => Err(unreadable(
                format!("DynamoDB left keys unprocessed {ROUNDS} times"),
                true,
            )),
        }
    }

    pub(super) async fn highest_revision(
        &self,
        key: &ChangeKey,
    ) -> Result<Option<Record>, JournalError> {
        let doing = format!("reading the record {key}");
        let partition = record_partition(key);
        let answer = self
            .attempt(&doing, "dynamodb:Query", || {
                self.client
                    .query()
                    .table_name(&self.table)
                    .consistent_read(true)
                    .key_condition_expression("#pk = :pk AND begins_with(sk, :r)")
                    .expression_attribute_names("#pk", PK)
                    .expression_attribute_values(":pk", wire::text(&partition))
                    .expression_attribute_values(":r", wire::text("r"))
                    .scan_index_forward(false)
                    .limit(1)
                    .send()
            })
            .await?;
        match by_key(answer.items.unwrap_or_default()).next() {
            Some((_, item)) => Ok(Some(reading(&doing, read_record(&item))?)),
            None => Ok(None),
        }
    }
}

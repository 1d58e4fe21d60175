//! Marks of what was told, in the table.

use jiff::Timestamp;
use undrift_aws::journal::{Delivery, DynamoJournal, Posted};
use undrift_core::record::ChangeKey;
use undrift_engine::port::JournalError;

use crate::deliver::{Marks, May, Post};

/// Marks in the table.
#[derive(Debug, Clone)]
pub struct TableMarks(pub DynamoJournal);

impl Marks for TableMarks {
    async fn begin(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
    ) -> Result<May, JournalError> {
        let begun = self
            .0
            .begin_delivery(key, revision, channel, Timestamp::now());
        Ok(match begun.await? {
            Delivery::Ours { since } => May::Tell { since },
            Delivery::NotOurs { done: true } => May::Told,
            Delivery::NotOurs { done: false } => May::Busy,
        })
    }

    async fn finish(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
        id: &str,
    ) -> Result<(), JournalError> {
        let now = Timestamp::now();
        self.0
            .finish_delivery(key, revision, channel, id, now)
            .await
    }

    async fn cancel(
        &self,
        key: &ChangeKey,
        revision: u32,
        channel: &str,
        known: bool,
    ) -> Result<(), JournalError> {
        if known {
            self.0.cancel_delivery(key, revision, channel).await
        } else {
            self.0.release_delivery(key, revision, channel).await
        }
    }

    async fn posted(
        &self,
        incident: &ChangeKey,
        channel: &str,
    ) -> Result<Option<Post>, JournalError> {
        let posted = self.0.posted(incident, channel).await?;
        Ok(posted.map(|Posted { id, revision }| Post { id, revision }))
    }

    async fn keep(
        &self,
        incident: &ChangeKey,
        channel: &str,
        post: &Post,
    ) -> Result<(), JournalError> {
        let posted = Posted {
            id: post.id.clone(),
            revision: post.revision,
        };
        let now = Timestamp::now();
        self.0.keep_posted(incident, channel, &posted, now).await
    }

    async fn count(&self, key: &ChangeKey, of: (&str, &str, &str)) -> Result<u64, JournalError> {
        self.0.count_repeat(key, of, Timestamp::now()).await
    }
}

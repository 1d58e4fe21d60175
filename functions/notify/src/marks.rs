//! Marks of what was told, in the table.

use jiff::Timestamp;
use undrift_aws::journal::post::{Posted, Thread};
use undrift_aws::journal::{Delivery, DynamoJournal};
use undrift_core::notice::Repeats;
use undrift_core::record::ChangeKey;
use undrift_engine::port::JournalError;

use crate::deliver::{Marks, May};

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
        thread: Thread<'_>,
        channel: &str,
    ) -> Result<Option<Posted>, JournalError> {
        self.0.posted(thread, channel).await
    }

    async fn keep(
        &self,
        thread: Thread<'_>,
        channel: &str,
        post: &Posted,
    ) -> Result<(), JournalError> {
        self.0
            .keep_posted(thread, channel, post, Timestamp::now())
            .await
    }

    async fn count(&self, key: &ChangeKey, repeats: &Repeats) -> Result<u64, JournalError> {
        self.0.count_repeat(key, repeats, Timestamp::now()).await
    }
}

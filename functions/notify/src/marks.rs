//! What was told, in the table, and what is owed, in a queue.

use std::time::Duration;

use jiff::Timestamp;
use undrift_aws::batch::Postpone;
use undrift_aws::journal::post::{Posted, Thread};
use undrift_aws::journal::{Delivery, DynamoJournal};
use undrift_aws::queue::Queue;
use undrift_core::notice::Repeats;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{CallError, JournalError};

use crate::deliver::{Marks, May};
use crate::owed::{Owe, Owed, Records};

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

    async fn hold(
        &self,
        thread: Thread<'_>,
        channel: &str,
        owner: &str,
    ) -> Result<bool, JournalError> {
        let now = Timestamp::now();
        self.0.hold_post(thread, channel, owner, now).await
    }

    async fn let_go(
        &self,
        thread: Thread<'_>,
        channel: &str,
        owner: &str,
    ) -> Result<(), JournalError> {
        self.0.let_go_of_post(thread, channel, owner).await
    }

    async fn count(&self, key: &ChangeKey, repeats: &Repeats) -> Result<u64, JournalError> {
        self.0.count_repeat(key, repeats, Timestamp::now()).await
    }
}

impl Records for TableMarks {
    async fn revision(
        &self,
        key: &ChangeKey,
        revision: u32,
    ) -> Result<Option<Record>, JournalError> {
        self.0.revision(key, revision).await
    }
}

/// The queue of what is owed, where there is one.
#[derive(Debug, Clone)]
pub struct OwedQueue(pub Option<Queue>);

impl Owe for OwedQueue {
    async fn owe(&self, owed: &Owed, wait: Duration) -> Result<(), String> {
        let queue = self.0.as_ref().ok_or("there is no queue for it")?;
        let body = serde_json::to_string(owed).map_err(|e| e.to_string())?;
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1);
        queue.send(&body, seconds).await.map_err(|e| e.to_string())
    }
}

impl Postpone for OwedQueue {
    async fn postpone(&self, receipt: &str, seconds: u32) -> Result<(), CallError> {
        match &self.0 {
            Some(queue) => queue.postpone(receipt, seconds).await,
            None => Ok(()),
        }
    }
}

//! Lambda, SQS and the table as the janitor's world.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use undrift_aws::batch::Postpone as _;
use undrift_aws::client::SdkConfig;
use undrift_aws::config::Served;
use undrift_aws::invoke::{Functions, attempts};
use undrift_aws::journal::DynamoJournal;
use undrift_aws::queue::Queue;
use undrift_core::kind::ResourceRef;
use undrift_engine::port::{CallError, ErrorClass, JournalError};

use crate::port::{Letter, World};

/// AWS.
#[derive(Debug)]
pub struct Aws {
    functions: Functions,
    journal: DynamoJournal,
    queues: BTreeMap<String, Queue>,
}

impl Aws {
    /// With a client for each of the services' queues.
    #[must_use]
    pub fn new(config: &SdkConfig, journal: &DynamoJournal, services: &[Served]) -> Self {
        let urls = services.iter().flat_map(|s| [&s.queue, &s.dead]);
        Self {
            functions: Functions::new(config),
            journal: journal.clone(),
            queues: urls
                .map(|url| (url.clone(), Queue::new(config, url)))
                .collect(),
        }
    }

    /// Does something with a queue, and again while its failure may pass.
    async fn with<T, F: Future<Output = Result<T, CallError>>>(
        &self,
        url: &str,
        send: impl Fn(Queue) -> F,
    ) -> Result<T, CallError> {
        let Some(queue) = self.queues.get(url) else {
            return Err(CallError {
                class: ErrorClass::Invalid,
                operation: "sqs".to_owned(),
                resource: url.to_owned(),
                code: "client".to_owned(),
                message: "it is none of the janitor's queues".to_owned(),
                request_id: None,
            });
        };
        attempts(|| send(queue.clone())).await
    }
}

impl World for Aws {
    async fn ask(&self, function: &str, request: Value) -> Result<Value, String> {
        self.functions.ask(function, &request).await
    }

    async fn left_open(&self, before: Timestamp) -> Result<Vec<ResourceRef>, JournalError> {
        self.journal.left_open(before).await
    }

    async fn receive(&self, queue: &str, seconds: u32) -> Result<Vec<Letter>, CallError> {
        let received = self
            .with(queue, |queue| async move { queue.receive(seconds).await })
            .await?;
        let letters = received.into_iter().map(|message| Letter {
            receipt: message.receipt,
            body: message.body,
            receives: message.receives,
        });
        Ok(letters.collect())
    }

    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), CallError> {
        self.with(queue, |queue| async move { queue.delete(receipt).await })
            .await
    }

    async fn show(&self, queue: &str, receipt: &str) -> Result<(), CallError> {
        self.with(
            queue,
            |queue| async move { queue.postpone(receipt, 0).await },
        )
        .await
    }

    async fn send(&self, queue: &str, body: &str) -> Result<(), CallError> {
        self.with(queue, |queue| async move { queue.send(body, 0).await })
            .await
    }

    async fn hidden(&self, queue: &str) -> Result<u64, CallError> {
        self.with(queue, |queue| async move { queue.hidden().await })
            .await
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

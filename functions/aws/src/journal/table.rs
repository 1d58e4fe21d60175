//! The table and how it is spoken to: short attempts, a few of them.

use std::future::Future;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use undrift_core::kind::ResourceRef;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{
    CallError, CapKey, Claim, Claimed, Close, Closed, ErrorClass, Journal, JournalError, Known,
};

use super::attribute::{Item, ItemError};
use super::items::{key_of, read_record};
use super::keys::of_revision;
use super::unusable;
use super::wire::{SdkItem, back, out};
use crate::client::{CONNECT_TIMEOUT, classify};
use crate::clock::jitter;

/// How long one attempt may take: `DynamoDB` answers in milliseconds, or something is wrong.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1500);

/// How often a request is sent before it has failed.
const ATTEMPTS: u32 = 4;

/// The wait before the second attempt at most; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The journal in a `DynamoDB` table. Clones share one client.
#[derive(Debug, Clone)]
pub struct DynamoJournal {
    pub(super) client: Client,
    pub(super) table: String,
}

impl DynamoJournal {
    /// The journal in the table of that name.
    #[must_use]
    pub fn new(config: &SdkConfig, table: &str) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            table: table.to_owned(),
        }
    }

    /// One cheap read, so that connection and credentials stand before the first event.
    /// Its failure is only logged: the first event will meet it and say so.
    pub async fn warm(&self) {
        let key = super::keys::Key {
            pk: "warm".to_owned(),
            sk: "warm".to_owned(),
        };
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(super::wire::key(&key)))
            .send();
        match tokio::time::timeout(Duration::from_secs(1), read).await {
            Ok(Ok(_)) => {}
            Ok(Err(e)) => {
                let error = classify(&e, "dynamodb:GetItem", &self.table);
                tracing::warn!(error = %error, "the journal could not be reached at the start");
            }
            Err(_) => tracing::warn!("the journal did not answer at the start"),
        }
    }

    /// Sends a request up to [`ATTEMPTS`] times while its failure may pass. What was applied
    /// although its answer got lost is sent again: conditions must take that for a success.
    pub(super) async fn attempt<T, E, F>(
        &self,
        doing: &str,
        operation: &'static str,
        send: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut attempt = 1;
        loop {
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(e) => e,
            };
            if error.code() == Some("ConditionalCheckFailedException") {
                return Err(Failure::Condition);
            }
            let error = classify(&error, operation, &self.table);
            let passing = matches!(error.class, ErrorClass::Throttled | ErrorClass::Transient);
            if !passing || attempt == ATTEMPTS {
                return Err(Failure::Journal(journal_error(doing, &error, passing)));
            }
            tracing::debug!(attempt, error = %error, "the journal is asked again");
            tokio::time::sleep((FIRST_WAIT * 2_u32.pow(attempt - 1)).mul_f64(jitter())).await;
            attempt += 1;
        }
    }

    /// Puts an item where its condition holds. `Ok(false)`: it doesn't.
    pub(super) async fn put(&self, doing: &str, put: Put) -> Result<bool, JournalError> {
        let item = out(put.item);
        let sent = self
            .attempt(doing, "dynamodb:PutItem", || {
                let mut request = self
                    .client
                    .put_item()
                    .table_name(&self.table)
                    .set_item(Some(item.clone()));
                if let Some(condition) = put.condition {
                    request = request.condition_expression(condition);
                }
                for (name, value) in &put.values {
                    request = request.expression_attribute_values(*name, value.clone());
                }
                for (short, name) in put.names {
                    request = request.expression_attribute_names(*short, *name);
                }
                request.send()
            })
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(Failure::Condition) => Ok(false),
            Err(Failure::Journal(e)) => Err(e),
        }
    }

    /// Reads one item, consistently.
    pub(super) async fn get(
        &self,
        doing: &str,
        key: &super::keys::Key,
    ) -> Result<Option<Item>, JournalError> {
        let read = self
            .attempt(doing, "dynamodb:GetItem", || {
                self.client
                    .get_item()
                    .table_name(&self.table)
                    .set_key(Some(super::wire::key(key)))
                    .consistent_read(true)
                    .send()
            })
            .await?;
        Ok(read.item.map(back))
    }
}

/// A conditional write of one item.
pub(super) struct Put {
    pub(super) item: Item,
    pub(super) condition: Option<&'static str>,
    pub(super) names: &'static [(&'static str, &'static str)],
    pub(super) values: Vec<(&'static str, aws_sdk_dynamodb::types::AttributeValue)>,
}

impl Put {
    /// A write where nothing stands yet.
    pub(super) fn new(item: Item) -> Self {
        Self {
            item,
            condition: Some("attribute_not_exists(pk)"),
            names: &[],
            values: Vec::new(),
        }
    }
}

/// Why a request to the table didn't do what it was to do.
pub(super) enum Failure {
    /// Its condition doesn't hold.
    Condition,
    /// It failed.
    Journal(JournalError),
}

impl From<Failure> for JournalError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Journal(e) => e,
            Failure::Condition => Self {
                doing: "sending a request".to_owned(),
                message: "a condition failed that was never set".to_owned(),
                transient: false,
            },
        }
    }
}

fn journal_error(doing: &str, error: &CallError, transient: bool) -> JournalError {
    JournalError {
        doing: doing.to_owned(),
        message: error.to_string(),
        transient,
    }
}

/// A body's or attribute's error while `doing` something with the table's items.
pub(super) fn reading<T>(doing: &str, read: Result<T, ItemError>) -> Result<T, JournalError> {
    read.map_err(|e| unusable(doing, &e))
}

/// Items of an answer by their keys.
pub(super) fn by_key(items: Vec<SdkItem>) -> impl Iterator<Item = (super::keys::Key, Item)> {
    items.into_iter().map(|item| {
        let item = back(item);
        (key_of(&item), item)
    })
}

impl DynamoJournal {
    /// One revision of a record, if it is there.
    pub async fn revision(
        &self,
        key: &ChangeKey,
        revision: u32,
    ) -> Result<Option<Record>, JournalError> {
        let doing = format!("reading revision {revision} of {key}");
        let item = self.get(&doing, &of_revision(key, revision)).await?;
        let read = item.map(|item| read_record(&item)).transpose();
        read.map_err(|e| JournalError {
            doing,
            message: e.to_string(),
            transient: false,
        })
    }
}

impl Journal for DynamoJournal {
    async fn know(
        &self,
        resource: &ResourceRef,
        keys: &[ChangeKey],
    ) -> Result<Known, JournalError> {
        self.know_all(resource, keys).await
    }

    async fn claim(
        &self,
        claim: &Claim,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Claimed, JournalError> {
        self.take_claim(claim, expected, now).await
    }

    async fn spend(&self, caps: &[CapKey]) -> Result<Vec<u64>, JournalError> {
        self.count_up(caps, Timestamp::now()).await
    }

    async fn refund(&self, caps: &[CapKey]) -> Result<(), JournalError> {
        self.count_down(caps, Timestamp::now()).await
    }

    async fn close(&self, close: &Close) -> Result<Closed, JournalError> {
        self.close_all(close, Timestamp::now()).await
    }

    async fn reject(&self, digest: &str, why: &str, beginning: &str) -> Result<(), JournalError> {
        self.remember_rejected(digest, why, beginning, Timestamp::now())
            .await
    }

    async fn record(&self, key: &ChangeKey) -> Result<Option<Record>, JournalError> {
        self.highest_revision(key).await
    }
}

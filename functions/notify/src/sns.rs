//! The SNS topic, and marks in the table.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use jiff::Timestamp;
use undrift_aws::client::classify;
use undrift_aws::journal::{Delivery, DynamoJournal};
use undrift_core::name::Arn;
use undrift_core::record::ChangeKey;
use undrift_engine::port::{CallError, ErrorClass, JournalError};

use crate::message::Message;
use crate::tell::{Channel, Marks, May};

/// The channel's name in marks and metrics.
pub const SNS: &str = "sns";

/// An SNS topic.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: Arn,
}

impl Topic {
    /// The topic of that ARN.
    #[must_use]
    pub fn new(config: &SdkConfig, arn: Arn) -> Self {
        Self {
            client: Client::new(config),
            arn,
        }
    }
}

impl Channel for Topic {
    fn name(&self) -> &'static str {
        SNS
    }

    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        let failed = |message: String| CallError {
            class: ErrorClass::Invalid,
            operation: "sns:Publish".to_owned(),
            resource: self.arn.to_string(),
            code: undrift_aws::classify::CLIENT.to_owned(),
            message,
            request_id: None,
        };
        let mut publish = self
            .client
            .publish()
            .topic_arn(self.arn.as_str())
            .subject(&message.subject)
            .message(&message.text);
        for (name, value) in &message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|e| failed(e.to_string()))?;
            publish = publish.message_attributes(name, value);
        }
        let published = publish.send().await;
        let published = published.map_err(|e| classify(&e, "sns:Publish", self.arn.as_str()))?;
        Ok(published.message_id.unwrap_or_default())
    }
}

/// Marks of what was published to SNS, in the table.
#[derive(Debug, Clone)]
pub struct TableMarks(pub DynamoJournal);

impl Marks for TableMarks {
    async fn begin(&self, key: &ChangeKey, revision: u32) -> Result<May, JournalError> {
        let begun = self.0.begin_delivery(key, revision, SNS, Timestamp::now());
        Ok(match begun.await? {
            Delivery::Ours => May::Tell,
            Delivery::NotOurs { done: true } => May::Told,
            Delivery::NotOurs { done: false } => May::Busy,
        })
    }

    async fn finish(
        &self,
        key: &ChangeKey,
        revision: u32,
        message_id: &str,
    ) -> Result<(), JournalError> {
        let now = Timestamp::now();
        self.0
            .finish_delivery(key, revision, SNS, message_id, now)
            .await
    }

    async fn cancel(&self, key: &ChangeKey, revision: u32) -> Result<(), JournalError> {
        self.0.cancel_delivery(key, revision, SNS).await
    }
}

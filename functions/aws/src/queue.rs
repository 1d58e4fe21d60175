//! A queue in SQS.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use undrift_engine::port::CallError;

use crate::batch::Postpone;
use crate::client::classify;

/// How long a receive may take: ten messages of up to 1 MB each may come at once.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A queue, by its URL.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// A message that somebody received himself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What it is hidden or deleted by.
    pub receipt: String,
    /// What it holds.
    pub body: String,
    /// The how manieth time it was received, about.
    pub receives: u32,
}

impl Queue {
    /// The queue of that URL.
    #[must_use]
    pub fn new(config: &SdkConfig, url: &str) -> Self {
        Self {
            client: Client::new(config),
            url: url.to_owned(),
        }
    }
}

impl Postpone for Queue {
    async fn postpone(&self, receipt: &str, seconds: u32) -> Result<(), CallError> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| classify(&e, "sqs:ChangeMessageVisibility", &self.url))?;
        Ok(())
    }
}

impl Queue {
    /// Puts a message on the queue that is delivered after whole `seconds`, 15 minutes at most
    /// (SQS API Reference, `SendMessage`).
    pub async fn send(&self, body: &str, seconds: u32) -> Result<(), CallError> {
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .delay_seconds(i32::try_from(seconds.min(900)).unwrap_or(900))
            .send()
            .await
            .map_err(|e| classify(&e, "sqs:SendMessage", &self.url))?;
        Ok(())
    }

    /// Receives what is there, ten messages at most, without waiting for any; they stay hidden for
    /// whole `seconds`.
    pub async fn receive(&self, seconds: u32) -> Result<Vec<Received>, CallError> {
        let patient = TimeoutConfig::builder()
            .operation_attempt_timeout(RECEIVE_TIMEOUT)
            .build();
        let patient = aws_sdk_sqs::config::Config::builder().timeout_config(patient);
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .customize()
            .config_override(patient)
            .send()
            .await
            .map_err(|e| classify(&e, "sqs:ReceiveMessage", &self.url))?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        let received = messages.map(|message| {
            let count = MessageSystemAttributeName::ApproximateReceiveCount;
            let count = message.attributes.as_ref().and_then(|a| a.get(&count));
            Received {
                receives: count.and_then(|c| c.parse().ok()).unwrap_or_default(),
                receipt: message.receipt_handle.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
            }
        });
        Ok(received.collect())
    }

    /// Deletes a message that was received. Deleting it again is no error.
    pub async fn delete(&self, receipt: &str) -> Result<(), CallError> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .send()
            .await
            .map_err(|e| classify(&e, "sqs:DeleteMessage", &self.url))?;
        Ok(())
    }

    /// About how many messages somebody has received and not yet deleted: nobody else gets them.
    pub async fn hidden(&self) -> Result<u64, CallError> {
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(name.clone())
            .send()
            .await
            .map_err(|e| classify(&e, "sqs:GetQueueAttributes", &self.url))?;
        let number = answer.attributes.as_ref().and_then(|a| a.get(&name));
        Ok(number.and_then(|n| n.parse().ok()).unwrap_or_default())
    }
}

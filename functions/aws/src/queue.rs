//! A queue in SQS.

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use undrift_engine::port::CallError;

use crate::batch::Postpone;
use crate::client::classify;

/// A queue, by its URL.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
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
}

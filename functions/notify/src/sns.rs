//! SNS topics: mail and filters, and Amazon Q Developer's chats.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::types::MessageAttributeValue;
use undrift_aws::client::{CONNECT_TIMEOUT, classify};
use undrift_core::name::Arn;
use undrift_core::notice::route::{ChannelName, Route, goes_to};
use undrift_core::notice::sns::{amazon_q, mail};
use undrift_engine::port::{CallError, ErrorClass};

use crate::channel::{Channel, Failure, Told};
use crate::http::LONGEST;

/// What a topic's subscribers read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// People and filters.
    Mail,
    /// Amazon Q Developer in chat applications.
    AmazonQ,
}

/// An SNS topic.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: Arn,
    format: Format,
    routes: Vec<Route>,
}

impl Topic {
    /// The topic of that ARN, told what the routes say.
    #[must_use]
    pub fn new(config: &SdkConfig, arn: Arn, format: Format, routes: Vec<Route>) -> Self {
        Self {
            client: Client::from_conf(
                aws_sdk_sns::config::Builder::from(config)
                    .timeout_config(patient())
                    .build(),
            ),
            arn,
            format,
            routes,
        }
    }
}

/// An answer that isn't waited for is one that may make people read the same twice.
pub(crate) fn patient() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(LONGEST)
        .build()
}

/// A failed call to AWS as a channel's failure.
pub(crate) fn failure(error: &CallError) -> Failure {
    match error.class {
        ErrorClass::Transient => Failure::Unknown(error.to_string()),
        _ => Failure::not(error.to_string()),
    }
}

impl Channel for Topic {
    fn name(&self) -> &str {
        match self.format {
            Format::Mail => "sns",
            Format::AmazonQ => "amazon-q",
        }
    }

    fn takes(&self, told: &Told) -> bool {
        let notice = told.notice.as_ref();
        notice.is_some_and(|notice| {
            let name = match self.format {
                Format::Mail => ChannelName::Sns,
                Format::AmazonQ => ChannelName::AmazonQ,
            };
            goes_to(&self.routes, notice, &name)
        })
    }

    async fn send(&self, told: &Told) -> Result<String, Failure> {
        let Some(notice) = &told.notice else {
            return Err(Failure::not("it is no news"));
        };
        let message = match self.format {
            Format::Mail => mail(notice),
            Format::AmazonQ => amazon_q(notice),
        };
        let mut publish = self
            .client
            .publish()
            .topic_arn(self.arn.as_str())
            .subject(message.subject)
            .message(message.text);
        for (name, value) in message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|e| Failure::not(e.to_string()))?;
            publish = publish.message_attributes(name, value);
        }
        let published = publish.send().await;
        let published =
            published.map_err(|e| failure(&classify(&e, "sns:Publish", self.arn.as_str())))?;
        Ok(published.message_id.unwrap_or_default())
    }
}

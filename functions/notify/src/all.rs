//! The channels that a deployment has.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use jiff::Timestamp;
use undrift_aws::config::NotifyEnvironment;
use undrift_core::notice::route::{ChannelName, Route};

use crate::bus::Bus;
use crate::channel::{Channel, Failure, Told};
use crate::http::Http;
use crate::secret::Secret;
use crate::slack::Slack;
use crate::sns::{Format, Topic};
use crate::webhook::Webhook;

/// A channel of any sort.
#[derive(Debug)]
pub enum Any {
    /// An SNS topic.
    Topic(Topic),
    /// An event bus.
    Bus(Bus),
    /// A channel in Slack.
    Slack(Slack),
    /// A webhook.
    Webhook(Webhook),
}

/// Why the notices can't go where they should.
#[derive(Debug, thiserror::Error)]
pub enum ChannelsError {
    /// A route names a channel that the function has nothing for.
    #[error("a route in settings.yaml names the channel `{channel}`: set {variable} for it")]
    Missing {
        /// The channel.
        channel: ChannelName,
        /// The variable of the function's environment.
        variable: &'static str,
    },
    /// There is a token, and no route to a channel.
    #[error(
        "UNDRIFT_SLACK_TOKEN_PARAMETER is set, and no route in settings.yaml names a channel; add \
         `notices: [{{ channels: [sns, slack:C012AB3CD] }}]`"
    )]
    NoSlackChannel,
    /// HTTPS can't be had.
    #[error("HTTPS to Slack can't be had: {0}")]
    Http(String),
}

/// All channels that the environment and the routes name.
pub fn all(
    config: &SdkConfig,
    environment: &NotifyEnvironment,
    routes: &[Route],
) -> Result<Vec<Any>, ChannelsError> {
    let named: BTreeSet<&ChannelName> = routes.iter().flat_map(|r| &r.channels).collect();
    let has = |set: bool, channel: &ChannelName, variable| {
        if set {
            return Ok(());
        }
        let channel = channel.clone();
        Err(ChannelsError::Missing { channel, variable })
    };
    for channel in &named {
        match channel {
            ChannelName::Sns => {}
            ChannelName::AmazonQ => {
                has(
                    environment.chat_topic.is_some(),
                    channel,
                    "UNDRIFT_CHAT_TOPIC_ARN",
                )?;
            }
            ChannelName::Webhook => {
                let set = environment.slack_webhook.is_some();
                has(set, channel, "UNDRIFT_SLACK_WEBHOOK_PARAMETER")?;
            }
            ChannelName::Slack(_) => {
                let set = environment.slack_token.is_some();
                has(set, channel, "UNDRIFT_SLACK_TOKEN_PARAMETER")?;
            }
        }
    }
    let topic = |arn: &undrift_core::name::Arn, format| {
        Any::Topic(Topic::new(config, arn.clone(), format, routes.to_vec()))
    };
    let mut all = vec![topic(&environment.topic, Format::Mail)];
    let chat = environment.chat_topic.iter();
    all.extend(chat.map(|arn| topic(arn, Format::AmazonQ)));
    let bus = environment.event_bus.iter();
    all.extend(bus.map(|name| Any::Bus(Bus::new(config, name.clone()))));
    if environment.slack_token.is_none() && environment.slack_webhook.is_none() {
        return Ok(all);
    }
    let http = Http::new().map_err(ChannelsError::Http)?;
    if let Some(parameter) = &environment.slack_webhook {
        let secret = Secret::new(config, parameter.clone());
        let webhook = Webhook::new(http.clone(), secret, routes.to_vec());
        all.push(Any::Webhook(webhook));
    }
    if let Some(parameter) = &environment.slack_token {
        let before = all.len();
        let ids = named.iter().filter_map(|channel| match channel {
            ChannelName::Slack(id) => Some(id),
            _ => None,
        });
        all.extend(ids.map(|id| {
            let secret = Secret::new(config, parameter.clone());
            let base = &environment.slack_url;
            Any::Slack(Slack::new(http.clone(), base, secret, id, routes.to_vec()))
        }));
        if all.len() == before {
            return Err(ChannelsError::NoSlackChannel);
        }
    }
    Ok(all)
}

impl Channel for Any {
    fn name(&self) -> &str {
        match self {
            Self::Topic(c) => c.name(),
            Self::Bus(c) => c.name(),
            Self::Slack(c) => c.name(),
            Self::Webhook(c) => c.name(),
        }
    }

    fn takes(&self, told: &Told) -> bool {
        match self {
            Self::Topic(c) => c.takes(told),
            Self::Bus(c) => c.takes(told),
            Self::Slack(c) => c.takes(told),
            Self::Webhook(c) => c.takes(told),
        }
    }

    fn threads(&self) -> bool {
        matches!(self, Self::Slack(_))
    }

    async fn send(&self, told: &Told) -> Result<String, Failure> {
        match self {
            Self::Topic(c) => c.send(told).await,
            Self::Bus(c) => c.send(told).await,
            Self::Slack(c) => c.send(told).await,
            Self::Webhook(c) => c.send(told).await,
        }
    }

    async fn edit(&self, id: &str, told: &Told) -> Result<(), Failure> {
        match self {
            Self::Slack(c) => c.edit(id, told).await,
            _ => Ok(()),
        }
    }

    async fn reply(&self, id: &str, told: &Told, loud: bool) -> Result<(), Failure> {
        match self {
            Self::Slack(c) => c.reply(id, told, loud).await,
            _ => Ok(()),
        }
    }

    async fn find(
        &self,
        told: &Told,
        under: Option<&str>,
        since: Timestamp,
    ) -> Result<Option<String>, Failure> {
        match self {
            Self::Slack(c) => c.find(told, under, since).await,
            _ => Ok(None),
        }
    }
}

//! The channels that a deployment has.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use jiff::Timestamp;
use undrift_aws::config::NotifyEnvironment;

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

/// All channels that the environment names.
pub fn all(config: &SdkConfig, environment: &NotifyEnvironment) -> Result<Vec<Any>, String> {
    let routes = || environment.routes.clone();
    let topic = |arn: &undrift_core::name::Arn, format| {
        Any::Topic(Topic::new(config, arn.clone(), format, routes()))
    };
    let mut all = vec![topic(&environment.topic, Format::Mail)];
    let chat = environment.chat_topic.iter();
    all.extend(chat.map(|arn| topic(arn, Format::AmazonQ)));
    let bus = environment.event_bus.iter();
    all.extend(bus.map(|name| Any::Bus(Bus::new(config, name.clone()))));
    if environment.slack_token.is_none() && environment.slack_webhook.is_none() {
        return Ok(all);
    }
    let http = Http::new()?;
    if let Some(parameter) = &environment.slack_webhook {
        let secret = Secret::new(config, parameter.clone());
        all.push(Any::Webhook(Webhook::new(http.clone(), secret, routes())));
    }
    if let Some(parameter) = &environment.slack_token {
        let named = environment.routes.iter().flat_map(|r| &r.channels);
        let channels: BTreeSet<&str> = named.filter_map(|c| c.strip_prefix("slack:")).collect();
        all.extend(channels.into_iter().map(|channel| {
            let secret = Secret::new(config, parameter.clone());
            let base = &environment.slack_url;
            Any::Slack(Slack::new(http.clone(), base, secret, channel, routes()))
        }));
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

    async fn reply(&self, id: &str, told: &Told) -> Result<(), Failure> {
        match self {
            Self::Slack(c) => c.reply(id, told).await,
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

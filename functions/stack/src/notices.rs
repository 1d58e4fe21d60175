//! Where notices go in the local account: topics, a workspace in Slack, the event bus.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use undrift_core::notice::route::{ChannelName, Route};
use undrift_core::policy::Settings;
use undrift_local::{Client, Slack, SlackOptions};

use crate::stack::StackError;
use crate::table;

/// The channel that notices go to unless the settings say otherwise.
pub const CHANNEL: &str = "C0UNDRIFT";

const TOKEN_PARAMETER: &str = "/undrift/slack-token";
const HOOK_PARAMETER: &str = "/undrift/slack-webhook";

/// Everything goes to the topic and to Slack.
#[must_use]
pub fn everything() -> Vec<Route> {
    vec![Route {
        channels: vec![ChannelName::Sns, ChannelName::Slack(CHANNEL.to_owned())],
        severity: None,
        policies: None,
        accounts: None,
    }]
}

/// The channels of the local account.
pub(crate) struct Notices {
    /// The workspace.
    pub(crate) slack: Slack,
    /// The queue that is subscribed to the topics.
    pub(crate) inbox: String,
    /// The environment of the function that tells people.
    pub(crate) environment: Vec<(String, String)>,
}

impl Notices {
    /// Makes what the settings' routes name; without routes it makes [`everything`] theirs.
    pub(crate) async fn make(admin: &Client, settings: &mut Settings) -> Result<Self, StackError> {
        if settings.notices.is_empty() {
            settings.notices = everything();
        }
        let named: BTreeSet<&ChannelName> =
            settings.notices.iter().flat_map(|r| &r.channels).collect();
        let ids = named.iter().filter_map(|channel| match channel {
            ChannelName::Slack(id) => Some(id.clone()),
            _ => None,
        });
        let options = SlackOptions {
            token: "xoxb-local".to_owned(),
            hook: "T0LOCAL/B0LOCAL/local".to_owned(),
            channels: ids.collect(),
            pace: Duration::ZERO,
        };
        let (has_bot, token) = (!options.channels.is_empty(), options.token.clone());
        let slack = Slack::start(options).await?;
        let inbox = table::inbox(admin).await?;
        let mut environment = vec![
            ("UNDRIFT_TABLE", table::TABLE.to_owned()),
            (
                "UNDRIFT_TOPIC_ARN",
                table::topic(admin, "undrift", &inbox).await?,
            ),
            ("UNDRIFT_EVENT_BUS", "default".to_owned()),
            ("UNDRIFT_SLACK_URL", slack.address()),
        ];
        let secret = async |name: &str, value: &str| {
            let input = json!({"Name": name, "Value": value, "Type": "SecureString"});
            admin.call("ssm", "PutParameter", input).await.map(|_| ())
        };
        if has_bot {
            secret(TOKEN_PARAMETER, &token).await?;
            let set = ("UNDRIFT_SLACK_TOKEN_PARAMETER", TOKEN_PARAMETER.to_owned());
            environment.push(set);
        }
        if named.contains(&ChannelName::Webhook) {
            secret(HOOK_PARAMETER, &slack.hook()).await?;
            let set = ("UNDRIFT_SLACK_WEBHOOK_PARAMETER", HOOK_PARAMETER.to_owned());
            environment.push(set);
        }
        if named.contains(&ChannelName::AmazonQ) {
            let topic = table::topic(admin, "undrift-chat", &inbox).await?;
            environment.push(("UNDRIFT_CHAT_TOPIC_ARN", topic));
        }
        let environment = environment.into_iter();
        Ok(Self {
            slack,
            inbox: inbox.url,
            environment: environment.map(|(n, v)| (n.to_owned(), v)).collect(),
        })
    }
}

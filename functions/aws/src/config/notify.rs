//! The environment of the function that tells people.

use std::path::PathBuf;

use undrift_core::name::Arn;

use super::{ConfigError, Reader, beside, wrong};

/// Nobody else reads what is sent there: https, or this machine.
#[must_use]
pub fn safe_address(url: &str) -> bool {
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
    let port = |rest: &str| {
        rest.split('/')
            .next()
            .is_some_and(|p| p.parse::<u16>().is_ok())
    };
    url.strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty())
        || local.iter().filter_map(|l| url.strip_prefix(l)).any(port)
}

/// The environment of the function that tells people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyEnvironment {
    /// `UNDRIFT_TABLE`: the table's name.
    pub table: String,
    /// `UNDRIFT_TOPIC_ARN`: the SNS topic for mail and programs.
    pub topic: Arn,
    /// `UNDRIFT_CHAT_TOPIC_ARN`: the SNS topic that Amazon Q Developer posts to chats from.
    pub chat_topic: Option<Arn>,
    /// `UNDRIFT_EVENT_BUS`: the event bus that gets every record; absent: none does.
    pub event_bus: Option<String>,
    /// `UNDRIFT_SLACK_TOKEN_PARAMETER`: the SSM parameter that holds Slack's bot token. A secret
    /// of Secrets Manager's is named `/aws/reference/secretsmanager/<name>`.
    pub slack_token: Option<String>,
    /// `UNDRIFT_SLACK_WEBHOOK_PARAMETER`: the same, of an incoming webhook's address.
    pub slack_webhook: Option<String>,
    /// `UNDRIFT_SLACK_URL`: where Slack's API is. Anything but https only on this machine.
    pub slack_url: String,
    /// `UNDRIFT_OWED_QUEUE_URL`: the queue of the notices that a channel is still owed, which
    /// this function is fed by too. Absent: they come again with the stream, and hold up others.
    pub owed_queue_url: Option<String>,
    /// `UNDRIFT_BUNDLE`: the bundle, whose settings say who gets which notices.
    pub bundle: PathBuf,
    /// `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets.
    pub function: String,
}

impl NotifyEnvironment {
    /// Reads the process's environment.
    pub fn load() -> Result<Self, ConfigError> {
        Self::of(&|name| std::env::var(name).ok())
    }

    /// Reads variables as `get` gives them.
    pub fn of(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        const TOPIC: &str = "the ARN of the SNS topic (arn:aws:sns:<region>:<account>:<name>)";
        const CHAT: &str = "UNDRIFT_CHAT_TOPIC_ARN";
        const URL: &str = "an https address, or one on this machine";
        let read = Reader(get);
        let topic = |name: &'static str, text: &str| {
            Arn::parse(text)
                .ok()
                .filter(|arn| arn.as_str().contains(":sns:"))
                .ok_or_else(|| wrong(name, text, TOPIC))
        };
        let chat = read.optional(CHAT);
        let named = |name| read.optional(name).map(|text| parameter(name, text));
        let slack_token = named("UNDRIFT_SLACK_TOKEN_PARAMETER").transpose()?;
        let slack_webhook = named("UNDRIFT_SLACK_WEBHOOK_PARAMETER").transpose()?;
        let slack_url = read
            .optional("UNDRIFT_SLACK_URL")
            .unwrap_or_else(|| "https://slack.com".to_owned());
        if !safe_address(&slack_url) {
            return Err(wrong("UNDRIFT_SLACK_URL", &slack_url, URL));
        }
        Ok(Self {
            table: read.needed("UNDRIFT_TABLE", "the name of Undrift's DynamoDB table")?,
            topic: topic(
                "UNDRIFT_TOPIC_ARN",
                &read.needed("UNDRIFT_TOPIC_ARN", TOPIC)?,
            )?,
            chat_topic: chat.as_deref().map(|c| topic(CHAT, c)).transpose()?,
            event_bus: read.optional("UNDRIFT_EVENT_BUS"),
            slack_token,
            slack_webhook,
            slack_url: slack_url.trim_end_matches('/').to_owned(),
            owed_queue_url: read.optional("UNDRIFT_OWED_QUEUE_URL"),
            bundle: read
                .optional("UNDRIFT_BUNDLE")
                .map_or_else(|| beside(get), PathBuf::from),
            function: read
                .optional("AWS_LAMBDA_FUNCTION_NAME")
                .unwrap_or_else(|| "undrift-notify".to_owned()),
        })
    }
}

/// The name of a parameter. Where somebody put the secret itself, it is not shown: names are.
fn parameter(name: &'static str, text: String) -> Result<String, ConfigError> {
    const WANTS: &str = "the name of an SSM parameter that holds it, not the secret itself";
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-/:@+=".contains(c);
    let is_secret = text.starts_with("xox") || text.contains("//");
    if is_secret || !text.chars().all(fits) {
        return Err(wrong(name, "(hidden)", WANTS));
    }
    Ok(text)
}

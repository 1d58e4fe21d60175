//! Slack's Web API: an incident's message (`chat.postMessage`), kept up to date (`chat.update`),
//! its details in a thread. The bot needs `chat:write`, and `channels:history` (or
//! `groups:history`) to look whether a message whose answer was lost was posted after all: each
//! carries its revision as metadata (api.slack.com, "Using message metadata"). Without that
//! right it is posted again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use undrift_core::notice::Notice;
use undrift_core::notice::route::{ChannelName, Route, goes_to};
use undrift_core::notice::slack;

use crate::channel::{Channel, Failure, Told};
use crate::http::{Answer, Http};
use crate::secret::Secret;

/// The type of our messages' metadata.
const EVENT: &str = "undrift_notice";
/// How far Slack's clock may be behind ours, in seconds.
const SKEW: i64 = 60;
/// The most pages of a channel's messages that are looked through, of 100 each.
const PAGES: usize = 5;
/// The wait where Slack names none: it takes about a message a second in a channel.
const THROTTLED: Duration = Duration::from_secs(1);

/// One channel in Slack.
#[derive(Debug)]
pub struct Slack {
    http: Http,
    base: String,
    token: Secret,
    channel: String,
    id: ChannelName,
    name: String,
    routes: Vec<Route>,
}

impl Slack {
    /// The channel of that id, by the API at `base`.
    #[must_use]
    pub fn new(http: Http, base: &str, token: Secret, channel: &str, routes: Vec<Route>) -> Self {
        let id = ChannelName::Slack(channel.to_owned());
        Self {
            http,
            base: base.to_owned(),
            token,
            channel: channel.to_owned(),
            name: id.to_string(),
            id,
            routes,
        }
    }

    /// Calls a method; gives Slack's answer where it is `ok`.
    async fn call(&self, method: &str, json: Option<&Value>) -> Result<Value, Failure> {
        let token = self.token.get().await?;
        let url = format!("{}/api/{method}", self.base);
        let answer = self.http.call(&url, Some(&token), json).await?;
        let understood = understand(&answer);
        if let Err(Refused::Token(_)) = &understood {
            self.token.forget().await;
        }
        understood.map_err(Refused::failure)
    }

    /// Calls a method with a message; without its blocks where Slack won't have them.
    async fn say(&self, method: &str, notice: &Notice, message: Value) -> Result<Value, Failure> {
        match self.call(method, Some(&message)).await {
            Err(Failure::Not { why, .. }) if UNFIT.iter().any(|unfit| why.ends_with(unfit)) => {
                tracing::error!(
                    why,
                    "Slack refused the notice's form; its bare text is sent"
                );
                let mut bare = message;
                if let Some(members) = bare.as_object_mut() {
                    members.remove("blocks");
                    members.insert("text".to_owned(), slack::fallback(notice).into());
                }
                self.call(method, Some(&bare)).await
            }
            other => other,
        }
    }

    /// What every message has beside its content.
    fn envelope(&self, content: Value, told: &Told, part: &str) -> Value {
        let mut message = content;
        let more = json!({
            "channel": self.channel, "unfurl_links": false, "unfurl_media": false,
            "link_names": false, "parse": "none", "mrkdwn": false,
            "metadata": {"event_type": EVENT, "event_payload": {"id": told.id(), "part": part}}
        });
        if let (Some(members), Value::Object(more)) = (message.as_object_mut(), more) {
            members.extend(more);
        }
        message
    }
}

/// Slack's words for a form it won't have.
const UNFIT: [&str; 5] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "metadata_too_large",
];

/// Why Slack didn't do it.
enum Refused {
    Token(String),
    Other(Failure),
}

impl Refused {
    fn failure(self) -> Failure {
        match self {
            Self::Token(why) => Failure::not(why),
            Self::Other(failure) => failure,
        }
    }
}

fn understand(answer: &Answer) -> Result<Value, Refused> {
    let other = |failure| Err(Refused::Other(failure));
    let throttled = Failure::Not {
        why: "Slack is throttling".to_owned(),
        wait: Some(answer.wait.unwrap_or(THROTTLED)),
    };
    match answer.status {
        200 => {}
        429 => return other(throttled),
        status @ 500.. => return other(Failure::Unknown(format!("Slack answered {status}"))),
        status => return other(Failure::not(format!("Slack refused it with {status}"))),
    }
    let Ok(said) = serde_json::from_slice::<Value>(&answer.body) else {
        return other(Failure::Unknown("Slack's answer is no JSON".to_owned()));
    };
    if said.get("ok") == Some(&Value::Bool(true)) {
        return Ok(said);
    }
    let error = said
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or("nothing");
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let error: String = error.chars().filter(plain).take(60).collect();
    let why = format!("Slack says {error}");
    match error.as_str() {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => other(throttled),
        "message_not_found" | "cant_update_message" | "edit_window_closed" => other(Failure::Gone),
        // "It's possible some aspect of the operation succeeded before the error was raised."
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            other(Failure::Unknown(why))
        }
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            Err(Refused::Token(why))
        }
        _ => other(Failure::not(why)),
    }
}

fn of(told: &Told) -> Result<&Notice, Failure> {
    let notice = told.notice.as_ref();
    notice.ok_or_else(|| Failure::not("it is no news"))
}

impl Channel for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn takes(&self, told: &Told) -> bool {
        let notice = told.notice.as_ref();
        notice.is_some_and(|notice| goes_to(&self.routes, notice, &self.id))
    }

    fn threads(&self) -> bool {
        true
    }

    async fn send(&self, told: &Told) -> Result<String, Failure> {
        let notice = of(told)?;
        let message = self.envelope(slack::message(notice), told, "message");
        let said = self.say("chat.postMessage", notice, message).await?;
        let ts = said.get("ts").and_then(Value::as_str);
        ts.map(str::to_owned)
            .ok_or_else(|| Failure::Unknown("Slack names no message".to_owned()))
    }

    async fn edit(&self, id: &str, told: &Told) -> Result<(), Failure> {
        let notice = of(told)?;
        let mut message = self.envelope(slack::message(notice), told, "message");
        if let Some(members) = message.as_object_mut() {
            members.insert("ts".to_owned(), id.into());
        }
        self.say("chat.update", notice, message).await.map(|_| ())
    }

    async fn reply(&self, id: &str, told: &Told, loud: bool) -> Result<(), Failure> {
        let notice = of(told)?;
        let mut message = self.envelope(slack::details(notice), told, "details");
        if let Some(members) = message.as_object_mut() {
            members.insert("thread_ts".to_owned(), id.into());
            members.insert("reply_broadcast".to_owned(), loud.into());
        }
        self.say("chat.postMessage", notice, message)
            .await
            .map(|_| ())
    }

    async fn find(
        &self,
        told: &Told,
        under: Option<&str>,
        since: Timestamp,
    ) -> Result<Option<String>, Failure> {
        let (part, method) = match under {
            None => ("message", "conversations.history"),
            Some(_) => ("details", "conversations.replies"),
        };
        let oldest = since.as_second() - SKEW;
        let mut query = format!(
            "{method}?channel={}&oldest={oldest}&limit=100&include_all_metadata=true",
            self.channel
        );
        if let Some(ts) = under {
            query.push_str("&ts=");
            query.extend(ts.chars().filter(|c| c.is_ascii_digit() || *c == '.'));
        }
        let wanted = json!({"id": told.id(), "part": part});
        let mut page = query.clone();
        for _ in 0..PAGES {
            let said = match self.call(&page, None).await {
                Ok(said) => said,
                Err(Failure::Not { why, wait: None }) => {
                    tracing::warn!(
                        why,
                        "it can't be seen whether Slack has the notice; it may come twice"
                    );
                    return Ok(None);
                }
                Err(e) => return Err(e),
            };
            let messages = said.get("messages").and_then(Value::as_array);
            let ours = messages.into_iter().flatten().find(|message| {
                message.pointer("/metadata/event_type") == Some(&Value::from(EVENT))
                    && message.pointer("/metadata/event_payload") == Some(&wanted)
            });
            if let Some(ts) = ours.and_then(|m| m.get("ts")).and_then(Value::as_str) {
                return Ok(Some(ts.to_owned()));
            }
            let next = said.pointer("/response_metadata/next_cursor");
            let next = next.and_then(Value::as_str).unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '=' || c == '-' || c == '_';
            if next.is_empty() || !next.chars().all(fits) {
                return Ok(None);
            }
            page = format!("{query}&cursor={}", next.replace('=', "%3D"));
        }
        Ok(None)
    }
}

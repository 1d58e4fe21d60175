//! Slack on this machine: the methods that notices need, an incoming webhook, and a page that shows the channel.
//!
//! It keeps what it is sent, refuses what Slack's published limits refuse ([`limits`]), and can throttle, fail, be
//! slow and lose answers. Methods and errors are those of api.slack.com: `chat.postMessage`, `chat.update`,
//! `conversations.history`, `conversations.replies`.

mod api;
mod limits;
mod mrkdwn;
mod page;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::error::LocalError;
use crate::http::Server;

pub use mrkdwn::{Span, spans, unescaped};

/// What a call comes to instead of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlackFault {
    /// 429, to come again after so many seconds.
    Throttle(u64),
    /// 500; nothing is done.
    Fail,
    /// An error of Slack's own; nothing is done.
    Refuse(&'static str),
    /// It is done; the connection closes without an answer.
    Lose,
    /// It is done; the answer takes that long.
    Slow(Duration),
}

/// A message in a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackMessage {
    /// The channel's id; `webhook` for what came by webhook.
    pub channel: String,
    /// Its id within the channel.
    pub ts: String,
    /// The message it stands under.
    pub thread: Option<String>,
    /// It is shown in the channel though it stands under another.
    pub broadcast: bool,
    /// How often it was edited.
    pub edits: u32,
    /// What was sent: `text`, `blocks`, `metadata`.
    pub content: Value,
}

/// A workspace in Slack. It ends when this is dropped.
#[derive(Debug)]
pub struct Slack {
    server: Server,
    state: Arc<State>,
}

/// What a workspace is made with.
#[derive(Debug, Clone)]
pub struct SlackOptions {
    /// The bot's token.
    pub token: String,
    /// The path of the webhook, which is its secret.
    pub hook: String,
    /// The ids of the channels that the bot is in.
    pub channels: Vec<String>,
    /// The least time between two messages to a channel: Slack takes about one a second.
    pub pace: Duration,
}

#[derive(Debug)]
struct State {
    options: SlackOptions,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    messages: Vec<SlackMessage>,
    faults: VecDeque<SlackFault>,
    posted: HashMap<String, Instant>,
    throttled: usize,
}

impl State {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slack {
    /// Starts a workspace on a free port.
    pub async fn start(options: SlackOptions) -> Result<Self, LocalError> {
        let state = Arc::new(State {
            options,
            kept: Mutex::default(),
        });
        let handler = Arc::clone(&state);
        let server = Server::start(0, move |asked| {
            let state = Arc::clone(&handler);
            async move { api::handle(&state, &asked).await }
        })
        .await?;
        Ok(Self { server, state })
    }

    /// Where the API is, and the page: `http://127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// The webhook's address.
    #[must_use]
    pub fn hook(&self) -> String {
        format!("{}/services/{}", self.address(), self.state.options.hook)
    }

    /// All messages, in the order in which they were posted.
    #[must_use]
    pub fn messages(&self) -> Vec<SlackMessage> {
        self.state.kept().messages.clone()
    }

    /// What the next calls come to, one each.
    pub fn fail(&self, faults: impl IntoIterator<Item = SlackFault>) {
        self.state.kept().faults.extend(faults);
    }

    /// From now on it works.
    pub fn mend(&self) {
        self.state.kept().faults.clear();
    }

    /// How many of the planned faults have not happened yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.state.kept().faults.len()
    }

    /// How many calls came sooner than the pace allows.
    #[must_use]
    pub fn throttled(&self) -> usize {
        self.state.kept().throttled
    }

    /// Somebody deletes a message.
    pub fn delete(&self, ts: &str) {
        self.state.kept().messages.retain(|m| m.ts != ts);
    }
}

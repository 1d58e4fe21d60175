//! The methods.

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Kept, SlackFault, SlackMessage, State, limits, page};
use crate::http::{self, Asked, Reply};

/// Answers a call.
pub(super) async fn handle(state: &State, asked: &Asked) -> Reply {
    let (path, query) = asked
        .target
        .split_once('?')
        .unwrap_or((asked.target.as_str(), ""));
    if asked.method == "GET" && path == "/" {
        let html = page::page(&state.kept().messages);
        return Reply::Answer(http::text(200, "text/html; charset=utf-8", html));
    }
    let fault = state.kept().faults.pop_front();
    match fault {
        Some(SlackFault::Throttle(seconds)) => return Reply::Answer(throttled(seconds)),
        Some(SlackFault::Fail) => return Reply::Answer(http::text(500, "text/plain", "")),
        Some(SlackFault::Refuse(code)) => return Reply::Answer(refused(code)),
        _ => {}
    }
    let answer = act(state, asked, path, query);
    match fault {
        Some(SlackFault::Lose) => Reply::Close,
        Some(SlackFault::Slow(time)) => {
            tokio::time::sleep(time).await;
            Reply::Answer(answer)
        }
        _ => Reply::Answer(answer),
    }
}

fn act(state: &State, asked: &Asked, path: &str, query: &str) -> Response<Full<Bytes>> {
    if let Some(hook) = path.strip_prefix("/services/") {
        return webhook(state, asked, hook);
    }
    let Some(method) = path.strip_prefix("/api/") else {
        return http::text(404, "text/plain", "");
    };
    let token = asked.headers.get("authorization");
    let token = token.and_then(|value| value.to_str().ok());
    if token.and_then(|value| value.strip_prefix("Bearer ")) != Some(&state.options.token) {
        return refused("invalid_auth");
    }
    let input = if asked.body.is_empty() {
        form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect()
    } else {
        match serde_json::from_slice(&asked.body) {
            Ok(input) => input,
            Err(_) => return refused("invalid_json"),
        }
    };
    let channel = text(&input, "channel");
    if !state.options.channels.iter().any(|known| known == channel) {
        return refused("channel_not_found");
    }
    let mut kept = state.kept();
    let done = match method {
        "chat.postMessage" => {
            if let Some(wait) = too_soon(state, &mut kept, channel) {
                return throttled(wait);
            }
            post(&mut kept, channel, &input)
        }
        "chat.update" => update(&mut kept, channel, &input),
        "conversations.history" => Ok(history(&kept, channel, &input, None)),
        "conversations.replies" => {
            let ts = text(&input, "ts");
            Ok(history(&kept, channel, &input, Some(ts)))
        }
        _ => Err("unknown_method"),
    };
    match done {
        Ok(answer) => ok(answer),
        Err(code) => refused(code),
    }
}

fn text<'v>(input: &'v Value, name: &str) -> &'v str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn ok(mut answer: Value) -> Response<Full<Bytes>> {
    if let Some(members) = answer.as_object_mut() {
        members.insert("ok".to_owned(), true.into());
    }
    http::text(200, "application/json; charset=utf-8", answer.to_string())
}

fn refused(code: &str) -> Response<Full<Bytes>> {
    let answer = json!({"ok": false, "error": code});
    http::text(200, "application/json; charset=utf-8", answer.to_string())
}

fn throttled(seconds: u64) -> Response<Full<Bytes>> {
    let answer = json!({"ok": false, "error": "ratelimited"}).to_string();
    let mut response = http::text(429, "application/json; charset=utf-8", answer);
    http::set(response.headers_mut(), "retry-after", &seconds.to_string());
    response
}

fn too_soon(state: &State, kept: &mut Kept, channel: &str) -> Option<u64> {
    let now = Instant::now();
    let last = kept.posted.get(channel);
    if last.is_some_and(|last| now.duration_since(*last) < state.options.pace) {
        kept.throttled += 1;
        return Some(state.options.pace.as_secs().max(1));
    }
    kept.posted.insert(channel.to_owned(), now);
    None
}

fn content(input: &Value) -> Value {
    let members = ["text", "blocks", "metadata"];
    let named = members
        .iter()
        .filter_map(|name| Some((*name, input.get(*name)?)));
    named
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}

fn post(kept: &mut Kept, channel: &str, input: &Value) -> Result<Value, &'static str> {
    limits::check(input)?;
    let thread = text(input, "thread_ts");
    let is_there = |m: &SlackMessage| m.ts == thread && m.channel == channel;
    if !thread.is_empty() && !kept.messages.iter().any(is_there) {
        return Err("thread_not_found");
    }
    let now = jiff::Timestamp::now().as_second();
    let ts = format!("{now}.{:06}", kept.messages.len() + 1);
    kept.messages.push(SlackMessage {
        channel: channel.to_owned(),
        ts: ts.clone(),
        thread: (!thread.is_empty()).then(|| thread.to_owned()),
        broadcast: input.get("reply_broadcast") == Some(&Value::Bool(true)),
        edits: 0,
        content: content(input),
    });
    Ok(json!({"channel": channel, "ts": ts}))
}

fn update(kept: &mut Kept, channel: &str, input: &Value) -> Result<Value, &'static str> {
    limits::check(input)?;
    let ts = text(input, "ts");
    let mut all = kept.messages.iter_mut();
    let message = all.find(|m| m.ts == ts && m.channel == channel);
    let message = message.ok_or("message_not_found")?;
    message.content = content(input);
    message.edits += 1;
    Ok(json!({"channel": channel, "ts": ts}))
}

/// The messages of a channel, newest first, or of a thread, oldest first; a page at a time.
fn history(kept: &Kept, channel: &str, input: &Value, under: Option<&str>) -> Value {
    let oldest = text(input, "oldest");
    let visible = |m: &&SlackMessage| {
        m.channel == channel
            && m.ts.as_str() > oldest
            && match under {
                Some(ts) => m.ts == ts || m.thread.as_deref() == Some(ts),
                None => m.thread.is_none() || m.broadcast,
            }
    };
    let mut all: Vec<&SlackMessage> = kept.messages.iter().filter(visible).collect();
    if under.is_none() {
        all.reverse();
    }
    let skip: usize = text(input, "cursor").parse().unwrap_or(0);
    let limit: usize = text(input, "limit").parse().unwrap_or(100);
    let page = all.iter().skip(skip).take(limit).map(|m| {
        let mut message = m.content.clone();
        if let Some(members) = message.as_object_mut() {
            members.insert("ts".to_owned(), m.ts.clone().into());
            members.insert("type".to_owned(), "message".into());
        }
        message
    });
    let next = skip + limit;
    let cursor = if next < all.len() {
        next.to_string()
    } else {
        String::new()
    };
    json!({"messages": page.collect::<Vec<_>>(), "response_metadata": {"next_cursor": cursor}})
}

fn webhook(state: &State, asked: &Asked, hook: &str) -> Response<Full<Bytes>> {
    let refuse = |status: u16, why: &'static str| http::text(status, "text/plain", why);
    if hook != state.options.hook {
        return refuse(403, "invalid_token");
    }
    let Ok(input) = serde_json::from_slice::<Value>(&asked.body) else {
        return refuse(400, "invalid_payload");
    };
    match post(&mut state.kept(), "webhook", &input) {
        Ok(_) => refuse(200, "ok"),
        Err(why) => refuse(400, why),
    }
}

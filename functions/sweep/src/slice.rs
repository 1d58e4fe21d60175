//! One invocation's share of a sweep.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use undrift_engine::sweep::{Explained, Finding, Missed, Page, Unread};

use crate::state::{Progress, State, Waiting};

/// How often a page is asked for before it is told as not looked at.
const PAGE_TRIES: u32 = 3;
/// How often a missed change's event is looked for after it should have come.
const LAST_TRIES: i32 = 30;
/// When a missed change's event is looked for again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// The world as a sweep needs it.
pub trait World {
    /// Asks a service's function something; its answer.
    fn ask(
        &self,
        function: &str,
        request: Value,
    ) -> impl Future<Output = Result<Value, String>> + Send;

    /// CloudTrail's records of what may have been done to a resource, newest first.
    fn records(&self, missed: &Missed) -> impl Future<Output = Result<Vec<String>, String>> + Send;

    /// What time it is.
    fn now(&self) -> Timestamp;
}

/// How a sweep is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// The functions that are asked, in order.
    pub functions: Vec<String>,
    /// How long an event may take until CloudTrail's event history shows it.
    pub lag: SignedDuration,
    /// Write nothing anywhere.
    pub dry_run: bool,
    /// When this invocation should be done.
    pub until: Timestamp,
}

/// Goes on with a sweep as long as there is time.
pub async fn go_on<W: World>(world: &W, ways: &Ways, state: &mut State) -> Progress {
    let mut progress = Progress {
        began: state.began,
        finished: false,
        kinds: (0, 0),
        functions: (0, ways.functions.len()),
        kind: None,
        counts: state.counts,
        findings: Vec::new(),
        unread: Vec::new(),
        waiting: 0,
        state: None,
    };
    let mut begun = false;
    // However short the time is, each invocation gets on.
    while world.now() < ways.until || !begun {
        begun = true;
        // In turns, so that neither keeps the other from getting on.
        let explained = !ways.dry_run && explain_one(world, ways, state, &mut progress).await;
        if explained && (state.function >= ways.functions.len() || world.now() >= ways.until) {
            continue;
        }
        let Some(function) = ways.functions.get(state.function).cloned() else {
            break;
        };
        page(world, ways, state, &function, &mut progress).await;
    }
    let all = state.function >= ways.functions.len();
    if all && state.ended.is_none() {
        state.ended = Some(world.now());
    }
    state.counts.found += progress.findings.len();
    state.counts.unread += progress.unread.len();
    progress.finished = all;
    progress.functions.0 = state.function.min(ways.functions.len());
    progress.counts = state.counts;
    progress.waiting = state.waiting.len();
    progress
}

/// One page of one function's resources.
async fn page<W: World>(
    world: &W,
    ways: &Ways,
    state: &mut State,
    function: &str,
    progress: &mut Progress,
) {
    let request = json!({
        "undrift": "sweep", "cursor": state.cursor, "dry_run": ways.dry_run
    });
    let next = |state: &mut State| {
        state.function += 1;
        state.kinds = 0;
        state.cursor = undrift_engine::sweep::Cursor::default();
    };
    let asked = world.ask(function, request).await;
    let page: Page = match asked.and_then(|answer| part(&answer, "swept")) {
        Ok(page) => page,
        Err(why) => {
            state.failed += 1;
            if state.failed < PAGE_TRIES {
                tracing::warn!(function, why, "the page is asked for again");
                return;
            }
            // The other kinds and functions are asked all the same.
            let what = match &progress.kind {
                Some(kind) => format!("{function}, after {kind}"),
                None => function.to_owned(),
            };
            progress.unread.push(Unread { what, why });
            state.failed = 0;
            let last = state.kinds <= state.cursor.kind + 1;
            if last {
                next(state);
            } else {
                state.cursor = undrift_engine::sweep::Cursor {
                    kind: state.cursor.kind + 1,
                    ..undrift_engine::sweep::Cursor::default()
                };
            }
            return;
        }
    };
    state.failed = 0;
    state.kinds = page.kinds;
    progress.kinds = (state.cursor.kind, page.kinds);
    progress.kind = page.kind;
    state.counts.seen += page.seen;
    state.counts.undecided += page.undecided;
    progress.findings.extend(page.findings);
    progress.unread.extend(page.unread);
    for missed in page.missed {
        if ways.dry_run {
            progress.findings.push(told(&missed));
        } else if !state.wait(function, missed.clone(), world.now()) {
            progress.unread.push(Unread {
                what: missed.resource.to_string(),
                why: "too many missed changes wait already; the next sweep finds it again".into(),
            });
        }
    }
    match page.next {
        Some(cursor) => state.cursor = cursor,
        None => next(state),
    }
}

/// Looks for the events of one missed change, and has them decided. `false`: none is due.
async fn explain_one<W: World>(
    world: &W,
    ways: &Ways,
    state: &mut State,
    progress: &mut Progress,
) -> bool {
    let now = world.now();
    let Some(at) = state.waiting.iter().position(|w| w.due <= now) else {
        return false;
    };
    let waiting = state.waiting.remove(at);
    let all = now.duration_since(waiting.noticed) >= ways.lag;
    let over = waiting.noticed + ways.lag + LOOK_AGAIN * LAST_TRIES;
    let why = match explained(world, &waiting, all).await {
        Ok(Explained::Ended(findings)) => {
            progress.findings.extend(findings);
            return true;
        }
        // What failed may have been a moment's trouble.
        Ok(Explained::Later(why)) | Err(why) => why,
    };
    if now < over {
        tracing::info!(resource = %waiting.missed.resource, why, "looked for again");
        state.waiting.push(Waiting {
            due: now + LOOK_AGAIN,
            ..waiting
        });
    } else {
        // The next sweep finds it again.
        progress.unread.push(Unread {
            what: waiting.missed.resource.to_string(),
            why,
        });
    }
    true
}

async fn explained<W: World>(world: &W, waiting: &Waiting, all: bool) -> Result<Explained, String> {
    let records = world.records(&waiting.missed).await?;
    let request = json!({
        "undrift": "missed", "resource": waiting.missed.resource, "records": records, "all": all
    });
    let answer = world.ask(&waiting.function, request).await?;
    part(&answer, "explained")
}

/// A missed change as a dry run tells it.
fn told(missed: &Missed) -> Finding {
    Finding {
        resource: missed.resource.clone(),
        policies: std::collections::BTreeSet::new(),
        shown: missed.shown.clone(),
        outcome: None,
        reason: format!("no event told of it; it wasn't so at {:.0}", missed.since),
        record: None,
    }
}

fn part<T: serde::de::DeserializeOwned>(answer: &Value, name: &str) -> Result<T, String> {
    let part = answer.get(name).ok_or_else(|| {
        let message = answer.pointer("/error/message").and_then(Value::as_str);
        message.map_or_else(|| answer.to_string(), str::to_owned)
    })?;
    serde_json::from_value(part.clone()).map_err(|e| e.to_string())
}

#[cfg(test)]
#[path = "slice_tests.rs"]
mod tests;

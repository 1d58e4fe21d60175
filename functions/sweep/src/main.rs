//! The Lambda function of the sweep.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use undrift_aws::client;
use undrift_aws::config::SweepEnvironment;
use undrift_aws::journal::DynamoJournal;
use undrift_aws::runtime::{Error, run};
use undrift_sweep::asked::Asked;
use undrift_sweep::aws::Aws;
use undrift_sweep::slice::{Ways, go_on};
use undrift_sweep::state::State;

/// How long before the function is ended a page is no longer begun: one may take that long.
const MARGIN: SignedDuration = SignedDuration::from_secs(22);
/// How long somebody who watches waits for an answer.
const WATCHED: SignedDuration = SignedDuration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    undrift_aws::log::init("undrift-sweep");
    let environment = SweepEnvironment::load()?;
    let config = client::load().await?;
    let journal = DynamoJournal::new(&config, &environment.table);
    let aws = Aws::new(&config);
    let (environment, journal, aws) = (&environment, &journal, &aws);
    run(|payload, invocation| async move {
        let asked = Asked::of(payload)?;
        let now = Timestamp::now();
        let kept = journal.sweep(&environment.region).await?;
        let version = kept.as_ref().map_or(0, |k| k.1);
        let kept: Option<State> = kept.and_then(|k| {
            let read = serde_json::from_value(k.0);
            let anew = |e: &serde_json::Error| {
                tracing::warn!(error = %e, "where the sweep stood can't be read; it begins anew");
            };
            read.inspect_err(anew).ok()
        });
        let begun = |state: Option<State>, anew: bool| match state {
            Some(state) if anew => state.again(now),
            Some(state) => state,
            None => State::begin(now),
        };
        let mut ways = Ways {
            functions: environment.functions.clone(),
            lag: environment.history_lag,
            dry_run: false,
            until: invocation.limit - MARGIN,
        };
        let mut state = match &asked {
            Asked::Tick => {
                let due =
                    |s: &State| s.is_due(environment.every, now) || (s.again && s.ended.is_some());
                let due = kept.as_ref().is_some_and(due);
                begun(kept, due)
            }
            // One that is under way ends first: nobody keeps the last ones from being looked at.
            Asked::Gap => {
                let over = kept.as_ref().is_none_or(|s| s.ended.is_some());
                let mut state = begun(kept, over);
                state.again = !over;
                state
            }
            Asked::Now(asked) if asked.dry_run => {
                ways.dry_run = true;
                begun(asked.state.clone(), false)
            }
            Asked::Now(asked) => {
                let over = kept
                    .as_ref()
                    .is_some_and(|s| s.ended.is_some() && s.waiting.is_empty());
                begun(kept, asked.begin || over)
            }
        };
        if matches!(asked, Asked::Now(_)) {
            ways.until = ways.until.min(now + WATCHED);
        }
        let mut progress = go_on(aws, &ways, &mut state).await;
        tell(&progress);
        if ways.dry_run {
            progress.state = Some(state);
        } else {
            let state = serde_json::to_value(&state)?;
            if !journal
                .keep_sweep(&environment.region, &state, version)
                .await?
            {
                tracing::info!("another invocation went on meanwhile; this one's place is dropped");
                if asked == Asked::Gap {
                    return Err("the sweep is under way elsewhere; the message comes again".into());
                }
            }
        }
        Ok::<Value, Error>(match asked {
            // All messages of a queue are dealt with.
            Asked::Gap => json!({"batchItemFailures": [], "sweep": progress}),
            _ => json!({"sweep": progress}),
        })
    })
    .await
}

/// One line per invocation that found something or finished.
fn tell(progress: &undrift_sweep::state::Progress) {
    for unread in &progress.unread {
        tracing::error!(
            what = unread.what,
            why = unread.why,
            "the sweep could not look"
        );
    }
    tracing::info!(
        finished = progress.finished,
        seen = progress.counts.seen,
        found = progress.counts.found,
        undecided = progress.counts.undecided,
        unread = progress.counts.unread,
        waiting = progress.waiting,
        "swept"
    );
}

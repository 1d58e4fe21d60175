//! The engine's ports, on the scheduler.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use undrift_core::kind::{Call, ResourceRef};
use undrift_core::name::{KindId, ResourceId};
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{
    CallError, CapKey, Claim, Claimed, Clock, Close, Closed, Cloud, ErrorClass, Journal,
    JournalError, Known, Listed, Place, Seen, Sent, Switch,
};

use crate::aws::{By, request_id};
use crate::journal::{self, Put, puts};
use crate::scenario::Fault;
use crate::sim::{Happening, Sim, State, Without, moment, us};

/// How often the journal's own adapter sends a request.
const ATTEMPTS: u32 = 4;

fn failed(fault: Fault, operation: &str) -> CallError {
    let (class, code) = match fault {
        Fault::Throttled => (ErrorClass::Throttled, "RequestLimitExceeded"),
        _ => (ErrorClass::Transient, "client"),
    };
    CallError {
        class,
        operation: operation.to_owned(),
        resource: "it".to_owned(),
        code: code.to_owned(),
        message: "injected".to_owned(),
        request_id: None,
    }
}

impl Sim {
    /// As the journal's adapter does it: a few attempts, then an error.
    async fn write<T: Send + 'static>(
        &self,
        act: impl Fn(&mut State) -> T + Send + Sync + Clone + 'static,
    ) -> Result<T, JournalError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.call(act.clone()).await {
                Ok(value) => return Ok(value),
                Err(_) if attempts < ATTEMPTS => self.sleep(40_000).await,
                Err(fault) => {
                    return Err(JournalError {
                        doing: "writing".to_owned(),
                        message: format!("{fault:?}"),
                        transient: true,
                    });
                }
            }
        }
    }
}

impl Sim {
    /// Items that are written side by side.
    async fn put(&self, puts: Vec<Put>) -> Result<Closed, JournalError> {
        let writes = puts.into_iter().map(|put| async move {
            match put {
                Put::Revision(record) => {
                    self.write(move |s| journal::put_revision(s, &record))
                        .await?;
                }
                Put::Baseline(baseline) => {
                    let act = move |s: &mut State| journal::put_baseline(s, (*baseline).clone());
                    self.write(act).await?;
                }
                Put::Observed(observed) => {
                    let act = move |s: &mut State| journal::put_observed(s, (*observed).clone());
                    return self.write(act).await;
                }
            }
            Ok(Closed::Whole)
        });
        let mut closed = Closed::Whole;
        for end in join_all(writes).await {
            if end? == Closed::Outrun {
                closed = Closed::Outrun;
            }
        }
        Ok(closed)
    }
}

impl Cloud for Sim {
    async fn resolve(&self, _: &KindId, _: &str) -> Result<Option<ResourceId>, CallError> {
        Ok(None)
    }

    async fn read(&self, _: &ResourceRef) -> Result<Seen, CallError> {
        let stale = {
            let mut state = self.state();
            let now = state.now;
            let without = state.without;
            let life = state.life();
            // A look beside the claim.
            let second = life.claimed == now && life.calls > 0;
            if !second {
                life.looked = now;
            }
            let known = life.last_look.clone();
            known.filter(|_| second && without == Some(Without::SecondLook))
        };
        if let Some(stale) = stale {
            return Ok(stale);
        }
        let read = |state: &mut State| {
            let lag = us(state.scenario.lag);
            let invocation = state.current;
            let chance = state.chance(
                u64::from(invocation),
                5000 + u64::try_from(state.now).unwrap(),
            );
            let age = if chance % 3 == 0 && lag > 0 {
                i64::try_from(chance % 10_007).unwrap() * lag / 10_007
            } else {
                0
            };
            let image = state.aws.seen(state.now, age);
            let second = SignedDuration::from_secs(1);
            let at = moment(state.now).round(jiff::Unit::Second).unwrap();
            let at = if at < moment(state.now) {
                at + second
            } else {
                at
            };
            let seen = Seen {
                image: Some(image),
                path: None,
                at,
            };
            state.life().last_look = Some(seen.clone());
            state.tell(|| format!("   #{invocation} looks, {} ms old", age / 1000));
            seen
        };
        self.call(read).await.map_err(|f| failed(f, "read"))
    }

    async fn list(&self, _: &KindId, _: &Place, _: Option<&str>) -> Result<Listed, CallError> {
        Ok(Listed::default())
    }

    async fn send(&self, call: &Call) -> Result<Sent, CallError> {
        let (sent, operation) = (call.clone(), call.operation.clone());
        let act = move |state: &mut State| {
            let invocation = state.current;
            let life = state.life();
            let by = By::Undrift {
                invocation,
                looked: life.looked,
                claimed: life.claimed,
            };
            let now = state.now;
            let from = state.aws.log.len();
            let done = state.aws.carry_out(now, by, &sent);
            state.tell(|| {
                format!(
                    "   #{invocation} sends {} {}: {:?}",
                    sent.operation,
                    sent.input,
                    done.as_ref().map(|_| ())
                )
            });
            let change = match done {
                Ok(change) => change,
                Err((class, code)) => {
                    return Err(CallError {
                        class,
                        code: code.to_owned(),
                        ..failed(Fault::Lost, &sent.operation)
                    });
                }
            };
            journal::check_open_record(state, from);
            let n = state.aws.requests;
            let own = state.chance(31, u64::from(n));
            let delay = 1_000_000 + i64::try_from(own % 15_000_000).unwrap();
            state.events.push(change);
            let message = state.events.len() - 1;
            state.at(now + delay, Happening::Arrive(message));
            Ok(Sent {
                request_id: Some(request_id(n)),
            })
        };
        match self.call(act).await {
            Ok(answer) => answer,
            Err(fault) => Err(failed(fault, &operation)),
        }
    }
}

impl Journal for Sim {
    async fn know(&self, _: &ResourceRef, keys: &[ChangeKey]) -> Result<Known, JournalError> {
        let keys = keys.to_vec();
        let known = self.write(move |state| journal::know(state, &keys)).await?;
        if known.records.is_empty() {
            return Ok(known);
        }
        let mut newest = known;
        let keys: Vec<_> = newest.records.keys().cloned().collect();
        let again = self.write(move |state| journal::know(state, &keys)).await?;
        newest.records = again.records;
        Ok(newest)
    }

    async fn claim(
        &self,
        claim: &Claim,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Claimed, JournalError> {
        {
            let mut state = self.state();
            let now = state.now;
            state.life().claimed = now;
        }
        let claim = claim.clone();
        let act = move |state: &mut State| {
            let won = journal::claim(state, claim.clone(), expected, now);
            let invocation = state.current;
            state.tell(|| format!("   #{invocation} claims: {won:?}"));
            won
        };
        self.write(act).await
    }

    async fn spend(&self, caps: &[CapKey]) -> Result<Vec<u64>, JournalError> {
        let count = caps.len();
        self.write(move |_| vec![1; count]).await
    }

    async fn refund(&self, _: &[CapKey]) -> Result<(), JournalError> {
        self.write(|_| ()).await
    }

    async fn close(&self, close: &Close) -> Result<Closed, JournalError> {
        // What is remembered comes first: the record of a change says that it is dealt with.
        let (first, then): (Vec<_>, Vec<_>) = puts(close)
            .into_iter()
            .partition(|put| !matches!(put, Put::Revision(_)));
        let closed = self.put(first).await?;
        if closed == Closed::Outrun && close.release.is_none() {
            return Ok(closed);
        }
        self.put(then).await?;
        if let Some(release) = close.release.clone() {
            self.write(move |state| journal::release(state, &release))
                .await?;
        }
        Ok(closed)
    }

    async fn reject(&self, digest: &str, _: &str, _: &str) -> Result<(), JournalError> {
        let digest = digest.to_owned();
        let act = move |state: &mut State| {
            state.table.rejected.insert(digest.clone());
        };
        self.write(act).await
    }

    async fn record(&self, key: &ChangeKey) -> Result<Option<Record>, JournalError> {
        let key = key.clone();
        let act = move |state: &mut State| {
            let rows = state.table.rows.get(&key);
            rows.and_then(|r| r.last().cloned())
        };
        self.write(act).await
    }
}

impl Switch for Sim {
    async fn paused(&self) -> Result<bool, JournalError> {
        Ok(false)
    }
}

impl Clock for Sim {
    fn now(&self) -> Timestamp {
        let mut state = self.state();
        let now = state.now;
        moment(now + state.life().skew)
    }

    async fn sleep(&self, time: Duration) {
        Sim::sleep(self, i64::try_from(time.as_micros()).unwrap()).await;
    }

    fn jitter(&self) -> f64 {
        self.state().jitter()
    }
}

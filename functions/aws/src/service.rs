//! One service's function, put together: engine, journal, switch and clock behind the main loop.

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde_json::{Value, json};
use undrift_core::change::{Change, Expected};
use undrift_core::kind::Kinds;
use undrift_core::policy::Bundle;
use undrift_core::record::Worker;
use undrift_engine::approve::ApproveRequest;
use undrift_engine::asked::{Asked, AskedError};
use undrift_engine::port::{Cloud, Place, Switch};
use undrift_engine::undo::UndoRequest;
use undrift_engine::{Disposition, Engine, SETTLES_AFTER};

use crate::batch::{Handler, fate};
use crate::clock::SystemClock;
use crate::config::{Duty, Environment};
use crate::function::Function;
use crate::intake::take_record;
use crate::journal::DynamoJournal;
use crate::metrics::{Metered, Metrics};
use crate::request::{Approve, Missed, Request, RequestError, Resume, Sweep};
use crate::runtime::Error;
use crate::switch::ParameterSwitch;

/// How many reverts one actor, policy or account may cause within ten minutes before the caps
/// hold. A busy pipeline stays well under it; a script that opens a thousand groups doesn't.
const CAP: u64 = 200;

/// A service's engine as the main loop's handler.
struct Service<'k, C> {
    engine: Engine<'k, C, Metered<DynamoJournal>, ParameterSwitch, SystemClock>,
    duty: Duty,
}

/// Loads the bundle and serves until Lambda ends the process.
pub async fn serve<C: Cloud>(
    cloud: C,
    kinds: Kinds<'_>,
    environment: Environment,
    config: &SdkConfig,
) -> Result<(), Error> {
    let text = std::fs::read_to_string(&environment.bundle).map_err(|e| {
        format!("the bundle {} can't be read: {e}; build one with `undrift bundle` and ship it beside the binary", environment.bundle.display())
    })?;
    let bundle = Bundle::read(&text, kinds)?;
    let journal = Metered {
        journal: DynamoJournal::new(config, &environment.table),
        metrics: Metrics::to_stdout(&environment.function),
    };
    let worker = Worker {
        function: environment.function.clone(),
        role: environment.role.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bundle: bundle.digest.clone(),
    };
    let engine = Engine {
        cloud,
        journal: journal.clone(),
        switch: ParameterSwitch::new(config, environment.pause_parameter.as_deref()),
        clock: SystemClock,
        kinds,
        bundle,
        worker,
        own_roles: environment.own_roles.clone(),
        cap_limit: CAP,
        settles_after: SETTLES_AFTER,
    };
    // One cheap read of each kind while Lambda initialises: connections and TLS are then up.
    // What fails here is met again, and told, by the first event.
    let _ = tokio::join!(journal.journal.warm(), engine.switch.paused());
    let service = Service {
        engine,
        duty: environment.duty,
    };
    Function::new(service, journal, &environment, config)
        .serve()
        .await
}

/// The middle between now and the deadline: what is begun then has its time.
fn half(deadline: Timestamp) -> Timestamp {
    let now = Timestamp::now();
    now + deadline.duration_since(now) / 2
}

impl<C: Cloud> Service<'_, C> {
    /// Only the function that reverts looks for what is wrong: what it finds it may have to revert.
    fn reverts(&self) -> Result<(), RequestError> {
        if self.takes_changes() {
            return Ok(());
        }
        let why = "this function undoes; ask the one that reverts".to_owned();
        Err(RequestError::Refused(why))
    }

    async fn sweep(
        &self,
        sweep: Sweep,
        place: &Expected,
        deadline: Timestamp,
    ) -> Result<Value, RequestError> {
        self.reverts()?;
        let place = Place {
            account: place.account.clone(),
            region: place.region.clone(),
        };
        let page = self
            .engine
            .sweep(&place, &sweep.cursor, sweep.dry_run, half(deadline))
            .await
            .map_err(|e| RequestError::Failed(e.to_string()))?;
        Ok(json!({"swept": page}))
    }

    async fn missed(
        &self,
        missed: Missed,
        place: &Expected,
        deadline: Timestamp,
    ) -> Result<Value, RequestError> {
        self.reverts()?;
        let records = missed.records.iter();
        let changes = records.filter_map(|r| take_record(r, place)).collect();
        let explained = self
            .engine
            .missed(&missed.resource, changes, missed.all, deadline)
            .await
            .map_err(|e| RequestError::Failed(e.to_string()))?;
        Ok(json!({"explained": explained}))
    }

    async fn approve(&self, approve: Approve, deadline: Timestamp) -> Result<Value, RequestError> {
        self.reverts()?;
        let request = ApproveRequest {
            record: approve.record,
            by: approve.by,
            reason: approve.reason,
            id: approve.id,
        };
        answer("approved", self.engine.approve(&request, deadline).await)
    }

    async fn resume(&self, resume: &Resume, deadline: Timestamp) -> Result<Value, RequestError> {
        self.reverts()?;
        let resumed = self.engine.resume(&resume.resource, deadline).await;
        Ok(json!({"resumed": fate(resumed)}))
    }
}

impl<C: Cloud> Handler for Service<'_, C> {
    async fn handle(&self, changes: Vec<Change>, deadline: Timestamp) -> Vec<Disposition> {
        self.engine.handle(changes, deadline).await
    }

    fn takes_changes(&self) -> bool {
        self.duty == Duty::Revert
    }

    async fn request(
        &self,
        request: Value,
        place: &Expected,
        deadline: Timestamp,
    ) -> Result<Value, RequestError> {
        let undo = match Request::parse(request)? {
            Request::Undo(undo) => undo,
            Request::Sweep(sweep) => return self.sweep(sweep, place, deadline).await,
            Request::Missed(missed) => return self.missed(missed, place, deadline).await,
            Request::Approve(approve) => return self.approve(approve, deadline).await,
            Request::Resume(resume) => return self.resume(&resume, deadline).await,
            Request::Redeliver(_) => {
                let why = "messages are dealt with as a batch".to_owned();
                return Err(RequestError::NotUnderstood(why));
            }
        };
        if self.duty != Duty::Undo {
            return Err(RequestError::Refused(
                "this function reverts; ask the undo function".to_owned(),
            ));
        }
        let request = UndoRequest {
            record: undo.record,
            by: undo.by,
            reason: undo.reason,
            id: undo.id,
            ticket: undo.ticket,
            until: undo.until,
        };
        answer("undone", self.engine.undo(&request, deadline).await)
    }
}

/// What a person is answered; `done`: the member that then holds the request's own record.
fn answer(done: &str, asked: Result<Asked, AskedError>) -> Result<Value, RequestError> {
    match asked {
        Ok(Asked::Done(record)) => Ok(json!({done: record})),
        Ok(Asked::Moved(moved)) => Ok(json!({"moved": moved})),
        Ok(Asked::Refused(why)) => Err(RequestError::Refused(why)),
        Err(e) => Err(RequestError::Failed(e.to_string())),
    }
}

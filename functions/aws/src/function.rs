//! A service's function: its queue's batches and direct requests, given to a [`Handler`].

use aws_config::SdkConfig;
use serde_json::Value;
use undrift_core::change::Expected;
use undrift_core::name::Region;
use undrift_engine::port::Journal;

use crate::batch::{Batch, Handler, Work};
use crate::config::Environment;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::request::TAG;
use crate::runtime::{Error, Invocation, run};

/// All that a service's function works with.
#[derive(Debug)]
pub struct Function<H, J> {
    /// Handles changes and requests.
    pub handler: H,
    /// Remembers messages that aren't understood.
    pub journal: J,
    /// The queue that feeds it; absent where there is none.
    pub queue: Option<Queue>,
    /// Counts.
    pub metrics: Metrics,
    /// The region it runs in.
    pub region: Region,
}

impl<H: Handler, J: Journal> Function<H, J> {
    /// A function with the queue, region and name of its environment, counting to standard output.
    pub fn new(handler: H, journal: J, environment: &Environment, config: &SdkConfig) -> Self {
        Self {
            handler,
            journal,
            queue: environment
                .queue_url
                .as_deref()
                .map(|url| Queue::new(config, url)),
            metrics: Metrics::to_stdout(&environment.function),
            region: environment.region.clone(),
        }
    }

    /// Serves until Lambda ends the process.
    pub async fn serve(self) -> Result<(), Error> {
        let function = &self;
        run(|payload, invocation| async move { function.invoke(payload, invocation).await }).await
    }

    /// Serves one invocation: a queue's batch, or a direct request. Anything else is an error,
    /// which Lambda reports.
    pub async fn invoke(&self, payload: Value, invocation: Invocation) -> Result<Value, Error> {
        let expected = Expected {
            account: invocation.account,
            region: self.region.clone(),
        };
        let work = Work {
            handler: &self.handler,
            journal: &self.journal,
            postpone: self.queue.as_ref(),
            metrics: &self.metrics,
            expected: &expected,
            deadline: invocation.deadline,
            limit: invocation.limit,
        };
        if payload.get(TAG).is_some() {
            return Ok(work.request(payload).await);
        }
        let batch: Batch = serde_json::from_value(payload).map_err(|e| {
            tracing::error!(error = %e, "the invocation is neither a queue's batch nor a request");
            e
        })?;
        Ok(serde_json::to_value(work.batch(batch).await)?)
    }
}

//! Waiting for an account to come to rest, emptying it, and ending it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::Account;
use crate::error::LocalError;
use crate::queue::Queue;

/// How long nothing may happen before the account counts as settled.
const QUIET: Duration = Duration::from_millis(150);

/// Reads of a stream that must find nothing before it counts as drained.
const EMPTY_READS: u32 = 3;

impl Account {
    /// Waits until all queues but those of dead letters are empty, nothing is under way, all streams are read to their end, and all that for
    /// 150 ms.
    pub async fn settle(&self, timeout: Duration) -> Result<(), LocalError> {
        self.until_none(timeout, || self.unsettled()).await
    }

    /// Waits until no message is visible in a queue and nothing is under way.
    pub async fn rest(&self, timeout: Duration) -> Result<(), LocalError> {
        let unrested = || {
            self.running()
                .or_else(|| self.unread(|queue| queue.depth().0 == 0))
        };
        self.until_none(timeout, unrested).await
    }

    async fn until_none(
        &self,
        timeout: Duration,
        busy: impl Fn() -> Option<String>,
    ) -> Result<(), LocalError> {
        let begun = Instant::now();
        loop {
            let Some(what) = busy() else {
                return Ok(());
            };
            if begun.elapsed() >= timeout {
                return Err(LocalError::NotSettled {
                    waited: timeout,
                    what,
                });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn running(&self) -> Option<String> {
        let running = self.trail.activity.running();
        (running > 0).then(|| format!("{running} invocations or records under way"))
    }

    /// A queue that isn't at rest.
    fn unread(&self, at_rest: impl Fn(&Queue) -> bool) -> Option<String> {
        let queues = self
            .trail
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let queue = queues.values().find(|queue| !at_rest(queue))?;
        let (waiting, hidden) = queue.depth();
        Some(format!(
            "queue `{}`: {waiting} messages wait, {hidden} are in flight",
            queue.name()
        ))
    }

    fn unsettled(&self) -> Option<String> {
        let under_way = self
            .running()
            .or_else(|| self.unread(|q| q.is_dead() || q.is_empty()));
        if under_way.is_some() {
            return under_way;
        }
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams
            .iter()
            .any(|stream| stream.empty_reads.load(Ordering::SeqCst) < EMPTY_READS)
        {
            return Some("a stream is not read to its end".to_owned());
        }
        (self.trail.activity.quiet_for() < QUIET).then(|| "the last thing was just now".to_owned())
    }

    /// Empties the account: resources, users, rules, queues, functions, mappings, faults and the log of calls. Clients
    /// made before are nobody's afterwards.
    pub async fn reset(&self) -> Result<(), LocalError> {
        self.clear();
        let request = hyper::Request::post(format!("{}/moto-api/reset", self.upstream()))
            .body(http_body_util::Full::default())
            .map_err(|error| LocalError::EmulatorFailed {
                reason: error.to_string(),
            })?;
        let sent = self.trail.http.send(request).await;
        sent.map_err(|reason| LocalError::EmulatorFailed { reason })?;
        self.trail.identities.clear();
        self.trail.wire.clear();
        Ok(())
    }

    pub(super) fn clear(&self) {
        for mapping in self
            .mappings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            mapping.abort();
        }
        self.streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.trail
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.trail.bus.clear();
        let queues: Vec<Queue> = self
            .trail
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain()
            .map(|(_, queue)| queue)
            .collect();
        for queue in queues {
            queue.purge();
        }
        self.trail.faults.clear();
    }

    /// Ends everything and waits for moto's end.
    pub async fn stop(mut self) {
        self.clear();
        self.emulator.stop().await;
    }
}

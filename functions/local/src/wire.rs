//! The log of every call through the trail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use crate::model::Service;
use crate::request::Raw;

/// How many calls are kept; older ones are dropped first. A call takes about a kilobyte and its body.
const KEPT: usize = 50_000;

/// One call through the trail.
#[derive(Debug, Clone)]
pub struct WireEntry {
    /// Counts from 1, in the order of arrival.
    pub seq: u64,
    /// When the request had arrived whole, in microseconds since the trail's start.
    pub started: u64,
    /// When the answer was ready, likewise.
    pub ended: u64,
    /// The caller's access key, if the call was signed.
    pub access_key: Option<String>,
    /// The caller's ARN, if it was resolved by then.
    pub caller: Option<String>,
    /// The service's signing name; the path for what is no AWS call.
    pub service: String,
    /// The operation, if it is known.
    pub operation: String,
    /// The region signed for.
    pub region: String,
    /// The HTTP status; 0 if the connection was closed instead.
    pub status: u16,
    /// The error code of a refused call.
    pub error: Option<String>,
    /// The request id answered.
    pub request_id: Option<String>,
    asked: Arc<Kept>,
}

/// Who called what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Called {
    /// The caller's access key, if the call was signed.
    pub access_key: Option<String>,
    /// The service, as a call's entry names it.
    pub service: String,
    /// The operation, likewise.
    pub operation: String,
}

/// What is needed to read the input later.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) model: Option<Arc<Service>>,
}

impl WireEntry {
    /// The input in the API's member names; null for what is no known call. Read when asked for.
    #[must_use]
    pub fn input(&self) -> Value {
        let kept = &self.asked;
        let raw = Raw {
            method: &kept.method,
            target: &kept.target,
            headers: &kept.headers,
            body: &kept.body,
        };
        kept.model
            .as_ref()
            .map_or(Value::Null, |model| raw.input(model, &self.operation))
    }
}

/// A call that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) seq: u64,
    started: u64,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) access_key: Option<String>,
    pub(crate) caller: Option<String>,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) asked: Arc<Kept>,
}

#[derive(Debug)]
struct Inner {
    epoch: Instant,
    seq: AtomicU64,
    entries: Mutex<VecDeque<WireEntry>>,
    counts: Mutex<BTreeMap<Called, usize>>,
}

/// The log. Clones are the same log.
#[derive(Debug, Clone)]
pub struct Wire(Arc<Inner>);

impl Wire {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            epoch: Instant::now(),
            seq: AtomicU64::new(0),
            entries: Mutex::default(),
            counts: Mutex::default(),
        }))
    }

    /// Microseconds since the trail's start, on the clock of the entries.
    #[must_use]
    pub fn now(&self) -> u64 {
        u64::try_from(self.0.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn begin(&self) -> Begun {
        Begun {
            seq: self.0.seq.fetch_add(1, Ordering::SeqCst) + 1,
            started: self.now(),
        }
    }

    pub(crate) fn end(&self, begun: &Begun, ended: Ended) {
        let entry = WireEntry {
            seq: begun.seq,
            started: begun.started,
            ended: self.now(),
            access_key: ended.access_key,
            caller: ended.caller,
            service: ended.service,
            operation: ended.operation,
            region: ended.region,
            status: ended.status,
            error: ended.error,
            request_id: ended.request_id,
            asked: ended.asked,
        };
        let called = Called {
            access_key: entry.access_key.clone(),
            service: entry.service.clone(),
            operation: entry.operation.clone(),
        };
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(called).or_default() += 1;
        drop(counts);
        let mut entries = self
            .0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// How often each caller called each operation, also by calls that are not kept any more.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Called, usize> {
        let counts = self.0.counts.lock();
        counts.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All calls kept, in the order of their answers.
    #[must_use]
    pub fn entries(&self) -> Vec<WireEntry> {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// The calls of one operation.
    #[must_use]
    pub fn of(&self, service: &str, operation: &str) -> Vec<WireEntry> {
        let mut all = self.entries();
        all.retain(|entry| entry.service == service && entry.operation == operation);
        all
    }

    /// When the call of that request id was answered, on the clock of the entries.
    #[must_use]
    pub fn answered(&self, request_id: &str) -> Option<u64> {
        let entries = self
            .0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut newest_first = entries.iter().rev();
        newest_first
            .find(|entry| entry.request_id.as_deref() == Some(request_id))
            .map(|entry| entry.ended)
    }

    /// Forgets all calls; the numbers go on.
    pub fn clear(&self) {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

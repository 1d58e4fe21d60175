//! The event bus: rules that put matching events on queues.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::broadcast;

use crate::pattern::Pattern;
use crate::queue::Queue;

/// How many events a slow subscriber may lag behind before it misses some.
const BACKLOG: usize = 4_096;

#[derive(Debug)]
struct BusRule {
    name: String,
    pattern: Pattern,
    queue: Queue,
}

/// The default event bus of the local account, of all its regions.
#[derive(Debug)]
pub(crate) struct Bus {
    rules: Mutex<Vec<BusRule>>,
    all: broadcast::Sender<Value>,
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self {
            rules: Mutex::default(),
            all: broadcast::channel(BACKLOG).0,
        }
    }

    pub(crate) fn add(&self, name: &str, pattern: Pattern, queue: Queue) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.retain(|rule| rule.name != name);
        rules.push(BusRule {
            name: name.to_owned(),
            pattern,
            queue,
        });
    }

    pub(crate) fn clear(&self) {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Value> {
        self.all.subscribe()
    }

    /// One delivery for each rule that matches, as EventBridge does it.
    pub(crate) fn put(&self, event: &Value) {
        let body = event.to_string();
        for rule in self
            .rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            if rule.pattern.matches(event) {
                rule.queue.send(&body);
            }
        }
        // Nobody need listen.
        let _ = self.all.send(event.clone());
    }
}

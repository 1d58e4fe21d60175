//! Whether anything is going on, for those who wait until nothing is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
struct Inner {
    running: AtomicUsize,
    last: Mutex<Instant>,
}

/// Counts what is under way. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Activity(Arc<Inner>);

/// Something under way; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(Arc<Inner>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            running: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
        }))
    }

    /// Something begins.
    pub(crate) fn begin(&self) -> Running {
        self.0.running.fetch_add(1, Ordering::SeqCst);
        self.0.touch();
        Running(Arc::clone(&self.0))
    }

    /// How many things are under way.
    pub(crate) fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    /// How long ago the last thing began or ended.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.0
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

impl Inner {
    fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.touch();
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

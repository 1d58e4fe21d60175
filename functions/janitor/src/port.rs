//! The world as the janitor needs it: functions to ask, queues, the index of what is open, time.

use std::future::Future;

use jiff::Timestamp;
use serde_json::Value;
use undrift_core::kind::ResourceRef;
use undrift_engine::port::{CallError, JournalError};

/// A message of a queue, as somebody received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it is hidden or deleted by.
    pub receipt: String,
    /// An EventBridge event, or anything.
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u32,
}

/// The world. Queues are named by their URLs.
pub trait World: Sync {
    /// Asks a service's function something; its answer, or why there is none.
    fn ask(
        &self,
        function: &str,
        request: Value,
    ) -> impl Future<Output = Result<Value, String>> + Send;

    /// The resources that somebody holds a claim on whose lease was over `before`.
    fn left_open(
        &self,
        before: Timestamp,
    ) -> impl Future<Output = Result<Vec<ResourceRef>, JournalError>> + Send;

    /// Receives what is there, ten messages at most; they stay hidden for whole `seconds`.
    fn receive(
        &self,
        queue: &str,
        seconds: u32,
    ) -> impl Future<Output = Result<Vec<Letter>, CallError>> + Send;

    /// Deletes a message that was received.
    fn delete(
        &self,
        queue: &str,
        receipt: &str,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Lets others receive a message again at once.
    fn show(
        &self,
        queue: &str,
        receipt: &str,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Puts a message on a queue.
    fn send(&self, queue: &str, body: &str) -> impl Future<Output = Result<(), CallError>> + Send;

    /// About how many messages of a queue somebody has received and not yet deleted.
    fn hidden(&self, queue: &str) -> impl Future<Output = Result<u64, CallError>> + Send;

    /// What time it is.
    fn now(&self) -> Timestamp;
}

//! The local account: an emulated AWS account on this machine, with a trail, a bus, queues and real function binaries.
//!
//! ```text
//! any AWS client ──▶ trail ──▶ moto            the account's resources
//!                      │ after the answer
//!                      ▼
//!                   record ──▶ rules ──▶ queue ──▶ function binary ──▶ trail …
//! ```
//!
//! [`Account::start`] starts it; everything listens on 127.0.0.1 only and ends with the process that started it.
//! The account is [moto](https://docs.getmoto.org), in a Python environment of its own. The trail before it answers
//! each call and then writes the CloudTrail record that AWS would write ([`encoder`]), wraps it as EventBridge does
//! and matches it with event patterns. Queues have SQS's semantics and can lose, double, delay and reorder; functions
//! are real Lambda binaries, hosted by the Lambda Runtime API.

#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "a test may panic"
    )
)]

mod account;
mod activity;
mod bus;
mod client;
mod codec;
mod emulator;
pub mod encoder;
mod error;
mod fault;
mod folder;
mod group;
mod guard;
mod history;
mod http;
mod identity;
mod ids;
mod local_api;
mod mapping;
mod model;
mod pattern;
mod queue;
mod record;
mod request;
mod response;
mod runtime;
mod runtime_api;
mod slack;
mod stream;
mod throttle;
mod trail;
mod venv;
mod wire;

pub use account::{Account, Options};
pub use client::{ApiError, Client, Credentials};
pub use error::LocalError;
pub use fault::{FaultAction, FaultRule, Faults, Struck};
pub use group::Group;
pub use model::{Http, Kind, Member, Models, Operation, Protocol, Service, Shape};
pub use pattern::Pattern;
pub use queue::{DeadLetter, Delivery, Queue, QueueFaults, QueueOptions};
pub use request::{Identified, Raw, Scope};
pub use response::{Refusal, Understood, error_code, understand};
pub use runtime::{Function, FunctionError, FunctionSpec, LogSink};
pub use slack::{Slack, SlackFault, SlackMessage, SlackOptions, Span, spans, unescaped};
pub use venv::{Progress, Venv};
pub use wire::{Called, Wire, WireEntry};

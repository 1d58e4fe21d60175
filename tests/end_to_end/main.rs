//! End to end on the local account: real calls over HTTP, real records, the real function
//! binaries with the real SDK.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod adapters;
mod approve;
mod contention;
mod controls;
mod corpus;
mod demo;
mod documented;
mod everyday;
mod instances;
mod janitor;
mod local;
mod malformed;
mod matrix;
mod notices;
mod property;
mod rounds;
mod security_groups;
mod sharing;
mod slack_sdk;
mod structure;

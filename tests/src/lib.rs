//! What the tests stand on: the local account with Undrift in it, and people who change things.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    clippy::missing_panics_doc,
    reason = "test support"
)]

pub mod fuzz;
pub mod groups;
pub mod local;
pub mod rounds;
pub mod sandbox;
pub mod verdicts;

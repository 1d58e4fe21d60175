//! The way of a change through the engine, on a world in memory: no AWS, a clock that is told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::result_large_err,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod approve;
mod before;
mod buckets;
mod caps;
mod cases;
mod documents;
mod events;
mod faults;
mod hostile;
mod precedence;
mod resume;
mod sweep;
mod takeover;
mod world;

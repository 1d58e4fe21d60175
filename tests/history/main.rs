//! History: real records and others, in files of every shape, followed and judged without an
//! account.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod corpus;
mod files;
mod followed;
mod model;
mod support;
mod unknown;

//! Policy documents judged: by what others wrote, by an independent simulator of single requests,
//! and by properties.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod cases;
mod corpus;
mod fuzz;
mod identities;
mod mutations;
mod properties;
mod random;
mod run;
mod simulator;
mod strangers;

//! Adapters that every function shares.
//!
//! Pure, and compiled without the feature `aws`: how items are written ([`journal::items`]),
//! what a message is ([`intake`]), what becomes of a batch ([`batch`]), the classes of AWS's
//! errors ([`classify`](mod@classify)), the environment ([`config`]), metrics ([`metrics`]),
//! requests ([`request`]), time ([`clock`]).
//!
//! Behind the feature: the SDK clients ([`client`]), the journal in `DynamoDB`
//! ([`journal::DynamoJournal`]), the pause switch ([`switch`]), log lines ([`log`]) and the
//! Lambda's main loop ([`function`], [`runtime`]). Behind the feature `invoke`: asking other
//! functions.

pub mod batch;
pub mod classify;
#[cfg(feature = "aws")]
pub mod client;
pub mod clock;
pub mod config;
#[cfg(feature = "aws")]
pub mod function;
pub mod intake;
#[cfg(feature = "invoke")]
pub mod invoke;
pub mod journal;
#[cfg(feature = "aws")]
pub mod log;
pub mod metrics;
#[cfg(feature = "aws")]
pub mod queue;
pub mod request;
#[cfg(feature = "aws")]
pub mod runtime;
#[cfg(feature = "aws")]
pub mod service;
#[cfg(feature = "aws")]
pub mod switch;
#[cfg(test)]
mod testing;
#[cfg(feature = "aws")]
mod whole;

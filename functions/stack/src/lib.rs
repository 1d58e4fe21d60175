//! Undrift as it stands in the local account: the table with its stream, the topic, the queues,
//! the rules, and the real function binaries, built from this tree.
//!
//! What the SAM template is for an account, this is for the local one; `undrift demo`,
//! `undrift local` and the end-to-end tests all stand on it.

pub use undrift_engine::sweep::Finding;

mod build;
mod janitor;
mod journal;
mod ledger;
mod notices;
mod stack;
mod table;

pub use build::{Binaries, BuildError};
pub use journal::ReadError;
pub use ledger::Ledger;
pub use notices::{CHANNEL, everything};
pub use stack::{Deployment, Service, Stack, StackError};
pub use undrift_engine::asked::Asked;
pub use undrift_janitor::told::{Emptied, Redriven, Tidied, Trouble};
pub use undrift_sweep::state::Progress;

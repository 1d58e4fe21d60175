//! The demo: a café, a security group, and three hours that don't happen.
//!
//! Everything it prints of what happened is read back from the account, and its exit code says
//! whether all of it was right.

mod group;
mod scenes;
mod slack;
mod stage;
mod ways;

pub(crate) use scenes::play;
pub(crate) use stage::Stage;

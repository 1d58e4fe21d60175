//! Amazon EC2: its kinds of resource, and the Lambda function that puts them back.

#[cfg(feature = "aws")]
pub mod cloud;
mod instance;
mod security_group;
mod sharing;

use undrift_core::kind::Kind;

pub use instance::Instance;
pub use security_group::SecurityGroup;
pub use sharing::{MachineImage, Snapshot};

/// The kinds of Amazon EC2.
#[must_use]
pub fn kinds() -> &'static [&'static dyn Kind] {
    &[&SecurityGroup, &Snapshot, &MachineImage, &Instance]
}

//! AWS IAM: its kinds of resource, and the Lambda function that puts them back.

mod access_key;
#[cfg(feature = "aws")]
pub mod cloud;
mod identity;
mod managed_policy;
mod text;

use undrift_core::kind::Kind;

pub use access_key::AccessKey;
pub use identity::Identity;
pub use managed_policy::ManagedPolicy;

/// The kinds of AWS IAM.
#[must_use]
pub fn kinds() -> &'static [&'static dyn Kind] {
    &[&Identity, &ManagedPolicy, &AccessKey]
}

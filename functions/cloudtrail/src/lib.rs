//! AWS CloudTrail: its kind of resource, and the Lambda function that puts it back.

#[cfg(feature = "aws")]
pub mod cloud;
mod trail;

use undrift_core::kind::Kind;

pub use trail::Trail;

/// The kinds of AWS CloudTrail.
#[must_use]
pub fn kinds() -> &'static [&'static dyn Kind] {
    &[&Trail]
}

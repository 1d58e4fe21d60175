//! Amazon S3: its kinds of resource, and the Lambda function that puts them back.

mod account_block;
mod acl;
mod block;
mod bucket;
#[cfg(feature = "aws")]
pub mod cloud;

use undrift_core::kind::Kind;

pub use account_block::AccountBlock;
pub use bucket::Bucket;

/// The kinds of Amazon S3.
#[must_use]
pub fn kinds() -> &'static [&'static dyn Kind] {
    &[&Bucket, &AccountBlock]
}

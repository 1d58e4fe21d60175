//! The sweep: has every service's function look at its resources for what no event told of, finds
//! the events of what it missed, and lets that function decide.
//!
//! It holds no right on any resource. What it may do is invoke the functions that revert, look
//! into CloudTrail's event history, and keep where it stands in the table: a sweep goes on where
//! the last invocation left it.

pub mod asked;
#[cfg(feature = "aws")]
pub mod aws;
pub mod slice;
pub mod state;

//! Tells people: from the table's stream to SNS.
//!
//! [`stream`] reads what Lambda hands over, [`tell`](mod@tell) sees to it that each revision is
//! told of once, [`message`] fits a notice into what SNS takes, and `sns` (behind the feature
//! `aws`) publishes it.

pub mod message;
#[cfg(feature = "aws")]
pub mod sns;
pub mod stream;
pub mod tell;

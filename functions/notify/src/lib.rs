//! Tells people and programs: from the table's stream to SNS, Slack and EventBridge.
//!
//! [`stream`] reads what Lambda hands over, [`tell`](mod@tell) takes a batch to every
//! [`channel`], and [`deliver`](mod@deliver) sees to it that each revision is told of once on
//! each, whatever fails; [`owed`] keeps what failed. Behind the feature `aws`: `sns`, `slack`, `webhook` and `bus` are the
//! channels, `marks` what was told already, `secret` the tokens, `http` the way to Slack.

pub mod channel;
pub mod deliver;
pub mod owed;
pub mod stream;
pub mod tell;

#[cfg(feature = "aws")]
pub mod all;
#[cfg(feature = "aws")]
pub mod bus;
#[cfg(feature = "aws")]
pub mod http;
#[cfg(feature = "aws")]
pub mod marks;
#[cfg(feature = "aws")]
pub mod secret;
#[cfg(feature = "aws")]
pub mod slack;
#[cfg(feature = "aws")]
pub mod sns;
#[cfg(feature = "aws")]
pub mod webhook;

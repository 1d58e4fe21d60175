//! What is kept of resources and records, in one `DynamoDB` table.
//!
//! [`keys`] says where everything stands, [`items`] how it is written. Every write is one
//! conditional write of one item; there are no transactions. So every write can be sent again
//! after an answer that got lost, and comes out as if it had been sent once.

pub mod attribute;
pub mod body;
pub mod items;
pub mod keys;
pub mod post;

#[cfg(feature = "aws")]
mod claim;
#[cfg(feature = "aws")]
mod close;
#[cfg(feature = "aws")]
mod count;
#[cfg(feature = "aws")]
mod deliver;
#[cfg(feature = "aws")]
mod hold;
#[cfg(feature = "aws")]
mod know;
#[cfg(feature = "aws")]
mod open;
#[cfg(feature = "aws")]
mod repeat;
#[cfg(feature = "aws")]
mod sweep;
#[cfg(feature = "aws")]
mod table;
#[cfg(feature = "aws")]
mod wire;

#[cfg(feature = "aws")]
pub use deliver::Delivery;
#[cfg(feature = "aws")]
pub use table::DynamoJournal;

use attribute::ItemError;
use undrift_engine::port::JournalError;

/// An item that can't be written or read: sending it again doesn't help.
#[must_use]
pub fn unusable(doing: &str, error: &ItemError) -> JournalError {
    JournalError {
        doing: doing.to_owned(),
        message: error.to_string(),
        transient: false,
    }
}

//! The janitor: sees to what no message brings back.
//!
//! | what | module |
//! |---|---|
//! | work that a crash left open is finished, once its lease is over | `open` |
//! | dead letters are handed over once more; what still nobody handles gets its record | `dead`, [`unhandled`] |
//! | dead letters are put back on their queues, when somebody asks for it | `redrive` |
//!
//! It holds no right on any resource. What it may do is invoke the functions that revert, move what
//! lies on their queues, and write records.

pub mod asked;
#[cfg(feature = "aws")]
pub mod aws;
mod dead;
mod open;
pub mod port;
mod redrive;
pub mod told;
pub mod unhandled;

use jiff::Timestamp;
use undrift_aws::config::Served;
use undrift_core::change::Expected;
use undrift_engine::port::Journal;

use port::World;
use told::Tidied;
use unhandled::Clerk;

/// The janitor at work: one invocation.
#[derive(Debug)]
pub struct Janitor<'j, W, J> {
    /// The functions and queues.
    pub world: &'j W,
    /// Where records are.
    pub journal: &'j J,
    /// The services whose functions revert.
    pub services: &'j [Served],
    /// What it writes records with.
    pub clerk: &'j Clerk<'j>,
    /// The account and region of messages that are meant for us.
    pub place: &'j Expected,
    /// When nothing more is begun.
    pub until: Timestamp,
}

impl<W: World, J: Journal> Janitor<'_, W, J> {
    /// Has what is open finished, then reads the dead letters.
    pub async fn tidy(&self) -> Tidied {
        let mut tidied = Tidied::default();
        self.finish_open(&mut tidied).await;
        self.read_dead_letters(&mut tidied).await;
        tidied
    }

    fn time_is_up(&self) -> bool {
        self.world.now() >= self.until
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

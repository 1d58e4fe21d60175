//! Network reach: which addresses can reach which ports, decided on sets.

mod lane;
mod open;
mod ports;
mod public;
mod rule;
mod sources;

pub use open::{Counted, Finding, Params, open, open_counted};
pub use ports::{PortRange, Ports, Protocol};
pub use rule::{Reach, Rule};
pub use sources::{Ipv4Set, Ipv6Set};

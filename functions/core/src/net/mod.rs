//! Network reach: which addresses can reach which ports, decided on sets.

mod open;
mod ports;
mod sources;

pub use open::{Finding, Params, Reach, Rule, open};
pub use ports::{PortRange, Ports, Protocol};
pub use sources::{Ipv4Set, Ipv6Set};

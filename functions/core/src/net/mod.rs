//! Network reach: which addresses can reach which ports, decided on sets.

mod open;
mod ports;
mod sources;

pub use open::{Counted, Finding, Params, Reach, Rule, open, open_counted};
pub use ports::{PortRange, Ports, Protocol};
pub use sources::{Ipv4Set, Ipv6Set};

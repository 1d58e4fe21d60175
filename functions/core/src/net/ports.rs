//! Protocols and ports, as security groups and network ACLs write them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// An IP protocol. AWS writes names, IANA numbers, or -1 for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Every protocol and port (-1).
    All,
    /// TCP (6).
    Tcp,
    /// UDP (17).
    Udp,
    /// ICMP (1): the "ports" of its rules are type and code.
    Icmp,
    /// ICMP for IPv6 (58).
    Icmpv6,
    /// Any other, by its IANA number: it has no ports.
    Other(u8),
}

impl Protocol {
    /// Reads a name or number in any of AWS's spellings.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.trim().to_ascii_lowercase().as_str() {
            "-1" | "all" => Self::All,
            "tcp" | "6" => Self::Tcp,
            "udp" | "17" => Self::Udp,
            "icmp" | "1" => Self::Icmp,
            "icmpv6" | "58" => Self::Icmpv6,
            other => Self::Other(other.parse().ok()?),
        })
    }

    /// The spelling that the EC2 API answers with.
    #[must_use]
    pub fn api(self) -> String {
        match self {
            Self::All => "-1".to_owned(),
            Self::Tcp => "tcp".to_owned(),
            Self::Udp => "udp".to_owned(),
            Self::Icmp => "icmp".to_owned(),
            Self::Icmpv6 => "icmpv6".to_owned(),
            Self::Other(n) => n.to_string(),
        }
    }

    /// Ports mean something: TCP, UDP, or all protocols at once.
    #[must_use]
    pub fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::All)
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.api())
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let text = match &value {
            Value::String(s) => s.clone(),
            Value::Number(n) => n.to_string(),
            _ => String::new(),
        };
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "{value} is not an IP protocol (tcp, udp, icmp, icmpv6, -1 or a number)"
            ))
        })
    }
}

/// Ports from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self {
        from: 0,
        to: u16::MAX,
    };

    /// What both ranges hold.
    #[must_use]
    pub fn overlap(self, other: Self) -> Option<Self> {
        let (from, to) = (self.from.max(other.from), self.to.min(other.to));
        (from <= to).then_some(Self { from, to })
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.from == self.to {
            write!(f, "{}", self.from)
        } else {
            write!(f, "{}-{}", self.from, self.to)
        }
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.from == self.to {
            to.serialize_u16(self.from)
        } else {
            to.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let bad = || {
            serde::de::Error::custom(format!(
                "{value} is not a port (0 to 65535) or a range such as \"5900-5903\""
            ))
        };
        let port = |t: &str| t.trim().parse::<u16>().map_err(|_| bad());
        let range = match &value {
            Value::Number(n) => {
                let port = n
                    .as_u64()
                    .and_then(|n| u16::try_from(n).ok())
                    .ok_or_else(bad)?;
                Self {
                    from: port,
                    to: port,
                }
            }
            Value::String(s) => match s.split_once('-') {
                Some((a, b)) => Self {
                    from: port(a)?,
                    to: port(b)?,
                },
                None => Self {
                    from: port(s)?,
                    to: port(s)?,
                },
            },
            _ => return Err(bad()),
        };
        if range.from > range.to {
            return Err(bad());
        }
        Ok(range)
    }
}

/// Which ports a policy speaks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ports {
    /// Every TCP and UDP port, and every other protocol but ICMP.
    Any,
    /// These TCP and UDP ports.
    #[serde(untagged)]
    Listed(Vec<PortRange>),
}

// By hand: a derived reader of alternatives can't say which port is wrong.
impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match Value::deserialize(from)? {
            Value::String(word) if word == "any" => Ok(Self::Any),
            list @ Value::Array(_) => Vec::<PortRange>::deserialize(list)
                .map(Self::Listed)
                .map_err(D::Error::custom),
            other => Err(D::Error::custom(format!(
                "{other} is neither `any` nor a list of ports"
            ))),
        }
    }
}

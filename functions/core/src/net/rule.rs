//! A rule: which sources it lets reach which ports.

use ipnet::IpNet;
use serde::Deserialize as _;
use serde_json::Value;

use super::ports::{PortRange, Protocol};

/// One rule that lets sources reach ports.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// The protocol.
    pub protocol: Protocol,
    /// The ports; ignored where the protocol has none, all of them for [`Protocol::All`].
    pub ports: PortRange,
    /// The blocks; `None` where they can't be known (a prefix list whose entries weren't read).
    pub sources: Option<Vec<IpNet>>,
}

impl Reach {
    /// Reads a rule as facets write it: `protocol`, `from` and `to` where there are ports, `source`
    /// (a block, `sg-…` or `pl-…`), and for a prefix list its `entries`, where they were read.
    pub fn of_rule(rule: &Value) -> Result<Self, String> {
        let protocol = rule
            .get("protocol")
            .ok_or("the rule has no protocol")
            .map_err(str::to_owned)?;
        let protocol = Protocol::deserialize(protocol).map_err(|e| e.to_string())?;
        // Absent, or -1 as AWS writes it: all of them.
        let port = |member: &str, default: u16| match rule.get(member) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => match value.as_i64().map(u16::try_from) {
                Some(Ok(port)) => Ok(port),
                _ if value.as_i64() == Some(-1) => Ok(default),
                _ => Err(format!("the rule's `{member}` is no port")),
            },
        };
        let source = rule
            .get("source")
            .and_then(Value::as_str)
            .ok_or("the rule has no source")
            .map_err(str::to_owned)?;
        let block = |text: &str| {
            text.parse::<IpNet>()
                .map_err(|_| format!("`{}` is not a block of addresses", text.escape_debug()))
        };
        let sources = if source.starts_with("pl-") {
            let entries = rule.get("entries").and_then(Value::as_array);
            entries
                .map(|e| e.iter().filter_map(Value::as_str).map(block).collect())
                .transpose()?
        } else if source.starts_with("sg-") {
            Some(Vec::new())
        } else {
            Some(vec![block(source)?])
        };
        Ok(Self {
            protocol,
            ports: PortRange {
                from: port("from", 0)?,
                to: port("to", u16::MAX)?,
            },
            sources,
        })
    }
}

/// A rule, and the name that reasons call it by.
pub trait Rule {
    /// What it lets through.
    fn reach(&self) -> &Reach;
    /// Its name, where it has one.
    fn name(&self) -> Option<&str>;
}

impl Rule for Reach {
    fn reach(&self) -> &Reach {
        self
    }
    fn name(&self) -> Option<&str> {
        None
    }
}

impl Rule for (&str, &Reach) {
    fn reach(&self) -> &Reach {
        self.1
    }
    fn name(&self) -> Option<&str> {
        // What stands for an id where there is none is long, and says the same as the rule.
        Some(self.0).filter(|name| name.len() <= 40 && !name.contains(char::is_whitespace))
    }
}

//! One rule of a security group, in every shape AWS writes it.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use undrift_core::kind::{Element, ElementKey, FacetName};
use undrift_core::net::Protocol;

use undrift_core::kind::written::{integer, scalar};

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    /// `sgr-…`, where it is known.
    pub(crate) id: Option<String>,
    pub(crate) protocol: Protocol,
    /// Ports, or type and code for ICMP; none where the protocol has none.
    pub(crate) ports: Option<(i32, i32)>,
    pub(crate) source: Source,
    pub(crate) description: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Where the traffic comes from (or, for egress, goes to).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Block(IpNet),
    Group {
        id: String,
        /// The group's account, where it is another's.
        account: Option<String>,
    },
    PrefixList {
        id: String,
        /// Its entries, where they were read.
        entries: Option<Vec<IpNet>>,
    },
}

impl Source {
    pub(crate) fn is_same_kind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Block(a), Self::Block(b)) => {
                matches!(a, IpNet::V4(_)) == matches!(b, IpNet::V4(_))
            }
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Block(net) => net.to_string(),
            Self::Group { id, .. } | Self::PrefixList { id, .. } => id.clone(),
        }
    }

    /// Reads `0.0.0.0/0`, `2001:db8::/32`, `sg-…` or `pl-…`. Bits behind a prefix are masked, as
    /// EC2 does; a bare address is a block of one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("sg-") {
            return Ok(Self::Group {
                id: text.to_owned(),
                account: None,
            });
        }
        if text.starts_with("pl-") {
            return Ok(Self::PrefixList {
                id: text.to_owned(),
                entries: None,
            });
        }
        let net: Option<IpNet> = text
            .parse()
            .ok()
            .or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        net.map(|n| Self::Block(n.trunc())).ok_or_else(|| {
            let text: String = text.chars().take(60).collect();
            format!(
                "`{}` is no block of addresses, group or prefix list",
                text.escape_debug()
            )
        })
    }
}

impl Rule {
    /// Reads a rule as facets and policy documents write it.
    pub(crate) fn of_element(element: &Value) -> Result<Self, String> {
        let text = |member: &str| element.get(member).and_then(Value::as_str);
        let protocol = element.get("protocol").and_then(scalar);
        let protocol = protocol.ok_or("it has no protocol")?;
        let mut source = Source::parse(text("source").ok_or("it has no source")?)?;
        match &mut source {
            Source::Group { account, .. } => {
                *account = text("source_account").map(str::to_owned);
            }
            Source::PrefixList { entries, .. } => {
                *entries = element
                    .get("entries")
                    .and_then(Value::as_array)
                    .map(|list| {
                        list.iter()
                            .filter_map(|e| e.as_str()?.parse().ok())
                            .collect()
                    });
            }
            Source::Block(_) => {}
        }
        let tags = element.get("tags").and_then(Value::as_object);
        Ok(Self {
            id: text("id").map(str::to_owned),
            ..Self::new(
                &protocol,
                element.get("from").and_then(integer),
                element.get("to").and_then(integer),
                source,
                text("description").map(str::to_owned),
                tags.into_iter()
                    .flatten()
                    .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
                    .collect(),
            )?
        })
    }

    /// A rule from its parts as AWS's API and records have them.
    pub(crate) fn new(
        protocol: &str,
        from: Option<i32>,
        to: Option<i32>,
        source: Source,
        description: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        // The API takes capitals too, and records show what was asked.
        let protocol = Protocol::parse(&protocol.to_ascii_lowercase()).ok_or_else(|| {
            let text: String = protocol.chars().take(30).collect();
            format!("`{}` is no protocol", text.escape_debug())
        })?;
        let ports = match protocol {
            Protocol::All | Protocol::Other(_) => None,
            Protocol::Tcp | Protocol::Udp => {
                let from = from.unwrap_or(0);
                // 0 to 0 and -1 to -1 are written for "all" in some answers of older records.
                match (from, to.unwrap_or(65535)) {
                    (-1, -1) => Some((0, 65535)),
                    (from, to) if from > to => {
                        return Err(format!("its ports run from {from} to {to}"));
                    }
                    ports => Some(ports),
                }
            }
            Protocol::Icmp | Protocol::Icmpv6 => Some((from.unwrap_or(-1), to.unwrap_or(-1))),
        };
        Ok(Self {
            id: None,
            protocol,
            ports,
            source,
            description: description.filter(|d| !d.is_empty()),
            tags,
        })
    }

    /// AWS's id, or what it is.
    pub(crate) fn key(&self) -> ElementKey {
        ElementKey(self.id.clone().unwrap_or_else(|| {
            let ports = self
                .ports
                .map_or("*".to_owned(), |(from, to)| format!("{from}-{to}"));
            format!("{}:{ports}:{}", self.protocol.api(), self.source.text())
        }))
    }

    /// As facets and policy documents write it.
    pub(crate) fn element(&self) -> Element {
        let mut element = self.members();
        if let Some(id) = &self.id {
            element.insert("id".to_owned(), json!(id));
        }
        if let Source::PrefixList {
            entries: Some(entries),
            ..
        } = &self.source
        {
            element.insert("entries".to_owned(), json!(entries));
        }
        if let Some(text) = &self.description {
            element.insert("description".to_owned(), json!(text));
        }
        if !self.tags.is_empty() {
            element.insert("tags".to_owned(), json!(self.tags));
        }
        Value::Object(element)
    }

    /// What it lets through.
    pub(crate) fn substance(&self) -> Value {
        Value::Object(self.members())
    }

    fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("protocol".to_owned(), json!(self.protocol));
        if let Some((from, to)) = self.ports {
            members.insert("from".to_owned(), json!(from));
            members.insert("to".to_owned(), json!(to));
        }
        members.insert("source".to_owned(), json!(self.source.text()));
        if let Source::Group {
            account: Some(account),
            ..
        } = &self.source
        {
            members.insert("source_account".to_owned(), json!(account));
        }
        members
    }

    /// An `IpPermission`, for authorize and revoke.
    pub(crate) fn permission(&self) -> Value {
        let mut permission = self.protocol_and_ports();
        let mut described = |list: &str, mut item: Value| {
            if let (Some(text), Some(members)) = (&self.description, item.as_object_mut()) {
                members.insert("Description".to_owned(), json!(text));
            }
            permission.insert(list.to_owned(), json!([item]));
        };
        match &self.source {
            Source::Block(IpNet::V4(net)) => described("IpRanges", json!({"CidrIp": net})),
            Source::Block(IpNet::V6(net)) => described("Ipv6Ranges", json!({"CidrIpv6": net})),
            Source::PrefixList { id, .. } => {
                described("PrefixListIds", json!({"PrefixListId": id}));
            }
            Source::Group { id, account } => {
                let pair = match account {
                    Some(account) => json!({"GroupId": id, "UserId": account}),
                    None => json!({"GroupId": id}),
                };
                described("UserIdGroupPairs", pair);
            }
        }
        Value::Object(permission)
    }

    /// A `SecurityGroupRuleRequest`, for modify. The description is sent even if it is empty:
    /// what is left out is lost.
    pub(crate) fn modification(&self) -> Value {
        let mut rule = self.protocol_and_ports();
        if self.ports.is_none() {
            // What Describe answers for a rule without ports; EC2 ignores it.
            rule.insert("FromPort".to_owned(), json!(-1));
            rule.insert("ToPort".to_owned(), json!(-1));
        }
        let (member, value) = match &self.source {
            Source::Block(IpNet::V4(net)) => ("CidrIpv4", json!(net)),
            Source::Block(IpNet::V6(net)) => ("CidrIpv6", json!(net)),
            Source::PrefixList { id, .. } => ("PrefixListId", json!(id)),
            Source::Group { id, .. } => ("ReferencedGroupId", json!(id)),
        };
        rule.insert(member.to_owned(), value);
        let description = self.description.as_deref().unwrap_or_default();
        rule.insert("Description".to_owned(), json!(description));
        Value::Object(rule)
    }

    fn protocol_and_ports(&self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("IpProtocol".to_owned(), json!(self.protocol));
        if let Some((from, to)) = self.ports {
            members.insert("FromPort".to_owned(), json!(from));
            members.insert("ToPort".to_owned(), json!(to));
        }
        members
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol, self.ports) {
            (Protocol::All, _) => f.write_str("every protocol and port")?,
            (p, Some((from, to))) if from == to => write!(f, "{}/{from}", p.api())?,
            (p, Some((from, to))) => write!(f, "{}/{from}-{to}", p.api())?,
            (p, None) => write!(f, "protocol {}", p.api())?,
        }
        write!(f, " from {}", self.source.text())?;
        match &self.description {
            Some(text) => write!(f, " \"{}\"", text.escape_debug()),
            None => Ok(()),
        }
    }
}

/// The JSON Schema of a rule as policy documents write it.
pub(crate) fn schema(facet: &FacetName) -> Value {
    let (source, comes) = if facet.0 == super::EGRESS {
        ("to", "goes to")
    } else {
        ("from", "comes from")
    };
    json!({
        "type": "object",
        "description": format!("A rule: which traffic may come in or go out {source} where."),
        "properties": {
            "protocol": {
                "description": "`tcp`, `udp`, `icmp`, `icmpv6`, another's IANA number, or `\"-1\"` for every protocol and port.",
                "errorMessage": "this is not an IP protocol (tcp, udp, icmp, icmpv6, \"-1\" for all, or a number)",
                "anyOf": [
                    {"enum": ["tcp", "udp", "icmp", "icmpv6", "-1"]},
                    {"type": "string", "pattern": "^[0-9]{1,3}$"},
                    {"type": "integer", "minimum": -1, "maximum": u8::MAX},
                ],
            },
            "from": {
                "description": "The first port; for ICMP its type. Left out: 0.",
                "type": "integer", "minimum": -1, "maximum": u16::MAX,
            },
            "to": {
                "description": "The last port; for ICMP its code. Left out: 65535.",
                "type": "integer", "minimum": -1, "maximum": u16::MAX,
            },
            "source": {
                "description": format!("Where the traffic {comes}: a block (`10.0.0.0/8`, `2001:db8::/32`), a group (`sg-…`) or a prefix list (`pl-…`)."),
                "type": "string",
                "pattern": "^(sg-.*|pl-.*|[0-9]{1,3}(\\.[0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?)$",
                "patternErrorMessage": "this is no block of addresses (10.0.0.0/8), group (sg-…) or prefix list (pl-…)",
            },
            "source_account": {
                "description": "The account of the group in `source`, where it is another's.",
                "type": "string", "pattern": "^[0-9]{12}$",
            },
            "entries": {
                "description": "The blocks of the prefix list in `source`, where they are known.",
                "type": "array",
                "items": {"type": "string", "pattern": "^[0-9A-Fa-f:.]+/[0-9]{1,3}$"},
            },
            "description": {"description": "The rule's description.", "type": "string"},
            "tags": {
                "description": "The rule's tags.",
                "type": "object", "additionalProperties": {"type": "string"},
            },
            "id": {
                "description": "AWS's id of the rule (`sgr-…`): before and after a change, the same id is the same rule.",
                "type": "string",
            },
        },
        "required": ["protocol", "source"],
        "additionalProperties": false,
    })
}

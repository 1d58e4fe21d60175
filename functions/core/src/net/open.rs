//! Which rules let the internet reach a port.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ports::{PortRange, Ports, Protocol};
use super::sources::{Ipv4Set, Ipv6Set, families};

/// A port is public if the sources that reach it, all rules taken together, cover this many
/// public IPv4 addresses (a /8) …
const PUBLIC_V4: u128 = 1 << 24;
/// … or this many public IPv6 addresses (a /32).
const PUBLIC_V6: u128 = 1 << 96;
/// On a public port, a rule is evidence if it alone covers this many public IPv4 addresses
/// (a /16): an office's /32 in an open group is not what opened it.
const EVIDENCE_V4: u128 = 1 << 16;
/// The same for IPv6 (a /40).
const EVIDENCE_V6: u128 = 1 << 88;

/// The most rules that are judged, and the most blocks in all of them: AWS allows 1,000 rules on
/// an interface (VPC User Guide, "Amazon VPC quotas").
const MOST_RULES: usize = 2000;
const MOST_BLOCKS: usize = 50_000;

/// What a policy asks of [`open`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The ports that must not be public.
    pub ports: Ports,
    /// TCP ports that may be, taken out of `ports`.
    #[serde(default)]
    pub except: Vec<PortRange>,
    /// Blocks that are our own although public: not counted.
    #[serde(default)]
    pub own: Vec<IpNet>,
}

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

/// A rule that is wrong, or that can't be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's place in the list given.
    pub rule: usize,
    /// It is open, for this reason; or it can't be told, for that.
    pub why: Result<String, String>,
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

/// The rules that let the internet reach a port that must not be public.
///
/// Sources are taken together over all rules, per protocol and port; the verdict of each rule
/// names the ports on which most addresses get in. Where only rules too narrow to be evidence
/// make a port public, each of them can't be told: together they are wrong, and none is by itself.
/// Nor can a wide rule beside one whose sources aren't known, where it depends on these.
#[must_use]
pub fn open<R: Rule>(rules: &[R], params: &Params) -> Vec<Finding> {
    let counted: Vec<Counted> = rules.iter().map(|r| Counted::of(r.reach())).collect();
    open_counted(rules, &counted, params)
}

/// As [`open`], of rules whose addresses were counted already, for another policy: one for each.
#[must_use]
pub fn open_counted<R: Rule>(rules: &[R], counted: &[Counted], params: &Params) -> Vec<Finding> {
    let blocks = counted.iter().map(|rule| rule.blocks).sum::<usize>();
    if rules.len() > MOST_RULES || blocks > MOST_BLOCKS {
        let why = format!(
            "{} rules with {blocks} blocks are too many to judge",
            rules.len()
        );
        let all = 0..rules.len();
        return all
            .map(|rule| Finding {
                rule,
                why: Err(why.clone()),
            })
            .collect();
    }
    let own = families(&params.own);
    let without: Vec<Counted>;
    let measured = if params.own.is_empty() {
        counted
    } else {
        without = counted.iter().map(|rule| rule.without(&own)).collect();
        &without
    };
    let mut worst: Vec<Option<Public>> = vec![None; rules.len()];
    let mut untold: Vec<Option<Untold>> = vec![None; rules.len()];
    let pieces = forbidden(measured, params)
        .into_iter()
        .flat_map(|lane| split(lane, measured));
    for lane in pieces {
        let public = Public::on(lane, measured, |_, _| true);
        let narrow = Public::on(lane, measured, |rule, v6| !rule.is_wide(v6));
        let is_unknown = measured.iter().any(|r| r.unknown && r.reaches(lane));
        let marks = worst.iter_mut().zip(untold.iter_mut());
        for (rule, (worst, untold)) in measured.iter().zip(marks) {
            if !rule.reaches(lane) {
                continue;
            }
            if rule.unknown {
                *untold = Some(Untold::Unread);
            }
            for found in public.iter().filter(|p| rule.is_wide(p.v6)) {
                if worst.is_none_or(|w| (w.v6, found.count) > (found.v6, w.count)) {
                    *worst = Some(*found);
                }
            }
            if is_unknown && (rule.is_wide(false) || rule.is_wide(true)) {
                untold.get_or_insert(Untold::Beside);
            }
            for found in narrow.iter().filter(|p| rule.is_narrow(p.v6)) {
                untold.get_or_insert(Untold::Narrow(*found));
            }
        }
    }
    let findings = worst.into_iter().zip(untold).enumerate();
    findings
        .filter_map(|(rule, (worst, untold))| match (worst, untold) {
            (Some(public), _) => Some(Finding {
                rule,
                why: Ok(public.reason(rules, measured)),
            }),
            (None, Some(untold)) => Some(Finding {
                rule,
                why: Err(untold.reason()),
            }),
            (None, None) => None,
        })
        .collect()
}

/// Why a rule can't be judged.
#[derive(Debug, Clone, Copy)]
enum Untold {
    /// Its sources are a prefix list whose entries weren't read.
    Unread,
    /// It is wide, and open or not with what such a list beside it holds.
    Beside,
    /// It is one of many narrow rules that are the internet only together.
    Narrow(Public),
}

impl Untold {
    fn reason(self) -> String {
        match self {
            Self::Unread => {
                "its sources are a prefix list whose entries could not be read".to_owned()
            }
            Self::Beside => {
                "whether it makes a port public depends on a prefix list beside it whose \
                             entries could not be read"
                    .to_owned()
            }
            Self::Narrow(public) => format!(
                "{} with {} rules, none of which is wide enough by itself to be what opened it",
                public.what(),
                public.by
            ),
        }
    }
}

/// A rule with the addresses of the internet counted that it lets in.
#[derive(Debug, Clone)]
pub struct Counted {
    protocol: Protocol,
    ports: PortRange,
    v4: Ipv4Set,
    v6: Ipv6Set,
    v4_count: u128,
    v6_count: u128,
    blocks: usize,
    unknown: bool,
}

/// One protocol with ports of it that are judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lane {
    protocol: Protocol,
    ports: PortRange,
}

/// A lane that the internet reaches.
#[derive(Debug, Clone, Copy)]
struct Public {
    lane: Lane,
    /// Addresses of the family that get in.
    count: u128,
    /// How many rules let them in.
    by: usize,
    v6: bool,
}

impl Counted {
    /// Counts a rule's addresses.
    #[must_use]
    pub fn of(rule: &Reach) -> Self {
        let (v4, v6) = families(rule.sources.as_deref().unwrap_or_default());
        let (v4, v6) = (v4.public(), v6.public());
        Self {
            protocol: rule.protocol,
            ports: if rule.protocol == Protocol::All {
                PortRange::ALL
            } else {
                rule.ports
            },
            v4_count: v4.count(),
            v6_count: v6.count(),
            v4,
            v6,
            blocks: rule.sources.as_ref().map_or(0, Vec::len),
            unknown: rule.sources.is_none(),
        }
    }

    /// Some addresses not counted: they are our own.
    fn without(&self, own: &(Ipv4Set, Ipv6Set)) -> Self {
        let (v4, v6) = (self.v4.minus(&own.0), self.v6.minus(&own.1));
        Self {
            v4_count: v4.count(),
            v6_count: v6.count(),
            v4,
            v6,
            ..*self
        }
    }

    fn reaches(&self, lane: Lane) -> bool {
        match (self.protocol, lane.protocol) {
            (Protocol::All, _) => true,
            (a, b) if a != b => false,
            _ => !lane.protocol.has_ports() || self.ports.overlap(lane.ports).is_some(),
        }
    }

    /// It lets enough in to be what opened a port.
    fn is_wide(&self, v6: bool) -> bool {
        if v6 {
            self.v6_count >= EVIDENCE_V6
        } else {
            self.v4_count >= EVIDENCE_V4
        }
    }

    /// It lets somebody in, and not enough to be what opened a port.
    fn is_narrow(&self, v6: bool) -> bool {
        let count = if v6 { self.v6_count } else { self.v4_count };
        count > 0 && !self.is_wide(v6)
    }
}

impl Public {
    /// What the internet reaches on a lane through some of the rules, by family.
    fn on(lane: Lane, rules: &[Counted], which: impl Fn(&Counted, bool) -> bool) -> Vec<Self> {
        let reaching = |v6: bool| {
            let which = &which;
            rules
                .iter()
                .filter(move |r| r.reaches(lane) && which(r, v6))
        };
        let mut found = Vec::new();
        // Sets are only joined where they could be enough.
        let most = reaching(false).fold(0_u128, |sum, r| sum.saturating_add(r.v4_count));
        if most >= PUBLIC_V4 {
            let count = Ipv4Set::union_all(reaching(false).map(|r| &r.v4)).count();
            found.extend((count >= PUBLIC_V4).then_some(Self {
                lane,
                count,
                by: reaching(false).filter(|r| r.v4_count > 0).count(),
                v6: false,
            }));
        }
        let most = reaching(true).fold(0_u128, |sum, r| sum.saturating_add(r.v6_count));
        if most >= PUBLIC_V6 {
            let count = Ipv6Set::union_all(reaching(true).map(|r| &r.v6)).count();
            found.extend((count >= PUBLIC_V6).then_some(Self {
                lane,
                count,
                by: reaching(true).filter(|r| r.v6_count > 0).count(),
                v6: true,
            }));
        }
        found
    }

    fn reason<R: Rule>(self, rules: &[R], measured: &[Counted]) -> String {
        let wide = || {
            let all = rules.iter().zip(measured);
            all.filter(|(_, m)| m.reaches(self.lane) && m.is_wide(self.v6))
                .map(|(rule, _)| rule.name())
        };
        let count = wide().count();
        let together = match (count, wide().collect::<Option<Vec<_>>>()) {
            (0 | 1, _) => String::new(),
            (_, Some(names)) => format!(", through {} taken together", listed(&names)),
            (n, None) => format!(", through {n} rules taken together"),
        };
        format!("{}{together}", self.what())
    }

    fn what(self) -> String {
        let lane = self.lane;
        let what = match lane.protocol {
            Protocol::All => "every port".to_owned(),
            p if p.has_ports() => format!("{}/{}", p.api(), lane.ports),
            p => format!("protocol {}", p.api()),
        };
        let addresses = if self.v6 {
            format!("2^{} IPv6", self.count.ilog2())
        } else {
            format!("{} IPv4", thousands(self.count))
        };
        format!("lets {addresses} addresses of the internet reach {what}")
    }
}

/// `sgr-1, sgr-2, sgr-3 and 4 more`
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let more = names.len().saturating_sub(SHOWN);
    match names {
        [all @ .., last] if more == 0 => format!("{} and {last}", all.join(", ")),
        _ => {
            let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
            format!("{} and {more} more", shown.join(", "))
        }
    }
}

fn thousands(n: u128) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// The lanes that must not be public, as far as any rule touches them.
fn forbidden(rules: &[Counted], params: &Params) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = all_lanes(params).collect();
    if params.ports == Ports::Any {
        for rule in rules {
            let lane = Lane {
                protocol: rule.protocol,
                ports: PortRange::ALL,
            };
            if matches!(rule.protocol, Protocol::Other(_) | Protocol::All) && !lanes.contains(&lane)
            {
                lanes.push(lane);
            }
        }
    }
    lanes
}

/// The forbidden TCP and UDP lanes, with the excepted TCP ports cut out.
fn all_lanes(params: &Params) -> impl Iterator<Item = Lane> {
    let listed: Vec<PortRange> = match &params.ports {
        Ports::Any => vec![PortRange::ALL],
        Ports::Listed(ranges) => ranges.clone(),
    };
    let mut tcp = listed.clone();
    for hole in &params.except {
        tcp = tcp.iter().flat_map(|r| without(*r, *hole)).collect();
    }
    let of = |protocol, ranges: Vec<PortRange>| {
        ranges
            .into_iter()
            .map(move |ports| Lane { protocol, ports })
    };
    of(Protocol::Tcp, tcp).chain(of(Protocol::Udp, listed))
}

fn without(range: PortRange, hole: PortRange) -> impl Iterator<Item = PortRange> {
    let both = match range.overlap(hole) {
        None => [Some(range), None],
        Some(gone) => [
            (gone.from > range.from).then(|| PortRange {
                from: range.from,
                to: gone.from - 1,
            }),
            (gone.to < range.to).then(|| PortRange {
                from: gone.to + 1,
                to: range.to,
            }),
        ],
    };
    both.into_iter().flatten()
}

/// Cuts a lane where any rule's port range begins or ends: inside a piece all ports are alike.
fn split(lane: Lane, rules: &[Counted]) -> Vec<Lane> {
    if !lane.protocol.has_ports() || lane.protocol == Protocol::All {
        return vec![lane];
    }
    let mut starts = vec![u32::from(lane.ports.from)];
    let end = u32::from(lane.ports.to) + 1;
    for rule in rules.iter().filter(|r| r.reaches(lane)) {
        for cut in [u32::from(rule.ports.from), u32::from(rule.ports.to) + 1] {
            if cut > u32::from(lane.ports.from) && cut < end {
                starts.push(cut);
            }
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
        .iter()
        .zip(starts.iter().skip(1).chain([&end]))
        .filter_map(|(&from, &next)| {
            Some(Lane {
                protocol: lane.protocol,
                ports: PortRange {
                    from: u16::try_from(from).ok()?,
                    to: u16::try_from(next - 1).ok()?,
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Reach {
        let mut parts = text.split(' ');
        let (protocol, ports) = parts.next().unwrap().split_once('/').unwrap();
        let ports = if ports == "*" {
            PortRange::ALL
        } else {
            serde_json::from_value(ports.into()).unwrap()
        };
        Reach {
            protocol: Protocol::parse(protocol).unwrap(),
            ports,
            sources: Some(parts.map(|p| p.parse().unwrap()).collect()),
        }
    }

    fn wrong(rules: &[&str], params: &str) -> Vec<usize> {
        let rules: Vec<_> = rules.iter().map(|r| rule(r)).collect();
        let params = serde_json::from_str(params).unwrap();
        open(&rules, &params).iter().map(|f| f.rule).collect()
    }

    const ADMIN: &str = r#"{"ports": [22, 3389, "5900-5903"]}"#;
    const WORLD: &str = r#"{"ports": "any", "except": [80, 443]}"#;

    #[test]
    fn public_is_decided_on_sets() {
        let none: [usize; 0] = [];
        for (rules, params, expected) in [
            (&["tcp/22 0.0.0.0/0"][..], ADMIN, &[0][..]),
            (&["tcp/22 1.2.3.4/0"], ADMIN, &[0]),
            (&["tcp/22 ::/0"], ADMIN, &[0]),
            (&["tcp/22 2000::/3"], ADMIN, &[0]),
            (&["-1/* 0.0.0.0/0"], ADMIN, &[0]),
            (&["6/20-25 0.0.0.0/0"], ADMIN, &[0]),
            (&["tcp/443 0.0.0.0/0"], ADMIN, &none),
            (&["tcp/22 10.0.0.0/8 192.168.0.0/16"], ADMIN, &none),
            (&["tcp/22 203.0.113.7/32"], ADMIN, &none),
            (&["tcp/22 fd00::/8"], ADMIN, &none),
            (&["tcp/22 0.0.0.0/1", "tcp/22 128.0.0.0/1"], ADMIN, &[0, 1]),
            (
                &["tcp/22 8.0.0.0/9", "tcp/20-30 8.128.0.0/9"],
                ADMIN,
                &[0, 1],
            ),
            (&["tcp/22 8.0.0.0/9", "tcp/23 8.128.0.0/9"], ADMIN, &none),
            (&["tcp/22 0.0.0.0/0", "tcp/22 81.2.69.160/32"], ADMIN, &[0]),
            (&["icmp/8 0.0.0.0/0"], WORLD, &none),
            (&["tcp/80 0.0.0.0/0", "tcp/443 ::/0"], WORLD, &none),
            (&["udp/443 0.0.0.0/0"], WORLD, &[0]),
            (&["tcp/80-443 0.0.0.0/0"], WORLD, &[0]),
            (&["47/* 0.0.0.0/0"], WORLD, &[0]),
            (&["47/* 0.0.0.0/0"], ADMIN, &none),
            (&["-1/* 0.0.0.0/0"], WORLD, &[0]),
        ] {
            assert_eq!(wrong(rules, params), expected, "{rules:?} {params}");
        }
    }

    #[test]
    fn own_ranges_do_not_count() {
        let params = r#"{"ports": [22], "own": ["8.0.0.0/7"]}"#;
        assert!(wrong(&["tcp/22 8.0.0.0/8"], params).is_empty());
        assert_eq!(wrong(&["tcp/22 0.0.0.0/0"], params), [0]);
    }

    #[test]
    fn a_list_without_entries_cannot_be_told() {
        let unknown = Reach {
            protocol: Protocol::Tcp,
            ports: PortRange { from: 22, to: 22 },
            sources: None,
        };
        let params = serde_json::from_str(ADMIN).unwrap();
        assert!(open(&[unknown], &params)[0].why.is_err());
    }

    #[test]
    fn the_reason_counts_addresses_and_rules() {
        let rules = [rule("tcp/22 0.0.0.0/1"), rule("tcp/0-1000 128.0.0.0/1")];
        let found = open(&rules, &serde_json::from_str(ADMIN).unwrap());
        let why = found[0].why.clone().unwrap();
        assert!(why.contains("reach tcp/22, through 2 rules"), "{why}");
        assert!(why.contains(',') && why.contains("IPv4"), "{why}");
    }
}

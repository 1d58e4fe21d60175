//! Which rules let the internet reach a port.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::lane::{Lane, forbidden, split};
use super::ports::{PortRange, Ports, Protocol};
use super::public::Public;
use super::rule::{Reach, Rule};
use super::sources::{Ipv4Set, Ipv6Set, families};

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

/// A rule that is wrong, or that can't be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's place in the list given.
    pub rule: usize,
    /// It is open, for this reason; or it can't be told, for that.
    pub why: Result<String, String>,
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
    pub(super) protocol: Protocol,
    pub(super) ports: PortRange,
    pub(super) v4: Ipv4Set,
    pub(super) v6: Ipv6Set,
    pub(super) v4_count: u128,
    pub(super) v6_count: u128,
    pub(super) blocks: usize,
    pub(super) unknown: bool,
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

    pub(super) fn reaches(&self, lane: Lane) -> bool {
        match (self.protocol, lane.protocol) {
            (Protocol::All, _) => true,
            (a, b) if a != b => false,
            _ => !lane.protocol.has_ports() || self.ports.overlap(lane.ports).is_some(),
        }
    }

    /// It lets enough in to be what opened a port.
    pub(super) fn is_wide(&self, v6: bool) -> bool {
        if v6 {
            self.v6_count >= EVIDENCE_V6
        } else {
            self.v4_count >= EVIDENCE_V4
        }
    }

    /// It lets somebody in, and not enough to be what opened a port.
    pub(super) fn is_narrow(&self, v6: bool) -> bool {
        let count = if v6 { self.v6_count } else { self.v4_count };
        count > 0 && !self.is_wide(v6)
    }
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

//! What must hold of `net.open` whatever the rules.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "tests"
)]

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use serde_json::json;
use undrift_core::net::{Finding, Params, PortRange, Ports, Protocol, Reach, open};

fn block() -> impl Strategy<Value = IpNet> {
    let v4 = (any::<u32>(), 0u8..=20)
        .prop_map(|(bits, long)| IpNet::V4(Ipv4Net::new(bits.into(), long).unwrap()));
    let near = prop_oneof![
        Just("8.0.0.0/8"),
        Just("8.0.0.0/9"),
        Just("9.0.0.0/16"),
        Just("0.0.0.0/1"),
        Just("10.0.0.0/8"),
        Just("2a00::/32"),
        Just("::/0"),
        Just("2a00::/40"),
        Just("fc00::/7")
    ]
    .prop_map(|text| text.parse().unwrap());
    let v6 = (any::<u128>(), 0u8..=44).prop_map(|(bits, long)| {
        let bits = bits >> 3 | 1 << 125;
        IpNet::V6(Ipv6Net::new(bits.into(), long).unwrap())
    });
    prop_oneof![3 => v4, 3 => near, 2 => v6]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        5 => Just(Protocol::Tcp), 2 => Just(Protocol::Udp), 2 => Just(Protocol::All),
        1 => Just(Protocol::Icmp), 1 => Just(Protocol::Other(47)),
    ]
}

fn ports() -> impl Strategy<Value = PortRange> {
    (0u16..8, 0u16..4).prop_map(|(from, more)| PortRange {
        from,
        to: from + more,
    })
}

fn rule() -> impl Strategy<Value = Reach> {
    let sources = prop::option::weighted(0.95, prop::collection::vec(block(), 1..3));
    (protocol(), ports(), sources).prop_map(|(protocol, ports, sources)| Reach {
        protocol,
        ports,
        sources,
    })
}

fn rules() -> impl Strategy<Value = Vec<Reach>> {
    prop::collection::vec(rule(), 0..7)
}

fn params() -> impl Strategy<Value = Params> {
    let listed = prop::option::weighted(0.8, prop::collection::vec(ports(), 1..3));
    (listed, prop::collection::vec(ports(), 0..2)).prop_map(|(listed, except)| Params {
        ports: listed.map_or(Ports::Any, Ports::Listed),
        except,
        own: Vec::new(),
    })
}

/// The rules that are wrong, by their places.
fn wrong(found: &[Finding]) -> BTreeSet<usize> {
    let wrong = found.iter().filter(|f| f.why.is_ok());
    wrong.map(|f| f.rule).collect()
}

/// Something is open, or can't be told.
fn touched(found: &[Finding]) -> bool {
    !found.is_empty()
}

/// Without rules whose sources aren't known, which are never told.
fn known(rules: Vec<Reach>) -> Vec<Reach> {
    rules.into_iter().filter(|r| r.sources.is_some()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn adding_a_rule_never_closes(rules in rules(), more in rule(), params in params()) {
        let before = wrong(&open(&rules, &params));
        let all: Vec<Reach> = rules.into_iter().chain([more]).collect();
        prop_assert!(before.is_subset(&wrong(&open(&all, &params))));
    }

    #[test]
    fn order_changes_nothing(rules in rules(), params in params(), turn in 0usize..7) {
        let found = open(&rules, &params);
        let mut turned = rules.clone();
        let turn = if rules.is_empty() { 0 } else { turn % rules.len() };
        turned.rotate_left(turn);
        turned.reverse();
        let place = |at: usize| (rules.len() - 1 - at + turn) % rules.len();
        let again: BTreeSet<usize> = wrong(&open(&turned, &params)).into_iter().map(place).collect();
        prop_assert_eq!(wrong(&found), again);
    }

    #[test]
    fn duplicates_change_nothing(rules in rules(), params in params()) {
        let once = wrong(&open(&rules, &params));
        let twice: Vec<Reach> = rules.iter().chain(&rules).cloned().collect();
        let doubled: BTreeSet<usize> =
            once.iter().flat_map(|at| [*at, at + rules.len()]).collect();
        prop_assert_eq!(doubled, wrong(&open(&twice, &params)));
    }

    #[test]
    fn splitting_a_block_changes_nothing(rules in rules(), params in params(), which in 0usize..7, parts in 1u8..4) {
        let rules = known(rules);
        let found = open(&rules, &params);
        let mut split = Vec::new();
        let mut from = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            if at != which {
                split.push(rule.clone());
                from.push(at);
                continue;
            }
            for net in rule.sources.iter().flatten() {
                let long = (net.prefix_len() + parts).min(net.max_prefix_len());
                for part in net.subnets(long).unwrap() {
                    split.push(Reach { sources: Some(vec![part]), ..rule.clone() });
                    from.push(at);
                }
            }
        }
        let again = open(&split, &params);
        // Whether anything is public is the same, and no other rule's verdict changes.
        prop_assert_eq!(touched(&found), touched(&again));
        let others = |set: BTreeSet<usize>| set.into_iter().filter(|at| *at != which).collect::<BTreeSet<_>>();
        let mapped = wrong(&again).into_iter().map(|at| from[at]).collect();
        prop_assert_eq!(others(wrong(&found)), others(mapped));
    }

    #[test]
    fn splitting_a_range_of_ports_changes_nothing(rules in rules(), params in params(), which in 0usize..7) {
        let found = open(&rules, &params);
        let mut split = Vec::new();
        let mut from = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let PortRange { from: low, to: high } = rule.ports;
            let middle = low + (high - low) / 2;
            let halves = [PortRange { from: low, to: middle }, PortRange { from: middle + 1, to: high }];
            let halves = halves.into_iter().filter(|r| r.from <= r.to);
            let ranges: Vec<PortRange> = if at == which { halves.collect() } else { vec![rule.ports] };
            for ports in ranges {
                split.push(Reach { ports, ..rule.clone() });
                from.push(at);
            }
        }
        let mapped: BTreeSet<usize> = wrong(&open(&split, &params)).into_iter().map(|at| from[at]).collect();
        prop_assert_eq!(wrong(&found), mapped);
    }

    #[test]
    fn own_blocks_never_add(rules in rules(), params in params(), own in prop::collection::vec(block(), 1..3)) {
        let rules = known(rules);
        let without = open(&rules, &params);
        let with = open(&rules, &Params { own, ..params });
        prop_assert!(wrong(&with).is_subset(&wrong(&without)));
        prop_assert!(!touched(&with) || touched(&without));
    }

    #[test]
    fn host_bits_change_nothing(rules in rules(), params in params()) {
        let masked: Vec<Reach> = rules.iter().map(|rule| Reach {
            sources: rule.sources.as_ref().map(|all| all.iter().map(IpNet::trunc).collect()),
            ..rule.clone()
        }).collect();
        prop_assert_eq!(open(&rules, &params), open(&masked, &params));
    }

    #[test]
    fn protocols_are_read_by_name_and_number(port in 0u16..100) {
        let reads = |protocol: serde_json::Value| {
            Reach::of_rule(&json!({"protocol": protocol, "from": port, "to": port, "source": "0.0.0.0/0"}))
        };
        prop_assert_eq!(reads(json!("tcp")), reads(json!("6")));
        prop_assert_eq!(reads(json!("tcp")), reads(json!(6)));
        prop_assert_eq!(reads(json!("udp")), reads(json!("17")));
        prop_assert_eq!(reads(json!("-1")), reads(json!(-1)));
    }

    /// An oracle for IPv6 that counts cells of a /44, one by one, below 2a00::/28.
    #[test]
    fn ipv6_is_the_oracle(nets in prop::collection::vec((any::<u16>(), prop_oneof![28u8..=44, 38u8..=42, Just(32)]), 0..6)) {
        let cells = |(at, long): (u16, u8)| {
            let size = 1usize << (44 - long);
            let start = usize::from(at) & !(size - 1);
            start..start + size
        };
        let rules: Vec<Reach> = nets.iter().map(|(at, long)| {
            let bits = 0x2a00u128 << 112 | u128::from(*at) << 84;
            Reach {
                protocol: Protocol::Tcp,
                ports: PortRange { from: 22, to: 22 },
                sources: Some(vec![IpNet::V6(Ipv6Net::new(bits.into(), *long).unwrap())]),
            }
        }).collect();
        let params = Params {
            ports: Ports::Listed(vec![PortRange { from: 22, to: 22 }]),
            except: Vec::new(),
            own: Vec::new(),
        };
        let union: BTreeSet<usize> = nets.iter().flat_map(|n| cells(*n)).collect();
        // Public from a /32 on, which has 4096 cells; evidence from a /40 on, which has 16.
        let is_public = union.len() >= 4096;
        let expected: BTreeSet<usize> = (0..nets.len()).filter(|at| is_public && nets[*at].1 <= 40).collect();
        prop_assert_eq!(wrong(&open(&rules, &params)), expected);
    }
}

//! `net.open` against an oracle that counts cells of a /16, one by one.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    reason = "tests"
)]
use std::collections::BTreeSet;

use proptest::prelude::*;
use undrift_core::net::{self, Params, PortRange, Ports, Protocol, Reach};

fn cell_public(cell: usize) -> u64 {
    let (a, b) = (cell >> 8, cell & 255);
    if a == 0 || a == 10 || a == 127 || a >= 224 {
        return 0;
    }
    if a == 100 && (64..128).contains(&b) {
        return 0;
    }
    if a == 169 && b == 254
        || a == 172 && (16..32).contains(&b)
        || a == 192 && b == 168
        || a == 198 && (b == 18 || b == 19)
    {
        return 0;
    }
    match (a, b) {
        (192, 0) => 65536 - 512,
        (198, 51) | (203, 0) => 65536 - 256,
        _ => 65536,
    }
}

#[derive(Debug, Clone)]
struct R {
    p: Protocol,
    f: u16,
    t: u16,
    nets: Vec<(u32, u8)>,
}

fn cells(nets: &[(u32, u8)]) -> BTreeSet<usize> {
    nets.iter()
        .flat_map(|&(a, l)| {
            let size = 1usize << (16 - l);
            let start = (a as usize >> 16) & !(size - 1);
            start..start + size
        })
        .collect()
}

fn oracle(
    rules: &[R],
    ports: &Option<Vec<(u16, u16)>>,
    except: &[(u16, u16)],
    own: &[(u32, u8)],
    max: u16,
) -> BTreeSet<usize> {
    let own = cells(own);
    let sets: Vec<BTreeSet<usize>> = rules
        .iter()
        .map(|r| cells(&r.nets).difference(&own).copied().collect())
        .collect();
    let count = |s: &BTreeSet<usize>| s.iter().map(|c| cell_public(*c)).sum::<u64>();
    let mut found = BTreeSet::new();
    for proto in 0..=255u16 {
        for port in 0..=max {
            let forbidden = match proto {
                6 | 17 => {
                    ports
                        .as_ref()
                        .is_none_or(|l| l.iter().any(|(a, b)| (*a..=*b).contains(&port)))
                        && !(proto == 6 && except.iter().any(|(a, b)| (*a..=*b).contains(&port)))
                }
                1 | 58 => false,
                _ => ports.is_none(),
            };
            if !forbidden {
                continue;
            }
            let reaches = |r: &R| match r.p {
                Protocol::All => true,
                Protocol::Tcp => proto == 6 && (r.f..=r.t).contains(&port),
                Protocol::Udp => proto == 17 && (r.f..=r.t).contains(&port),
                Protocol::Icmp => proto == 1,
                Protocol::Icmpv6 => proto == 58,
                Protocol::Other(n) => proto == u16::from(n),
            };
            let hit: Vec<usize> = (0..rules.len()).filter(|i| reaches(&rules[*i])).collect();
            if hit.is_empty() {
                continue;
            }
            let union: BTreeSet<usize> =
                hit.iter().flat_map(|i| sets[*i].iter().copied()).collect();
            if count(&union) >= 1 << 24 {
                found.extend(hit.into_iter().filter(|i| count(&sets[*i]) >= 1 << 16));
            }
            if proto != 6 && proto != 17 {
                break;
            }
        }
    }
    found
}

fn block() -> impl Strategy<Value = (u32, u8)> {
    (
        prop_oneof![
            any::<u32>(),
            Just(8u32 << 24),
            Just(8 << 24 | 128 << 16),
            Just(192 << 24),
            Just(198 << 24 | 51 << 16)
        ],
        6u8..=16,
    )
}
fn proto() -> impl Strategy<Value = Protocol> {
    prop_oneof![4 => Just(Protocol::Tcp), 2 => Just(Protocol::Udp), 1 => Just(Protocol::All), 1 => Just(Protocol::Other(47)), 1 => Just(Protocol::Icmp)]
}
fn range() -> impl Strategy<Value = (u16, u16)> {
    (0u16..6, 0u16..3).prop_map(|(a, b)| (a, a + b))
}

fn ip((a, l): (u32, u8)) -> ipnet::IpNet {
    ipnet::IpNet::V4(ipnet::Ipv4Net::new(a.into(), l).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn net_open_is_the_oracle(
        rules in prop::collection::vec((proto(), range(), prop::collection::vec(block(), 1..4)), 0..6),
        ports in prop::option::weighted(0.7, prop::collection::vec(range(), 0..3)),
        except in prop::collection::vec(range(), 0..3),
        own in prop::collection::vec(block(), 0..3),
    ) {
        let rules: Vec<R> = rules.into_iter().map(|(p, (f, t), nets)| R { p, f, t, nets }).collect();
        let reach: Vec<Reach> = rules.iter().map(|r| Reach { protocol: r.p, ports: PortRange { from: r.f, to: r.t }, sources: Some(r.nets.iter().copied().map(ip).collect()) }).collect();
        let pr = |l: &[(u16, u16)]| l.iter().map(|(a, b)| PortRange { from: *a, to: *b }).collect::<Vec<_>>();
        let params = Params { ports: ports.as_ref().map_or(Ports::Any, |l| Ports::Listed(pr(l))), except: pr(&except), own: own.iter().copied().map(ip).collect() };
        let got: BTreeSet<usize> = net::open(&reach, &params).into_iter().map(|f| f.rule).collect();
        prop_assert_eq!(got, oracle(&rules, &ports, &except, &own, 9));
    }
}

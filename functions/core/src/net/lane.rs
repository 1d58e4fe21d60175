//! Ports that are judged together.

use super::open::{Counted, Params};
use super::ports::{PortRange, Ports, Protocol};

/// One protocol with ports of it that are judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) protocol: Protocol,
    pub(super) ports: PortRange,
}

/// The lanes that must not be public, as far as any rule touches them.
pub(super) fn forbidden(rules: &[Counted], params: &Params) -> Vec<Lane> {
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
pub(super) fn split(lane: Lane, rules: &[Counted]) -> Vec<Lane> {
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

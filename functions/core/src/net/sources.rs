//! Sets of addresses, as sorted disjoint intervals, and how much of them is public.

use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 blocks that are not the internet: private, shared, loopback, link-local, documentation,
/// benchmarking, multicast and reserved space (IANA IPv4 Special-Purpose Address Registry).
const NOT_PUBLIC_V4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
];

/// The only IPv6 block that is routed on the internet (IANA: global unicast).
const PUBLIC_V6: &str = "2000::/3";

/// Blocks inside it that are not (documentation).
const NOT_PUBLIC_V6: &[&str] = &["2001:db8::/32", "3fff::/20"];

macro_rules! interval_set {
    ($(#[$doc:meta])* $name:ident, $bits:ty, $net:ty, $address:ty, $public:item) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            /// Sorted, disjoint, not adjacent; both ends inclusive.
            intervals: Vec<($bits, $bits)>,
        }

        impl $name {
            /// The set of one block. Bits behind the prefix are masked away, as AWS does.
            #[must_use]
            pub fn of(net: $net) -> Self {
                Self { intervals: vec![(net.network().into(), net.broadcast().into())] }
            }

            /// All that is in any of the sets.
            #[must_use]
            pub fn union_all<'s>(sets: impl Iterator<Item = &'s Self>) -> Self {
                let mut all: Vec<_> = sets.flat_map(|s| s.intervals.iter().copied()).collect();
                all.sort_unstable();
                let mut merged: Vec<($bits, $bits)> = Vec::with_capacity(all.len());
                for (start, end) in all {
                    match merged.last_mut() {
                        Some(last) if last.1 == <$bits>::MAX || start <= last.1 + 1 => last.1 = last.1.max(end),
                        _ => merged.push((start, end)),
                    }
                }
                Self { intervals: merged }
            }

            /// The set of several blocks.
            #[must_use]
            pub fn of_all(nets: impl Iterator<Item = $net>) -> Self {
                let sets: Vec<Self> = nets.map(Self::of).collect();
                Self::union_all(sets.iter())
            }

            /// What is in this set and not in the other.
            #[must_use]
            pub fn minus(&self, other: &Self) -> Self {
                let mut left = Vec::with_capacity(self.intervals.len());
                for &(start, end) in &self.intervals {
                    let mut from = Some(start);
                    for &(a, b) in &other.intervals {
                        let Some(s) = from else { break };
                        if b < s { continue; }
                        if a > end { break; }
                        if a > s { left.push((s, a - 1)); }
                        from = if b >= end { None } else { Some(b + 1) };
                    }
                    if let Some(s) = from { left.push((s, end)); }
                }
                Self { intervals: left }
            }

            /// How many addresses; saturating.
            #[must_use]
            pub fn count(&self) -> u128 {
                self.intervals.iter().fold(0u128, |sum, &(a, b)| {
                    sum.saturating_add(u128::from(b - a)).saturating_add(1)
                })
            }

            /// An address in the middle of what is widest in it.
            #[must_use]
            pub fn middle(&self) -> Option<std::net::IpAddr> {
                let widest = self.intervals.iter().max_by_key(|(a, b)| b - a);
                widest.map(|(a, b)| <$address>::from(a + (b - a) / 2).into())
            }

            /// Nothing is in it.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.intervals.is_empty()
            }

            $public
        }
    };
}

interval_set! {
    /// A set of IPv4 addresses.
    Ipv4Set, u32, Ipv4Net, std::net::Ipv4Addr,
    /// The part of the set that is on the internet.
    #[must_use]
    pub fn public(&self) -> Self {
        static NOT_PUBLIC: LazyLock<Ipv4Set> = LazyLock::new(|| {
            Ipv4Set::of_all(NOT_PUBLIC_V4.iter().filter_map(|t| t.parse().ok()))
        });
        self.minus(&NOT_PUBLIC)
    }
}

interval_set! {
    /// A set of IPv6 addresses.
    Ipv6Set, u128, Ipv6Net, std::net::Ipv6Addr,
    /// The part of the set that is on the internet.
    #[must_use]
    pub fn public(&self) -> Self {
        static NOT_PUBLIC: LazyLock<Ipv6Set> = LazyLock::new(|| {
            let all = Ipv6Set { intervals: vec![(0, u128::MAX)] };
            let outside = PUBLIC_V6.parse().map_or(all.clone(), |net| all.minus(&Ipv6Set::of(net)));
            let inside = Ipv6Set::of_all(NOT_PUBLIC_V6.iter().filter_map(|t| t.parse().ok()));
            Ipv6Set::union_all([&outside, &inside].into_iter())
        });
        self.minus(&NOT_PUBLIC)
    }
}

/// The two families of a list of blocks.
pub(super) fn families(nets: &[IpNet]) -> (Ipv4Set, Ipv6Set) {
    (
        Ipv4Set::of_all(nets.iter().filter_map(|n| match n {
            IpNet::V4(n) => Some(*n),
            IpNet::V6(_) => None,
        })),
        Ipv6Set::of_all(nets.iter().filter_map(|n| match n {
            IpNet::V6(n) => Some(*n),
            IpNet::V4(_) => None,
        })),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Ipv4Set {
        Ipv4Set::of_all(text.split(' ').map(|t| t.parse().unwrap()))
    }

    #[test]
    fn public_space_is_counted_not_spelt() {
        assert_eq!(v4("0.0.0.0/1 128.0.0.0/1"), v4("0.0.0.0/0"));
        assert_eq!(v4("1.2.3.4/0").count(), 1 << 32);
        assert!(v4("10.0.0.0/8 192.168.3.0/24").public().is_empty());
        assert_eq!(v4("8.0.0.0/8").public().count(), 1 << 24);
        assert_eq!(v4("224.0.0.0/3").public().count(), 0);
        let all = v4("0.0.0.0/0").public().count();
        assert!(all > 3_600_000_000 && all < 3_758_096_384, "{all}");
    }

    #[test]
    fn only_global_unicast_is_public_in_ipv6() {
        let set = |t: &str| Ipv6Set::of(t.parse().unwrap());
        assert_eq!(
            set("::/0").public().count(),
            set("2000::/3").public().count()
        );
        assert!(set("fc00::/7").public().is_empty());
        assert!(set("2001:db8::/32").public().is_empty());
        assert_eq!(set("2a00:1450::/32").public().count(), 1 << 96);
    }

    #[test]
    fn differences_hold_at_the_edges() {
        assert_eq!(
            v4("0.0.0.0/0").minus(&v4("0.0.0.0/1")).count(),
            v4("128.0.0.0/1").count()
        );
        assert!(v4("128.0.0.0/1").minus(&v4("0.0.0.0/0")).is_empty());
        assert_eq!(
            v4("10.0.0.0/30").minus(&v4("10.0.0.1/32 10.0.0.3/32")),
            v4("10.0.0.0/32 10.0.0.2/32")
        );
    }
}

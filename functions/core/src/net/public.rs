//! What the internet reaches, counted and in words.

use super::lane::Lane;
use super::open::Counted;
use super::ports::Protocol;
use super::rule::Rule;
use super::sources::{Ipv4Set, Ipv6Set};

/// A port is public if the sources that reach it, all rules taken together, cover this many
/// public IPv4 addresses (a /8) …
const PUBLIC_V4: u128 = 1 << 24;
/// … or this many public IPv6 addresses (a /32).
const PUBLIC_V6: u128 = 1 << 96;
/// A lane that the internet reaches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Public {
    lane: Lane,
    /// Addresses of the family that get in.
    pub(super) count: u128,
    /// How many rules let them in.
    pub(super) by: usize,
    pub(super) v6: bool,
}

impl Public {
    /// What the internet reaches on a lane through some of the rules, by family.
    pub(super) fn on(
        lane: Lane,
        rules: &[Counted],
        which: impl Fn(&Counted, bool) -> bool,
    ) -> Vec<Self> {
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

    pub(super) fn reason<R: Rule>(self, rules: &[R], measured: &[Counted]) -> String {
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

    pub(super) fn what(self) -> String {
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

//! Identifiers and reproducible chance.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

static DRAWN: AtomicU64 = AtomicU64::new(0);

/// A number no other call gets, for identifiers; not for secrets.
fn fresh() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(DRAWN.fetch_add(1, Ordering::Relaxed));
    hasher.finish()
}

/// A version 4 shaped UUID, as event and request ids are.
pub(crate) fn uuid() -> String {
    let (high, low) = (fresh(), fresh());
    let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
    let low = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// Lower-case hexadecimal text.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Chance that a seed repeats (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True with probability `share` (0 to 1).
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        // 32 bits are exact in f64 and fine enough.
        let drawn = f64::from(u32::try_from(self.next() >> 32).unwrap_or(u32::MAX))
            / (f64::from(u32::MAX) + 1.0);
        drawn < share
    }

    /// A number from 0 up to, but without, `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_the_shape_of_version_four() {
        let one = uuid();
        let parts: Vec<&str> = one.split('-').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(parts[2].starts_with('4'));
        assert!("89ab".contains(&parts[3][..1]));
        assert_ne!(one, uuid());
    }

    #[test]
    fn chance_is_fair_enough_and_repeats_with_its_seed() {
        let draw = |seed| {
            let mut chance = Chance::new(seed);
            (0..1000).filter(|_| chance.happens(0.3)).count()
        };
        assert!((250..350).contains(&draw(7)));
        assert_eq!(draw(7), draw(7));
    }
}

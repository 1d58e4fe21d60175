//! The real clock.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use jiff::Timestamp;
use undrift_engine::port::Clock;

/// The machine's clock and tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn jitter(&self) -> f64 {
        jitter()
    }
}

/// A number from 0 up to, not including, 1. Fit for spreading retries, not for secrets.
#[must_use]
pub fn jitter() -> f64 {
    // The standard library seeds each `RandomState` anew; the upper 32 bits fit a float exactly.
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

/// A word that no other caller has: 128 random bits in hexadecimal.
#[must_use]
pub fn nonce() -> String {
    let word = || RandomState::new().build_hasher().finish();
    let time = Timestamp::now().as_nanosecond();
    format!("{:016x}{:016x}{:x}", word(), word(), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_in_its_range_and_varies() {
        let drawn: Vec<f64> = (0..1000).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|j| (0.0..1.0).contains(j)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
        assert_ne!(nonce(), nonce());
    }
}

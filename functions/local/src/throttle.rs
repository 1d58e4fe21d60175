//! EC2's throttling: a bucket of tokens for each API, in each account and region.
//!
//! EC2 Developer Guide, "Request throttling": a call takes a token of its API's bucket, which fills
//! up again at a rate of its own; from an empty one it is refused as `RequestLimitExceeded`. AWS
//! states no sizes but by example (100 tokens and 20 a second for one that describes); for calls that
//! change something 50 tokens and 5 a second are what is seen.

use std::collections::BTreeMap;
use std::time::Instant;

/// A bucket's size, and how many tokens a second come back.
type Size = (f64, f64);

const DESCRIBES: Size = (100.0, 20.0);
const CHANGES: Size = (50.0, 5.0);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// The buckets of one account and region.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    buckets: BTreeMap<String, Bucket>,
    /// Whose calls take no tokens.
    exempt: Option<String>,
}

impl Throttle {
    pub(crate) fn but_for(access_key: Option<&str>) -> Self {
        Self {
            buckets: BTreeMap::new(),
            exempt: access_key.map(str::to_owned),
        }
    }

    /// Takes a token for a call; false: there is none.
    pub(crate) fn admits(&mut self, operation: &str, access_key: &str, now: Instant) -> bool {
        if self.exempt.as_deref() == Some(access_key) {
            return true;
        }
        let (size, rate) = if operation.starts_with("Describe") || operation.starts_with("Get") {
            DESCRIBES
        } else {
            CHANGES
        };
        let bucket = self.buckets.entry(operation.to_owned()).or_insert(Bucket {
            tokens: size,
            filled: now,
        });
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * rate).min(size);
        bucket.filled = now;
        let admits = bucket.tokens >= 1.0;
        if admits {
            bucket.tokens -= 1.0;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_empty_bucket_refuses_until_it_has_filled_up_again() {
        let start = Instant::now();
        let mut throttle = Throttle::but_for(Some("maker"));
        let revoke = "RevokeSecurityGroupIngress";
        let mut admitted = 0;
        while throttle.admits(revoke, "function", start) {
            admitted += 1;
        }
        assert_eq!(admitted, 50);
        assert!(throttle.admits(revoke, "maker", start), "exempt");
        assert!(
            throttle.admits("ModifySecurityGroupRules", "function", start),
            "its own bucket"
        );
        let later = start + Duration::from_secs(1);
        let again = (0..20).filter(|_| throttle.admits(revoke, "function", later));
        assert_eq!(again.count(), 5);
    }
}

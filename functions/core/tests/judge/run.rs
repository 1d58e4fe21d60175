//! Checks on what is made up, for a time.

use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

fn time() -> Duration {
    let told = std::env::var("UNDRIFT_FUZZ_SECONDS").ok();
    Duration::from_secs(told.and_then(|t| t.parse().ok()).unwrap_or(60))
}

/// Runs checks on what strategies make until the time is over, on `most` hundreds of documents where
/// nobody asks for more; each failure is made small.
pub(crate) fn until(share: u32, most: u64, check: impl Fn(&mut TestRunner) -> Result<(), String>) {
    let began = Instant::now();
    let number = |name: &str| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    // Each run by itself is the same as the last; a run on command is a new one.
    let anew = || {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(since.as_micros()).unwrap()
    };
    let asked = number("UNDRIFT_FUZZ_SECONDS").is_some();
    let seed = number("UNDRIFT_SEED").unwrap_or_else(|| if asked { anew() } else { 1 });
    let most = if asked { u64::MAX } else { most };
    let mut bytes = [0_u8; 32];
    let mut runs = 0_u64;
    while began.elapsed() < time() / share && runs < most {
        bytes[..8].copy_from_slice(&(seed.wrapping_add(runs)).to_le_bytes());
        let config = Config {
            cases: 100,
            failure_persistence: None,
            max_shrink_iters: 20_000,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        if let Err(why) = check(&mut runner) {
            panic!("UNDRIFT_SEED={}: {why}", seed.wrapping_add(runs));
        }
        runs += 1;
    }
    println!("{} documents, a {share}th of the time", runs * 100);
}

pub(crate) fn ended<T: std::fmt::Debug>(
    result: Result<(), proptest::test_runner::TestError<T>>,
) -> Result<(), String> {
    result.map_err(|e| e.to_string())
}

//! Input after input, for as long as is wanted.

use std::path::Path;
use std::time::{Duration, Instant};

/// Random numbers that can be had again (xorshift64*).
pub struct Dice(u64);

impl Dice {
    /// One of so many sides, from 0.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides.max(1)
    }

    pub fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.roll(from.len())]
    }
}

/// How one of a program's tests fuzzes.
pub struct Fuzz {
    pub what: &'static str,
    /// How many of the program's tests share the time.
    pub share: u32,
    /// The longest that one input may take, on a busy machine.
    pub longest: Duration,
    /// How many inputs a minute must try at least.
    pub least: u64,
}

impl Fuzz {
    /// Runs `one` on input after input until the time is over: 60 seconds for the whole program,
    /// or `UNDRIFT_FUZZ_SECONDS`. `UNDRIFT_SEED` repeats a run. `one` is given a folder.
    pub fn run(&self, one: impl Fn(&mut Dice, &Path) + Send + 'static) {
        let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
        let seconds = number("UNDRIFT_FUZZ_SECONDS").unwrap_or(60);
        let seed = number("UNDRIFT_SEED").unwrap_or_else(|| {
            let now = std::time::SystemTime::now();
            let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
            u64::from(since.subsec_nanos()) << 32 | since.as_secs() & 0xffff_ffff
        });
        let what = self.what;
        println!("{what}: UNDRIFT_SEED={seed}");
        let (share, longest) = (self.share, self.longest);
        let work = move || {
            let folder = tempfile::tempdir().unwrap();
            let mut dice = Dice(seed | 1);
            let until = Instant::now() + Duration::from_secs(seconds) / share;
            let mut inputs = 0_u64;
            while Instant::now() < until {
                let start = Instant::now();
                one(&mut dice, folder.path());
                let took = start.elapsed();
                assert!(took < longest, "input {inputs} took {took:?}");
                inputs += 1;
            }
            inputs
        };
        // As much stack as a thread of any program has.
        let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
        let inputs = thread.spawn(work).unwrap().join().unwrap();
        println!("{what}: {inputs} inputs");
        let least = self.least * seconds.min(60) / 60;
        assert!(inputs > least, "only {inputs} inputs were tried");
    }
}

/// The most memory this process ever had, in MB, where the system tells.
#[must_use]
pub fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = peak.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1024)
}

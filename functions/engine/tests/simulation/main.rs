//! The engine under a deterministic simulation: AWS, the table, the queue, the clock and other
//! people are one seeded scheduler that lets everything happen in any order, late, twice, or never,
//! and kills functions at any call.
//!
//! - `UNDRIFT_SIM_SEED`: the first seed (0), `UNDRIFT_SIM_RUNS`: how many runs (20,000 at most, as many
//!   as go into a minute), `UNDRIFT_SIM_SECONDS`: how long.
//! - A run with a wrong end is made smaller, printed with all that happened in it, and written to
//!   `UNDRIFT_SIM_KEEP`, if that names a folder; what lies in `kept/` was mended, and is played each
//!   time.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::ref_option,
    clippy::nonminimal_bool,
    clippy::manual_is_multiple_of,
    clippy::result_large_err,
    clippy::wrong_self_convention,
    clippy::needless_pass_by_value,
    clippy::cast_precision_loss,
    reason = "a test"
)]

mod aws;
mod journal;
mod model;
mod ports;
mod run;
mod scenario;
mod sim;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use run::House;
use scenario::Scenario;
use sim::Without;

/// How many runs are played, unless it is said.
const RUNS: u64 = 20_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|n| n.parse().unwrap())
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/kept")
}

/// The smallest run that still ends wrong.
fn smallest(house: &House, mut scenario: Scenario) -> Scenario {
    'again: loop {
        for simpler in scenario.simpler() {
            if !house.wrong(&simpler).is_empty() {
                scenario = simpler;
                continue 'again;
            }
        }
        return scenario;
    }
}

fn shown(house: &House, seed: u64) -> String {
    let small = smallest(house, Scenario::of(seed));
    let json = serde_json::to_string_pretty(&small).unwrap();
    if let Some(folder) = std::env::var_os("UNDRIFT_SIM_KEEP") {
        std::fs::write(Path::new(&folder).join(format!("{seed}.json")), &json).unwrap();
    }
    format!("seed {seed} ends wrong:\n{json}\n{}", house.told(&small))
}

/// As many runs as there is time for; on as many threads as the machine has.
#[test]
fn no_run_ends_wrong() {
    let first = number("UNDRIFT_SIM_SEED").unwrap_or(0);
    let runs = number("UNDRIFT_SIM_RUNS");
    let seconds = number("UNDRIFT_SIM_SECONDS").unwrap_or(60);
    let until = runs
        .is_none()
        .then(|| Instant::now() + Duration::from_secs(seconds));
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let begun = Instant::now();
    let work = || {
        let house = House::new(None);
        let (mut played, mut calls, mut died, mut wrong) = (0_u64, 0, 0, Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let over = until.is_some_and(|u| Instant::now() > u);
            if over || seed >= first + runs.unwrap_or(RUNS) {
                return (played, calls, died, wrong);
            }
            let end = house.run(&Scenario::of(seed), false);
            played += 1;
            calls += end.calls;
            died += end.died;
            if !end.wrong.is_empty() {
                wrong.push(seed);
            }
        }
    };
    let (mut played, mut calls, mut died, mut wrong) = (0, 0, 0, Vec::new());
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in all {
            let (p, c, d, w) = thread.join().unwrap();
            played += p;
            calls += c;
            died += d;
            wrong.extend(w);
        }
    });
    wrong.sort_unstable();
    println!(
        "{played} runs from seed {first}: {calls} calls, {died} functions died, {} wrong ends; {:.0} runs a minute",
        wrong.len(),
        played as f64 * 60.0 / begun.elapsed().as_secs_f64()
    );
    if let Some(seed) = wrong.first() {
        let told = shown(&House::new(None), *seed);
        for seed in wrong.iter().skip(1).take(20) {
            shown(&House::new(None), *seed);
        }
        panic!("seeds {wrong:?} end wrong\n{told}");
    }
}

/// What ever ended wrong ends right.
#[test]
fn what_was_found_is_mended() {
    let house = House::new(None);
    let mut count = 0;
    for entry in std::fs::read_dir(kept()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario: Scenario = serde_json::from_str(&text).unwrap();
        let wrong = house.wrong(&scenario);
        assert!(
            wrong.is_empty(),
            "{}: {wrong:#?}\n{}",
            path.display(),
            house.told(&scenario)
        );
        count += 1;
    }
    assert!(count > 0, "{count}");
    println!("{count} kept runs end right");
}

/// One seed is one run: nothing but the seed decides what happens.
#[test]
fn a_seed_is_a_run() {
    let (one, other) = (House::new(None), House::new(None));
    for seed in 0..50 {
        let scenario = Scenario::of(seed);
        assert_eq!(one.told(&scenario), other.told(&scenario), "{seed}");
    }
}

/// Without any one of the protections some run ends wrong, which ends right with it.
#[test]
fn each_protection_is_needed() {
    let all = [
        Without::Condition,
        Without::SecondLook,
        Without::OpenRecord,
        Without::TakeOver,
        Without::Patience,
        Without::Remembering,
    ];
    let whole = House::new(None);
    for without in all {
        let house = House::new(Some(without));
        let mut seeds = 0..20_000;
        let found = seeds.find_map(|seed| {
            let wrong = house.wrong(&Scenario::of(seed));
            (!wrong.is_empty() && whole.wrong(&Scenario::of(seed)).is_empty())
                .then_some((seed, wrong))
        });
        let Some((seed, wrong)) = found else {
            panic!("without {without:?} all goes well");
        };
        println!("without {without:?}: seed {seed}: {}", wrong.join("; "));
    }
}

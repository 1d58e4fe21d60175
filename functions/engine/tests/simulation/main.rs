//! The engine under a deterministic simulation: AWS, the table, the queue, the clock and other
//! people are one seeded scheduler that lets everything happen in any order, late, twice, or never,
//! and kills functions at any call.
//!
//! A failing seed is printed, made smaller, and kept under `kept/`.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod aws;
mod journal;
mod model;
mod ports;
mod run;
mod scenario;
mod sim;

use run::House;
use scenario::Scenario;

#[test]
fn probe() {
    let from: u64 = std::env::var("SEED").map_or(0, |s| s.parse().unwrap());
    let count: u64 = std::env::var("RUNS").map_or(2000, |s| s.parse().unwrap());
    let show: usize = std::env::var("SHOW").map_or(1, |s| s.parse().unwrap());
    let house = House::new();
    let mut kinds = std::collections::BTreeMap::<String, (u64, u64)>::new();
    let start = std::time::Instant::now();
    let (mut calls, mut bad) = (0, 0);
    let mut shown = 0;
    for seed in from..from + count {
        let scenario = Scenario::of(seed);
        let end = house.run(&scenario, None, false);
        calls += end.calls;
        if !end.wrong.is_empty() {
            bad += 1;
            let class: String = end.wrong[0].chars().filter(|c| !c.is_ascii_digit()).take(60).collect();
            let entry = kinds.entry(class).or_insert((0, seed));
            entry.0 += 1;
            let only = std::env::var("ONLY").unwrap_or_default();
            if shown < show && end.wrong.iter().any(|w| w.contains(&only)) {
                shown += 1;
                let small = shrink(&house, scenario, &only);
                println!("seed {seed}: {small:#?}\n{}", house.told(&small, None));
            }
        }
    }
    println!("{bad} of {count} wrong; {calls} calls; {:?}", start.elapsed());
    for (class, (n, seed)) in kinds {
        println!("{n:>6} {seed:>6} {class}");
    }
}

fn shrink(house: &House, mut scenario: Scenario, only: &str) -> Scenario {
    'again: loop {
        for simpler in scenario.simpler() {
            if house.wrong(&simpler, None).iter().any(|w| w.contains(only)) {
                scenario = simpler;
                continue 'again;
            }
        }
        return scenario;
    }
}

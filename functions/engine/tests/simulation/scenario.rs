//! What happens in one run, as data: it is made from a seed, made smaller where it shows a wrong
//! end, and kept as a file.

use serde::{Deserialize, Serialize};

/// Milliseconds since the run's beginning.
pub(crate) type Ms = u32;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scenario {
    /// Latencies and jitter come from it.
    pub(crate) seed: u64,
    /// What people edit.
    pub(crate) subject: Subject,
    /// How many functions work at once.
    pub(crate) workers: u32,
    /// How many messages one of them takes.
    pub(crate) batch: usize,
    /// How old a read may be.
    pub(crate) lag: Ms,
    /// What people do, in order of time.
    pub(crate) edits: Vec<Edit>,
    /// Where functions die.
    pub(crate) crashes: Vec<Crash>,
    /// What calls meet.
    pub(crate) faults: Vec<Met>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Subject {
    /// Rules of a security group: its calls name the rules.
    Group,
    /// Statements of a bucket's policy: it is written as a whole.
    Document,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Edit {
    pub(crate) at: Ms,
    pub(crate) what: What,
    /// How long after it its event arrives; each time it does.
    pub(crate) told: Vec<Ms>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    /// New rules, by one call.
    Add(Vec<Rule>),
    /// A rule gets another value.
    Modify(u32, Rule),
    /// A rule goes.
    Revoke(u32),
    /// The document is written: the principals of its statements.
    Put(Vec<String>),
}

/// A port and a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Rule(pub(crate) u16, pub(crate) String);

/// An invocation dies at one of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Crash {
    pub(crate) invocation: u32,
    pub(crate) call: u32,
    /// After what it asked for was done.
    pub(crate) done: bool,
}

/// A call meets a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Met {
    pub(crate) invocation: u32,
    pub(crate) call: u32,
    pub(crate) fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// Refused: too many requests.
    Throttled,
    /// It never arrived.
    Lost,
    /// It was done, and its answer never arrived.
    AnswerLost,
    /// It is done only after the caller gave up.
    Late,
}

pub(crate) const WORLD: &str = "0.0.0.0/0";
pub(crate) const ANYBODY: &str = "*";
/// The rules that every group begins with: a good one, another, and one that was always wrong.
pub(crate) const FIRST: [(u16, &str); 3] = [(443, WORLD), (22, "10.0.0.0/16"), (3389, WORLD)];
/// The principals that every document begins with.
pub(crate) const TRUSTED: [&str; 2] = ["111111111111", "222222222222"];
const OTHERS: [&str; 4] = [
    "111111111111",
    "222222222222",
    "333333333333",
    "444444444444",
];

/// Numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        u32::try_from(mix(self.0) % u64::from(n.max(1))).unwrap()
    }

    fn between(&mut self, least: u32, most: u32) -> u32 {
        least + self.below(most - least + 1)
    }

    /// With a probability in percent.
    pub(crate) fn percent(&mut self, n: u32) -> bool {
        self.below(100) < n
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        let count = u32::try_from(of.len()).unwrap();
        of[self.below(count) as usize].clone()
    }
}

/// `SplitMix64`'s finisher.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(mix(seed));
        let subject = dice.one(&[Subject::Group, Subject::Group, Subject::Document]);
        let count = dice.between(1, 5);
        let mut at = 1000;
        let mut edits = Vec::new();
        let mut rules = 3;
        for n in 0..count {
            at += match dice.below(4) {
                0 => dice.below(900),
                1 => dice.between(300, 4000),
                2 => dice.between(1000, 12_000),
                _ => dice.between(5000, 60_000),
            };
            let what = match subject {
                Subject::Group => rule_edit(&mut dice, n, &mut rules),
                Subject::Document => document_edit(&mut dice),
            };
            edits.push(Edit {
                at,
                what,
                told: told(&mut dice),
            });
        }
        let troubled = dice.percent(70);
        let several = |dice: &mut Dice, most: u32| if troubled { dice.below(most + 1) } else { 0 };
        let crashes = several(&mut dice, 2);
        let crashes = (0..crashes).map(|_| Crash {
            invocation: dice.below(4),
            call: dice.below(24),
            done: dice.percent(50),
        });
        let crashes = crashes.collect();
        let faults = several(&mut dice, 4);
        let faults = (0..faults).map(|_| Met {
            invocation: dice.below(4),
            call: dice.below(24),
            fault: dice.one(&[
                Fault::Throttled,
                Fault::Throttled,
                Fault::Lost,
                Fault::AnswerLost,
                Fault::Late,
            ]),
        });
        Self {
            seed,
            subject,
            faults: faults.collect(),
            crashes,
            workers: dice.between(1, 4),
            batch: dice.one(&[1, 3, 10]),
            lag: dice.one(&[0, 0, 500, 1900]),
            edits,
        }
    }

    /// The same with one thing less or simpler, each way there is.
    pub(crate) fn simpler(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut with = |change: &dyn Fn(&mut Self)| {
            let mut one = self.clone();
            change(&mut one);
            if one != *self {
                all.push(one);
            }
        };
        for n in 0..self.edits.len() {
            with(&|s| drop(s.edits.remove(n)));
        }
        for n in 0..self.crashes.len() {
            with(&|s| {
                s.crashes.remove(n);
            });
        }
        for n in 0..self.faults.len() {
            with(&|s| {
                s.faults.remove(n);
            });
        }
        for n in 0..self.edits.len() {
            with(&|s| s.edits[n].told.truncate(1));
            with(&|s| s.edits[n].told = vec![1000]);
            with(&|s| {
                if let What::Add(rules) = &mut s.edits[n].what {
                    rules.truncate(1);
                }
            });
        }
        with(&|s| s.lag = 0);
        with(&|s| s.workers = 1);
        with(&|s| s.batch = 1);
        all
    }
}

fn told(dice: &mut Dice) -> Vec<Ms> {
    let times = if dice.percent(15) { 2 } else { 1 };
    (0..times)
        .map(|_| match dice.below(10) {
            0 => dice.between(30_000, 200_000),
            1..=3 => dice.between(3000, 20_000),
            _ => dice.between(200, 3000),
        })
        .collect()
}

fn rule_edit(dice: &mut Dice, n: u32, rules: &mut u32) -> What {
    let value = |dice: &mut Dice, m: u32| match dice.below(6) {
        0 => Rule(22, WORLD.to_owned()),
        1 => Rule(5432, WORLD.to_owned()),
        2..=3 => Rule(8443, format!("192.0.{n}.{m}/32")),
        4 => Rule(22, format!("192.0.{n}.{m}/32")),
        _ => Rule(22, format!("10.{n}.{m}.0/24")),
    };
    match dice.below(5) {
        0..=1 => {
            let count = if dice.percent(25) { 2 } else { 1 };
            *rules += count;
            What::Add((0..count).map(|m| value(dice, m)).collect())
        }
        2..=3 => What::Modify(dice.below(*rules), value(dice, 9)),
        _ => What::Revoke(dice.below(*rules)),
    }
}

fn document_edit(dice: &mut Dice) -> What {
    let mut who: Vec<String> = Vec::new();
    for other in OTHERS {
        if dice.percent(55) {
            who.push(other.to_owned());
        }
    }
    if dice.percent(50) || who.is_empty() {
        who.push(ANYBODY.to_owned());
    }
    What::Put(who)
}

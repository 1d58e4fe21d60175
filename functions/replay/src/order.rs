//! Puts what was read into the order of its time, as far as a limited memory goes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use jiff::Timestamp;

use crate::record::{Head, Touching};

/// How much is held back to be ordered, in bytes of JSON: some six thousand changes. CloudTrail's
/// files overlap by minutes.
const HELD: usize = 8 * 1024 * 1024;
/// How many records are remembered to know them again, twice.
const KNOWN: usize = 500_000;

/// Something that was read, to be given in its turn.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its time, or that of the record before it in its file.
    pub(crate) time: Timestamp,
    /// Its file, and its place in it.
    pub(crate) at: (usize, u64),
    pub(crate) head: Box<Head>,
    pub(crate) what: What,
    /// The size of its text.
    pub(crate) size: usize,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum What {
    Change(Box<Touching>),
    /// Nothing of interest, and why.
    Other(String),
}

impl Waiting {
    fn turn(&self) -> (Timestamp, usize, u64) {
        (self.time, self.at.0, self.at.1)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.turn() == other.turn()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.turn().cmp(&other.turn())
    }
}

/// What waits for its turn.
#[derive(Debug, Default)]
pub(crate) struct Order {
    waiting: BinaryHeap<Reverse<Waiting>>,
    held: usize,
    known: HashSet<u64>,
    known_before: HashSet<u64>,
}

impl Order {
    /// Takes something in; says whether it is new.
    pub(crate) fn push(&mut self, waiting: Waiting) -> bool {
        if let What::Change(touching) = &waiting.what {
            let print = touching.print;
            if self.known_before.contains(&print) || !self.known.insert(print) {
                return false;
            }
            if self.known.len() >= KNOWN {
                self.known_before = std::mem::take(&mut self.known);
            }
        }
        self.held += waiting.size;
        self.waiting.push(Reverse(waiting));
        true
    }

    /// Too much is held back.
    pub(crate) fn is_full(&self) -> bool {
        self.held > HELD
    }

    /// Everything of the oldest second.
    pub(crate) fn next_second(&mut self) -> Vec<Waiting> {
        let mut second = Vec::new();
        while let Some(Reverse(next)) = self.waiting.peek() {
            let same = second.first().is_none_or(|f: &Waiting| f.time == next.time);
            if !same {
                break;
            }
            if let Some(Reverse(next)) = self.waiting.pop() {
                self.held -= next.size;
                second.push(next);
            }
        }
        second
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn other(second: i64, at: (usize, u64)) -> Waiting {
        Waiting {
            time: Timestamp::from_second(second).unwrap(),
            at,
            head: Box::default(),
            what: What::Other(String::new()),
            size: 10,
        }
    }

    #[test]
    fn time_comes_first_then_the_place() {
        let mut order = Order::default();
        for (second, at) in [(3, (0, 0)), (1, (1, 5)), (1, (0, 7)), (2, (0, 1))] {
            order.push(other(second, at));
        }
        let mut turns = Vec::new();
        loop {
            let second = order.next_second();
            if second.is_empty() {
                break;
            }
            turns.push(second.iter().map(|w| w.at).collect::<Vec<_>>());
        }
        assert_eq!(turns, [vec![(0, 7), (1, 5)], vec![(0, 1)], vec![(0, 0)]]);
        assert_eq!(order.held, 0);
    }
}

//! What an evaluation may cost, told before it begins.

use super::tree::{Each, Node};
use super::{EvaluationError, Viewed};

/// The most steps of an evaluation. A step takes well under a microsecond, and 64 bytes at most
/// are copied in it.
const MOST: u64 = 200_000;
/// The bytes that are copied in one step.
const BYTES: u64 = 64;

/// Refuses an evaluation that would cost too much.
///
/// A part costs one step, and naming the state costs its size; what stands in a loop is paid for
/// each of the most elements that any list of the state has.
pub(super) fn bound(tree: &Node, view: &Viewed<'_>) -> Result<(), EvaluationError> {
    let facets = || view.image().facets.values();
    let elements = facets().map(std::collections::BTreeMap::len).sum();
    let sizes = Sizes {
        longest: facets().map(|f| f.len() as u64).max().unwrap_or(0),
        state: facets().flat_map(|f| f.values()).map(cost_of).sum(),
        largest: facets()
            .flat_map(std::collections::BTreeMap::values)
            .map(cost_of)
            .max()
            .unwrap_or(1),
    };
    let work = sizes.cost(tree);
    if work <= MOST {
        return Ok(());
    }
    Err(EvaluationError::TooMuch {
        elements,
        work,
        most: MOST,
    })
}

struct Sizes {
    /// The most elements of a list.
    longest: u64,
    /// What naming the state costs.
    state: u64,
    /// What naming an element costs.
    largest: u64,
}

impl Sizes {
    fn cost(&self, node: &Node) -> u64 {
        let all = |nodes: &[Node]| {
            nodes
                .iter()
                .fold(0_u64, |sum, n| sum.saturating_add(self.cost(n)))
        };
        let inner = match node {
            Node::Text(text) => text.len() as u64 / BYTES,
            Node::Name(name) if name == "state" => self.state,
            // What a loop finds.
            Node::Name(name) if name != "params" => self.largest,
            Node::Literal | Node::Other | Node::Name(_) => 0,
            Node::Select { of, .. } => self.cost(of),
            Node::List(items) => all(items),
            Node::Call {
                target, arguments, ..
            } => all(arguments).saturating_add(target.as_ref().map_or(0, |t| self.cost(t))),
            Node::Each(each) => self.loops(each),
        };
        inner.saturating_add(1)
    }

    fn loops(&self, each: &Each) -> u64 {
        let once = self
            .cost(&each.condition)
            .saturating_add(self.cost(&each.step));
        // A list that was written down may be longer than any of the state's.
        let times = match &each.over {
            Node::List(items) => self.longest.max(items.len() as u64),
            _ => self.longest,
        };
        // What is gathered is copied each time round.
        let gathered = times.saturating_mul(times) / 16;
        once.saturating_mul(times)
            .saturating_add(gathered)
            .saturating_add(self.cost(&each.over))
            .saturating_add(self.cost(&each.first))
            .saturating_add(self.cost(&each.result))
    }
}

/// What copying a value costs.
fn cost_of(value: &serde_json::Value) -> u64 {
    1 + size(value) / BYTES
}

/// About how many bytes a value has.
fn size(value: &serde_json::Value) -> u64 {
    use serde_json::Value::{Array, Object, String};
    match value {
        String(text) => text.len() as u64,
        Array(all) => all.iter().map(|v| size(v).saturating_add(8)).sum(),
        Object(all) => all
            .iter()
            .map(|(name, v)| name.len() as u64 + size(v).saturating_add(8))
            .sum(),
        _ => 8,
    }
}

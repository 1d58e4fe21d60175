//! A document's own cases: are they well-formed, and are there enough of them?

use std::collections::BTreeMap;

use serde_json::Value;
use undrift_core::kind::{Image, Kind};
use undrift_core::name::EventName;
use undrift_core::policy::{Case, Desired, Policy};

use super::{elements::image, unknown};
use crate::error::Fault;
use crate::yaml::{Node, Step, Step::At, Step::In};

pub(super) fn cases(policy: &Policy, places: &Node, kind: &dyn Kind) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, case) in policy.cases.iter().enumerate() {
        let way = [In("cases"), At(index)];
        let twin = policy.cases.iter().take(index).any(|c| c.it == case.it);
        if twin || case.it.trim().is_empty() {
            let at = places.value(&[way[0], way[1], In("it")]);
            let what = if twin {
                "another case is called that"
            } else {
                "say what the case shows"
            };
            faults.push(Fault::new(at, what));
        }
        let listed: Vec<&str> = policy
            .on
            .values()
            .flatten()
            .map(EventName::as_str)
            .collect();
        if !listed.contains(&case.change.as_str()) {
            faults.push(Fault::new(
                places.value(&[way[0], way[1], In("change")]),
                unknown("event in `on`", case.change.as_str(), &listed),
            ));
        }
        faults.extend(images(case, &way, places, kind));
    }
    faults.extend(enough(policy, places));
    faults
}

fn images(case: &Case, way: &[Step<'_>; 2], places: &Node, kind: &dyn Kind) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut read = |facets: &BTreeMap<String, Vec<Value>>, to: &[Step<'_>]| -> Option<Image> {
        match image(kind, facets) {
            Ok(image) => Some(image),
            Err(wrong) => {
                faults.extend(wrong.into_iter().map(|(facet, index, why)| {
                    let mut steps = way.to_vec();
                    steps.extend(to);
                    steps.push(In(&facet));
                    steps.extend(index.map(At));
                    let at = match index {
                        Some(_) => places.value(&steps),
                        None => places.key(&steps),
                    };
                    Fault::new(at, why)
                }));
                None
            }
        }
    };
    let before = read(&case.before, &[In("before")]);
    let after = read(&case.after, &[In("after")]);
    if let Some(Desired::Facets(facets)) = &case.expect.desired {
        read(facets, &[In("expect"), In("desired")]);
    }
    if let (Some(before), Some(after)) = (before, after) {
        let same = |a: &Image, b: &Image| a.facets.keys().eq(b.facets.keys());
        if !same(&before, &after) {
            faults.push(Fault::new(
                places.key(&[way[0], way[1], In("after")]),
                "`before` and `after` show different facets; write an empty list for an empty one",
            ));
        }
    }
    faults
}

/// A document shows what it catches, what it passes, and what it leaves alone.
fn enough(policy: &Policy, places: &Node) -> Vec<Fault> {
    let passes: Vec<&Case> = policy
        .cases
        .iter()
        .filter(|c| c.expect.violated == 0)
        .collect();
    let leaves = |c: &&&Case| c.expect.desired == Some(Desired::After);
    let mut missing = Vec::new();
    if passes.len() == policy.cases.len() {
        missing.push("one that is violated (`violated: 1`)");
    }
    if passes.is_empty() {
        missing.push("one that is compliant (`violated: 0`)");
    }
    // The case that shows compliance can't be the only one that shows what is left alone.
    if !passes.iter().any(|c| leaves(&c)) || passes.len() < 2 {
        missing.push("another one that leaves something alone (`violated: 0, desired: after`)");
    }
    if missing.is_empty() {
        return Vec::new();
    }
    vec![Fault::new(
        places
            .key(&[In("cases")])
            .or_else(|| places.value(&[In("id")])),
        format!("cases are missing: {}", missing.join(", ")),
    )]
}

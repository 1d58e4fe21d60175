//! A document's own cases: are they well-formed, and are there enough of them?

use std::collections::BTreeMap;

use serde_json::Value;
use undrift_core::kind::{Image, Kind};
use undrift_core::name::EventName;
use undrift_core::policy::{Case, Desired, Earlier, Policy};

use super::elements::image;
use crate::error::Fault;
use crate::nearest::did_you_mean;
use crate::read::fault;
use crate::yaml::{Node, Step, Step::At, Step::In};

/// `listed`: whether the events in `on` are right, so that a case can be held against them.
pub(super) fn cases(
    policy: &Policy,
    places: &Node,
    text: &str,
    kind: &dyn Kind,
    listed: bool,
) -> Vec<Fault> {
    let right = listed;
    let mut faults = Vec::new();
    for (index, case) in policy.cases.iter().enumerate() {
        let way = [In("cases"), At(index)];
        let twin = policy.cases.iter().take(index).any(|c| c.it == case.it);
        if twin || case.it.trim().is_empty() {
            let at = places.value(&[way[0], way[1], In("it")]);
            let what = if twin {
                "another case is called that; say what this one shows"
            } else {
                "it is empty; say what the case shows"
            };
            faults.push(Fault::new(at, what));
        }
        let listed: Vec<&str> = policy
            .on
            .values()
            .flatten()
            .map(EventName::as_str)
            .collect();
        if right && !listed.contains(&case.change.as_str()) {
            let near = did_you_mean(case.change.as_str(), &listed);
            let near = near.map_or(".".to_owned(), |near| format!("; did you mean `{near}`?"));
            faults.push(Fault::new(
                places.value(&[way[0], way[1], In("change")]),
                format!(
                    "`{}` is not among the events in `on`{near} List it there, or name one of {}",
                    case.change,
                    listed.join(", ")
                ),
            ));
        }
        faults.extend(images(case, &way, places, text, kind));
    }
    faults.extend(enough(policy, places));
    faults
}

fn images(
    case: &Case,
    way: &[Step<'_>; 2],
    places: &Node,
    text: &str,
    kind: &dyn Kind,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut read = |facets: &BTreeMap<String, Vec<Value>>, to: &[Step<'_>]| -> Option<Image> {
        match image(kind, facets) {
            Ok(image) => Some(image),
            Err(wrong) => {
                faults.extend(wrong.iter().map(|misfit| {
                    let mut steps = way.to_vec();
                    steps.extend(to);
                    steps.push(In(&misfit.facet));
                    steps.extend(misfit.index.map(At));
                    fault(&misfit.wrong, &steps, places, text)
                }));
                None
            }
        }
    };
    let before = match &case.before {
        Earlier::Facets(facets) => read(facets, &[In("before")]),
        Earlier::Nothing => None,
    };
    let after = read(&case.after, &[In("after")]);
    if let Some(Desired::Facets(facets)) = &case.expect.desired {
        read(facets, &[In("expect"), In("desired")]);
    }
    if case.before == Earlier::Nothing && case.expect.desired == Some(Desired::Before) {
        let at = places.value(&[way[0], way[1], In("expect"), In("desired")]);
        faults.push(Fault::new(
            at,
            "there was nothing before; write the facets that are wanted, or `after`",
        ));
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

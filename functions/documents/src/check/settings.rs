//! The deployment's settings.

use undrift_core::expression::Expression;
use undrift_core::kind::Kinds;
use undrift_core::notice::route::Route;
use undrift_core::policy::Settings;

use super::{expression, unknown};
use crate::Document;
use crate::error::Fault;
use crate::yaml::{Node, Step::At, Step::In};

/// `known`: the ids of all policies, where all of them were looked at.
pub(crate) fn settings(
    settings: &Settings,
    places: &Node,
    text: &str,
    known: Option<&[String]>,
    policies: &[Document],
    kinds: Kinds<'_>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(known) = known {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let named = settings.policies.named.keys().map(|id| ("policies", id));
        for (list, id) in named.chain(settings.params.keys().map(|id| ("params", id))) {
            if !known.contains(&id.as_str()) {
                faults.push(Fault::new(
                    places.key(&[In(list), In(id.as_str())]),
                    unknown("policy", id.as_str(), "", &known),
                ));
            }
        }
    }
    for (at, route) in settings.notices.iter().enumerate() {
        faults.extend(notices(route, at, places, known));
    }
    for (id, values) in &settings.params {
        let Some(document) = policies.iter().find(|d| d.policy.id == *id) else {
            continue;
        };
        let own = &document.policy.params;
        let known: Vec<&str> = own.keys().map(String::as_str).collect();
        let strangers: Vec<&String> = values.keys().filter(|k| !own.contains_key(*k)).collect();
        for name in &strangers {
            faults.push(Fault::new(
                places.key(&[In("params"), In(id.as_str()), In(name)]),
                unknown("parameter", name, id.as_str(), &known),
            ));
        }
        if !strangers.is_empty() {
            continue;
        }
        let mut params = own.clone();
        params.extend(values.clone());
        if let Some(kind) = kinds.get(&document.policy.kind)
            && Expression::compile(&document.policy.violation, kind, own).is_ok()
            && let Err(why) = Expression::compile(&document.policy.violation, kind, &params)
        {
            let way = [In("params"), In(id.as_str())];
            let at = places.key(&way);
            faults.extend(expression::params(&why, &params, &way, at, (places, text)));
        }
    }
    faults
}

/// A route that takes nothing, or goes nowhere, is a mistake.
fn notices(route: &Route, at: usize, places: &Node, known: Option<&[String]>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut empty = |list: &'static str, is_empty: bool, means: &str| {
        if is_empty {
            faults.push(Fault::new(
                places.key(&[In("notices"), At(at), In(list)]),
                format!("an empty list {means}; leave `{list}` out, or name some"),
            ));
        }
    };
    empty("channels", route.channels.is_empty(), "goes nowhere");
    let takes_nothing = "takes no notice at all";
    empty(
        "policies",
        route.policies.as_deref() == Some(&[]),
        takes_nothing,
    );
    empty(
        "accounts",
        route.accounts.as_deref() == Some(&[]),
        takes_nothing,
    );
    if let (Some(known), Some(named)) = (known, &route.policies) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for (index, id) in named.iter().enumerate() {
            if !known.contains(&id.as_str()) {
                faults.push(Fault::new(
                    places.value(&[In("notices"), At(at), In("policies"), At(index)]),
                    unknown("policy", id.as_str(), "", &known),
                ));
            }
        }
    }
    faults
}

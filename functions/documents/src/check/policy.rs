//! One policy document.

use std::path::Path;

use undrift_core::kind::{Kind, Kinds};
use undrift_core::policy::{Policy, Remedy};

use super::{cases, expression, unknown};
use crate::error::Fault;
use crate::read::fault;
use crate::yaml::{Node, Step::At, Step::In};

/// The file is named for the policy, and lies in its service's folder.
pub(crate) fn file_name(policy: &Policy, places: &Node, path: &Path, whole: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let name =
        |p: Option<&std::ffi::OsStr>| p.and_then(|s| s.to_str()).unwrap_or_default().to_owned();
    let stem = name(path.file_stem());
    if stem != policy.id.as_str() {
        faults.push(Fault::new(
            places.value(&[In("id")]),
            format!(
                "the file is named `{stem}.yaml`; name it `{}.yaml`",
                policy.id
            ),
        ));
    }
    let folder = name(path.parent().and_then(Path::file_name));
    if whole && folder != policy.kind.service() {
        faults.push(Fault::new(
            places.value(&[In("kind")]),
            format!(
                "the file lies in the folder `{folder}`, its kind is of `{}`; move it",
                policy.kind.service()
            ),
        ));
    }
    faults
}

/// The document's content.
pub(crate) fn policy(policy: &Policy, places: &Node, text: &str, kinds: Kinds<'_>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (member, text) in [("title", &policy.title), ("why", &policy.why)] {
        if text.trim().is_empty() {
            faults.push(Fault::new(
                places.value(&[In(member)]),
                format!("the {member} is empty; people read it when they are told of a revert"),
            ));
        }
    }
    let Some(kind) = kinds.get(&policy.kind) else {
        let known: Vec<String> = kinds.0.iter().map(|k| k.id().to_string()).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        faults.push(Fault::new(
            places.value(&[In("kind")]),
            unknown("kind", policy.kind.as_str(), "", &known),
        ));
        return faults;
    };
    let events = events(policy, places, kind);
    // An event that is misspelt in `on` is not said again of each case.
    let listed = events.is_empty();
    faults.extend(events);
    faults.extend(expression::violation(policy, places, text, kind));
    faults.extend(stated(policy, places, text, kind));
    faults.extend(cases::cases(policy, places, text, kind, listed));
    faults
}

/// What is set where there is no way back.
fn stated(policy: &Policy, places: &Node, text: &str, kind: &dyn Kind) -> Vec<Fault> {
    if policy.set.is_empty() {
        return Vec::new();
    }
    if policy.remedy != Remedy::Restore {
        let why = "it is for `remedy: restore` alone, which may find no way back; leave it out";
        return vec![Fault::new(places.key(&[In("set")]), why)];
    }
    let misfits = super::image(kind, &policy.set).err().unwrap_or_default();
    let at = |misfit: &super::elements::Misfit| {
        let mut steps = vec![In("set"), In(&misfit.facet)];
        steps.extend(misfit.index.map(At));
        fault(&misfit.wrong, &steps, places, text)
    };
    misfits.iter().map(at).collect()
}

fn events(policy: &Policy, places: &Node, kind: &dyn Kind) -> Vec<Fault> {
    let mut faults = Vec::new();
    if policy.on.is_empty() {
        faults.push(Fault::new(
            places.key(&[In("on")]),
            "it names no event, so nothing would ever be judged; name the calls that can bring the wrong about",
        ));
    }
    for (source, names) in &policy.on {
        let way = [In("on"), In(source.as_str())];
        let known: Vec<&str> = kind
            .events()
            .iter()
            .filter(|e| e.source == source.as_str())
            .flat_map(|e| e.names.iter().copied())
            .collect();
        if known.is_empty() {
            let sources: Vec<&str> = kind.events().iter().map(|e| e.source).collect();
            faults.push(Fault::new(
                places.key(&way),
                format!(
                    "`{source}` sends no event of {}; known are {}",
                    policy.kind,
                    sources.join(", ")
                ),
            ));
            continue;
        }
        if names.is_empty() {
            let why = format!(
                "it names no event; name some of {}, or take the line out",
                known.join(", ")
            );
            faults.push(Fault::new(places.key(&way), why));
        }
        for (index, name) in names.iter().enumerate() {
            let at = places.value(&[In("on"), In(source.as_str()), At(index)]);
            if names.iter().take(index).any(|n| n == name) {
                faults.push(Fault::new(
                    at,
                    format!("`{name}` is here a second time; keep one"),
                ));
            } else if !known.contains(&name.as_str()) {
                let why = unknown("event", name.as_str(), policy.kind.as_str(), &known);
                faults.push(Fault::new(at, why));
            }
        }
    }
    faults
}

//! The reviewed exemptions.

use serde_json::Value;
use undrift_core::kind::{FacetName, Kind, Kinds};
use undrift_core::policy::{Exemption, ExemptionSource, Exemptions};

use super::{elements::element, unknown};
use crate::Document;
use crate::error::Fault;
use crate::read::fault;
use crate::shape::{Part, Wrong};
use crate::yaml::{Node, Step, Step::At, Step::In};

/// Checks the exemptions, and writes their elements as kinds do: they are compared by substance.
pub(crate) fn exemptions(
    exemptions: &mut Exemptions,
    places: &Node,
    text: &str,
    known: Option<&[String]>,
    policies: &[Document],
    kinds: Kinds<'_>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let ids: Vec<String> = exemptions.0.iter().map(|e| e.id.clone()).collect();
    for (index, exemption) in exemptions.0.iter_mut().enumerate() {
        let at = |way: &[Step<'_>]| {
            let way: Vec<Step<'_>> = std::iter::once(At(index))
                .chain(way.iter().copied())
                .collect();
            places.value(&way)
        };
        if ids.iter().take(index).any(|id| *id == exemption.id) {
            faults.push(Fault::new(
                at(&[In("id")]),
                "another exemption has this id; give this one another, since records point at it",
            ));
        }
        for (member, text) in [
            ("id", &exemption.id),
            ("reason", &exemption.reason),
            ("by", &exemption.by),
        ] {
            if text.trim().is_empty() {
                faults.push(Fault::new(
                    at(&[In(member)]),
                    format!("`{member}` is empty; {}", wants(member)),
                ));
            }
        }
        if exemption.source != ExemptionSource::File {
            faults.push(Fault::new(
                at(&[In("source")]),
                "exemptions in this file are of `source: file`; leave the field out",
            ));
        }
        if exemption.from.is_some_and(|from| from >= exemption.until) {
            faults.push(Fault::new(
                at(&[In("until")]),
                "it ends before it begins; `until` must be later than `from`",
            ));
        }
        if !exemption.covers.is_bounded() {
            faults.push(Fault::new(
                at(&[In("covers")]),
                "it covers everything; name a policy, a resource, an actor or an element",
            ));
        }
        if let (Some(known), Some(policy)) = (known, &exemption.covers.policy)
            && !known.iter().any(|k| k == policy.as_str())
        {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            faults.push(Fault::new(
                at(&[In("covers"), In("policy")]),
                unknown("policy", policy.as_str(), "", &known),
            ));
        }
        if let Err(wrong) = canonical(exemption, policies, kinds) {
            let way = [At(index), In("covers"), In("element")];
            faults.extend(wrong.iter().map(|w| fault(w, &way, places, text)));
        }
    }
    faults
}

fn wants(member: &str) -> &'static str {
    match member {
        "id" => "give it a name to point at",
        "by" => "name who granted it",
        _ => "say why it may stay open",
    }
}

/// Replaces the element of an exemption by its substance.
fn canonical(
    exemption: &mut Exemption,
    policies: &[Document],
    kinds: Kinds<'_>,
) -> Result<(), Vec<Wrong>> {
    let Some((facet, written)) = &mut exemption.covers.element else {
        return Ok(());
    };
    let named = exemption
        .covers
        .policy
        .as_ref()
        .and_then(|id| policies.iter().find(|d| d.policy.id == *id))
        .map(|d| d.policy.kind.clone());
    let candidates: Vec<&dyn Kind> = kinds
        .0
        .iter()
        .copied()
        .filter(|k| named.as_ref().is_none_or(|n| k.id() == *n))
        .filter(|k| k.facets().contains(&facet.0.as_str()))
        .collect();
    if candidates.is_empty() {
        let all = kinds.0.iter();
        let about = all.filter(|k| named.as_ref().is_none_or(|n| k.id() == *n));
        let known: Vec<&str> = about.flat_map(|k| k.facets()).copied().collect();
        let why = unknown("facet", &facet.0, "", &known);
        return Err(vec![Wrong::new(Part::Value, why).at(0)]);
    }
    *written = substance(&candidates, facet, written)?;
    Ok(())
}

fn substance(kinds: &[&dyn Kind], facet: &FacetName, written: &Value) -> Result<Value, Vec<Wrong>> {
    let mut last = Vec::new();
    for kind in kinds {
        match element(*kind, facet, written) {
            Ok((_, element)) => return Ok(kind.substance(facet, &element)),
            Err(wrong) => last = wrong,
        }
    }
    Err(last.into_iter().map(|w| w.at(1)).collect())
}

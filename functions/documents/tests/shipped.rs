//! The shipped documents: they are right, their cases hold, and the cases can fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::{Path, PathBuf};

use undrift_core::policy::Bundle;
use undrift_documents::{CaseResult, Documents, kinds, load, run_cases};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

fn shipped() -> Documents {
    load(&policies()).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", errors.join("\n"))
    })
}

fn failing(documents: &Documents) -> Vec<CaseResult> {
    let mut results = run_cases(documents, kinds());
    results.retain(|r| !r.held());
    results
}

#[test]
fn every_case_of_every_shipped_document_holds() {
    let documents = shipped();
    assert!(documents.policies.len() >= 3);
    let failing = failing(&documents);
    assert!(failing.is_empty(), "{failing:#?}");
}

#[test]
fn a_shipped_document_that_is_mutated_fails_its_cases() {
    type Mutation = fn(&mut undrift_core::policy::Policy);
    let mutations: [(&str, Mutation); 4] = [
        ("finds nothing", |p| "[]".clone_into(&mut p.violation)),
        ("finds everything", |p| {
            "state.ingress".clone_into(&mut p.violation);
        }),
        ("looks the wrong way", |p| {
            "net.open(state.egress, params)".clone_into(&mut p.violation);
        }),
        ("forgets a port", |p| {
            p.params.insert("ports".into(), serde_json::json!([1]));
        }),
    ];
    for (what, mutate) in mutations {
        for index in 0..shipped().policies.len() {
            let mut documents = shipped();
            let policy = &mut documents.policies[index].policy;
            mutate(policy);
            let id = policy.id.clone();
            let failing = failing(&documents);
            assert!(failing.iter().any(|r| r.policy == id), "{id} {what}");
            assert!(failing.iter().all(|r| r.policy == id), "{id} {what}");
            assert!(failing[0].line.is_some_and(|l| l > 20));
        }
    }
}

#[test]
fn the_first_deployment_observes() {
    let documents = shipped();
    assert_eq!(documents.settings.deployment, None);
    assert!(documents.exemptions.0.is_empty());
}

#[test]
fn the_bundle_is_the_same_in_any_order_and_reads_back() {
    let documents = shipped();
    let text = documents.bundle();
    let mut turned = documents.clone();
    turned.policies.reverse();
    assert_eq!(text, turned.bundle());
    assert_eq!(text, shipped().bundle());

    let bundle = Bundle::read(&text, kinds()).unwrap();
    assert_eq!(bundle.policies.len(), documents.policies.len());
    assert!(text.contains(&bundle.digest));
    assert!(!text.contains("expect"), "cases are not shipped");

    let mut other = documents;
    other.policies[0].policy.title.push('!');
    assert_ne!(text, other.bundle());
    assert!(Bundle::read(&text.replace("critical", "low"), kinds()).is_err());
}

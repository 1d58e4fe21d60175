//! The shipped documents: they are right, their cases hold, and the cases can fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::{Path, PathBuf};

use undrift_core::policy::{Bundle, Policy};
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
    // Each gives the mutated document; none where it makes no sense of this one.
    type Mutation = fn(&Policy) -> Option<Policy>;
    fn judged_by(policy: &Policy, violation: &str) -> Policy {
        let violation = violation.to_owned();
        Policy {
            violation,
            ..policy.clone()
        }
    }
    fn with(policy: &Policy, param: &str, value: serde_json::Value) -> Option<Policy> {
        let mut policy = policy.clone();
        *policy.params.get_mut(param)? = value;
        Some(policy)
    }
    /// A part of the expression, replaced.
    fn but(policy: &Policy, part: &str, by: &str) -> Option<Policy> {
        let is_there = policy.violation.contains(part);
        is_there.then(|| judged_by(policy, &policy.violation.replacen(part, by, 1)))
    }
    let mutations: [(&str, Mutation); 17] = [
        ("finds nothing", |p| Some(judged_by(p, "[]"))),
        ("finds everything", |p| {
            // Where nobody is trusted, every share is wrong.
            if p.violation.contains("in params.trusted") {
                return None;
            }
            let kind = kinds().get(&p.kind).unwrap();
            let judged = |f: &&&str| p.violation.contains(&format!("state.{f}"));
            let facet = kind.facets().iter().find(judged).unwrap();
            Some(judged_by(p, &format!("state.{facet}")))
        }),
        ("looks the wrong way", |p| {
            but(p, "state.ingress", "state.egress")
        }),
        ("forgets a port", |p| {
            with(p, "ports", serde_json::json!([1]))
        }),
        ("sees everybody only", |p| {
            but(p, "!(s.with in params.trusted)", "s.with == \"all\"")
        }),
        ("sees strangers only", |p| {
            but(p, "!(s.with in params.trusted)", "s.with != \"all\"")
        }),
        ("forgets who has an account", |p| {
            but(p, ", \"AuthenticatedUsers\"]", "]")
        }),
        ("forgets the public", |p| {
            but(p, "iam.public(state.trust, params) + ", "")
        }),
        ("forgets strangers", |p| {
            but(p, " + iam.foreign(state.trust, params)", "")
        }),
        ("knows no administrator's policy", |p| {
            with(p, "managed", serde_json::json!([]))
        }),
        ("takes what is on for off", |p| but(p, "!s.on", "s.on")),
        ("takes owners for others", |p| {
            but(p, "s.by == \"another\"", "true")
        }),
        ("takes a trail that logs for stopped", |p| {
            but(p, "!l.logging", "l.logging")
        }),
        ("forgets hops", |p| with(p, "hops", serde_json::json!(64))),
        ("forgets that the endpoint answers", |p| {
            but(p, ", \"HttpEndpoint\"]", "]")
        }),
        ("takes required tokens for wrong", |p| {
            but(p, "t.value == \"required\"", "false")
        }),
        ("forgets tokens", |p| {
            but(p, "\"HttpTokens\", \"HttpEndpoint\"", "\"HttpEndpoint\"")
        }),
    ];
    let shipped = shipped();
    for (what, mutate) in mutations {
        let mut made_sense = false;
        for index in 0..shipped.policies.len() {
            let mut documents = shipped.clone();
            let policy = &mut documents.policies[index].policy;
            let Some(mutated) = mutate(policy) else {
                continue;
            };
            made_sense = true;
            *policy = mutated;
            let id = policy.id.clone();
            let failing = failing(&documents);
            assert!(failing.iter().any(|r| r.policy == id), "{id} {what}");
            assert!(failing.iter().all(|r| r.policy == id), "{id} {what}");
            assert!(failing[0].line.is_some_and(|l| l > 20));
        }
        assert!(made_sense, "{what}");
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
    let text = documents.bundle(None);
    let mut turned = documents.clone();
    turned.policies.reverse();
    assert_eq!(text, turned.bundle(None));
    assert_eq!(text, shipped().bundle(None));

    let bundle = Bundle::read(&text, kinds()).unwrap();
    assert_eq!(bundle.policies.len(), documents.policies.len());
    assert!(text.contains(&bundle.digest));
    assert!(!text.contains("expect"), "cases are not shipped");

    let mut other = documents;
    other.policies[0].policy.title.push('!');
    assert_ne!(text, other.bundle(None));
    assert!(Bundle::read(&text.replace("critical", "low"), kinds()).is_err());
}

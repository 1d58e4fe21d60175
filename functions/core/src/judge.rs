//! What each policy says of a resource after a change.

mod locate;

pub use locate::{BeforeFrom, Located, Standing, locate};
pub(crate) use locate::{Likeness, alike};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::expression::Viewed;
use crate::kind::{Element, ElementPath, Kind};
use crate::name::PolicyId;
use crate::policy::{BundledPolicy, Severity};

/// One element that is wrong, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it stands.
    pub path: ElementPath,
    /// What it is.
    pub element: Element,
    /// In one line, for people.
    pub shown: String,
    /// Why it is wrong.
    pub why: String,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing that this change brought is wrong.
    Compliant,
    /// The change brought these.
    Violated,
    /// It can't be told, and why: never to be taken for compliant.
    Undecided(String),
}

/// What one policy says of one resource after one change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The policy.
    pub policy: PolicyId,
    /// Its document's digest.
    pub digest: String,
    /// How bad it is.
    pub severity: Severity,
    /// Its title.
    pub title: String,
    /// Its numbers in standards.
    pub references: BTreeMap<String, Vec<String>>,
    /// What would stop it from coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevent: Option<String>,
    /// What it says.
    pub verdict: Verdict,
    /// What this change brought that is wrong.
    pub evidence: Vec<Evidence>,
    /// What was wrong before it, or was brought by others: reported, never touched.
    pub older: Vec<Evidence>,
}

/// A policy's findings on one image, before anybody asks who brought them.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// What is wrong.
    pub wrong: Vec<Evidence>,
    /// What can't be told of an element, or of the whole image (`None`).
    pub untold: Vec<(Option<ElementPath>, String)>,
}

/// Evaluates a policy on an image.
#[must_use]
pub fn findings(policy: &BundledPolicy, kind: &dyn Kind, view: &Viewed<'_>) -> Findings {
    let mut findings = Findings {
        wrong: Vec::new(),
        untold: Vec::new(),
    };
    let image = view.image();
    let found = match policy.violation(kind) {
        Ok(violation) => violation.evaluate(view).map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string()),
    };
    match found {
        Err(why) => findings.untold.push((None, why)),
        Ok(found) => {
            for f in found {
                match (f.why, image.get(&f.path)) {
                    (Ok(why), Some(element)) => findings.wrong.push(Evidence {
                        shown: kind.describe(&f.path.facet, element),
                        element: kind.remembered(&f.path.facet, element),
                        path: f.path,
                        why,
                    }),
                    (Err(why), _) => findings.untold.push((Some(f.path), why)),
                    (Ok(_), None) => findings
                        .untold
                        .push((None, format!("{} is not in the image", f.path))),
                }
            }
        }
    }
    findings
}

/// What a policy says of one change, given its findings on the live image and what the change
/// did: evidence is what the change brought and what still stands as it made it.
#[must_use]
pub fn assess(policy: &BundledPolicy, findings: &Findings, brought: &[&Located]) -> Assessment {
    let is_brought = |path: &ElementPath| brought.iter().any(|l| l.path == *path && l.brought());
    let (evidence, older): (Vec<_>, Vec<_>) = findings
        .wrong
        .iter()
        .cloned()
        .partition(|e| is_brought(&e.path));
    let untold = findings
        .untold
        .iter()
        .find(|(path, _)| path.as_ref().is_none_or(is_brought));
    let verdict = match (evidence.is_empty(), untold) {
        (false, _) => Verdict::Violated,
        (true, Some((_, why))) => Verdict::Undecided(why.clone()),
        (true, None) => Verdict::Compliant,
    };
    Assessment {
        policy: policy.policy.id.clone(),
        digest: policy.digest.clone(),
        severity: policy.policy.severity,
        title: policy.policy.title.clone(),
        references: policy.policy.references.clone(),
        prevent: policy.policy.prevent.clone(),
        verdict,
        evidence,
        older,
    }
}

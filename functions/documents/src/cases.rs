//! Runs documents' own cases, the way a change is handled: locate, judge, rule, plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{Timestamp, ToSpan as _};
use serde_json::Value;
use undrift_core::change::{Actor, Change};
use undrift_core::decide::{Circumstances, Decision};
use undrift_core::judge::{Evidence, Verdict};
use undrift_core::kind::{
    Before, Effect, FacetName, Image, Kind, Kinds, ResourceRef, Target, Touch,
};
use undrift_core::name::{
    AccountId, EventId, EventSource, NameError, PolicyId, Region, ResourceId,
};
use undrift_core::observe::{DatedImage, History};
use undrift_core::policy::{Bundle, Case, Desired, Earlier, Exemptions, Mode, Policy, Settings};
use undrift_core::weigh::{Noticed, Occurred, weigh};

use crate::check::image;
use crate::yaml::Step::{At, In};
use crate::{Document, Documents};

/// How one case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The policy.
    pub policy: PolicyId,
    /// What the case shows.
    pub it: String,
    /// The document's file.
    pub file: PathBuf,
    /// The case's line in it.
    pub line: Option<usize>,
    /// What came out otherwise than expected. Empty: the case holds.
    pub failures: Vec<String>,
}

impl CaseResult {
    /// The case came out as it says.
    #[must_use]
    pub fn held(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs every case of every document, as if the document's mode were `revert`, it needed to know
/// nothing, and no setting or exemption existed: cases are about what the document says.
#[must_use]
pub fn run_cases(documents: &Documents, kinds: Kinds<'_>) -> Vec<CaseResult> {
    let all = documents.policies.iter();
    all.flat_map(|document| document.run_cases(kinds)).collect()
}

impl Document {
    /// Runs its own cases, as [`run_cases`] does.
    #[must_use]
    pub fn run_cases(&self, kinds: Kinds<'_>) -> Vec<CaseResult> {
        let cases = self.policy.cases.iter().enumerate();
        let result = |(index, case): (usize, &Case)| CaseResult {
            policy: self.policy.id.clone(),
            it: case.it.clone(),
            file: self.file.clone(),
            line: line(self, index),
            failures: run(&self.policy, case, kinds).unwrap_or_else(|why| vec![why]),
        };
        cases.map(result).collect()
    }
}

fn line(document: &Document, index: usize) -> Option<usize> {
    document
        .places
        .value(&[In("cases"), At(index)])
        .map(|p| p.line)
}

fn run(policy: &Policy, case: &Case, kinds: Kinds<'_>) -> Result<Vec<String>, String> {
    let kind = kinds
        .get(&policy.kind)
        .ok_or_else(|| format!("the kind {} is not known", policy.kind))?;
    let read = |facets: &BTreeMap<String, Vec<Value>>| {
        image(kind, facets).map_err(|wrong| {
            let wrong: Vec<String> = wrong
                .into_iter()
                .map(|m| format!("{}: {}", m.facet, m.wrong.message))
                .collect();
            wrong.join("; ")
        })
    };
    let before = match &case.before {
        Earlier::Nothing => None,
        Earlier::Facets(facets) => Some(read(facets)?),
    };
    let live = read(&case.after)?;
    let desired = match &case.expect.desired {
        None => None,
        Some(Desired::Before) => before.clone(),
        Some(Desired::After) => Some(live.clone()),
        Some(Desired::Facets(facets)) => Some(read(facets)?),
    };
    let mut alone = policy.clone();
    alone.mode = Mode::Revert;
    alone.needs = None;
    let settings = Settings {
        deployment: Some(Mode::Revert),
        ..Settings::default()
    };
    let none = Exemptions::default();
    let bundle = Bundle::of(&[alone], &settings, &none, kinds).map_err(|e| e.to_string())?;
    let world = World::of(policy, case, kind).map_err(|e| e.to_string())?;
    let now = Circumstances {
        bundle: &bundle,
        exemptions: &none,
        paused: false,
        protected: None,
        now: world.change.time,
    };
    let ended = handle(kind, &world, before.as_ref(), &live, now)?;
    Ok(compare(kind, case, &ended, desired.as_ref()))
}

/// What a case came to.
struct Ended {
    verdict: Verdict,
    evidence: Vec<Evidence>,
    image: Image,
    calls: Vec<String>,
    refused: Option<String>,
}

fn handle(
    kind: &dyn Kind,
    world: &World,
    before: Option<&Image>,
    live: &Image,
    now: Circumstances<'_>,
) -> Result<Ended, String> {
    let effect = match before {
        Some(before) => effect(kind, before, live),
        None => Effect::Created(Some(live.clone())),
    };
    let dated = |image: &Image| DatedImage {
        image: image.clone(),
        as_of: world.change.time - 1.hour(),
        since: world.change.time - 1.hour(),
        gapless: true,
        partial: std::collections::BTreeSet::new(),
    };
    let history = History {
        images: before.map(dated).into_iter().collect(),
        ..History::default()
    };
    let occurred = [Occurred {
        change: &world.change,
        effect: &effect,
        noticed: Noticed::ByEvent,
    }];
    let scales = weigh(kind, &world.resource, live, &occurred, &history, now);
    let [weighed] = scales.changes.as_slice() else {
        return Err("the change came to nothing".to_owned());
    };
    let [said] = weighed.assessments.as_slice() else {
        return Err("no policy looked at the change".to_owned());
    };
    let refused = weighed.rulings.iter().find_map(|r| match &r.decision {
        Decision::Propose(why) => Some(why.to_string()),
        _ => None,
    });
    let plan = scales.plan.filter(|_| scales.act);
    Ok(Ended {
        verdict: said.verdict.clone(),
        evidence: said.evidence.clone(),
        image: plan
            .as_ref()
            .map_or_else(|| live.clone(), |p| p.desired(live)),
        calls: plan
            .iter()
            .flat_map(|p| &p.steps)
            .map(|s| s.call.to_string())
            .collect(),
        refused,
    })
}

/// What the change did: facets that are written as a whole were replaced, if it is them alone
/// that differ.
fn effect(kind: &dyn Kind, before: &Image, after: &Image) -> Effect {
    let touches = touches(kind, before, after);
    let whole = |t: &Touch| t.facets.iter().all(|f| kind.is_whole(f));
    if touches.is_empty() || !touches.iter().all(whole) {
        return Effect::Edited(touches);
    }
    let mut image = after.clone();
    let is_other = |f: &FacetName| touches.iter().any(|t| t.facets.contains(f));
    image.facets.retain(|facet, _| is_other(facet));
    Effect::Replaced(image)
}

/// What the change did, told from the difference: what is new was proved absent, what is other
/// than before must be looked up in the kept image, as for a real record.
fn touches(kind: &dyn Kind, before: &Image, after: &Image) -> Vec<Touch> {
    let one = |path: &undrift_core::kind::ElementPath, was, is| Touch {
        facets: vec![path.facet.clone()],
        target: Target::Key(path.key.clone()),
        before: was,
        after: is,
    };
    let mut touches = Vec::new();
    for (path, element) in after.elements() {
        let written = |e| kind.written(&path.facet, e);
        match before.get(&path) {
            None => touches.push(one(&path, Before::Absent, Some(element.clone()))),
            Some(was) if written(was) != written(element) => {
                touches.push(one(&path, Before::Existed, Some(element.clone())));
            }
            Some(_) => {}
        }
    }
    for (path, _) in before.elements() {
        if after.get(&path).is_none() {
            touches.push(one(&path, Before::Existed, None));
        }
    }
    touches
}

fn compare(kind: &dyn Kind, case: &Case, ended: &Ended, desired: Option<&Image>) -> Vec<String> {
    let mut failures = Vec::new();
    if let Verdict::Undecided(why) = &ended.verdict {
        failures.push(format!("it can't be told whether it is violated: {why}"));
    }
    let violated = ended.evidence.len();
    if violated != case.expect.violated {
        let shown: Vec<String> = ended
            .evidence
            .iter()
            .map(|e| format!("{} {}", e.shown, e.why))
            .collect();
        failures.push(format!(
            "expected {} violated, found {violated}{}{}",
            case.expect.violated,
            if shown.is_empty() { "" } else { ": " },
            shown.join("; ")
        ));
    }
    if let Some(why) = &ended.refused {
        failures.push(format!("no plan: {why}"));
        return failures;
    }
    let Some(desired) = desired else {
        return failures;
    };
    for facet in kind.facets().iter().map(|f| FacetName::from(*f)) {
        let (want, have) = (
            shown(kind, desired, &facet),
            shown(kind, &ended.image, &facet),
        );
        // A facet that the case doesn't show isn't asked about.
        if desired.facets.contains_key(&facet) && want != have {
            failures.push(format!(
                "expected {facet} to become {}, but it would become {}",
                list(&want),
                list(&have)
            ));
        }
    }
    if violated > 0 && ended.calls.is_empty() {
        failures.push("the plan holds no call".to_owned());
    }
    failures
}

/// A facet's elements as they are written, for comparing and for people, without their keys:
/// a case may leave out an id.
fn shown(kind: &dyn Kind, image: &Image, facet: &FacetName) -> BTreeMap<String, String> {
    let elements = image.facets.get(facet).into_iter().flatten();
    elements
        .map(|(_, e)| (kind.written(facet, e).to_string(), kind.describe(facet, e)))
        .collect()
}

fn list(elements: &BTreeMap<String, String>) -> String {
    if elements.is_empty() {
        return "empty".to_owned();
    }
    let all: Vec<&str> = elements.values().map(String::as_str).collect();
    format!("[{}]", all.join(", "))
}

/// The change and the resource of a case.
struct World {
    change: Change,
    resource: ResourceRef,
}

impl World {
    fn of(policy: &Policy, case: &Case, kind: &dyn Kind) -> Result<Self, NameError> {
        let account = AccountId::parse("111111111111")?;
        let region = Region::parse("eu-west-1")?;
        let source = policy
            .on
            .iter()
            .find(|(_, names)| names.contains(&case.change))
            .map_or_else(
                || EventSource::parse("case.amazonaws.com"),
                |(s, _)| Ok(s.clone()),
            )?;
        Ok(Self {
            change: Change {
                id: EventId::parse("case")?,
                shared_id: None,
                time: Timestamp::UNIX_EPOCH + 24.hours(),
                source,
                name: case.change.clone(),
                account: account.clone(),
                region: region.clone(),
                actor: Actor::default(),
                request_id: None,
                request: Value::Null,
                response: Value::Null,
                cut: false,
                owner: None,
                assumed: Vec::new(),
            },
            resource: ResourceRef {
                account,
                region,
                kind: policy.kind.clone(),
                id: ResourceId::parse(&kind.example(case.change.as_str()))?,
            },
        })
    }
}

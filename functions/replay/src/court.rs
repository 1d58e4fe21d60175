//! Follows resources and judges their changes, each resource's in order.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use undrift_core::change::{Assumed, Change};
use undrift_core::decide::{Circumstances, Decision, Ruling, Why, overall};
use undrift_core::follow::Followed;
use undrift_core::judge::{Assessment, Evidence, Verdict};
use undrift_core::kind::{Call, Effect, Kinds, Lookup, ResourceRef};
use undrift_core::name::{KindId, PolicyId, ResourceId};
use undrift_core::plan::Plan;
use undrift_core::policy::{Bundle, Severity};
use undrift_core::weigh::{Noticed, Occurred, Weighed};

/// How many elements are followed, by one judge.
const FOLLOWED: usize = 500_000;

/// What one policy says of one resource after one change, and what would have been done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The policy.
    pub policy: PolicyId,
    /// The resource's ARN, or its name where the record shows no id; none where it shows neither.
    pub resource: Option<String>,
    /// What the policy says.
    #[serde(serialize_with = "word")]
    pub verdict: Verdict,
    /// What the change brought that is wrong, or may be.
    pub evidence: Vec<Evidence>,
    /// What would have been done.
    #[serde(flatten, serialize_with = "decision")]
    pub decision: Decision,
    /// The calls that would have been made, or proposed.
    pub calls: Vec<Call>,
    /// How bad it is.
    #[serde(skip)]
    pub severity: Severity,
}

fn word<S: serde::Serializer>(verdict: &Verdict, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match verdict {
        Verdict::Compliant => "compliant",
        Verdict::Violated => "violated",
        Verdict::Undecided(_) => "undecided",
    })
}

fn decision<S: serde::Serializer>(decision: &Decision, to: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let (word, why) = match decision {
        Decision::Act => (
            "act",
            "what the change brought breaks the policy".to_owned(),
        ),
        Decision::Propose(why) => ("propose", why.to_string()),
        Decision::Leave(why) => ("leave", why.to_string()),
    };
    let mut map = to.serialize_map(Some(2))?;
    map.serialize_entry("decision", word)?;
    map.serialize_entry("why", &why)?;
    map.end()
}

/// What a change did to one resource, and what came of it.
#[derive(Debug, Clone)]
pub struct Part {
    /// The resource's kind.
    pub kind: KindId,
    /// Its ARN, or its name.
    pub resource: String,
    /// What the record shows of it.
    pub effect: Effect,
    /// What each policy says.
    pub outcomes: Vec<Outcome>,
    /// The elements that the change brought and that are wrong, in words that say nothing but
    /// what they are.
    pub brought: BTreeSet<String>,
    /// The elements that it took away, in the same words.
    pub taken: BTreeSet<String>,
    /// The plan that would have been carried out or proposed.
    pub plan: Option<Plan>,
}

/// Resources are told apart by what the record writes: scrubbed accounts too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) kind: KindId,
    pub(crate) resource: Lookup,
}

/// Changes of one resource in one second.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) key: Key,
    /// A change named its resource otherwise, and may have been about this one.
    pub(crate) doubtful: bool,
    /// Each with what it did and its number among all records.
    pub(crate) changes: Vec<(u64, std::sync::Arc<Change>, Effect)>,
}

/// One judge with the resources that are its own.
#[derive(Debug)]
pub(crate) struct Court<'c> {
    bundle: &'c Bundle,
    kinds: Kinds<'c>,
    followed: HashMap<Key, (Followed, u64)>,
    elements: usize,
    cases: u64,
}

impl<'c> Court<'c> {
    pub(crate) fn new(bundle: &'c Bundle, kinds: Kinds<'c>) -> Self {
        Self {
            bundle,
            kinds,
            followed: HashMap::new(),
            elements: 0,
            cases: 0,
        }
    }

    /// Judges a case; gives each change's part by its number.
    pub(crate) fn judge(&mut self, case: &Case) -> Vec<(u64, Part)> {
        let (id, shown) = match &case.key.resource {
            Lookup::Id(id) => (Some(id.clone()), None),
            Lookup::Name(name) => (ResourceId::parse(name).ok(), Some(name.clone())),
        };
        let found = self
            .kinds
            .get(&case.key.kind)
            .zip(case.changes.first())
            .zip(id);
        let Some(((kind, (_, first, _)), id)) = found else {
            return self.untold(case);
        };
        let resource = ResourceRef {
            account: first.account.clone(),
            region: first.region.clone(),
            kind: case.key.kind.clone(),
            id,
        };
        let shown = shown.unwrap_or_else(|| arn(&resource, kind, first));
        let occurred: Vec<Occurred<'_>> = case
            .changes
            .iter()
            .map(|(_, change, effect)| Occurred {
                change,
                effect,
                noticed: Noticed::ByEvent,
            })
            .collect();
        let now = Circumstances {
            bundle: self.bundle,
            exemptions: &self.bundle.exemptions,
            paused: false,
            protected: None,
            now: first.time,
        };
        self.cases += 1;
        let (followed, used) = self
            .followed
            .entry(case.key.clone())
            .or_insert_with(|| (Followed::default(), 0));
        *used = self.cases;
        if case.doubtful {
            followed.doubt();
        }
        let size = followed.size();
        let taken: Vec<BTreeSet<String>> = case
            .changes
            .iter()
            .map(|(_, _, effect)| followed.taken(kind, effect).into_iter().collect())
            .collect();
        let scales = followed.judge(kind, &resource, &occurred, now);
        self.elements = self.elements + followed.size() - size;
        let parts = case.changes.iter().zip(taken).zip(scales.changes);
        let parts = parts.map(|(((number, _, effect), taken), weighed)| {
            let substance = |facet, e| kind.describe(facet, &kind.substance(facet, e));
            let brought = weighed.assessments.iter().flat_map(|a| &a.evidence);
            let part = Part {
                kind: case.key.kind.clone(),
                resource: shown.clone(),
                effect: effect.clone(),
                brought: brought
                    .map(|e| substance(&e.path.facet, &e.element))
                    .collect(),
                taken,
                outcomes: outcomes(&weighed, scales.plan.as_ref(), &shown),
                plan: scales.plan.as_ref().map(|p| p.only(&weighed.own)),
            };
            (*number, part)
        });
        let parts = parts.collect();
        self.forget();
        parts
    }

    /// The parts of changes whose resource's name is none.
    fn untold(&self, case: &Case) -> Vec<(u64, Part)> {
        let one = |(number, change, effect): &(u64, std::sync::Arc<Change>, Effect)| {
            let part = Part {
                kind: case.key.kind.clone(),
                resource: String::new(),
                effect: effect.clone(),
                outcomes: untold(
                    self.bundle,
                    change,
                    "the record names no resource that can be",
                ),
                brought: BTreeSet::new(),
                taken: BTreeSet::new(),
                plan: None,
            };
            (*number, part)
        };
        case.changes.iter().map(one).collect()
    }

    /// Lets go of the states that were not asked for longest, where there are too many.
    fn forget(&mut self) {
        if self.elements + self.followed.len() <= FOLLOWED {
            return;
        }
        let mut used: Vec<u64> = self.followed.values().map(|(_, used)| *used).collect();
        used.sort_unstable();
        let oldest = used.get(used.len() / 2).copied().unwrap_or(u64::MAX);
        self.followed.retain(|_, (_, used)| *used > oldest);
        self.elements = self.followed.values().map(|(f, _)| f.size()).sum();
    }
}

/// What policies say of a change whose resource can't be told.
pub(crate) fn untold(bundle: &Bundle, change: &Change, why: &str) -> Vec<Outcome> {
    let listening = bundle.listening(change);
    listening
        .map(|policy| Outcome {
            policy: policy.policy.id.clone(),
            resource: None,
            verdict: Verdict::Undecided(why.to_owned()),
            evidence: Vec::new(),
            decision: Decision::Propose(Why::Undecided(why.to_owned())),
            calls: Vec::new(),
            severity: policy.policy.severity,
        })
        .collect()
}

fn outcomes(weighed: &Weighed, plan: Option<&Plan>, resource: &str) -> Vec<Outcome> {
    let one = |assessment: &Assessment| {
        let own = weighed.rulings.iter();
        let own: Vec<Ruling> = own
            .filter(|r| r.policy == assessment.policy)
            .cloned()
            .collect();
        let decision = overall(std::slice::from_ref(assessment), &own);
        let alike =
            |r: &&Ruling| std::mem::discriminant(&r.decision) == std::mem::discriminant(&decision);
        let paths: Vec<_> = own.iter().filter(alike).map(|r| r.path.clone()).collect();
        let steps = match decision {
            Decision::Leave(_) => None,
            _ => plan.map(|p| p.only(&paths).steps),
        };
        Outcome {
            policy: assessment.policy.clone(),
            resource: Some(resource.to_owned()),
            verdict: assessment.verdict.clone(),
            evidence: assessment.evidence.clone(),
            decision,
            calls: steps.into_iter().flatten().map(|s| s.call).collect(),
            severity: assessment.severity,
        }
    };
    weighed.assessments.iter().map(one).collect()
}

/// The resource's ARN, with what the record doesn't say left out.
fn arn(resource: &ResourceRef, kind: &dyn undrift_core::kind::Kind, change: &Change) -> String {
    let unknown = |what| change.assumed.contains(&what);
    let mut parts: Vec<String> = resource
        .arn(kind)
        .splitn(6, ':')
        .map(str::to_owned)
        .collect();
    for (index, what) in [(3, Assumed::Region), (4, Assumed::Account)] {
        if let Some(part) = parts.get_mut(index).filter(|_| unknown(what)) {
            part.clear();
        }
    }
    parts.join(":")
}

//! A bundle: the enabled policies, settings and exemptions as the functions load them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Exemptions, Policy, Settings};
use crate::change::Change;
use crate::expression::{Expression, ExpressionError};
use crate::kind::{FacetName, Image, Kind, Kinds};
use crate::name::{EventName, EventSource, KindId, PolicyId};

/// Why a bundle can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not the JSON that `undrift bundle` writes.
    #[error("the bundle is not readable: {0}; build it again with `undrift bundle`")]
    Unreadable(#[from] serde_json::Error),
    /// Its content was changed after it was written.
    #[error(
        "the bundle's digest is {actual}, but it says {stated}; build it again with `undrift bundle`"
    )]
    Altered {
        /// What the content hashes to.
        actual: String,
        /// What the bundle says.
        stated: String,
    },
    /// A policy's kind isn't one of this binary's.
    #[error("policy `{policy}` is about the kind `{kind}`, which this binary doesn't know")]
    Kind {
        /// The policy.
        policy: PolicyId,
        /// Its kind.
        kind: KindId,
    },
    /// A policy's expression can't be used.
    #[error("policy `{policy}`: {source}")]
    Expression {
        /// The policy.
        policy: PolicyId,
        /// What is wrong.
        source: ExpressionError,
    },
}

/// One policy of a bundle, ready to judge.
#[derive(Debug)]
pub struct BundledPolicy {
    /// The document, its params already those of the deployment.
    pub policy: Policy,
    /// SHA-256 of its canonical JSON, in hexadecimal: names it in records.
    pub digest: String,
    /// Its expression, compiled when an event first asks for it.
    violation: OnceLock<Result<Expression, ExpressionError>>,
}

impl BundledPolicy {
    /// The policy's expression. `kind`: the policy's own.
    pub fn violation(&self, kind: &dyn Kind) -> Result<&Expression, &ExpressionError> {
        let compile = || Expression::compile(&self.policy.violation, kind, &self.policy.params);
        self.violation.get_or_init(compile).as_ref()
    }

    /// It asks for a facet that isn't shown: what it says, nobody can know.
    pub(crate) fn hangs_on_hidden(&self, kind: &dyn Kind, image: &Image) -> bool {
        let names = |facet: &str| {
            let mut after = self.policy.violation.split("state.").skip(1);
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            after.any(|rest| rest.split(|c| !is_word(c)).next() == Some(facet))
        };
        let mut facets = kind.facets().iter();
        facets.any(|facet| !image.facets.contains_key(&FacetName::from(*facet)) && names(facet))
    }
}

/// The policies, settings and exemptions of one function.
#[derive(Debug)]
pub struct Bundle {
    /// The policies, by id.
    pub policies: Vec<BundledPolicy>,
    /// The deployment's settings.
    pub settings: Settings,
    /// The exemptions from the reviewed file.
    pub exemptions: Exemptions,
    /// SHA-256 of the canonical JSON, in hexadecimal.
    pub digest: String,
    /// The places of the policies that speak about an event.
    by_event: BTreeMap<EventSource, BTreeMap<EventName, Vec<usize>>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    digest: String,
    content: Content,
}

impl Stored {
    fn read(text: &str) -> Result<Self, BundleError> {
        let stored: Self = serde_json::from_str(text)?;
        let actual = sha256(canonical(&stored.content).as_bytes());
        if actual == stored.digest {
            return Ok(stored);
        }
        Err(BundleError::Altered {
            actual,
            stated: stored.digest,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Content {
    policies: Vec<Policy>,
    settings: Settings,
    exemptions: Exemptions,
}

impl Bundle {
    /// Writes policies, settings and exemptions as one canonical JSON text: members sorted,
    /// policies by id, without the documents' cases.
    #[must_use]
    pub fn write(policies: &[Policy], settings: &Settings, exemptions: &Exemptions) -> String {
        let mut policies: Vec<Policy> = policies
            .iter()
            .map(|p| {
                let mut p = p.clone();
                p.cases.clear();
                if let Some(params) = settings.params.get(&p.id) {
                    p.params
                        .extend(params.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                p
            })
            .collect();
        policies.sort_by(|a, b| a.id.cmp(&b.id));
        let content = Content {
            policies,
            settings: settings.clone(),
            exemptions: exemptions.clone(),
        };
        let content = canonical(&content);
        format!(
            r#"{{"content":{content},"digest":"{}"}}"#,
            sha256(content.as_bytes())
        )
    }

    /// Reads what [`Bundle::write`] wrote, and checks its digest. Expressions are compiled when an
    /// event asks for them.
    pub fn read(text: &str, kinds: Kinds<'_>) -> Result<Self, BundleError> {
        let Stored { digest, content } = Stored::read(text)?;
        Self::index(
            content.policies,
            content.settings,
            content.exemptions,
            digest,
            kinds,
        )
    }

    /// The settings alone of what [`Bundle::write`] wrote, its digest checked.
    pub fn read_settings(text: &str) -> Result<Settings, BundleError> {
        Ok(Stored::read(text)?.content.settings)
    }

    /// Takes documents without a bundle's text in between, and compiles all of them.
    pub fn of(
        policies: &[Policy],
        settings: &Settings,
        exemptions: &Exemptions,
        kinds: Kinds<'_>,
    ) -> Result<Self, BundleError> {
        let bundle = Self::read(&Self::write(policies, settings, exemptions), kinds)?;
        bundle.check(kinds)?;
        Ok(bundle)
    }

    fn index(
        policies: Vec<Policy>,
        settings: Settings,
        exemptions: Exemptions,
        digest: String,
        kinds: Kinds<'_>,
    ) -> Result<Self, BundleError> {
        let mut by_event: BTreeMap<EventSource, BTreeMap<EventName, Vec<usize>>> = BTreeMap::new();
        for (index, policy) in policies.iter().enumerate() {
            if kinds.get(&policy.kind).is_none() {
                return Err(BundleError::Kind {
                    policy: policy.id.clone(),
                    kind: policy.kind.clone(),
                });
            }
            for (source, names) in &policy.on {
                let of_source = by_event.entry(source.clone()).or_default();
                for name in names {
                    let listening = of_source.entry(name.clone()).or_default();
                    if listening.last() != Some(&index) {
                        listening.push(index);
                    }
                }
            }
        }
        let bundled = policies.into_iter().map(|policy| BundledPolicy {
            digest: sha256(canonical(&policy).as_bytes()),
            policy,
            violation: OnceLock::new(),
        });
        Ok(Self {
            policies: bundled.collect(),
            settings,
            exemptions,
            digest,
            by_event,
        })
    }

    /// Compiles every expression now, to know of all that can't be used.
    pub fn check(&self, kinds: Kinds<'_>) -> Result<(), BundleError> {
        for policy in &self.policies {
            let kind = kinds.get(&policy.policy.kind);
            let violation = kind.map_or(Ok(()), |kind| policy.violation(kind).map(|_| ()));
            violation.map_err(|source| BundleError::Expression {
                policy: policy.policy.id.clone(),
                source: source.clone(),
            })?;
        }
        Ok(())
    }

    /// The policies that speak about an event.
    pub fn listening<'b>(&'b self, change: &'b Change) -> impl Iterator<Item = &'b BundledPolicy> {
        let of_source = self.by_event.get(&change.source);
        let listening = of_source.and_then(|names| names.get(&change.name));
        let places = listening.into_iter().flatten();
        places.filter_map(|index| self.policies.get(*index))
    }

    /// Every policy of a kind.
    pub fn of_kind<'b>(&'b self, kind: &'b KindId) -> impl Iterator<Item = &'b BundledPolicy> {
        self.policies.iter().filter(move |p| p.policy.kind == *kind)
    }
}

/// JSON with sorted members: `serde_json`'s maps are sorted, a struct's members are not,
/// hence the way through a value.
fn canonical(value: &impl Serialize) -> String {
    serde_json::to_value(value)
        .unwrap_or(serde_json::Value::Null)
        .to_string()
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, b| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{b:02x}");
            hex
        })
}

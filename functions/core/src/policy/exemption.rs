//! Exemptions: who may leave what open, why, and until when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::{FacetName, ResourceRef};
use crate::name::{AccountId, Arn, PolicyId, ResourceId};

/// What an exemption covers. Members that are absent cover everything; at least one is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(extend("allOf" = super::schema::bounded()))
)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// One policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// One account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// One resource, by AWS's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceId>,
    /// One actor: a role's or user's ARN, never a session's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Arn>,
    /// One element of one facet, by its substance: ids change when a rule is made again. Written
    /// `[facet, { … }]`.
    #[cfg_attr(
        feature = "schema",
        schemars(extend("errorMessage" = "an element is written `[facet, { … }]`"))
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<(FacetName, Value)>,
}

/// Where an exemption comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExemptionSource {
    /// The reviewed file.
    File,
    /// Made at run time by a person.
    Person,
    /// Made by an undo for what it re-opened.
    Undo,
}

/// A permission to leave something as it is, always with an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// A name to point at.
    pub id: String,
    /// What it covers.
    pub covers: Scope,
    /// Why.
    pub reason: String,
    /// The ticket it hangs from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Who granted it.
    pub by: String,
    /// When it begins, such as `2026-01-05T08:00:00Z`; absent: at once.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Time>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// When it ends, such as `2026-01-31T18:00:00Z`.
    #[cfg_attr(feature = "schema", schemars(with = "super::schema::Time"))]
    pub until: Timestamp,
    /// Where it comes from.
    #[serde(default = "from_file")]
    pub source: ExemptionSource,
}

fn from_file() -> ExemptionSource {
    ExemptionSource::File
}

/// A finding that an exemption might cover.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'f> {
    /// The policy that found it.
    pub policy: &'f PolicyId,
    /// On what.
    pub resource: &'f ResourceRef,
    /// Who brought it.
    pub actor: Option<&'f Arn>,
    /// The facet of the element.
    pub facet: &'f FacetName,
    /// The element's substance.
    pub substance: &'f Value,
}

/// The exemptions that are known in one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Exemptions(pub Vec<Exemption>);

impl Exemptions {
    /// The exemption that covers a finding now, if any: the one that lasts longest.
    #[must_use]
    pub fn covering(&self, finding: Finding<'_>, now: Timestamp) -> Option<&Exemption> {
        self.0
            .iter()
            .filter(|e| e.covers.holds(finding))
            .filter(|e| e.from.is_none_or(|f| f <= now) && now < e.until)
            .max_by_key(|e| e.until)
    }

    /// An undo once exempted the finding, even if that is over: somebody wanted it so.
    #[must_use]
    pub fn undone(&self, finding: Finding<'_>) -> bool {
        // One that was withdrawn was never in force.
        let was = |e: &Exemption| e.from.is_none_or(|from| from < e.until);
        let undo = |e: &&Exemption| e.source == ExemptionSource::Undo && was(e);
        self.0.iter().filter(undo).any(|e| e.covers.holds(finding))
    }
}

impl Scope {
    /// Something is named: an exemption from everything for everybody is none.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.policy.is_some()
            || self.resource.is_some()
            || self.actor.is_some()
            || self.element.is_some()
    }

    fn holds(&self, f: Finding<'_>) -> bool {
        self.is_bounded()
            && self.policy.as_ref().is_none_or(|p| p == f.policy)
            && self
                .account
                .as_ref()
                .is_none_or(|a| *a == f.resource.account)
            && self.resource.as_ref().is_none_or(|r| *r == f.resource.id)
            && self.actor.as_ref().is_none_or(|a| Some(a) == f.actor)
            && self
                .element
                .as_ref()
                .is_none_or(|(facet, s)| facet == f.facet && s == f.substance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{KindId, Region};
    use serde_json::json;

    #[test]
    fn an_exemption_covers_what_it_names_while_it_lasts() {
        let resource = ResourceRef {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("eu-west-1").unwrap(),
            kind: KindId::parse("ec2/security-group").unwrap(),
            id: ResourceId::parse("sg-1").unwrap(),
        };
        let policy = PolicyId::parse("p").unwrap();
        let facet = FacetName::from("ingress");
        let substance = json!({"protocol": "tcp"});
        let finding = Finding {
            policy: &policy,
            resource: &resource,
            actor: None,
            facet: &facet,
            substance: &substance,
        };
        let at = |t: &str| t.parse::<Timestamp>().unwrap();
        let with = |covers: Scope| {
            Exemptions(vec![Exemption {
                id: "e".into(),
                covers,
                reason: "r".into(),
                ticket: None,
                by: "b".into(),
                from: Some(at("2026-01-01T00:00:00Z")),
                until: at("2026-01-02T00:00:00Z"),
                source: ExemptionSource::File,
            }])
        };
        let inside = at("2026-01-01T12:00:00Z");
        let on = |id: &str| Scope {
            resource: Some(ResourceId::parse(id).unwrap()),
            ..Scope::default()
        };
        assert!(with(on("sg-1")).covering(finding, inside).is_some());
        assert!(with(on("sg-2")).covering(finding, inside).is_none());
        assert!(with(Scope::default()).covering(finding, inside).is_none());
        assert!(
            with(on("sg-1"))
                .covering(finding, at("2026-01-02T00:00:00Z"))
                .is_none()
        );
        assert!(
            with(on("sg-1"))
                .covering(finding, at("2025-12-31T00:00:00Z"))
                .is_none()
        );
        let element = |v: Value| Scope {
            element: Some((facet.clone(), v)),
            ..Scope::default()
        };
        assert!(
            with(element(substance.clone()))
                .covering(finding, inside)
                .is_some()
        );
        assert!(
            with(element(json!({"protocol": "udp"})))
                .covering(finding, inside)
                .is_none()
        );
        let actor = Scope {
            actor: Some(Arn::parse("arn:aws:iam::123456789012:role/Dev").unwrap()),
            ..Scope::default()
        };
        assert!(with(actor).covering(finding, inside).is_none());
    }
}

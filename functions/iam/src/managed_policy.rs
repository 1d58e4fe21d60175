//! `iam/managed-policy`: which version of a customer's managed policy is in force.
//!
//! *Restores* by making the earlier version the default one again; where it was deleted, by
//! creating one with its text.
//! *Leaves alone* the version that was wrong: it stays as evidence and for the undo.
//! *Undo* makes that one the default again.
//! *Safety*: both documents stay with AWS, which keeps five versions of a policy (IAM User Guide,
//! "IAM and AWS STS quotas"); with five there is no room for another, and it is only proposed.

#[cfg(feature = "aws")]
pub(crate) mod live;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::written::{flag, text};
use undrift_core::kind::{
    Before, Call, Effect, Element, ElementKey, ElementPath, Facet, FacetName, Image, Kind,
    KindError, KindEvents, Need, ResourceRef, Right, Step, Target, Touch, Touched, document,
};
use undrift_core::name::KindId;

use crate::text::{lookup, named};

pub(crate) const KIND: &str = "iam/managed-policy";
/// The version in force: one element.
pub(crate) const DEFAULT: &str = "default_version";
/// All versions, by their ids.
pub(crate) const VERSIONS: &str = "versions";

/// How many versions AWS keeps.
const MOST: usize = 5;

/// A customer's managed policy; its id is its path and name.
#[derive(Debug, Clone, Copy)]
pub struct ManagedPolicy;

/// The version in force.
pub(crate) fn default(version: &str, text: Option<&str>) -> (ElementKey, Element) {
    let mut element = json!({"version": version});
    if let (Some(members), Some(text)) = (element.as_object_mut(), text) {
        members.insert("document".to_owned(), json!(text));
    }
    (ElementKey("default".to_owned()), element)
}

/// A version that there is.
pub(crate) fn version(id: &str) -> (ElementKey, Element) {
    (ElementKey(id.to_owned()), json!({"version": id}))
}

fn id_of(element: &Element) -> Option<&str> {
    element.get("version").and_then(Value::as_str)
}

impl Kind for ManagedPolicy {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "iam.amazonaws.com",
            names: &[
                "CreatePolicy",
                "CreatePolicyVersion",
                "DeletePolicy",
                "DeletePolicyVersion",
                "SetDefaultPolicyVersion",
            ],
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[DEFAULT, VERSIONS]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        let arn = match change.name.as_str() {
            "CreatePolicy" => {
                let policy = change.response.get("policy");
                policy
                    .and_then(|p| text(p, &["arn"]))
                    .ok_or(KindError::NotShown {
                        event: change.name.to_string(),
                        what: "policy's ARN",
                    })?
            }
            _ => named(change, "policyArn", "policy")?,
        };
        let id = arn
            .split_once(":policy/")
            .map_or(arn.as_str(), |(_, id)| id);
        let effect = effect(change).unwrap_or_else(|e| Effect::Unclear(e.to_string()));
        Ok(vec![Touched {
            resource: lookup(id)?,
            effect,
        }])
    }

    fn lookup_name(&self, resource: &ResourceRef) -> Option<String> {
        Some(resource.arn(self))
    }

    fn arn(&self) -> &'static str {
        "arn:${Partition}:iam::${Account}:policy/${Id}"
    }

    fn element(
        &self,
        facet: &FacetName,
        written: &Value,
    ) -> Result<(ElementKey, Element), KindError> {
        let id = id_of(written).ok_or_else(|| KindError::Malformed {
            what: format!("an element of {facet}"),
            why: "it names no version".to_owned(),
        })?;
        let text = written.get("document").and_then(crate::text::document);
        Ok(match facet.0.as_str() {
            DEFAULT => default(id, text.as_deref()),
            _ => version(id),
        })
    }

    fn element_schema(&self, facet: &FacetName) -> Value {
        let mut properties = json!({"version": {"description": "Its id: `v3`.", "type": "string"}});
        if let (DEFAULT, Some(members)) = (facet.0.as_str(), properties.as_object_mut()) {
            let document = json!({"description": "Its document.", "anyOf": [{"type": "string"}, {"type": "object"}]});
            members.insert("document".to_owned(), document);
        }
        json!({
            "type": "object",
            "description": "A version of the policy.",
            "properties": properties,
            "required": ["version"],
            "additionalProperties": false,
        })
    }

    /// A version's document never changes.
    fn substance(&self, _: &FacetName, element: &Element) -> Value {
        json!({"version": element.get("version")})
    }

    /// A version that is made anew gets an id of AWS's.
    fn written(&self, facet: &FacetName, element: &Element) -> Value {
        match element.get("document") {
            Some(text) if facet.0 == DEFAULT => json!({"document": document::said(text)}),
            _ => self.substance(facet, element),
        }
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let path = ElementPath {
            facet: FacetName::from(DEFAULT),
            key: default("", None).0,
        };
        let (Some(is), Some(wanted)) = (from.get(&path), to.get(&path)) else {
            return Err(KindError::NoWay(
                "a policy has a default version".to_owned(),
            ));
        };
        if is == wanted {
            return Ok(Vec::new());
        }
        let versions = from.facets.get(&FacetName::from(VERSIONS));
        let id = id_of(wanted).unwrap_or_default();
        let is_there = versions.is_some_and(|v| v.contains_key(&ElementKey(id.to_owned())));
        let arn = resource.arn(self);
        let (operation, input) = if is_there {
            (
                "SetDefaultPolicyVersion",
                json!({"PolicyArn": arn, "VersionId": id}),
            )
        } else {
            let text = wanted.get("document").and_then(Value::as_str);
            let text = text.ok_or_else(|| {
                KindError::NoWay(format!("{id} was deleted, and its text isn't known"))
            })?;
            if versions.is_some_and(|v| v.len() >= MOST) {
                let why = format!("{id} was deleted, and there is no room for another version");
                return Err(KindError::NoWay(why));
            }
            let input = json!({"PolicyArn": arn, "PolicyDocument": text, "SetAsDefault": true});
            ("CreatePolicyVersion", input)
        };
        Ok(vec![Step {
            call: Call {
                service: "iam".to_owned(),
                operation: operation.to_owned(),
                input,
            },
            writes: vec![path],
            commutes: false,
        }])
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, facet: &FacetName, element: &Element) -> String {
        let id = id_of(element).unwrap_or("?").escape_debug().to_string();
        match facet.0.as_str() {
            DEFAULT => format!("version {id} in force"),
            _ => format!("version {id}"),
        }
    }
}

fn effect(change: &Change) -> Result<Effect, KindError> {
    let touch = |facet: &str, (key, element): (ElementKey, Element), before, made: bool| Touch {
        facets: vec![FacetName::from(facet)],
        target: Target::Key(key),
        before,
        after: made.then_some(element),
    };
    let shown = change.request.get("policyDocument");
    let shown = shown.and_then(crate::text::document);
    Ok(match change.name.as_str() {
        "CreatePolicy" => Effect::Created(shown.map(|text| {
            Image::of([
                (DEFAULT, Facet::from([default("v1", Some(&text))])),
                (VERSIONS, Facet::from([version("v1")])),
            ])
        })),
        "DeletePolicy" => Effect::Deleted,
        "DeletePolicyVersion" => {
            let gone = version(&named(change, "versionId", "version")?);
            Effect::Edited(vec![touch(VERSIONS, gone, Before::Existed, false)])
        }
        "SetDefaultPolicyVersion" => {
            let set = default(&named(change, "versionId", "version")?, None);
            Effect::Edited(vec![touch(DEFAULT, set, Before::Existed, true)])
        }
        _ => {
            let made = change.response.get("policyVersion");
            let id = made.and_then(|v| text(v, &["versionId"]));
            let id = id.ok_or(KindError::NotShown {
                event: change.name.to_string(),
                what: "new version",
            })?;
            let mut touches = vec![touch(VERSIONS, version(&id), Before::Absent, true)];
            if change.request.get("setAsDefault").and_then(flag) == Some(true) {
                let set = default(&id, shown.as_deref());
                touches.push(touch(DEFAULT, set, Before::Existed, true));
            }
            Effect::Edited(touches)
        }
    })
}

const POLICIES: &str = "arn:${Partition}:iam::${Account}:policy/*";

const RIGHTS: &[Right] = &[
    Right::new("iam:ListPolicyVersions", POLICIES, Need::Read),
    Right::new("iam:ListPolicies", "*", Need::List),
    Right::new("iam:GetPolicy", POLICIES, Need::Read),
    Right::new("iam:GetPolicyVersion", POLICIES, Need::Read),
    Right::new("iam:SetDefaultPolicyVersion", POLICIES, Need::Revert),
    Right::new("iam:CreatePolicyVersion", POLICIES, Need::Revert),
    Right::new("iam:SetDefaultPolicyVersion", POLICIES, Need::Undo),
    // Where the version was deleted since.
    Right::new("iam:CreatePolicyVersion", POLICIES, Need::Undo),
];

#[cfg(test)]
mod tests {
    use super::*;
    use undrift_core::name::EventId;
    use undrift_core::observe::{DatedImage, History, SeenChange};

    /// Records of `SetDefaultPolicyVersion` name a version alone: its text is kept from the look.
    #[test]
    fn a_version_that_was_set_in_force_keeps_its_text() {
        let image = |id: &str| {
            Image::of([
                (
                    DEFAULT,
                    Facet::from([default(id, Some(&format!("{{\"Id\":\"{id}\"}}")))]),
                ),
                (VERSIONS, Facet::from([version("v1"), version("v2")])),
            ])
        };
        let at = |text: &str| text.parse().unwrap();
        let (seen, set) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T00:01:00Z"));
        let history = History {
            images: vec![DatedImage::read(image("v1"), seen)],
            ..History::default()
        };
        let (key, named) = default("v2", None);
        let touch = Touch {
            facets: vec![FacetName::from(DEFAULT)],
            target: Target::Key(key),
            before: Before::Existed,
            after: Some(named),
        };
        let id = EventId::parse("e").unwrap();
        let change = SeenChange::new(id, set, Effect::Edited(vec![touch]));
        // Within the time that a read may lag, and long after.
        for read_at in [at("2026-01-01T00:01:01Z"), at("2026-01-01T00:05:00Z")] {
            let known = history.follow(
                &ManagedPolicy,
                &image("v2"),
                read_at,
                std::slice::from_ref(&change),
            );
            let facet = FacetName::from(DEFAULT);
            let before = known
                .unwrap()
                .before(&ManagedPolicy, at("2026-01-01T00:10:00Z"), &facet);
            assert_eq!(
                before.unwrap().image.facets[&facet],
                image("v2").facets[&facet]
            );
        }
    }
}

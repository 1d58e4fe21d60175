//! `cloudtrail/trail`: whether a trail logs.
//!
//! *Restores* by starting its logging again, which loses nothing and can be done twice.
//! *Leaves alone* everything else of the trail. A trail that was deleted is not made anew: the
//! record says so, and people are told.
//! *Undo* stops it again.
//! *Safety*: what happened while it was stopped is in no log of its own; the sweep looks at it.

#[cfg(feature = "aws")]
pub(crate) mod live;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::written::text;
use undrift_core::kind::{
    Before, Call, Effect, Element, ElementKey, ElementPath, Facet, FacetName, Image, Kind,
    KindError, KindEvents, Lookup, Need, ResourceRef, Right, Step, Target, Touch, Touched,
};
use undrift_core::name::{AccountId, Arn, KindId, ResourceId};

const KIND: &str = "cloudtrail/trail";
pub(crate) const LOGGING: &str = "logging";

/// A trail.
#[derive(Debug, Clone, Copy)]
pub struct Trail;

/// The facet's one element.
pub(crate) fn logging(is: bool) -> (ElementKey, Element) {
    (ElementKey(LOGGING.to_owned()), json!({"logging": is}))
}

/// What is left of a trail that was deleted.
fn deleted() -> Element {
    json!({"logging": false, "deleted": true})
}

fn is_deleted(element: &Element) -> bool {
    element.get("deleted").and_then(Value::as_bool) == Some(true)
}

fn logs(element: &Element) -> Option<bool> {
    element.get("logging").and_then(Value::as_bool)
}

impl Kind for Trail {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "cloudtrail.amazonaws.com",
            names: &["CreateTrail", "DeleteTrail", "StartLogging", "StopLogging"],
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[LOGGING]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        let named = text(&change.request, &["name"]).ok_or_else(|| KindError::NotShown {
            event: change.name.to_string(),
            what: "trail",
        })?;
        // Calls take a trail's name or its ARN.
        let name = named
            .rsplit_once(":trail/")
            .map_or(named.as_str(), |(_, n)| n);
        let id = ResourceId::parse(name).map_err(|e| KindError::Malformed {
            what: "name".to_owned(),
            why: e.to_string(),
        })?;
        let (key, element) = logging(change.name.as_str() == "StartLogging");
        let effect = match change.name.as_str() {
            // A new trail doesn't log yet (CloudTrail API Reference, `StartLogging`).
            "CreateTrail" => {
                Effect::Created(Some(Image::of([(LOGGING, Facet::from([logging(false)]))])))
            }
            // It logs no more, and nothing that Undrift may call makes it log again.
            "DeleteTrail" => Effect::Edited(vec![Touch {
                facets: vec![FacetName::from(LOGGING)],
                target: Target::Key(key),
                before: Before::Existed,
                after: Some(deleted()),
            }]),
            _ => Effect::Edited(vec![Touch {
                facets: vec![FacetName::from(LOGGING)],
                target: Target::Key(key),
                // Stopping what is stopped succeeds, and so does the reverse.
                before: Before::Existed,
                after: Some(element),
            }]),
        };
        Ok(vec![Touched {
            resource: Lookup::Id(id),
            effect,
        }])
    }

    /// An organization's trail is the management account's.
    fn owner(&self, change: &Change) -> Option<AccountId> {
        let named = text(&change.request, &["name"]);
        let arn = named.and_then(|name| Arn::parse(&name).ok());
        arn.and_then(|arn| arn.account())
            .or_else(|| change.owner.clone())
    }

    /// Calls name a trail or its ARN, and so does the event history.
    fn lookup_name(&self, _: &ResourceRef) -> Option<String> {
        None
    }

    fn arn(&self) -> &'static str {
        "arn:${Partition}:cloudtrail:${Region}:${Account}:trail/${Id}"
    }

    fn element(&self, _: &FacetName, written: &Value) -> Result<(ElementKey, Element), KindError> {
        let is = logs(written).ok_or_else(|| KindError::Malformed {
            what: "whether it logs".to_owned(),
            why: "`logging` is neither true nor false".to_owned(),
        })?;
        let (key, element) = logging(is);
        Ok((
            key,
            if is_deleted(written) {
                deleted()
            } else {
                element
            },
        ))
    }

    fn element_schema(&self, _: &FacetName) -> Value {
        json!({
            "type": "object",
            "description": "Whether the trail logs.",
            "properties": {
                "logging": {"description": "It logs.", "type": "boolean"},
                "deleted": {"description": "There is no such trail any more.", "type": "boolean"},
            },
            "required": ["logging"],
            "additionalProperties": false,
        })
    }

    fn contained(&self, _: &FacetName, element: &Element) -> Option<Element> {
        (!is_deleted(element)).then(|| logging(true).1)
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let path = ElementPath {
            facet: FacetName::from(LOGGING),
            key: logging(true).0,
        };
        if from.get(&path).is_some_and(is_deleted) {
            let why = "the trail was deleted; make it anew as it was, and see who did it";
            return Err(KindError::NoWay(why.to_owned()));
        }
        let of = |image: &Image| image.get(&path).and_then(logs);
        let (Some(is), Some(wanted)) = (of(from), of(to)) else {
            return Err(KindError::NoWay(
                "a trail either logs or doesn't".to_owned(),
            ));
        };
        if is == wanted {
            return Ok(Vec::new());
        }
        Ok(vec![Step {
            call: Call {
                service: "cloudtrail".to_owned(),
                operation: if wanted {
                    "StartLogging"
                } else {
                    "StopLogging"
                }
                .to_owned(),
                input: json!({"Name": resource.arn(self)}),
            },
            writes: vec![path],
            commutes: true,
        }])
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, _: &FacetName, element: &Element) -> String {
        match logs(element) {
            _ if is_deleted(element) => "deleted".to_owned(),
            Some(true) => "logging".to_owned(),
            Some(false) => "not logging".to_owned(),
            None => undrift_core::kind::one_line(element),
        }
    }
}

const TRAILS: &str = "arn:${Partition}:cloudtrail:${Region}:${Account}:trail/*";

const RIGHTS: &[Right] = &[
    Right::new("cloudtrail:GetTrailStatus", TRAILS, Need::Read),
    Right::new("cloudtrail:DescribeTrails", "*", Need::List),
    Right::new("cloudtrail:StartLogging", TRAILS, Need::Revert),
    Right::new("cloudtrail:StopLogging", TRAILS, Need::Undo),
];

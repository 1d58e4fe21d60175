//! `iam/access-key`: whether a user's access key can be used.
//!
//! *Contains* a key by deactivating it. It is never deleted: that could not be undone.
//! *Leaves alone* the user's other keys.
//! *Undo* activates it again.
//! *Safety*: sessions that the key has made already live on, up to 36 hours.

#[cfg(feature = "aws")]
pub(crate) mod live;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::written::text;
use undrift_core::kind::{
    Before, Call, Effect, Element, ElementKey, ElementPath, FacetName, Image, Kind, KindError,
    KindEvents, Need, ResourceRef, Right, Step, Target, Touch, Touched,
};
use undrift_core::name::KindId;

use crate::text::lookup;

pub(crate) const KIND: &str = "iam/access-key";
/// One element: whether the key can be used.
pub(crate) const STATUS: &str = "status";
const ACTIVE: &str = "Active";
const INACTIVE: &str = "Inactive";

/// An access key; its id is `<user>/<key id>`, as IAM names keys within their user alone.
#[derive(Debug, Clone, Copy)]
pub struct AccessKey;

pub(crate) fn status(status: &str) -> (ElementKey, Element) {
    (ElementKey(STATUS.to_owned()), json!({"status": status}))
}

/// The user and the key of an id.
pub(crate) fn names(id: &str) -> Option<(&str, &str)> {
    id.split_once('/')
}

/// Who made a key, beside its owner.
fn by(change: &Change, user: &str) -> &'static str {
    // Only the record tells; a role, root and another user are all somebody else.
    let own = change.request.get("userName").is_none_or(Value::is_null);
    if own || caller(change) == Some(user) {
        "owner"
    } else {
        "another"
    }
}

/// The caller's name, where it is a user.
fn caller(change: &Change) -> Option<&str> {
    let is_user = change.actor.identity_type == "IAMUser";
    let principal = change.actor.principal.as_ref().filter(|_| is_user);
    principal.map(undrift_core::name::Arn::short)
}

impl Kind for AccessKey {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "iam.amazonaws.com",
            names: &["CreateAccessKey", "DeleteAccessKey", "UpdateAccessKey"],
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[STATUS]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        let made = change.response.get("accessKey").unwrap_or(&Value::Null);
        let missing = |what| KindError::NotShown {
            event: change.name.to_string(),
            what,
        };
        let user = text(&change.request, &["userName"])
            .or_else(|| text(made, &["userName"]))
            .or_else(|| caller(change).map(str::to_owned))
            .ok_or_else(|| missing("user"))?;
        let key = text(&change.request, &["accessKeyId"])
            .or_else(|| text(made, &["accessKeyId"]))
            .ok_or_else(|| missing("access key"))?;
        let resource = lookup(&format!("{user}/{key}"))?;
        let touch = |before, to: &str| {
            let (key, mut element) = status(to);
            if let Some(members) = element.as_object_mut() {
                members.insert("by".to_owned(), json!(by(change, &user)));
            }
            Effect::Edited(vec![Touch {
                facets: vec![FacetName::from(STATUS)],
                target: Target::Key(key),
                before,
                after: Some(element),
            }])
        };
        let effect = match change.name.as_str() {
            "CreateAccessKey" => touch(Before::Absent, ACTIVE),
            "DeleteAccessKey" => Effect::Deleted,
            _ => match text(&change.request, &["status"]).as_deref() {
                Some(to @ (ACTIVE | INACTIVE)) => touch(Before::Existed, to),
                _ => Effect::Unclear("the record doesn't show the status".to_owned()),
            },
        };
        Ok(vec![Touched { resource, effect }])
    }

    fn example(&self, _: &str) -> String {
        "case/AKIAIOSFODNN7EXAMPLE".to_owned()
    }

    fn arn(&self) -> &'static str {
        // IAM gives keys no ARN of their own; this is the user's, and the key.
        "arn:${Partition}:iam::${Account}:user/${Id}"
    }

    fn element(&self, _: &FacetName, written: &Value) -> Result<(ElementKey, Element), KindError> {
        let to = written.get("status").and_then(Value::as_str);
        let to = to.filter(|s| [ACTIVE, INACTIVE].contains(s));
        let to = to.ok_or_else(|| KindError::Malformed {
            what: "an access key's status".to_owned(),
            why: "it is neither `Active` nor `Inactive`".to_owned(),
        })?;
        let (key, mut element) = status(to);
        let by = written.get("by").and_then(Value::as_str);
        if let (Some(members), Some(by)) = (element.as_object_mut(), by) {
            members.insert("by".to_owned(), json!(by));
        }
        Ok((key, element))
    }

    fn element_schema(&self, _: &FacetName) -> Value {
        json!({
            "type": "object",
            "description": "Whether the key can be used.",
            "properties": {
                "status": {"description": "What IAM calls it.", "enum": [ACTIVE, INACTIVE]},
                "by": {
                    "description": "Who made it so: its `owner` or `another`. Only a change's record tells.",
                    "enum": ["owner", "another"],
                },
            },
            "required": ["status"],
            "additionalProperties": false,
        })
    }

    fn substance(&self, _: &FacetName, element: &Element) -> Value {
        json!({"status": element.get("status")})
    }

    fn remembered(&self, facet: &FacetName, element: &Element) -> Element {
        self.substance(facet, element)
    }

    fn contained(&self, _: &FacetName, _: &Element) -> Option<Element> {
        Some(status(INACTIVE).1)
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let path = ElementPath {
            facet: FacetName::from(STATUS),
            key: status(ACTIVE).0,
        };
        let of = |image: &Image| {
            let status = image.get(&path)?.get("status")?.as_str();
            status.map(str::to_owned)
        };
        let (user, key) = names(resource.id.as_str())
            .ok_or_else(|| KindError::NoWay("it is no key of a user's".to_owned()))?;
        let wanted = of(to).ok_or_else(|| KindError::NoWay("keys are never deleted".to_owned()))?;
        if of(from).as_deref() == Some(wanted.as_str()) {
            return Ok(Vec::new());
        }
        Ok(vec![Step {
            call: Call {
                service: "iam".to_owned(),
                operation: "UpdateAccessKey".to_owned(),
                input: json!({"UserName": user, "AccessKeyId": key, "Status": wanted}),
            },
            writes: vec![path],
            commutes: true,
        }])
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, _: &FacetName, element: &Element) -> String {
        let member = |name: &str| element.get(name).and_then(Value::as_str);
        let status = member("status").unwrap_or("?").to_lowercase();
        match member("by") {
            Some("another") => format!("{status}, by somebody else than its owner"),
            _ => status,
        }
    }
}

const USERS: &str = "arn:${Partition}:iam::${Account}:user/*";

const RIGHTS: &[Right] = &[
    Right::new("iam:ListAccessKeys", USERS, Need::Read),
    Right::new("iam:ListUsers", "*", Need::List),
    Right::new("iam:UpdateAccessKey", USERS, Need::Revert),
    Right::new("iam:UpdateAccessKey", USERS, Need::Undo),
];

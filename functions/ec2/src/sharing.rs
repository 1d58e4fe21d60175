//! `ec2/snapshot` and `ec2/image`: whom a disk's copy or a machine image is shared with.
//!
//! *Restores* by taking the shares away that a change added; one call per image.
//! *Leaves alone* every other share. Nothing is reset: that would drop trusted shares too.
//! *Undo* shares again.
//! *Safety*: what was copied or launched meanwhile stays with whoever has it (EC2 User Guide,
//! "Share an Amazon EBS snapshot", "Share an AMI").

#[cfg(feature = "aws")]
pub(crate) mod live;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{
    Before, Call, Effect, Element, ElementKey, ElementPath, Facet, FacetName, Image, Kind,
    KindError, KindEvents, Lookup, Need, ResourceRef, Right, Step, Target, Touch, Touched,
};
use undrift_core::name::{KindId, ResourceId};

use undrift_core::kind::written::{items, member, text};

pub(crate) const SNAPSHOT: &str = "ec2/snapshot";
pub(crate) const IMAGE: &str = "ec2/image";
pub(crate) const SHARED_WITH: &str = "shared_with";

/// A snapshot of a volume, and whom it is shared with.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot;

/// A machine image, and whom it is shared with.
#[derive(Debug, Clone, Copy)]
pub struct MachineImage;

/// What differs between the two.
struct Terms {
    /// The member of requests that names the resource.
    id: &'static str,
    /// The attribute that holds the shares, as requests name it.
    attribute: &'static str,
    /// The same as the API names it.
    value: &'static str,
    /// The call that changes it.
    modify: &'static str,
    reset: &'static str,
    delete: &'static str,
}

const OF_SNAPSHOTS: Terms = Terms {
    id: "snapshotId",
    attribute: "createVolumePermission",
    value: "CREATE_VOLUME_PERMISSION",
    modify: "ModifySnapshotAttribute",
    reset: "ResetSnapshotAttribute",
    delete: "DeleteSnapshot",
};

const OF_IMAGES: Terms = Terms {
    id: "imageId",
    attribute: "launchPermission",
    value: "launchPermission",
    modify: "ModifyImageAttribute",
    reset: "ResetImageAttribute",
    delete: "DeregisterImage",
};

/// Members that name whom something is shared with.
const NAMES: [&str; 4] = [
    "group",
    "userId",
    "organizationArn",
    "organizationalUnitArn",
];

fn share(with: &str) -> (ElementKey, Element) {
    (ElementKey(with.to_owned()), json!({"with": with}))
}

fn with(element: &Element) -> Option<&str> {
    element.get("with").and_then(Value::as_str)
}

impl Terms {
    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        let id = text(&change.request, &[self.id]);
        let name = change.name.as_str();
        // What is made anew has its id in the answer; the request names what it is made from.
        let made =
            name.starts_with("Create") || name.starts_with("Copy") || name.starts_with("Register");
        let id = if made {
            text(&change.response, &[self.id])
        } else {
            id.or_else(|| text(&change.response, &[self.id]))
        };
        let id = id.ok_or_else(|| KindError::NotShown {
            event: change.name.to_string(),
            what: self.id,
        })?;
        let id = ResourceId::parse(&id).map_err(|e| KindError::Malformed {
            what: self.id.to_owned(),
            why: e.to_string(),
        })?;
        let effect = match name {
            // Nobody else sees a new one (EC2 User Guide, "Share an Amazon EBS snapshot").
            _ if made => Effect::Created(Some(Image::of([(SHARED_WITH, Facet::new())]))),
            _ if name == self.delete => Effect::Deleted,
            _ if name == self.reset => Effect::Unclear("all its shares were taken away".to_owned()),
            _ => self
                .modified(&change.request)
                .unwrap_or_else(|e| Effect::Unclear(e.to_string())),
        };
        Ok(vec![Touched {
            resource: Lookup::Id(id),
            effect,
        }])
    }

    fn modified(&self, request: &Value) -> Result<Effect, KindError> {
        let attribute = text(request, &["attributeType", "attribute"]);
        if attribute.is_some_and(|a| a != self.value && a != self.attribute) {
            return Ok(Effect::Edited(Vec::new()));
        }
        let mut touches = Vec::new();
        let mut touch = |name: &str, added: bool| {
            let (_, element) = share(name);
            touches.push(Touch {
                facets: vec![FacetName::from(SHARED_WITH)],
                target: Target::Key(ElementKey(name.to_owned())),
                // Sharing again with whom it is shared already succeeds, and so does the reverse.
                before: Before::Unknown,
                after: added.then_some(element),
            });
        };
        if let Some(permission) = member(request, self.attribute) {
            for (direction, added) in [("add", true), ("remove", false)] {
                for item in items(member(permission, direction))? {
                    touch(&named(text(item, &NAMES))?, added);
                }
            }
        }
        // The older form: what to do, and lists of whom.
        if let Some(operation) = text(request, &["operationType"]) {
            let added = operation == "add";
            for list in [
                "userId",
                "userIds",
                "userIdSet",
                "groupName",
                "groupNames",
                "userGroup",
                "groupSet",
            ] {
                let list = match member(request, list) {
                    Some(one @ Value::String(_)) => std::slice::from_ref(one),
                    list => items(list)?,
                };
                for item in list {
                    let name = item.as_str().map(str::to_owned);
                    let members = ["userId", "group", "groupName", "content"];
                    touch(&named(name.or_else(|| text(item, &members)))?, added);
                }
            }
        }
        if touches.is_empty() {
            return Err(malformed("the record shows no share"));
        }
        Ok(Effect::Edited(touches))
    }

    fn steps(&self, resource: &ResourceRef, from: &Image, to: &Image) -> Vec<Step> {
        let facet = FacetName::from(SHARED_WITH);
        let empty = Facet::new();
        let of = |image: &Image| -> BTreeSet<ElementKey> {
            image
                .facets
                .get(&facet)
                .unwrap_or(&empty)
                .keys()
                .cloned()
                .collect()
        };
        if !to.facets.contains_key(&facet) {
            return Vec::new();
        }
        let (now, wanted) = (of(from), of(to));
        let gone: Vec<&ElementKey> = now.difference(&wanted).collect();
        let new: Vec<&ElementKey> = wanted.difference(&now).collect();
        let mut steps = Vec::new();
        for (names, operation) in [(gone, "Remove"), (new, "Add")] {
            if names.is_empty() {
                continue;
            }
            steps.push(Step {
                call: Call {
                    service: "ec2".to_owned(),
                    operation: self.modify.to_owned(),
                    input: self.input(resource.id.as_str(), operation, &names),
                },
                writes: names
                    .iter()
                    .map(|key| ElementPath {
                        facet: facet.clone(),
                        key: (*key).clone(),
                    })
                    .collect(),
                // Taking away what isn't there, and sharing again, succeed.
                commutes: true,
            });
        }
        steps
    }

    fn input(&self, id: &str, operation: &str, names: &[&ElementKey]) -> Value {
        let (groups, accounts): (Vec<&str>, Vec<&str>) = names
            .iter()
            .map(|k| k.0.as_str())
            .partition(|n| !is_account(n));
        if self.value == OF_SNAPSHOTS.value {
            let mut input = json!({"SnapshotId": id, "Attribute": "createVolumePermission",
                "OperationType": operation.to_lowercase()});
            for (member, list) in [("UserIds", accounts), ("GroupNames", groups)] {
                if let (Some(members), false) = (input.as_object_mut(), list.is_empty()) {
                    members.insert(member.to_owned(), json!(list));
                }
            }
            return input;
        }
        let permission = |name: &&ElementKey| {
            let member = match name.0.as_str() {
                n if n.contains(":ou/") => "OrganizationalUnitArn",
                n if n.starts_with("arn:") => "OrganizationArn",
                n if is_account(n) => "UserId",
                _ => "Group",
            };
            json!({member: name})
        };
        let list: Vec<Value> = names.iter().map(permission).collect();
        json!({"ImageId": id, "Attribute": "launchPermission", "LaunchPermission": {operation: list}})
    }
}

/// Whom something can be shared with: everybody, an account, an organization or a unit of one.
/// Whoever else a record names, it can't be told who that is.
fn named(name: Option<String>) -> Result<String, KindError> {
    let name = name.ok_or_else(|| malformed("a share names nobody"))?;
    if name == "all" || is_account(&name) || name.starts_with("arn:") {
        return Ok(name);
    }
    let name: String = name.chars().take(60).collect();
    Err(malformed(&format!(
        "`{}` is neither `all`, nor an account, nor an organization",
        name.escape_debug()
    )))
}

fn is_account(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit())
}

fn malformed(why: &str) -> KindError {
    KindError::Malformed {
        what: "the record's shares".to_owned(),
        why: why.to_owned(),
    }
}

fn element(written: &Value) -> Result<(ElementKey, Element), KindError> {
    let name = with(written).filter(|n| !n.is_empty());
    name.map(share).ok_or_else(|| KindError::Malformed {
        what: "a share".to_owned(),
        why: "it doesn't say `with` whom".to_owned(),
    })
}

fn schema() -> Value {
    json!({
        "type": "object",
        "description": "A share.",
        "properties": {
            "with": {
                "description": "Whom it is shared with: `all`, an account's id, or the ARN of an organization or of a unit of one.",
                "type": "string",
                "pattern": "^(all|[0-9]{12}|arn:.+)$",
                "patternErrorMessage": "this is neither `all`, nor an account's id, nor an ARN",
            },
        },
        "required": ["with"],
        "additionalProperties": false,
    })
}

fn describe(element: &Element) -> String {
    match with(element) {
        Some("all") => "shared with everybody".to_owned(),
        Some(name) => format!("shared with {}", name.escape_debug()),
        None => undrift_core::kind::one_line(element),
    }
}

macro_rules! kind {
    ($type:ident, $id:expr, $terms:expr, $arn:literal, $events:expr, $rights:expr) => {
        impl Kind for $type {
            #[allow(clippy::expect_used, reason = "a constant that a test parses")]
            fn id(&self) -> KindId {
                KindId::parse($id).expect("a kind's id")
            }
            fn events(&self) -> &'static [KindEvents] {
                &[KindEvents {
                    source: "ec2.amazonaws.com",
                    names: $events,
                }]
            }
            fn facets(&self) -> &'static [&'static str] {
                &[SHARED_WITH]
            }
            fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
                $terms.touched(change)
            }
            fn arn(&self) -> &'static str {
                $arn
            }
            fn element(
                &self,
                _: &FacetName,
                written: &Value,
            ) -> Result<(ElementKey, Element), KindError> {
                element(written)
            }
            fn element_schema(&self, _: &FacetName) -> Value {
                schema()
            }
            fn steps(
                &self,
                resource: &ResourceRef,
                from: &Image,
                to: &Image,
            ) -> Result<Vec<Step>, KindError> {
                Ok($terms.steps(resource, from, to))
            }
            fn rights(&self) -> &'static [Right] {
                $rights
            }
            fn describe(&self, _: &FacetName, element: &Element) -> String {
                describe(element)
            }
        }
    };
}

const SNAPSHOTS: &str = "arn:${Partition}:ec2:${Region}::snapshot/*";
const IMAGES: &str = "arn:${Partition}:ec2:${Region}::image/*";

const SNAPSHOT_RIGHTS: &[Right] = &[
    Right::new("ec2:DescribeSnapshotAttribute", SNAPSHOTS, Need::Read),
    Right::new("ec2:DescribeSnapshots", "*", Need::List),
    Right::new("ec2:ModifySnapshotAttribute", SNAPSHOTS, Need::Revert),
    Right::new("ec2:ModifySnapshotAttribute", SNAPSHOTS, Need::Undo),
];

const IMAGE_RIGHTS: &[Right] = &[
    Right::new("ec2:DescribeImageAttribute", IMAGES, Need::Read),
    Right::new("ec2:DescribeImages", "*", Need::List),
    Right::new("ec2:ModifyImageAttribute", IMAGES, Need::Revert),
    Right::new("ec2:ModifyImageAttribute", IMAGES, Need::Undo),
];

kind!(
    Snapshot,
    SNAPSHOT,
    OF_SNAPSHOTS,
    "arn:${Partition}:ec2:${Region}::snapshot/${Id}",
    &[
        "CopySnapshot",
        "CreateSnapshot",
        "DeleteSnapshot",
        "ModifySnapshotAttribute",
        "ResetSnapshotAttribute",
    ],
    SNAPSHOT_RIGHTS
);

kind!(
    MachineImage,
    IMAGE,
    OF_IMAGES,
    "arn:${Partition}:ec2:${Region}::image/${Id}",
    &[
        "CopyImage",
        "CreateImage",
        "DeregisterImage",
        "ModifyImageAttribute",
        "RegisterImage",
        "ResetImageAttribute",
    ],
    IMAGE_RIGHTS
);

//! `iam/identity`: what a user, a role or a group may do, and who may be a role.
//!
//! One kind for the three, since they differ in the names of calls alone; an id is `role/deploy`.
//!
//! *Restores* by detaching what was attached, taking users out of groups, writing inline policies
//! and trust policies back as they were, word for word.
//! *Leaves alone* every other attachment, policy, membership and statement.
//! *Undo* attaches and writes again.
//! *Safety*: IAM is eventually consistent, and sessions that were given out live on; a trust policy
//! that would name nobody, or somebody who was deleted, is refused by AWS and only proposed.

#[cfg(feature = "aws")]
pub(crate) mod live;
mod record;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{
    Call, Element, ElementKey, ElementPath, Facet, FacetName, Image, Kind, KindError, KindEvents,
    Need, ResourceRef, Right, Step, Touched, document,
};
use undrift_core::name::KindId;

pub(crate) const KIND: &str = "iam/identity";
/// Managed policies that are attached.
pub(crate) const ATTACHED: &str = "attached";
/// Inline policies.
pub(crate) const INLINE: &str = "inline";
/// The groups that a user is in.
pub(crate) const GROUPS: &str = "groups";
/// The statements of a role's trust policy.
pub(crate) const TRUST: &str = "trust";

/// A user, a role or a group.
#[derive(Debug, Clone, Copy)]
pub struct Identity;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    User,
    Role,
    Group,
}

impl Sort {
    pub(crate) const ALL: [Self; 3] = [Self::User, Self::Role, Self::Group];

    /// As calls are named: `AttachRolePolicy`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Role => "Role",
            Self::Group => "Group",
        }
    }

    /// As ARNs have it.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Group => "group",
        }
    }

    /// The member of requests that names it.
    pub(crate) fn member(self) -> String {
        format!("{}Name", self.word())
    }

    /// Which an id is of, and the name in it.
    pub(crate) fn of(id: &str) -> Option<(Self, &str)> {
        let (path, name) = id.split_once('/')?;
        let sort = Self::ALL.into_iter().find(|s| s.path() == path)?;
        Some((sort, name))
    }
}

/// A managed policy that is attached; with its document where it is a customer's.
pub(crate) fn attached(arn: &str, text: Option<&str>) -> (ElementKey, Element) {
    let mut element = json!({"policy": arn});
    if let (Some(members), Some(text)) = (element.as_object_mut(), text) {
        members.insert("document".to_owned(), json!(text));
    }
    (ElementKey(arn.to_owned()), element)
}

/// An inline policy.
pub(crate) fn inline(name: &str, text: &str) -> (ElementKey, Element) {
    (
        ElementKey(name.to_owned()),
        json!({"name": name, "document": text}),
    )
}

/// A group that a user is in; with its policies where they were read.
pub(crate) fn group(name: &str, policies: Option<Vec<Value>>) -> (ElementKey, Element) {
    let mut element = json!({"group": name});
    if let (Some(members), Some(policies)) = (element.as_object_mut(), policies) {
        members.insert("policies".to_owned(), policies.into());
    }
    (ElementKey(name.to_owned()), element)
}

impl Kind for Identity {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "iam.amazonaws.com",
            names: record::EVENTS,
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[ATTACHED, INLINE, GROUPS, TRUST]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        record::touched(change)
    }

    fn is_whole(&self, facet: &FacetName) -> bool {
        facet.0 == TRUST
    }

    fn document(&self, facet: &FacetName, text: &str) -> Option<Facet> {
        let is_trust = facet.0 == TRUST;
        is_trust.then(|| document::parse(text).ok()).flatten()
    }

    fn example(&self, event: &str) -> String {
        let sort = record::sort(event).unwrap_or(Sort::Role);
        format!("{}/case", sort.path())
    }

    fn arn(&self) -> &'static str {
        "arn:${Partition}:iam::${Account}:${Id}"
    }

    fn element(
        &self,
        facet: &FacetName,
        written: &Value,
    ) -> Result<(ElementKey, Element), KindError> {
        let member = |name: &str| written.get(name).and_then(Value::as_str);
        let policies = || written.get("policies").and_then(Value::as_array).cloned();
        let text = written.get("document").and_then(crate::text::document);
        let text = text.as_deref();
        let read = match facet.0.as_str() {
            TRUST => return document::element(written),
            ATTACHED => member("policy").map(|arn| attached(arn, text)),
            INLINE => member("name")
                .zip(text)
                .map(|(name, text)| inline(name, text)),
            _ => member("group").map(|name| group(name, policies())),
        };
        read.ok_or_else(|| KindError::Malformed {
            what: format!("an element of {facet}"),
            why: "it doesn't say which policy or group it is".to_owned(),
        })
    }

    fn element_schema(&self, facet: &FacetName) -> Value {
        let text = json!({"description": "The policy's document.", "anyOf": [{"type": "string"}, {"type": "object"}]});
        let (properties, required) = match facet.0.as_str() {
            TRUST => return document::schema(),
            ATTACHED => (
                json!({
                    "policy": {"description": "The managed policy's ARN.", "type": "string"},
                    "document": text,
                }),
                json!(["policy"]),
            ),
            INLINE => (
                json!({
                    "name": {"description": "The inline policy's name.", "type": "string"},
                    "document": text,
                }),
                json!(["name", "document"]),
            ),
            _ => (
                json!({
                    "group": {"description": "The group's name.", "type": "string"},
                    "policies": {
                        "description": "The group's policies, each with its `policy` (ARN) or `name`, and its `document`.",
                        "type": "array",
                        "items": {"type": "object"},
                    },
                }),
                json!(["group"]),
            ),
        };
        json!({
            "type": "object",
            "description": "A policy or a group.",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }

    fn substance(&self, facet: &FacetName, element: &Element) -> Value {
        match facet.0.as_str() {
            TRUST => document::substance(element),
            INLINE => {
                let document = element.get("document").map(document::said);
                json!({"name": element.get("name"), "document": document})
            }
            // What the policy or the group says may change without it.
            ATTACHED => json!({"policy": element.get("policy")}),
            _ => json!({"group": element.get("group")}),
        }
    }

    fn remembered(&self, facet: &FacetName, element: &Element) -> Element {
        match facet.0.as_str() {
            ATTACHED | GROUPS => self.substance(facet, element),
            _ => element.clone(),
        }
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let (sort, name) = Sort::of(resource.id.as_str())
            .ok_or_else(|| KindError::NoWay("it is no user, role or group".to_owned()))?;
        let mut steps = Vec::new();
        for facet in [GROUPS, ATTACHED, INLINE] {
            let facet = FacetName::from(facet);
            for path in self.differences(&facet, from, to) {
                steps.push(step(sort, name, &path, to.get(&path))?);
            }
        }
        let facet = FacetName::from(TRUST);
        let writes = self.differences(&facet, from, to);
        if let (false, Some(wanted)) = (writes.is_empty(), to.facets.get(&facet)) {
            let earlier = to.texts.get(&facet).map(String::as_str);
            let live = from.texts.get(&facet).map(String::as_str);
            let text = document::compose(wanted, earlier, live).ok_or_else(|| {
                KindError::NoWay("a role must trust somebody; contain it by hand".to_owned())
            })?;
            steps.push(Step {
                call: call(
                    "UpdateAssumeRolePolicy",
                    json!({"RoleName": name, "PolicyDocument": text}),
                ),
                writes,
                commutes: false,
            });
        }
        Ok(steps)
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, facet: &FacetName, element: &Element) -> String {
        let member = |name: &str| {
            let text = element.get(name).and_then(Value::as_str).unwrap_or("?");
            text.escape_debug().to_string()
        };
        match facet.0.as_str() {
            TRUST => document::describe(element),
            ATTACHED => format!("attached {}", member("policy")),
            INLINE => format!("inline policy {}", member("name")),
            _ => format!("in the group {}", member("group")),
        }
    }
}

fn call(operation: &str, input: Value) -> Call {
    Call {
        service: "iam".to_owned(),
        operation: operation.to_owned(),
        input,
    }
}

/// The call that makes one element what is wanted, or takes it away.
fn step(
    sort: Sort,
    name: &str,
    path: &ElementPath,
    wanted: Option<&Element>,
) -> Result<Step, KindError> {
    let (word, member, key) = (sort.word(), sort.member(), &path.key);
    let call = match (path.facet.0.as_str(), wanted) {
        (ATTACHED, Some(_)) => call(
            &format!("Attach{word}Policy"),
            json!({member: name, "PolicyArn": key}),
        ),
        (ATTACHED, None) => call(
            &format!("Detach{word}Policy"),
            json!({member: name, "PolicyArn": key}),
        ),
        (INLINE, Some(element)) => call(
            &format!("Put{word}Policy"),
            json!({member: name, "PolicyName": key, "PolicyDocument": element.get("document")}),
        ),
        (INLINE, None) => call(
            &format!("Delete{word}Policy"),
            json!({member: name, "PolicyName": key}),
        ),
        (GROUPS, wanted) if sort == Sort::User => {
            let verb = if wanted.is_some() {
                "AddUserToGroup"
            } else {
                "RemoveUserFromGroup"
            };
            call(verb, json!({"GroupName": key, "UserName": name}))
        }
        _ => return Err(KindError::NoWay(format!("{path} is nothing of it"))),
    };
    Ok(Step {
        // A policy written over another one's text takes that one's place.
        commutes: path.facet.0 != INLINE,
        call,
        writes: vec![path.clone()],
    })
}

const USERS: &str = "arn:${Partition}:iam::${Account}:user/*";
const ROLES: &str = "arn:${Partition}:iam::${Account}:role/*";
const GROUPS_ARN: &str = "arn:${Partition}:iam::${Account}:group/*";
const POLICIES: &str = "arn:${Partition}:iam::${Account}:policy/*";

const RIGHTS: &[Right] = &[
    Right::new("iam:ListUsers", "*", Need::List),
    Right::new("iam:ListRoles", "*", Need::List),
    Right::new("iam:ListGroups", "*", Need::List),
    Right::new("iam:GetRole", ROLES, Need::Read),
    Right::new("iam:ListAttachedRolePolicies", ROLES, Need::Read),
    Right::new("iam:ListRolePolicies", ROLES, Need::Read),
    Right::new("iam:GetRolePolicy", ROLES, Need::Read),
    Right::new("iam:ListAttachedUserPolicies", USERS, Need::Read),
    Right::new("iam:ListUserPolicies", USERS, Need::Read),
    Right::new("iam:GetUserPolicy", USERS, Need::Read),
    Right::new("iam:ListGroupsForUser", USERS, Need::Read),
    Right::new("iam:ListAttachedGroupPolicies", GROUPS_ARN, Need::Read),
    Right::new("iam:ListGroupPolicies", GROUPS_ARN, Need::Read),
    Right::new("iam:GetGroupPolicy", GROUPS_ARN, Need::Read),
    Right::new("iam:GetPolicy", POLICIES, Need::Read),
    Right::new("iam:GetPolicyVersion", POLICIES, Need::Read),
    Right::new("iam:DetachRolePolicy", ROLES, Need::Revert),
    Right::new("iam:DeleteRolePolicy", ROLES, Need::Revert),
    Right::new("iam:PutRolePolicy", ROLES, Need::Revert),
    Right::new("iam:UpdateAssumeRolePolicy", ROLES, Need::Revert),
    Right::new("iam:DetachUserPolicy", USERS, Need::Revert),
    Right::new("iam:DeleteUserPolicy", USERS, Need::Revert),
    Right::new("iam:PutUserPolicy", USERS, Need::Revert),
    Right::new("iam:DetachGroupPolicy", GROUPS_ARN, Need::Revert),
    Right::new("iam:DeleteGroupPolicy", GROUPS_ARN, Need::Revert),
    Right::new("iam:PutGroupPolicy", GROUPS_ARN, Need::Revert),
    Right::new("iam:RemoveUserFromGroup", GROUPS_ARN, Need::Revert),
    Right::new("iam:AttachRolePolicy", ROLES, Need::Undo),
    Right::new("iam:PutRolePolicy", ROLES, Need::Undo),
    Right::new("iam:UpdateAssumeRolePolicy", ROLES, Need::Undo),
    Right::new("iam:AttachUserPolicy", USERS, Need::Undo),
    Right::new("iam:PutUserPolicy", USERS, Need::Undo),
    Right::new("iam:AttachGroupPolicy", GROUPS_ARN, Need::Undo),
    Right::new("iam:PutGroupPolicy", GROUPS_ARN, Need::Undo),
    Right::new("iam:AddUserToGroup", GROUPS_ARN, Need::Undo),
];

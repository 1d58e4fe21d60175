//! What IAM's records show of users, roles and groups.

use undrift_core::change::Change;
use undrift_core::kind::{
    Before, Effect, Element, ElementKey, Facet, FacetName, Image, KindError, Target, Touch,
    Touched, document,
};

use super::{ATTACHED, GROUPS, INLINE, Sort, TRUST, attached, group, inline};
use crate::text::{decoded, lookup, named};

pub(super) const EVENTS: &[&str] = &[
    "AddUserToGroup",
    "AttachGroupPolicy",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "CreateGroup",
    "CreateRole",
    "CreateUser",
    "DeleteGroup",
    "DeleteGroupPolicy",
    "DeleteRole",
    "DeleteRolePolicy",
    "DeleteUser",
    "DeleteUserPolicy",
    "DetachGroupPolicy",
    "DetachRolePolicy",
    "DetachUserPolicy",
    "PutGroupPolicy",
    "PutRolePolicy",
    "PutUserPolicy",
    "RemoveUserFromGroup",
    "UpdateAssumeRolePolicy",
];

pub(super) fn touched(change: &Change) -> Result<Vec<Touched>, KindError> {
    let sort = sort(change.name.as_str()).ok_or_else(|| KindError::NotShown {
        event: change.name.to_string(),
        what: "user, role or group",
    })?;
    let member = format!("{}Name", sort.path());
    let resource = lookup(&format!(
        "{}/{}",
        sort.path(),
        named(change, &member, "name")?
    ))?;
    let effect = effect(change, sort).unwrap_or_else(|e| Effect::Unclear(e.to_string()));
    Ok(vec![Touched { resource, effect }])
}

/// Which of the three a call alters: those about memberships the user, the others whom they name.
pub(super) fn sort(event: &str) -> Option<Sort> {
    match event {
        "AddUserToGroup" | "RemoveUserFromGroup" => Some(Sort::User),
        "UpdateAssumeRolePolicy" => Some(Sort::Role),
        _ => Sort::ALL.into_iter().find(|s| event.contains(s.word())),
    }
}

fn effect(change: &Change, sort: Sort) -> Result<Effect, KindError> {
    let name = change.name.as_str();
    if name == format!("Create{}", sort.word()) {
        return Ok(Effect::Created(created(change, sort)));
    }
    if name == format!("Delete{}", sort.word()) {
        return Ok(Effect::Deleted);
    }
    let one = |facet: &str, (key, element): (ElementKey, Element), made: bool| {
        Effect::Edited(vec![Touch {
            facets: vec![FacetName::from(facet)],
            target: Target::Key(key),
            // All of these succeed where it is so already, and write over what is there.
            before: if made {
                Before::Unknown
            } else {
                Before::Existed
            },
            after: made.then_some(element),
        }])
    };
    match name {
        "UpdateAssumeRolePolicy" => {
            let shown = change.request.get("policyDocument");
            let text = shown.and_then(crate::text::document);
            let statements = trust(&text.unwrap_or_default())?;
            Ok(Effect::Replaced(Image::of([(TRUST, statements)])))
        }
        "AddUserToGroup" | "RemoveUserFromGroup" => {
            let element = group(&named(change, "groupName", "group")?, None);
            Ok(one(GROUPS, element, name.starts_with("Add")))
        }
        _ if name.starts_with("Attach") || name.starts_with("Detach") => {
            let element = attached(&named(change, "policyArn", "policy")?, None);
            Ok(one(ATTACHED, element, name.starts_with("Attach")))
        }
        _ if name.starts_with("Put") => {
            let shown = change.request.get("policyDocument");
            let text = shown.and_then(crate::text::document);
            let text = text.ok_or(KindError::NotShown {
                event: name.to_owned(),
                what: "policy's document",
            })?;
            let element = inline(&named(change, "policyName", "policy")?, &text);
            Ok(one(INLINE, element, true))
        }
        _ => {
            let element = inline(&named(change, "policyName", "policy")?, "");
            Ok(one(INLINE, element, false))
        }
    }
}

/// A new one has no policies and is in no group; a role trusts whom the request names.
fn created(change: &Change, sort: Sort) -> Option<Image> {
    let none = Facet::new;
    let mut image = Image::of([
        (ATTACHED, none()),
        (INLINE, none()),
        (GROUPS, none()),
        (TRUST, none()),
    ]);
    if sort == Sort::Role {
        let shown = change.request.get("assumeRolePolicyDocument");
        let text = shown.and_then(crate::text::document)?;
        let facet = FacetName::from(TRUST);
        image.facets.insert(facet.clone(), trust(&text).ok()?);
        image.texts.insert(facet, decoded(&text));
    }
    Some(image)
}

fn trust(shown: &str) -> Result<Facet, KindError> {
    document::parse(&decoded(shown))
}

//! A bucket's access control list: a grant is an element.

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::written::{items, text};
use undrift_core::kind::{Effect, Element, ElementKey, Facet, Image, KindError};

/// The facet.
pub(crate) const ACL: &str = "acl";

/// Whoever owns the bucket: its id is the same in every list of it.
pub(crate) const OWNER: &str = "owner";
/// S3's own groups (S3 User Guide, "Access control list (ACL) overview").
const GROUPS: [(&str, &str); 3] = [
    (
        "AllUsers",
        "http://acs.amazonaws.com/groups/global/AllUsers",
    ),
    (
        "AuthenticatedUsers",
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    ),
    (
        "LogDelivery",
        "http://acs.amazonaws.com/groups/s3/LogDelivery",
    ),
];
pub(crate) const PERMISSIONS: [&str; 5] =
    ["FULL_CONTROL", "READ", "READ_ACP", "WRITE", "WRITE_ACP"];

/// A grant as an element. `to`: `owner`, a group of S3's by its short name, `id=…` or `email=…`.
pub(crate) fn grant(to: &str, permission: &str) -> (ElementKey, Element) {
    (
        ElementKey(format!("{to} {permission}")),
        json!({"to": to, "permission": permission}),
    )
}

/// The short name of a group.
pub(crate) fn group(uri: &str) -> String {
    let known = GROUPS.iter().find(|(_, known)| *known == uri);
    known.map_or_else(|| format!("uri={uri}"), |(short, _)| (*short).to_owned())
}

/// The URI of a group by its short name.
#[cfg(feature = "aws")]
pub(crate) fn uri(to: &str) -> Option<String> {
    let known = GROUPS.iter().find(|(short, _)| *short == to);
    let known = known.map(|(_, uri)| (*uri).to_owned());
    known.or_else(|| to.strip_prefix("uri=").map(str::to_owned))
}

/// A canned list (S3 User Guide, "Canned ACL").
fn canned(name: &str) -> Option<Facet> {
    let own = grant(OWNER, "FULL_CONTROL");
    let more: &[(&str, &str)] = match name {
        // Those about objects mean nothing more for a bucket.
        "private" | "bucket-owner-read" | "bucket-owner-full-control" => &[],
        "public-read" => &[("AllUsers", "READ")],
        "public-read-write" => &[("AllUsers", "READ"), ("AllUsers", "WRITE")],
        "authenticated-read" => &[("AuthenticatedUsers", "READ")],
        "log-delivery-write" => &[("LogDelivery", "WRITE"), ("LogDelivery", "READ_ACP")],
        _ => return None,
    };
    let more = more.iter().map(|(to, permission)| grant(to, permission));
    Some(std::iter::once(own).chain(more).collect())
}

/// The list that a request sets, in any of the forms that records have; `None`: it sets none.
pub(crate) fn asked(request: &Value) -> Result<Option<Facet>, KindError> {
    let one = |value: &Value| match value {
        Value::Array(all) => all.first().and_then(Value::as_str).map(str::to_owned),
        other => other.as_str().map(str::to_owned),
    };
    let header = ["x-amz-acl", "X-Amz-Acl"]
        .iter()
        .find_map(|n| request.get(n));
    if let Some(name) = header.and_then(one) {
        let canned = canned(&name);
        return canned
            .map(Some)
            .ok_or_else(|| malformed("it names a list that isn't known"));
    }
    if let Some(body) = request.get("AccessControlPolicy") {
        return body_form(body).map(Some);
    }
    let headers = request.get("accessControlList").unwrap_or(request);
    header_form(headers)
}

fn body_form(body: &Value) -> Result<Facet, KindError> {
    let owner = body.pointer("/Owner/ID").and_then(Value::as_str);
    let list = body.pointer("/AccessControlList/Grant");
    let mut facet = Facet::new();
    for one in items(list)? {
        let grantee = one
            .get("Grantee")
            .ok_or_else(|| malformed("a grant names nobody"))?;
        let id = text(grantee, &["ID"]);
        let to = match (
            text(grantee, &["URI"]),
            id,
            text(grantee, &["EmailAddress"]),
        ) {
            (Some(uri), ..) => group(&uri),
            (None, Some(id), _) if Some(id.as_str()) == owner => OWNER.to_owned(),
            (None, Some(id), _) => format!("id={id}"),
            (None, None, Some(email)) => format!("email={email}"),
            _ => return Err(malformed("a grant names nobody")),
        };
        let permission = text(one, &["Permission"]);
        let permission = permission.ok_or_else(|| malformed("a grant grants nothing"))?;
        facet.extend([grant(&to, &permission)]);
    }
    Ok(facet)
}

fn header_form(headers: &Value) -> Result<Option<Facet>, KindError> {
    let mut facet = Facet::new();
    for permission in PERMISSIONS {
        let name = permission.to_ascii_lowercase().replace('_', "-");
        let value = headers.get(format!("x-amz-grant-{name}"));
        let value = match value {
            Some(Value::Array(all)) => all.first().and_then(Value::as_str),
            Some(other) => other.as_str(),
            None => continue,
        };
        let value = value.ok_or_else(|| malformed("a grant is no text"))?;
        for one in value.split(',') {
            let (kind, who) = one
                .split_once('=')
                .ok_or_else(|| malformed("a grant names nobody"))?;
            let who = who.trim().trim_matches('"');
            let to = match kind.trim().to_ascii_lowercase().as_str() {
                "uri" => group(who),
                "id" => format!("id={who}"),
                "emailaddress" => format!("email={who}"),
                _ => return Err(malformed("a grant names nobody")),
            };
            facet.extend([grant(&to, permission)]);
        }
    }
    Ok((!facet.is_empty()).then_some(facet))
}

/// What `PutBucketAcl` did.
pub(crate) fn touched(change: &Change) -> Effect {
    match asked(&change.request) {
        Ok(Some(facet)) => Effect::Replaced(Image::of([(ACL, facet)])),
        Ok(None) => Effect::Unclear("the record shows no list".to_owned()),
        Err(e) => Effect::Unclear(e.to_string()),
    }
}

/// The list that a new bucket has (S3 API Reference, `CreateBucket`).
pub(crate) fn of_new(request: &Value) -> Option<Facet> {
    match asked(request) {
        Ok(Some(facet)) => Some(facet),
        Ok(None) => canned("private"),
        Err(_) => None,
    }
}

pub(crate) fn element(written: &Value) -> Result<(ElementKey, Element), KindError> {
    let member = |name: &str| written.get(name).and_then(Value::as_str);
    match (member("to"), member("permission")) {
        (Some(to), Some(permission)) if PERMISSIONS.contains(&permission) => {
            Ok(grant(to, permission))
        }
        _ => Err(malformed(
            "a grant doesn't say `to` whom and which `permission`",
        )),
    }
}

pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "description": "A grant of the access control list.",
        "properties": {
            "to": {
                "description": "`owner`, `AllUsers`, `AuthenticatedUsers`, `LogDelivery`, or `id=` and a canonical user id.",
                "type": "string",
            },
            "permission": {"description": "What is granted.", "enum": PERMISSIONS},
        },
        "required": ["to", "permission"],
        "additionalProperties": false,
    })
}

pub(crate) fn describe(element: &Element) -> String {
    let member = |name: &str| element.get(name).and_then(Value::as_str).unwrap_or("?");
    let to = match member("to") {
        "AllUsers" => "everybody",
        "AuthenticatedUsers" => "everybody with an AWS account",
        "LogDelivery" => "S3's log delivery",
        other => other,
    };
    format!("{} to {}", member("permission"), to.escape_debug())
}

/// The grants of an image as the API takes them; the owner's grantee is filled in when it is sent.
pub(crate) fn grants(facet: &Facet) -> Value {
    facet.values().cloned().collect()
}

fn malformed(why: &str) -> KindError {
    KindError::Malformed {
        what: "the record's access control list".to_owned(),
        why: why.to_owned(),
    }
}

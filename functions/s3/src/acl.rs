//! A bucket's access control list: a grant is an element.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::written::{items, member, text};
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
    let headers = headers(request)?;
    if let Some(name) = headers.get("x-amz-acl") {
        let canned = canned(name);
        return canned
            .map(Some)
            .ok_or_else(|| malformed("it names a list that isn't known"));
    }
    let body = member(request, "accessControlPolicy").filter(|b| !b.is_null());
    if let Some(body) = body {
        return body_form(body).map(Some);
    }
    header_form(&headers)
}

/// What headers say of the list, beside the request's other members or in a member of their own;
/// in whatever case.
fn headers(request: &Value) -> Result<BTreeMap<String, String>, KindError> {
    let own = member(request, "accessControlList");
    let is_text = |v: &&Value| v.as_str().is_some_and(|t| !t.is_empty());
    if own.is_some_and(|own| own.is_array() || is_text(&own)) {
        return Err(malformed("its list is hidden, or of no known form"));
    }
    let both = [Some(request), own];
    let members = both.into_iter().flatten().filter_map(Value::as_object);
    let mut headers = BTreeMap::new();
    for (name, value) in members.flatten() {
        let name = name.to_ascii_lowercase();
        if name != "x-amz-acl" && !name.starts_with("x-amz-grant-") {
            continue;
        }
        let text = match value {
            Value::Array(all) => all.first().and_then(Value::as_str),
            other => other.as_str(),
        };
        let text = text.ok_or_else(|| malformed("a header of it is no text"))?;
        headers.insert(name, text.to_owned());
    }
    Ok(headers)
}

fn body_form(body: &Value) -> Result<Facet, KindError> {
    let owner = member(body, "owner").and_then(|o| text(o, &["ID", "id"]));
    let list = member(body, "accessControlList");
    let list = list.ok_or_else(|| malformed("it shows no list"))?;
    let grants = match list {
        Value::Object(_) => member(list, "grant").ok_or_else(|| malformed("it shows no grants"))?,
        Value::Array(_) => list,
        Value::String(text) if text.is_empty() => &Value::Null,
        _ => return Err(malformed("it is hidden, or of no known form")),
    };
    let one = [grants.clone()];
    let grants = match grants {
        Value::Object(_) => &one[..],
        other => items(Some(other))?,
    };
    let mut facet = Facet::new();
    for one in grants {
        let grantee = member(one, "grantee").ok_or_else(|| malformed("a grant names nobody"))?;
        let id = text(grantee, &["ID", "id"]);
        let to = match (
            text(grantee, &["URI", "uri"]),
            id,
            text(grantee, &["emailAddress"]),
        ) {
            (Some(uri), ..) => group(&uri),
            (None, Some(id), _) if Some(&id) == owner.as_ref() => OWNER.to_owned(),
            (None, Some(id), _) => format!("id={id}"),
            (None, None, Some(email)) => format!("email={email}"),
            _ => return Err(malformed("a grant names nobody")),
        };
        let permission = text(one, &["permission"]);
        let permission = permission.ok_or_else(|| malformed("a grant grants nothing"))?;
        facet.extend([grant(&to, &permission)]);
    }
    Ok(facet)
}

fn header_form(headers: &BTreeMap<String, String>) -> Result<Option<Facet>, KindError> {
    let mut facet = Facet::new();
    for (name, value) in headers {
        let granted = name.trim_start_matches("x-amz-grant-").replace('-', "_");
        let permission = PERMISSIONS
            .iter()
            .find(|p| p.eq_ignore_ascii_case(&granted))
            .ok_or_else(|| malformed("it grants something that isn't known"))?;
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

/// A list shows its owner as such, and whoever was named by a mail address by an id.
pub(crate) fn may_be(made: &Element, standing: &Element) -> bool {
    let member = |of: &Element, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let to = |of: &Element| member(of, "to").unwrap_or_default();
    let named = to(made).starts_with("email=")
        && (to(standing) == OWNER || to(standing).starts_with("id="))
        || to(made).starts_with("id=") && to(standing) == OWNER;
    named && member(made, "permission") == member(standing, "permission")
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every form that records have been seen in, or that the API has; what can't be read is never
    /// taken for a list.
    #[test]
    fn lists_are_read_in_every_form_or_not_at_all() {
        let everybody = "http://acs.amazonaws.com/groups/global/AllUsers";
        let one = json!({"Grantee": {"URI": everybody}, "Permission": "READ"});
        let lower = json!({"grantee": {"uri": everybody}, "permission": "READ"});
        let uri = format!("uri=\"{everybody}\"");
        let public = Some(Some(1));
        for (request, grants) in [
            (json!({"bucketName": "b"}), Some(None)),
            (json!({"acl": "", "x-amz-acl": "private"}), Some(Some(1))),
            (json!({"x-amz-acl": ["public-read"]}), Some(Some(2))),
            (json!({"X-Amz-Acl": "public-read"}), Some(Some(2))),
            (
                json!({"accessControlList": {"x-amz-acl": "public-read"}}),
                Some(Some(2)),
            ),
            (json!({"x-amz-acl": "public"}), None),
            (json!({"x-amz-grant-read": uri}), public),
            (json!({"X-Amz-Grant-Read": [uri]}), public),
            (
                json!({"accessControlList": {"x-amz-grant-read": uri}}),
                public,
            ),
            (json!({"x-amz-grant-everything": uri}), None),
            (json!({"x-amz-grant-read": "everybody"}), None),
            (
                json!({"AccessControlPolicy": {"AccessControlList": {"Grant": one}}}),
                public,
            ),
            (
                json!({"AccessControlPolicy": {"AccessControlList": {"Grant": [one]}}}),
                public,
            ),
            (
                json!({"AccessControlPolicy": {"AccessControlList": [one]}}),
                public,
            ),
            (
                json!({"accessControlPolicy": {"accessControlList": {"grant": [lower]}}}),
                public,
            ),
            (
                json!({"AccessControlPolicy": {"AccessControlList": ""}}),
                Some(Some(0)),
            ),
            (
                json!({"AccessControlPolicy": {"AccessControlList": {"Grants": [one]}}}),
                None,
            ),
            (json!({"AccessControlPolicy": {}}), None),
            (
                json!({"AccessControlPolicy": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
                None,
            ),
            (
                json!({"accessControlList": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
                None,
            ),
            (
                json!({"AccessControlPolicy": {"AccessControlList": {"Grant": [{"Permission": "READ"}]}}}),
                None,
            ),
        ] {
            let read = asked(&request).ok();
            assert_eq!(read.map(|r| r.map(|f| f.len())), grants, "{request}");
        }
        assert_eq!(of_new(&json!({})), canned("private"));
        assert_eq!(of_new(&json!({"accessControlList": "HIDDEN"})), None);
    }

    #[test]
    fn a_list_may_show_others_than_were_named() {
        let of = |to: &str, permission: &str| grant(to, permission).1;
        let owner = of(OWNER, "FULL_CONTROL");
        assert!(may_be(&of("id=1", "FULL_CONTROL"), &owner));
        assert!(may_be(
            &of("email=a@b", "FULL_CONTROL"),
            &of("id=1", "FULL_CONTROL")
        ));
        assert!(!may_be(&of("id=1", "READ"), &owner));
        assert!(!may_be(&of("id=1", "READ"), &of("id=2", "READ")));
        assert!(!may_be(&of("AllUsers", "READ"), &of(OWNER, "READ")));
    }
}

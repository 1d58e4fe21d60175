//! Names and documents as IAM's records and answers write them.

use serde_json::Value;
use undrift_core::change::Change;
use undrift_core::kind::written::text;
use undrift_core::kind::{KindError, Lookup};
use undrift_core::name::ResourceId;

/// The text of a document: plain in requests, percent-encoded in IAM's answers (IAM API Reference,
/// `GetRolePolicy`). A document that was parsed is written out again.
pub(crate) fn document(shown: &Value) -> Option<String> {
    match shown {
        Value::String(text) => Some(decoded(text)),
        Value::Object(_) => Some(shown.to_string()),
        _ => None,
    }
}

/// A text, decoded where it is percent-encoded JSON.
pub(crate) fn decoded(text: &str) -> String {
    undrift_core::iam::decoded(text).into_owned()
}

/// A member of a request that names something.
pub(crate) fn named(
    change: &Change,
    member: &str,
    what: &'static str,
) -> Result<String, KindError> {
    text(&change.request, &[member]).ok_or_else(|| KindError::NotShown {
        event: change.name.to_string(),
        what,
    })
}

pub(crate) fn lookup(id: &str) -> Result<Lookup, KindError> {
    let id = ResourceId::parse(id).map_err(|e| KindError::Malformed {
        what: "the resource's name".to_owned(),
        why: e.to_string(),
    })?;
    Ok(Lookup::Id(id))
}

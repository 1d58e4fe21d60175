//! The four switches of Block Public Access, of a bucket or of an account.

use serde_json::{Map, Value, json};
use undrift_core::change::Change;
use undrift_core::kind::written::flag;
use undrift_core::kind::{
    Effect, Element, ElementKey, ElementPath, Facet, FacetName, Image, KindError,
};

/// The facet.
pub(crate) const BLOCK: &str = "public_access_block";

/// The switches, as the API names them.
pub(crate) const SWITCHES: [&str; 4] = [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
];

/// The facet, of switches as they are set. Without a configuration all are off (S3 API Reference,
/// `GetPublicAccessBlock`).
pub(crate) fn facet(is_on: impl Fn(&str) -> bool) -> Facet {
    SWITCHES
        .iter()
        .map(|name| switch(name, is_on(name)))
        .collect()
}

fn switch(name: &str, on: bool) -> (ElementKey, Element) {
    (
        ElementKey(name.to_owned()),
        json!({"switch": name, "on": on}),
    )
}

/// A switch of an image is on.
pub(crate) fn is_on(image: &Image, name: &str) -> Option<bool> {
    let path = ElementPath {
        facet: FacetName::from(BLOCK),
        key: ElementKey(name.to_owned()),
    };
    image.get(&path)?.get("on")?.as_bool()
}

/// What a call did to the switches.
pub(crate) fn touched(change: &Change) -> Effect {
    if change.name.as_str().starts_with("Delete") {
        return Effect::Replaced(Image::of([(BLOCK, facet(|_| false))]));
    }
    let set = change.request.get("PublicAccessBlockConfiguration");
    let Some(set) = set.and_then(Value::as_object) else {
        return Effect::Unclear("the record doesn't show the switches".to_owned());
    };
    // A missing one is off.
    let value = |name: &str| set.get(name).map_or(Some(false), flag);
    if SWITCHES.iter().any(|name| value(name).is_none()) {
        return Effect::Unclear("a switch is neither on nor off in the record".to_owned());
    }
    Effect::Replaced(Image::of([(BLOCK, facet(|n| value(n) == Some(true)))]))
}

pub(crate) fn element(written: &Value) -> Result<(ElementKey, Element), KindError> {
    let name = written.get("switch").and_then(Value::as_str);
    let name = name.filter(|n| SWITCHES.contains(n));
    match (name, written.get("on").and_then(Value::as_bool)) {
        (Some(name), Some(on)) => Ok(switch(name, on)),
        _ => Err(KindError::Malformed {
            what: "a switch of Block Public Access".to_owned(),
            why: "it names none, or doesn't say whether it is `on`".to_owned(),
        }),
    }
}

pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "description": "A switch of Block Public Access.",
        "properties": {
            "switch": {"description": "Its name in the API.", "enum": SWITCHES},
            "on": {"description": "It is on.", "type": "boolean"},
        },
        "required": ["switch", "on"],
        "additionalProperties": false,
    })
}

pub(crate) fn describe(element: &Element) -> String {
    let name = element.get("switch").and_then(Value::as_str).unwrap_or("?");
    match element.get("on").and_then(Value::as_bool) {
        Some(true) => format!("{name} on"),
        _ => format!("{name} off"),
    }
}

/// The configuration that a call sets so that an image comes about, and the switches it alters;
/// `None` where they stand so already.
pub(crate) fn change(from: &Image, to: &Image) -> Option<(Value, Vec<ElementPath>)> {
    let facet = FacetName::from(BLOCK);
    to.facets.get(&facet)?;
    let mut configuration = Map::new();
    let mut writes = Vec::new();
    for name in SWITCHES {
        let wanted = is_on(to, name).unwrap_or(false);
        configuration.insert(name.to_owned(), json!(wanted));
        if is_on(from, name) != Some(wanted) {
            writes.push(ElementPath {
                facet: facet.clone(),
                key: ElementKey(name.to_owned()),
            });
        }
    }
    (!writes.is_empty()).then_some((Value::Object(configuration), writes))
}

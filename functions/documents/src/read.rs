//! From a text to a document: YAML, then its structure, then its types. Whatever is wrong is said
//! with its place.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Fault, Place};
use crate::schema::Format;
use crate::shape::{self, Part, Wrong};
use crate::yaml::{self, Node, Step};

/// A document, where its nodes stand, and what is wrong with its structure although it could be
/// read.
pub(crate) type Read<T> = (T, Node, Vec<Fault>);

/// Reads a document.
pub(crate) fn document<T: DeserializeOwned>(
    text: &str,
    format: Format,
) -> Result<Read<T>, Vec<Fault>> {
    let one = |fault| vec![fault];
    let value = yaml::read::<Option<Value>>(text).map_err(one)?;
    let value = match (value, format) {
        // A file of comments only is a fine file: everything has a default.
        (None, Format::Settings) => Value::Object(serde_json::Map::new()),
        (None, Format::Exemptions) => Value::Array(Vec::new()),
        (None, Format::Policy) => {
            return Err(one(Fault::new(
                Some(beginning(text)),
                "it holds nothing; `undrift init` writes a policy to begin with",
            )));
        }
        (Some(value), _) => value,
    };
    let places = yaml::places(text).map_err(one)?;
    let wrong = shape::check(format.structure(), &value);
    let faults: Vec<Fault> = wrong.iter().map(|w| fault(w, &[], &places, text)).collect();
    let read = match value {
        // The reader of texts refuses one that holds nothing.
        Value::Object(o) if o.is_empty() => serde_json::from_str("{}").ok(),
        Value::Array(a) if a.is_empty() => serde_json::from_str("[]").ok(),
        _ => None,
    };
    match read.map_or_else(|| yaml::read::<T>(text), Ok) {
        Ok(read) => Ok((read, places, faults)),
        Err(fault) if faults.is_empty() => Err(one(fault)),
        // It is the first of them again.
        Err(_) => Err(faults),
    }
}

/// Both, without what is said of one place twice.
pub(crate) fn together(structure: Vec<Fault>, content: Vec<Fault>) -> Vec<Fault> {
    let mut all = structure;
    for fault in content {
        if !all.iter().any(|f| f.at.is_some() && f.at == fault.at) {
            all.push(fault);
        }
    }
    all
}

/// What is wrong with the structure of a value that stands at `way`, as a fault of its document.
pub(crate) fn fault(wrong: &Wrong, way: &[Step<'_>], places: &Node, text: &str) -> Fault {
    let mut whole = way.to_vec();
    whole.extend(wrong.way());
    let at = match wrong.part {
        Part::Key => places.key(&whole),
        Part::Value => places.value(&whole),
        Part::Start => places.start(&whole),
    };
    Fault::new(at.or_else(|| Some(beginning(text))), &wrong.message)
}

/// Where a text begins, comments and blank lines left out.
pub(crate) fn beginning(text: &str) -> Place {
    let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let line = text.lines().position(says).unwrap_or_default();
    Place {
        line: line + 1,
        column: 1,
        length: 1,
    }
}

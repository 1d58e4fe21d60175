//! A resource's state as named facets of keyed elements.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A facet's name: `ingress`, `policy`, `public_access_block`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct FacetName(pub String);

impl From<&str> for FacetName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for FacetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells an element from its neighbours in a facet: AWS's id of it, or its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ElementKey(pub String);

impl fmt::Display for ElementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an element stands in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ElementPath {
    /// The facet.
    pub facet: FacetName,
    /// The key in it.
    pub key: ElementKey,
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.facet, self.key)
    }
}

/// One member of a facet: this rule, this statement, this flag. An object in JSON.
pub type Element = Value;

/// The members of one facet.
pub type Facet = BTreeMap<ElementKey, Element>;

/// A resource as it is, was, or should be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Its facets. A facet that is not listed is unknown; an empty one is known to be empty.
    pub facets: BTreeMap<FacetName, Facet>,
    /// The text, word for word, of facets that are documents, where a read showed it: what is put
    /// back whole is put back as somebody wrote it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<FacetName, String>,
}

impl Image {
    /// An image of whole facets.
    #[must_use]
    pub fn of<'f>(facets: impl IntoIterator<Item = (&'f str, Facet)>) -> Self {
        let facets = facets.into_iter();
        Self {
            facets: facets.map(|(name, f)| (FacetName::from(name), f)).collect(),
            texts: BTreeMap::new(),
        }
    }

    /// The element at a place.
    #[must_use]
    pub fn get(&self, path: &ElementPath) -> Option<&Element> {
        self.facets.get(&path.facet)?.get(&path.key)
    }

    /// Puts an element, or takes it away with `None`.
    pub fn set(&mut self, path: &ElementPath, element: Option<Element>) {
        // It says what stood there until now.
        self.texts.remove(&path.facet);
        let facet = self.facets.entry(path.facet.clone()).or_default();
        match element {
            Some(e) => {
                facet.insert(path.key.clone(), e);
            }
            None => {
                facet.remove(&path.key);
            }
        }
    }

    /// Replaces whole facets by another image's; its other facets stay.
    pub fn replace(&mut self, by: &Self) {
        for (facet, elements) in &by.facets {
            self.facets.insert(facet.clone(), elements.clone());
            match by.texts.get(facet) {
                Some(text) => self.texts.insert(facet.clone(), text.clone()),
                None => self.texts.remove(facet),
            };
        }
    }

    /// Every element with its place, facet by facet.
    pub fn elements(&self) -> impl Iterator<Item = (ElementPath, &Element)> {
        self.facets.iter().flat_map(|(facet, elements)| {
            elements.iter().map(|(key, e)| {
                (
                    ElementPath {
                        facet: facet.clone(),
                        key: key.clone(),
                    },
                    e,
                )
            })
        })
    }
}

/// An element in one line, members in order, without anything that breaks a line.
/// A kind's own `describe` says it better; this serves where no kind is at hand.
#[must_use]
pub fn one_line(element: &Element) -> String {
    let plain = |v: &Value| match v {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    let text = match element {
        Value::Object(members) => members
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| format!("{k} {}", plain(v)))
            .collect::<Vec<_>>()
            .join(", "),
        other => plain(other),
    };
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

//! Items and attributes as data, in the JSON form that a table's stream has
//! (DynamoDB API Reference, `AttributeValue`; binaries in base64).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::keys::{Key, PK, SK};

/// One attribute's value: the types this table uses, and what stands for all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attribute {
    /// Text.
    S(String),
    /// A number, as `DynamoDB` writes it.
    N(String),
    /// Bytes.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    B(Vec<u8>),
    /// A set of texts, never empty.
    #[serde(rename = "SS")]
    Texts(BTreeSet<String>),
    /// A truth value.
    #[serde(rename = "BOOL")]
    Bool(bool),
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

/// An item: its attributes by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub BTreeMap<String, Attribute>);

/// An item that doesn't hold what its kind of item should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// An attribute is missing or of another type.
    #[error("the item {pk}/{sk} has no `{attribute}` of the right type")]
    Attribute {
        /// The partition.
        pk: String,
        /// The place.
        sk: String,
        /// The attribute's name.
        attribute: &'static str,
    },
    /// The body can't be read.
    #[error("the body of the item {pk}/{sk} can't be read: {why}")]
    Body {
        /// The partition.
        pk: String,
        /// The place.
        sk: String,
        /// Why.
        why: String,
    },
    /// The body is too large to be kept in an item (DynamoDB's limit is 400 KB for all of it).
    #[error("{what} has {bytes} bytes compressed; an item of the table takes {limit}")]
    TooLarge {
        /// What was to be kept.
        what: String,
        /// Its size, compressed.
        bytes: usize,
        /// The most that is kept.
        limit: usize,
    },
    /// It can't be written as JSON.
    #[error("{what} can't be written as JSON: {why}")]
    Json {
        /// What was to be kept.
        what: String,
        /// Why.
        why: String,
    },
}

impl Item {
    /// An item with its key and what it is (`entity`).
    #[must_use]
    pub fn new(key: &Key, entity: &str) -> Self {
        Self::default()
            .text(PK, &key.pk)
            .text(SK, &key.sk)
            .text("entity", entity)
    }

    /// With a text, which must not be empty.
    #[must_use]
    pub fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), Attribute::S(value.into()));
        self
    }

    /// With a number.
    #[must_use]
    pub fn number(mut self, name: &str, value: impl Into<i128>) -> Self {
        self.0
            .insert(name.to_owned(), Attribute::N(value.into().to_string()));
        self
    }

    /// With bytes.
    #[must_use]
    pub fn bytes(mut self, name: &str, value: Vec<u8>) -> Self {
        self.0.insert(name.to_owned(), Attribute::B(value));
        self
    }

    /// With a set of texts; an empty one is left out, since `DynamoDB` knows none.
    #[must_use]
    pub fn texts(mut self, name: &str, values: BTreeSet<String>) -> Self {
        if !values.is_empty() {
            self.0.insert(name.to_owned(), Attribute::Texts(values));
        }
        self
    }

    /// A text.
    #[must_use]
    pub fn get_text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Attribute::S(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number that fits.
    #[must_use]
    pub fn get_number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        match self.0.get(name) {
            Some(Attribute::N(number)) => number.parse().ok(),
            _ => None,
        }
    }

    /// Bytes, or the error that they are missing.
    pub fn get_bytes(&self, name: &'static str) -> Result<&[u8], ItemError> {
        match self.0.get(name) {
            Some(Attribute::B(bytes)) => Ok(bytes),
            _ => Err(ItemError::Attribute {
                pk: self.pk(),
                sk: self.sk(),
                attribute: name,
            }),
        }
    }

    /// The partition, for errors: empty where there is none.
    #[must_use]
    pub fn pk(&self) -> String {
        self.get_text(PK).unwrap_or_default().to_owned()
    }

    /// The place in the partition.
    #[must_use]
    pub fn sk(&self) -> String {
        self.get_text(SK).unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_have_the_streams_form() {
        let item = Item::default()
            .text("pk", "p")
            .number("n", 7)
            .bytes("body", vec![0, 255])
            .texts("set", BTreeSet::from(["a".to_owned()]))
            .texts("none", BTreeSet::new());
        let written = serde_json::to_value(&item).unwrap();
        assert_eq!(
            written,
            json!({"pk": {"S": "p"}, "n": {"N": "7"}, "body": {"B": "AP8="}, "set": {"SS": ["a"]}})
        );
        assert_eq!(serde_json::from_value::<Item>(written).unwrap(), item);
        assert!(serde_json::from_value::<Item>(json!({"pk": {"B": "no base64!"}})).is_err());
    }
}

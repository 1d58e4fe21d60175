//! A table's stream as Lambda hands it over (Lambda Developer Guide, "Using Lambda with Amazon
//! DynamoDB"; the stream's view type is `NEW_IMAGE`).

use serde::Deserialize;
use undrift_aws::journal::attribute::Item;
use undrift_aws::journal::items::{is_record, read_record};
use undrift_core::record::Record;

/// A batch of a stream's records, in their order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Batch {
    /// What happened to items.
    #[serde(rename = "Records")]
    pub entries: Vec<Entry>,
}

/// One thing that happened to an item.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `INSERT`, `MODIFY` or `REMOVE`.
    pub event_name: String,
    /// The item.
    pub dynamodb: Change,
}

/// The item that something happened to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// Its place in the stream: what a failed entry is named by.
    pub sequence_number: String,
    /// The item as it is now, as JSON: an item of another sort must not fail its neighbours.
    #[serde(default)]
    pub new_image: serde_json::Value,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// A revision was written.
    Record(Box<Record>),
    /// Nothing that people are told of.
    Other,
    /// A revision that can't be read: it never will be.
    Unreadable(String),
}

impl Entry {
    /// Reads the entry.
    #[must_use]
    pub fn read(&self) -> Seen {
        if self.event_name != "INSERT" {
            return Seen::Other;
        }
        // Only the items that hold records need be of a form we know.
        let entity = self.dynamodb.new_image.pointer("/entity/S");
        if entity.and_then(serde_json::Value::as_str) != Some("record") {
            return Seen::Other;
        }
        let item: Item = match serde_json::from_value(self.dynamodb.new_image.clone()) {
            Ok(item) => item,
            Err(e) => return Seen::Unreadable(e.to_string()),
        };
        if !is_record(&item) {
            return Seen::Other;
        }
        match read_record(&item) {
            Ok(record) => Seen::Record(Box::new(record)),
            Err(e) => Seen::Unreadable(e.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tell::testing::{entry, record};
    use serde_json::json;

    #[test]
    fn only_new_revisions_are_records() {
        let written = entry("1", &record("e-1", 1));
        let read =
            |value: serde_json::Value| serde_json::from_value::<Entry>(value).unwrap().read();
        assert_eq!(
            read(written.clone()),
            Seen::Record(Box::new(record("e-1", 1)))
        );
        let with = |pointer: &str, value: serde_json::Value| {
            let mut entry = written.clone();
            *entry.pointer_mut(pointer).unwrap() = value;
            entry
        };
        assert_eq!(read(with("/eventName", json!("MODIFY"))), Seen::Other);
        assert_eq!(read(with("/eventName", json!("REMOVE"))), Seen::Other);
        assert_eq!(
            read(with("/dynamodb/NewImage/entity/S", json!("claim"))),
            Seen::Other
        );
        // An item with types this table doesn't use.
        assert_eq!(
            read(with("/dynamodb/NewImage", json!({"pk": {"L": []}}))),
            Seen::Other
        );
        for broken in [json!({"B": "AAAA"}), json!({"S": "x"}), json!({"B": "%"})] {
            assert!(matches!(
                read(with("/dynamodb/NewImage/body", broken)),
                Seen::Unreadable(_)
            ));
        }
    }
}

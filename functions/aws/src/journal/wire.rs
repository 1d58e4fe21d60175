//! Between our items and the SDK's.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute::{Attribute, Item};
use super::keys::{Key, PK, SK};

/// An item as the SDK has it.
pub(super) type SdkItem = HashMap<String, AttributeValue>;

pub(super) fn out(item: Item) -> SdkItem {
    item.0
        .into_iter()
        .map(|(name, attribute)| (name, value(attribute)))
        .collect()
}

pub(super) fn value(attribute: Attribute) -> AttributeValue {
    match attribute {
        Attribute::S(text) => AttributeValue::S(text),
        Attribute::N(number) => AttributeValue::N(number),
        Attribute::B(bytes) => AttributeValue::B(Blob::new(bytes)),
        Attribute::Texts(texts) => AttributeValue::Ss(texts.into_iter().collect()),
        Attribute::Bool(truth) => AttributeValue::Bool(truth),
    }
}

/// An item of the SDK's. Attributes of types this table doesn't use are left out.
pub(super) fn back(item: SdkItem) -> Item {
    Item(
        item.into_iter()
            .filter_map(|(name, value)| {
                let attribute = match value {
                    AttributeValue::S(text) => Attribute::S(text),
                    AttributeValue::N(number) => Attribute::N(number),
                    AttributeValue::B(bytes) => Attribute::B(bytes.into_inner()),
                    AttributeValue::Ss(texts) => Attribute::Texts(texts.into_iter().collect()),
                    AttributeValue::Bool(truth) => Attribute::Bool(truth),
                    _ => return None,
                };
                Some((name, attribute))
            })
            .collect(),
    )
}

/// A key as the SDK has it.
pub(super) fn key(key: &Key) -> SdkItem {
    HashMap::from([
        (PK.to_owned(), text(&key.pk)),
        (SK.to_owned(), text(&key.sk)),
    ])
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

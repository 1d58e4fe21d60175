//! The large part of an item: JSON, compressed.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attribute::{Item, ItemError};

/// The attribute that holds it.
pub const BODY: &str = "body";

/// The most that a body may have, compressed. DynamoDB's limit of 400 KB is for the whole item;
/// larger images are to go to S3.
pub const LARGEST: usize = 300 * 1024;

/// The most that a body may have when it is expanded: bounds memory whatever an item holds.
const LARGEST_EXPANDED: u64 = 64 * 1024 * 1024;

/// Compresses a value's JSON. `what` names it in errors.
pub fn pack<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, ItemError> {
    let unwritable = |why: String| ItemError::Json {
        what: what.to_owned(),
        why,
    };
    let json = serde_json::to_vec(value).map_err(|e| unwritable(e.to_string()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder
        .write_all(&json)
        .and_then(|()| encoder.finish())
        .map_err(|e| unwritable(e.to_string()))?;
    if packed.len() > LARGEST {
        return Err(ItemError::TooLarge {
            what: what.to_owned(),
            bytes: packed.len(),
            limit: LARGEST,
        });
    }
    Ok(packed)
}

/// Reads an item's body.
pub fn unpack<T: DeserializeOwned>(item: &Item) -> Result<T, ItemError> {
    let unreadable = |why: String| ItemError::Body {
        pk: item.pk(),
        sk: item.sk(),
        why,
    };
    let mut json = Vec::new();
    GzDecoder::new(item.get_bytes(BODY)?)
        .take(LARGEST_EXPANDED + 1)
        .read_to_end(&mut json)
        .map_err(|e| unreadable(e.to_string()))?;
    if u64::try_from(json.len()).is_ok_and(|n| n > LARGEST_EXPANDED) {
        return Err(unreadable(format!(
            "it has more than {LARGEST_EXPANDED} bytes"
        )));
    }
    serde_json::from_slice(&json).map_err(|e| unreadable(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn item(bytes: Vec<u8>) -> Item {
        Item::default().bytes(BODY, bytes)
    }

    #[test]
    fn a_body_comes_back_smaller_and_the_same() {
        let value = json!({"rules": vec!["tcp/22 from 0.0.0.0/0"; 1000]});
        let packed = pack("v", &value).unwrap();
        assert!(packed.len() < 1000);
        assert_eq!(unpack::<Value>(&item(packed)).unwrap(), value);
    }

    #[test]
    fn what_is_too_large_or_broken_is_an_error() {
        // Random hexadecimal hardly compresses.
        let noise: String = (0..40_000).map(|_| crate::clock::nonce()).collect();
        assert!(matches!(
            pack("the image", &noise),
            Err(ItemError::TooLarge { .. })
        ));
        assert!(unpack::<Value>(&Item::default()).is_err());
        assert!(unpack::<Value>(&item(vec![])).is_err());
        assert!(unpack::<Value>(&item(b"{}".to_vec())).is_err());
        let mut cut = pack("v", &json!({"a": 1})).unwrap();
        cut.pop();
        assert!(unpack::<Value>(&item(cut)).is_err());
        // A bomb: 100 MB of blanks in 100 KB.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..100 {
            encoder.write_all(&vec![b' '; 1024 * 1024]).unwrap();
        }
        assert!(unpack::<Value>(&item(encoder.finish().unwrap())).is_err());
    }
}

//! What is kept, as items and back. Beside the compressed body each item has plain attributes
//! that people search and streams filter by.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use undrift_core::judge::Verdict;
use undrift_core::kind::ResourceRef;
use undrift_core::observe::DatedImage;
use undrift_core::policy::Exemption;
use undrift_core::record::{Cause, Record};
use undrift_engine::port::{Claim, Observed};

use super::attribute::{Attribute, Item, ItemError};
use super::body::{BODY, pack, unpack};
use super::keys::{Key, LEASE, OPEN, Part, of_resource, of_revision, shard_of};

/// The attribute by which DynamoDB's TTL takes items away, in seconds since 1970.
pub const TTL: &str = "ttl";

/// How long a record's revisions are kept in the table.
pub const RECORD_LIFE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The `entity` of a record's revision.
pub const RECORD: &str = "record";

/// What attributes of exemptions are named by: this and the exemption's id.
pub const EXEMPTION: &str = "exemption#";

/// An enum's word in JSON.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn about(item: Item, resource: &ResourceRef) -> Item {
    item.text("account", resource.account.as_str())
        .text("region", resource.region.as_str())
        .text("kind", resource.kind.as_str())
        .text("resource", resource.id.as_str())
}

/// A revision as an item, written `now`.
pub fn record_item(record: &Record, now: Timestamp) -> Result<Item, ItemError> {
    let what = format!("revision {} of the record {}", record.revision, record.key);
    let policies: BTreeSet<String> = record
        .assessments
        .iter()
        .filter(|a| a.verdict == Verdict::Violated)
        .map(|a| a.policy.to_string())
        .collect();
    let actor = match &record.cause {
        Cause::Change(change) => change.actor.key().to_owned(),
        Cause::Undo { by, .. } | Cause::Approval { by, .. } => by.clone(),
        Cause::Sweep { .. } => String::new(),
    };
    let end = now.saturating_add(RECORD_LIFE).unwrap_or(now).as_second();
    let key = of_revision(&record.key, record.revision);
    let mut item = about(Item::new(&key, RECORD), &record.key.resource)
        .text("event", record.key.event.as_str())
        .number("revision", record.revision)
        .text("outcome", word(&record.outcome.kind))
        .text("written", now.to_string())
        .texts("policies", policies)
        .number(TTL, end)
        .bytes(BODY, pack(&what, record)?);
    if !actor.is_empty() {
        item = item.text("actor", actor);
    }
    if let Some(happened) = record.happened() {
        item = item.text("event_time", happened.to_string());
    }
    if let Some(severity) = record.severity() {
        item = item.text("severity", word(&severity));
    }
    Ok(item)
}

/// The item is a record's revision.
#[must_use]
pub fn is_record(item: &Item) -> bool {
    item.get_text("entity") == Some(RECORD)
}

/// Reads a revision.
pub fn read_record(item: &Item) -> Result<Record, ItemError> {
    unpack(item)
}

/// A claim as an item. `epoch`, `nonce` and `lease` (milliseconds since 1970, rounded up) stand
/// beside the body for the conditions of writes; without a nonce it is free. `open` puts a held one
/// into the index of what is open.
pub fn claim_item(claim: &Claim) -> Result<Item, ItemError> {
    let key = of_resource(&claim.resource, Part::Claim);
    let what = format!("the claim on {}", claim.resource);
    let item = about(Item::new(&key, Part::Claim.word()), &claim.resource)
        .number("epoch", claim.epoch)
        .bytes(BODY, pack(&what, claim)?);
    Ok(match &claim.held {
        Some(held) => item
            .text("nonce", &held.nonce)
            .text(OPEN, shard_of(&key))
            .number(LEASE, lease_end(held.lease)),
        None => item,
    })
}

/// A lease's end in whole milliseconds, never too early.
#[must_use]
pub fn lease_end(lease: Timestamp) -> i64 {
    let down = lease.as_millisecond();
    match Timestamp::from_millisecond(down) {
        Ok(floor) if floor < lease => down + 1,
        _ => down,
    }
}

/// Reads a claim.
pub fn read_claim(item: &Item) -> Result<Claim, ItemError> {
    unpack(item)
}

/// What is remembered of a resource as an item, with its version.
pub fn observed_item(resource: &ResourceRef, observed: &Observed) -> Result<Item, ItemError> {
    let key = of_resource(resource, Part::Observed);
    let what = format!("what is remembered of {resource}");
    Ok(about(Item::new(&key, Part::Observed.word()), resource)
        .number("version", observed.version)
        .bytes(BODY, pack(&what, observed)?))
}

/// Reads what is remembered.
pub fn read_observed(item: &Item) -> Result<Observed, ItemError> {
    unpack(item)
}

/// A baseline as an item.
pub fn baseline_item(resource: &ResourceRef, image: &DatedImage) -> Result<Item, ItemError> {
    let key = of_resource(resource, Part::Baseline);
    let what = format!("the baseline of {resource}");
    Ok(about(Item::new(&key, Part::Baseline.word()), resource)
        .number("as_of", image.as_of.as_millisecond())
        .bytes(BODY, pack(&what, image)?))
}

/// Reads a baseline.
pub fn read_baseline(item: &Item) -> Result<DatedImage, ItemError> {
    unpack(item)
}

/// An exemption as an attribute of an exemptions item: by its id, so that writing it twice is
/// writing it once.
pub fn exemption_attribute(exemption: &Exemption) -> Result<(String, Attribute), ItemError> {
    let json = serde_json::to_string(exemption).map_err(|e| ItemError::Json {
        what: format!("the exemption {}", exemption.id),
        why: e.to_string(),
    })?;
    Ok((format!("{EXEMPTION}{}", exemption.id), Attribute::S(json)))
}

/// Reads an exemptions item, exemptions that are over included.
pub fn read_exemptions(item: &Item) -> Result<Vec<Exemption>, ItemError> {
    item.0
        .iter()
        .filter(|(name, _)| name.starts_with(EXEMPTION))
        .map(|(name, attribute)| {
            let unreadable = |why: String| ItemError::Body {
                pk: item.pk(),
                sk: format!("{}/{name}", item.sk()),
                why,
            };
            match attribute {
                Attribute::S(json) => {
                    serde_json::from_str(json).map_err(|e| unreadable(e.to_string()))
                }
                _ => Err(unreadable("it is no text".to_owned())),
            }
        })
        .collect()
}

/// The partition and place of an item's key.
#[must_use]
pub fn key_of(item: &Item) -> Key {
    Key {
        pk: item.pk(),
        sk: item.sk(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn at(t: &str) -> Timestamp {
        t.parse().unwrap()
    }

    /// To a stream's JSON and back.
    fn through_json(item: &Item) -> Item {
        serde_json::from_str(&serde_json::to_string(item).unwrap()).unwrap()
    }

    #[test]
    fn a_record_comes_back_and_shows_what_it_is_filtered_by() {
        let record = testing::record("e-1", 3);
        let item = through_json(&record_item(&record, at("2026-01-24T03:46:00Z")).unwrap());
        assert!(is_record(&item));
        assert_eq!(read_record(&item).unwrap(), record);
        for (name, value) in [
            ("entity", "record"),
            ("event", "e-1"),
            ("event_time", "2026-01-24T03:45:49Z"),
            ("resource", "sg-1"),
            ("kind", "ec2/security-group"),
            ("account", "123456789012"),
            ("region", "eu-central-1"),
            ("outcome", "reverted"),
            ("severity", "critical"),
            ("actor", "arn:aws:iam::123456789012:role/Dev"),
            ("sk", "r0000000003"),
        ] {
            assert_eq!(item.get_text(name), Some(value), "{name}");
        }
        assert_eq!(item.get_number("revision"), Some(3));
        assert_eq!(
            item.0.get("policies"),
            Some(&Attribute::Texts(BTreeSet::from([
                "ec2-security-group-open-admin-ports".to_owned()
            ])))
        );
        let days = (item.get_number::<i64>(TTL).unwrap() - at("2026-01-24T03:46:00Z").as_second())
            / 86_400;
        assert_eq!(days, 400);
    }

    #[test]
    fn claims_and_images_come_back() {
        let claim = testing::claim(7, Some("n-1"), at("2026-01-24T03:46:00.0001Z"));
        let item = through_json(&claim_item(&claim).unwrap());
        assert_eq!(read_claim(&item).unwrap(), claim);
        assert_eq!(item.get_number("epoch"), Some(7));
        assert_eq!(item.get_text("nonce"), Some("n-1"));
        assert_eq!(
            item.get_number::<i64>("lease"),
            Some(at("2026-01-24T03:46:00.001Z").as_millisecond())
        );
        let free = claim_item(&testing::claim(8, None, at("2026-01-24T03:46:00Z"))).unwrap();
        assert!(item.get_text(OPEN).is_some());
        assert!(free.get_text("nonce").is_none());
        assert!(free.get_text(OPEN).is_none() && free.get_number::<i64>(LEASE).is_none());

        let resource = testing::resource();
        let observed = testing::observed(3, "2026-01-01T00:00:01Z");
        let item = through_json(&observed_item(&resource, &observed).unwrap());
        assert_eq!(read_observed(&item).unwrap(), observed);
        assert_eq!(item.get_number::<u64>("version"), Some(3));
        let image = testing::image("2026-01-01T00:00:00Z");
        let item = through_json(&baseline_item(&resource, &image).unwrap());
        assert_eq!(read_baseline(&item).unwrap(), image);
    }

    #[test]
    fn exemptions_come_back_by_their_id() {
        let mut item = Item::default().text("pk", "p");
        for id in ["a", "b", "a"] {
            let (name, attribute) = exemption_attribute(&testing::exemption(id)).unwrap();
            item.0.insert(name, attribute);
        }
        let read = read_exemptions(&through_json(&item)).unwrap();
        assert_eq!(read, [testing::exemption("a"), testing::exemption("b")]);
        let broken = Item::default().text("exemption#x", "{");
        assert!(read_exemptions(&broken).is_err());
    }
}

//! The keys of the one table.
//!
//! | what | `pk` | `sk` |
//! |---|---|---|
//! | a resource's claim, images, exemptions | `resource#<account>#<region>#<kind>#<id>` | `claim`, `observed`, `baseline`, `exemptions` |
//! | exemptions that name no resource | `global#exemptions` | `exemptions` |
//! | a record's revisions | `record#<account>#<region>#<event>#<kind>#<id>` | `r0000000001` … |
//! | the delivery of a revision to a channel | the record's | `sent#<channel>#r0000000001` |
//! | an incident's message on a channel | the record's | `post#<channel>` |
//! | an actor's violations of a severity on a day | `repeat#<severity>#<day>#<sha256 of the actor>` | `count` |
//! | who sends or edits a message | the message's | its, and `#hold` |
//! | the message of those repeats on one resource | the same | `post#<channel>#<sha256 of the resource>` |
//! | a cap's counter | `cap#<of>#<name>#<window's begin>` | `count` |
//! | a message that was not understood | `rejected#<sha256>` | `message` |
//! | where the sweep stands | `sweep#<region>` | `state` |
//!
//! A global secondary index, [`OPEN`], holds the claims that somebody holds and no others, by the
//! shard of their resource (`open`) and the end of their lease (`lease`): what a crash left open is
//! found there by a query. It projects keys only.
//!
//! Event ids and resource ids hold no `#`, so no two things share a key. `DynamoDB` allows 2048
//! bytes for the partition key and 1024 for the sort key; the longest here is below 1400.

use super::post::Thread;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use undrift_core::kind::ResourceRef;
use undrift_core::name::{AccountId, KindId, Region, ResourceId};
use undrift_core::notice::{Repeats, word};
use undrift_core::record::ChangeKey;
use undrift_engine::port::{CapKey, CapOf};

/// The partition key attribute's name.
pub const PK: &str = "pk";
/// The sort key attribute's name.
pub const SK: &str = "sk";

/// The index of held claims, and the attribute that puts a claim there: the shard of its resource.
pub const OPEN: &str = "open";
/// The attribute that held claims are ordered by: the lease's end, in milliseconds since 1970.
pub const LEASE: &str = "lease";
/// How many partitions held claims are spread over.
pub const SHARDS: u8 = 4;

/// How long a cap's window is, in seconds: ten minutes.
pub const WINDOW: i64 = 600;

/// The longest name that stands in a cap's key as it is; a longer one is hashed.
const LONGEST_NAME: usize = 512;

/// The key of one item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition.
    pub pk: String,
    /// The place in it.
    pub sk: String,
}

/// An item that each resource has at most one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Who works on it.
    Claim,
    /// Kept images.
    Observed,
    /// The last image in which all policies held.
    Baseline,
    /// Exemptions made at run time.
    Exemptions,
}

impl Part {
    /// The sort key, which is also the item's `entity`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Observed => "observed",
            Self::Baseline => "baseline",
            Self::Exemptions => "exemptions",
        }
    }
}

/// The key of a resource's item.
#[must_use]
pub fn of_resource(resource: &ResourceRef, part: Part) -> Key {
    let ResourceRef {
        account,
        region,
        kind,
        id,
    } = resource;
    Key {
        pk: format!("resource#{account}#{region}#{kind}#{id}"),
        sk: part.word().to_owned(),
    }
}

/// The resource whose items a partition holds.
#[must_use]
pub fn resource_of(pk: &str) -> Option<ResourceRef> {
    let mut parts = pk.strip_prefix("resource#")?.splitn(4, '#');
    Some(ResourceRef {
        account: AccountId::parse(parts.next()?).ok()?,
        region: Region::parse(parts.next()?).ok()?,
        kind: KindId::parse(parts.next()?).ok()?,
        id: ResourceId::parse(parts.next()?).ok()?,
    })
}

/// The shard of the held claim with that key.
#[must_use]
pub fn shard_of(claim: &Key) -> String {
    let first = Sha256::digest(claim.pk.as_bytes()).first().copied();
    (first.unwrap_or_default() % SHARDS).to_string()
}

/// The key of the exemptions that name no resource.
#[must_use]
pub fn global_exemptions() -> Key {
    Key {
        pk: "global#exemptions".to_owned(),
        sk: Part::Exemptions.word().to_owned(),
    }
}

/// The partition of a record's revisions.
#[must_use]
pub fn record_partition(key: &ChangeKey) -> String {
    let ResourceRef {
        account,
        region,
        kind,
        id,
    } = &key.resource;
    format!("record#{account}#{region}#{}#{kind}#{id}", key.event)
}

/// The key of one revision.
#[must_use]
pub fn of_revision(key: &ChangeKey, revision: u32) -> Key {
    Key {
        pk: record_partition(key),
        sk: format!("r{revision:010}"),
    }
}

/// The key of the mark that a revision was told of on a channel.
#[must_use]
pub fn of_delivery(key: &ChangeKey, revision: u32, channel: &str) -> Key {
    Key {
        pk: record_partition(key),
        sk: format!("sent#{channel}#r{revision:010}"),
    }
}

/// The key of the one message that an incident, or an actor's repeats, have on a channel.
#[must_use]
pub fn of_post(thread: Thread<'_>, channel: &str) -> Key {
    match thread {
        Thread::Incident(key) => Key {
            pk: record_partition(key),
            sk: format!("post#{channel}"),
        },
        Thread::Repeats(repeats, resource) => {
            let ResourceRef {
                account,
                region,
                kind,
                id,
            } = resource;
            let resource = digest(format!("{account}#{region}#{kind}#{id}").as_bytes());
            Key {
                sk: format!("post#{channel}#{resource}"),
                ..of_repeats(repeats)
            }
        }
    }
}

/// The key of the counter of an actor's repeats.
#[must_use]
pub fn of_repeats(repeats: &Repeats) -> Key {
    let Repeats {
        severity,
        actor,
        day,
    } = repeats;
    let severity = word(*severity);
    Key {
        pk: format!("repeat#{severity}#{day}#{}", digest(actor.as_bytes())),
        sk: "count".to_owned(),
    }
}

/// The key of the hold on that message.
#[must_use]
pub fn of_hold(thread: Thread<'_>, channel: &str) -> Key {
    let Key { pk, sk } = of_post(thread, channel);
    Key {
        pk,
        sk: format!("{sk}#hold"),
    }
}

/// The key of a cap's counter in the window that `now` lies in, and the window's end.
#[must_use]
pub fn of_cap(cap: &CapKey, now: Timestamp) -> (Key, Timestamp) {
    let (of, name) = match &cap.of {
        CapOf::Actor(name) => ("actor", name),
        CapOf::Policy(name) => ("policy", name),
        CapOf::Account(name) => ("account", name),
    };
    let class = if cap.critical { "critical" } else { "other" };
    let name = if name.len() <= LONGEST_NAME {
        name.clone()
    } else {
        digest(name.as_bytes())
    };
    let begin = now.as_second().div_euclid(WINDOW) * WINDOW;
    let at = |second| Timestamp::from_second(second).unwrap_or(now);
    let key = Key {
        pk: format!("cap#{class}#{of}#{name}#{}", at(begin)),
        sk: "count".to_owned(),
    };
    (key, at(begin + WINDOW))
}

/// The key of a message that was not understood.
#[must_use]
pub fn of_rejected(digest: &str) -> Key {
    Key {
        pk: format!("rejected#{digest}"),
        sk: "message".to_owned(),
    }
}

/// The key of where the sweep of a region stands.
#[must_use]
pub fn of_sweep(region: &Region) -> Key {
    Key {
        pk: format!("sweep#{region}"),
        sk: "state".to_owned(),
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn keys_say_what_they_are_of() {
        let key = testing::key("e-1");
        assert_eq!(
            of_resource(&key.resource, Part::Claim).pk,
            "resource#123456789012#eu-central-1#ec2/security-group#sg-1"
        );
        let revision = of_revision(&key, 12);
        assert_eq!(
            revision.pk,
            "record#123456789012#eu-central-1#e-1#ec2/security-group#sg-1"
        );
        assert_eq!(revision.sk, "r0000000012");
        assert!(of_revision(&key, 9).sk < of_revision(&key, 10).sk);
        assert!(!of_delivery(&key, 1, "sns").sk.starts_with('r'));
    }

    #[test]
    fn a_claims_key_says_whose_it_is_and_its_shard_is_one_of_few() {
        let mut shards = std::collections::BTreeSet::new();
        for n in 0..100 {
            let mut resource = testing::resource();
            resource.id = ResourceId::parse(&format!("arn:aws:s3:::b/{n}")).unwrap();
            let key = of_resource(&resource, Part::Claim);
            assert_eq!(resource_of(&key.pk), Some(resource));
            shards.insert(shard_of(&key));
        }
        assert_eq!(shards.len(), usize::from(SHARDS));
        assert_eq!(resource_of("record#1#e#k/i#sg"), None);
        assert_eq!(resource_of("resource#1"), None);
    }

    #[test]
    fn caps_count_by_ten_minutes() {
        let at = |t: &str| t.parse::<Timestamp>().unwrap();
        let role = || "arn:aws:iam::123456789012:role/Dev".to_owned();
        let of = |of: CapOf| CapKey {
            of,
            critical: false,
        };
        let cap = of(CapOf::Actor(role()));
        let (key, end) = of_cap(&cap, at("2026-01-24T03:45:49Z"));
        assert_eq!(
            key.pk,
            "cap#other#actor#arn:aws:iam::123456789012:role/Dev#2026-01-24T03:40:00Z"
        );
        assert_eq!(end, at("2026-01-24T03:50:00Z"));
        assert_eq!(of_cap(&cap, at("2026-01-24T03:49:59.9Z")).0, key);
        assert_ne!(of_cap(&cap, at("2026-01-24T03:50:00Z")).0, key);
        let critical = CapKey {
            critical: true,
            ..cap
        };
        assert_ne!(of_cap(&critical, at("2026-01-24T03:45:49Z")).0, key);
        let same_name = of(CapOf::Policy(role()));
        assert_ne!(of_cap(&same_name, at("2026-01-24T03:45:49Z")).0, key);
        let long = of_cap(
            &of(CapOf::Actor("x".repeat(5000))),
            at("2026-01-24T03:45:49Z"),
        );
        assert!(long.0.pk.len() < 200);
    }

    #[test]
    fn digests_are_sha256() {
        assert_eq!(
            digest(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

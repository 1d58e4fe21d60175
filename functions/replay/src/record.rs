//! From a record's text to a change and what it touched.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher as _, RandomState};

use jiff::Timestamp;
use serde_json::Value;
use undrift_core::change::{Actor, Assumed, Change, Decoded, decode};
use undrift_core::kind::{KindError, Kinds};
use undrift_core::name::EventName;
use undrift_core::policy::Bundle;
use undrift_core::route::{Routed, others, route};

/// What a record says of itself, as far as it does.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// `eventID`.
    pub id: Option<String>,
    /// `eventName`, as recorded.
    pub name: Option<String>,
    /// `eventTime`.
    pub time: Option<Timestamp>,
    /// Who made the call.
    pub actor: Actor,
}

/// What became of a text.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A change that alters resources that are followed, or that policies listen to.
    Change(Box<Head>, Box<Touching>),
    /// A record that concerns nobody, and why.
    Other(Box<Head>, String),
    /// A file of CloudTrail's that holds no records: a digest.
    NoRecord,
    /// No record.
    Fault(String),
}

/// A change and what it did.
#[derive(Debug)]
pub(crate) struct Touching {
    pub(crate) change: Change,
    pub(crate) touched: Result<Vec<Routed>, KindError>,
    /// The account as the record writes it: scrubbed accounts are told apart too.
    pub(crate) account: String,
    /// The same for the region.
    pub(crate) region: String,
    /// What tells it from any other record.
    pub(crate) print: u64,
}

/// Which records are wanted, and how they are read.
#[derive(Debug)]
pub(crate) struct Reader<'r> {
    bundle: &'r Bundle,
    kinds: Kinds<'r>,
    names: HashSet<String>,
    hashes: RandomState,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(bundle: &'r Bundle, kinds: Kinds<'r>) -> Self {
        let of_kinds = kinds.0.iter().flat_map(|k| k.events());
        let of_kinds = of_kinds.flat_map(|e| e.names).map(|n| (*n).to_owned());
        let of_policies = bundle.policies.iter().flat_map(|p| p.policy.on.values());
        let of_policies = of_policies.flatten().map(ToString::to_string);
        Self {
            bundle,
            kinds,
            names: of_kinds.chain(of_policies).collect(),
            hashes: RandomState::new(),
        }
    }

    /// A call of that name may matter.
    pub(crate) fn is_wanted(&self, name: &[u8]) -> bool {
        let Ok(name) = std::str::from_utf8(name) else {
            return true;
        };
        if self.names.contains(name) {
            return true;
        }
        name.as_bytes().iter().any(u8::is_ascii_digit)
            && EventName::parse_dated(name).is_ok_and(|n| self.names.contains(n.as_str()))
    }

    /// Reads one text.
    pub(crate) fn take(&self, text: &[u8]) -> Taken {
        let value = match serde_json::from_slice::<Value>(text) {
            Ok(value) => value,
            Err(e) => return Taken::Fault(format!("it is no JSON: {}", reason(&e))),
        };
        match record_of(value) {
            Ok(Some(record)) => self.read(record),
            Ok(None) => Taken::NoRecord,
            Err(why) => Taken::Fault(why),
        }
    }

    fn read(&self, record: Value) -> Taken {
        let text = |member: &str| Some(record.get(member)?.as_str()?.to_owned());
        let short = |text: String| text.chars().take(128).collect::<String>();
        let mut head = Head {
            id: text("eventID").filter(|t| !t.is_empty()).map(short),
            name: text("eventName").map(short),
            time: text("eventTime").and_then(|t| t.parse().ok()),
            actor: Actor::default(),
        };
        let account = text("recipientAccountId")
            .or_else(|| {
                let caller = record.pointer("/userIdentity/accountId")?;
                Some(caller.as_str()?.to_owned())
            })
            .unwrap_or_default();
        let region = text("awsRegion").unwrap_or_default();
        if let Some(members) = record.as_object() {
            head.actor = Actor::of(members);
        }
        let mut change = match decode(record) {
            Ok(Decoded::Change(change)) => *change,
            Ok(Decoded::Ignored(why)) => return Taken::Other(Box::new(head), why.to_string()),
            Err(e) => return Taken::Fault(e.to_string()),
        };
        if change.assumed.contains(&Assumed::Id) {
            head.id = None;
        }
        let listened = self.bundle.listening(&change).next().is_some();
        let altered: Vec<_> = self.kinds.altered_by(&change).collect();
        if !listened && altered.is_empty() {
            let why = "no policy listens to it, and it alters nothing that is followed";
            return Taken::Other(Box::new(head), why.to_owned());
        }
        if let Some(owner) = altered.iter().find_map(|kind| others(*kind, &change)) {
            let why = format!(
                "it is another account's copy of a call that {owner}, the owner, was told of too"
            );
            return Taken::Other(Box::new(head), why);
        }
        let touched = route(&change, self.kinds);
        let print = self.print(&change);
        // What was touched says it all; the rest would only wait for its turn.
        change.request = Value::Null;
        change.response = Value::Null;
        let touching = Touching {
            change,
            touched,
            account: bounded(&self.hashes, account),
            region: bounded(&self.hashes, region),
            print,
        };
        Taken::Change(Box::new(head), Box::new(touching))
    }

    /// Two trails, or two downloads, hold the same records. CloudTrail's ids are unique; others,
    /// as people write into samples, tell records apart only together with what these hold.
    fn print(&self, change: &Change) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        let is_unique = is_uuid(change.id.as_str());
        let own = [change.id.as_str(), change.name.as_str()];
        let place = [change.account.as_str(), change.region.as_str()];
        for text in own.into_iter().chain(place) {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.write_i128(change.time.as_nanosecond());
        for part in [&change.request, &change.response] {
            if is_unique {
                break;
            }
            hasher.write(part.to_string().as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }
}

/// It has the form of CloudTrail's ids, and isn't one that people make up.
fn is_uuid(id: &str) -> bool {
    let mut parts = id.split('-').map(str::len);
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    let varied = id.chars().collect::<std::collections::BTreeSet<_>>().len() > 6;
    [8, 4, 4, 4, 12].iter().all(|n| parts.next() == Some(*n))
        && parts.next().is_none()
        && id.chars().all(hex)
        && varied
}

/// A name as it tells places apart: long ones by their hash, so that nobody's names take room.
fn bounded(hashes: &RandomState, text: String) -> String {
    if text.len() <= 64 {
        return text;
    }
    format!("{:016x}", hashes.hash_one(text))
}

/// The record in a value: itself, or what an envelope holds; none in a digest file.
fn record_of(mut value: Value) -> Result<Option<Value>, String> {
    let Some(members) = value.as_object_mut() else {
        return Err("it is no record: not a JSON object".to_owned());
    };
    for wrapper in ["detail", "event"] {
        if let Some(inner) = members.get_mut(wrapper).filter(|v| v.is_object()) {
            if inner.get("eventName").is_some() {
                return Ok(Some(inner.take()));
            }
            let about = members.get("detail-type").and_then(Value::as_str);
            if wrapper == "detail" && about.is_some_and(|d| !d.ends_with("via CloudTrail")) {
                // An event that is none of CloudTrail's.
                return Ok(None);
            }
        }
    }
    if let Some(text) = members.get("CloudTrailEvent").and_then(Value::as_str) {
        return serde_json::from_str(text)
            .map(Some)
            .map_err(|e| format!("its `CloudTrailEvent` is no JSON: {}", reason(&e)));
    }
    if members.contains_key("eventName") {
        return Ok(Some(value));
    }
    if members.contains_key("digestStartTime") && members.contains_key("logFiles") {
        return Ok(None);
    }
    Err("it is no CloudTrail record: it has no `eventName`".to_owned())
}

/// What the parser says, without the place: that is of the text, not of the file.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.rsplit_once(" at line ") {
        Some((why, _)) => why.to_owned(),
        None => said,
    }
}

//! What the engine needs of the world, as small traits: AWS, the journal, the pause switch, time.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use undrift_core::change::Change;
use undrift_core::kind::{Call, Image, ResourceRef};
use undrift_core::name::{AccountId, EventId, KindId, Region, ResourceId};
use undrift_core::observe::{DatedImage, History};
use undrift_core::plan::Plan;
use undrift_core::policy::Exemptions;
use undrift_core::record::{ChangeKey, Record};

/// One AWS service, as the function of that service may use it.
pub trait Cloud: Send + Sync {
    /// The id of a resource that a record names otherwise; `None`: there is none of that name.
    fn resolve(
        &self,
        kind: &KindId,
        name: &str,
    ) -> impl Future<Output = Result<Option<ResourceId>, CallError>> + Send;

    /// The live state of a resource.
    fn read(&self, resource: &ResourceRef) -> impl Future<Output = Result<Seen, CallError>> + Send;

    /// A page of the resources of a kind that are in a place, beginning where an
    /// earlier page ended.
    fn list(
        &self,
        kind: &KindId,
        place: &Place,
        from: Option<&str>,
    ) -> impl Future<Output = Result<Listed, CallError>> + Send;

    /// Sends one call once. Retrying is the engine's.
    fn send(&self, call: &Call) -> impl Future<Output = Result<Sent, CallError>> + Send;
}

/// Where resources are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Their owner.
    pub account: AccountId,
    /// Where they live.
    pub region: Region,
}

/// A page of a list of resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Their ids.
    pub ids: Vec<ResourceId>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<String>,
}

/// A resource as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its state; `None`: it doesn't exist.
    pub image: Option<Image>,
    /// IAM's path of it, where what was read has one.
    pub path: Option<String>,
    /// AWS's own time (`Date` header) at the read's end, rounded up to the second.
    pub at: Timestamp,
}

/// The answer to a call that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// AWS's id of the request.
    pub request_id: Option<String>,
}

/// Why a call failed, as far as that decides what to do next.
///
/// A read that fails puts its messages off, whatever the class; the journal's calls are sent again as
/// long as their class passes, and nothing is written where they fail. What is said here is about the
/// calls of a plan: they are sent again with full jitter over a doubling ceiling (50 ms to 2 s), and
/// none with less than five seconds of the lease left, which ends with the function's time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Too many requests: sent again while the lease lasts.
    Throttled,
    /// AWS or the network failed, and the call may have been done: sent again, and before the claim is
    /// given up it is waited until it can't be done any more.
    Transient,
    /// We may not: the record says `blocked`, which call and by what, and is tried again each minute.
    Denied,
    /// What it is about doesn't exist: looked at once more, and what is left planned anew.
    Missing,
    /// It is so already: as [`Self::Missing`].
    Already,
    /// Somebody else is changing it: sent three times, then `conflict`.
    Conflict,
    /// AWS will never take it: what stood there is proposed, word for word.
    Invalid,
    /// AWS refused it by a code that says nothing that is known: sent three times, then as [`Self::Denied`].
    Unknown,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} on {resource} failed: {code}: {message}")]
pub struct CallError {
    /// What to do about it.
    pub class: ErrorClass,
    /// The operation, with its service.
    pub operation: String,
    /// On what.
    pub resource: String,
    /// AWS's error code, or `client` where there was no answer.
    pub code: String,
    /// AWS's words.
    pub message: String,
    /// AWS's id of the request.
    pub request_id: Option<String>,
}

/// What is kept of resources and records (DynamoDB in an account).
pub trait Journal: Send + Sync {
    /// All that is known of a resource, and the records of these keys, in one round
    /// (one more where a record exists already).
    fn know(
        &self,
        resource: &ResourceRef,
        keys: &[ChangeKey],
    ) -> impl Future<Output = Result<Known, JournalError>> + Send;

    /// One conditional write: takes the claim if its epoch is `expected` and its lease is free or
    /// over, or if it is already ours by nonce (applied, answer lost).
    fn claim(
        &self,
        claim: &Claim,
        expected: Option<u64>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claimed, JournalError>> + Send;

    /// Adds one to each counter and gives what they stand at.
    fn spend(&self, caps: &[CapKey])
    -> impl Future<Output = Result<Vec<u64>, JournalError>> + Send;

    /// Takes one from each counter again: what it was spent on is not done.
    fn refund(&self, caps: &[CapKey]) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Puts images, then revisions, then clears the claim. Each revision is put once and never
    /// changed: one that exists is taken for the same write, answered late. Where no claim is to be
    /// cleared and what is remembered is outrun, nothing else is written.
    fn close(&self, close: &Close) -> impl Future<Output = Result<Closed, JournalError>> + Send;

    /// Remembers a message that could not be understood, by its digest, so that it shows.
    fn reject(
        &self,
        digest: &str,
        why: &str,
        beginning: &str,
    ) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// The highest revision of a record.
    fn record(
        &self,
        key: &ChangeKey,
    ) -> impl Future<Output = Result<Option<Record>, JournalError>> + Send;
}

/// The journal can't be read or written: nothing may be written to the account either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal failed while {doing}: {message}")]
pub struct JournalError {
    /// What was being done.
    pub doing: String,
    /// What went wrong.
    pub message: String,
    /// Sending it again may help.
    pub transient: bool,
}

/// All that the journal knows of one resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// The claim item: free, held, or left behind.
    pub claim: Option<Claim>,
    /// What is remembered of it.
    pub observed: Observed,
    /// The last image in which every policy of the kind held.
    pub baseline: Option<DatedImage>,
    /// Exemptions made at run time that could cover the resource.
    pub exemptions: Exemptions,
    /// The highest revision of those of the asked records that exist.
    pub records: BTreeMap<ChangeKey, Record>,
}

/// What is remembered of a resource, as it was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Images and changes.
    pub history: History,
    /// The sweep's marks of what is wrong and has its record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounted: BTreeMap<String, Accounted>,
    /// Grows by one with each write; 0: there is none yet.
    pub version: u64,
}

/// The record of something wrong that the sweep is to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounted {
    /// The record's event.
    pub record: EventId,
    /// When it was seen so: what was otherwise since then is another story.
    pub at: Timestamp,
}

/// The claim on a resource, which is also the open record of what is being done to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The resource.
    pub resource: ResourceRef,
    /// Grows by one with each claim.
    pub epoch: u64,
    /// Who holds it; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The calls of our own that were sent lately: what our events in CloudTrail are known by.
    #[serde(default)]
    pub recent: Vec<OwnCall>,
}

/// A held claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The holder's word, of one invocation and resource.
    pub nonce: String,
    /// The words of dead holders whose work it took over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<String>,
    /// The changes of that time that it knew when it planned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knew: Vec<EventId>,
    /// After this it may be taken over.
    pub lease: Timestamp,
    /// The plan that is being carried out; its writes hold the pre-image of what is touched.
    pub plan: Plan,
    /// The records that it will close, as they stand before it.
    pub records: Vec<Record>,
}

impl Held {
    /// Whoever wrote something of its plan: its holder, and those whose work that had taken over.
    #[must_use]
    pub fn holders(&self) -> Vec<&str> {
        let inherited = self.inherited.iter().map(String::as_str);
        inherited.chain([self.nonce.as_str()]).collect()
    }
}

/// A call of our own that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnCall {
    /// The operation, as `eventName` has it.
    pub operation: String,
    /// AWS's id of the request; absent: it was never answered, or its sender died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When; of one without an id, the latest that it may have been.
    pub at: Timestamp,
}

/// How long before its latest time a call may have been sent whose answer nobody heard: the
/// longest that a claim is held.
const UNHEARD: SignedDuration = SignedDuration::from_secs(60);

impl OwnCall {
    /// The change is this call's.
    #[must_use]
    pub fn is_of(&self, change: &Change) -> bool {
        if let Some(id) = &self.request_id {
            return Some(id) == change.request_id.as_ref();
        }
        let since = self.at - UNHEARD;
        let named = change.name.as_str() == self.operation;
        named && since <= change.time && change.time <= self.at
    }
}

/// How many calls of our own a claim item remembers.
pub const RECENT_CALLS: usize = 32;

impl Claim {
    /// The one that follows another, held.
    #[must_use]
    pub fn after(before: Option<&Self>, resource: &ResourceRef, held: Held) -> Self {
        Self {
            resource: resource.clone(),
            epoch: before.map_or(1, |c| c.epoch + 1),
            held: Some(held),
            recent: before.map(|c| c.recent.clone()).unwrap_or_default(),
        }
    }

    /// The same, held by nobody.
    #[must_use]
    pub fn freed(&self) -> Self {
        Self {
            held: None,
            ..self.clone()
        }
    }

    /// It is held, and its lease isn't over.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|h| now < h.lease)
    }

    /// A change is a call of our own: one that was sent lately, or a step of what is being done.
    #[must_use]
    pub fn is_call_of(&self, change: &Change) -> bool {
        let sent = self.recent.iter().any(|own| own.is_of(change));
        let name = change.name.as_str();
        let steps = self.held.iter().flat_map(|h| &h.plan.steps);
        sent || steps.into_iter().any(|s| s.call.event_name() == name)
    }
}

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours.
    Won,
    /// Somebody else was first.
    Lost,
}

/// A counter of a cap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CapKey {
    /// Whose reverts it counts.
    pub of: CapOf,
    /// Only those of critical severity, or only the others: what is critical has a count of its own,
    /// which nothing else uses up.
    pub critical: bool,
}

/// Whose reverts a cap counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CapOf {
    /// What an actor broke, by its principal, whatever its session is named.
    Actor(String),
    /// What broke a policy.
    Policy(String),
    /// What broke any policy in an account.
    Account(String),
}

impl std::fmt::Display for CapKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.of {
            CapOf::Actor(name) => write!(f, "of the actor {name}"),
            CapOf::Policy(name) => write!(f, "of the policy {name}"),
            CapOf::Account(name) => write!(f, "of the account {name}"),
        }
    }
}

/// What is written when a resource's work is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Close {
    /// The resource.
    pub resource: ResourceRef,
    /// Revisions to put.
    pub records: Vec<Record>,
    /// What is remembered, if that changes: written only over the version before its own.
    pub observed: Option<Observed>,
    /// A new baseline; it replaces only an older one.
    pub baseline: Option<DatedImage>,
    /// Exemptions that come into being with it.
    pub exemptions: Vec<undrift_core::policy::Exemption>,
    /// The claim to clear, with our own calls remembered; only if the nonce still holds it.
    pub release: Option<Release>,
}

impl Close {
    /// Nothing to write yet.
    #[must_use]
    pub fn of(resource: ResourceRef) -> Self {
        Self {
            resource,
            records: Vec::new(),
            observed: None,
            baseline: None,
            exemptions: Vec::new(),
            release: None,
        }
    }
}

/// The result of a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// All is written.
    Whole,
    /// Somebody else remembered something meanwhile. Where a claim was held, all else is written.
    Outrun,
}

/// A claim to clear.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// The holder's word.
    pub nonce: String,
    /// The claim as it is to stand: free.
    pub claim: Claim,
}

impl Release {
    /// Gives a claim up that is held by this word. Its epoch moves on: whoever read it before must
    /// not take it by what was read.
    #[must_use]
    pub fn of(nonce: &str, claim: Claim) -> Self {
        let epoch = claim.epoch + 1;
        Self {
            nonce: nonce.to_owned(),
            claim: Claim { epoch, ..claim },
        }
    }
}

/// The pause switch.
pub trait Switch: Send + Sync {
    /// Everything is to stop. An error where it can't be read and no earlier value is known.
    fn paused(&self) -> impl Future<Output = Result<bool, JournalError>> + Send;
}

/// Time.
pub trait Clock: Send + Sync {
    /// What time it is.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
    /// A number from 0 up to, not including, 1, for jitter.
    fn jitter(&self) -> f64;
}

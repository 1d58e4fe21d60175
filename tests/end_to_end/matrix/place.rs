//! Where in the way a failure strikes: one call of the clean run.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use undrift_local::{FaultAction, FaultRule, WireEntry};

/// The part of the way that a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first look: the resource, what is known, the pause switch.
    Look,
    /// The claim and the caps beside it.
    Claim,
    /// The second look, beside the claim.
    Second,
    /// A call that a step needs before its own.
    Prelude,
    /// A step of the plan; whether it is the last.
    Step {
        /// Nothing is left to do after it.
        last: bool,
    },
    /// The look after the steps.
    Verify,
    /// Records and images.
    Close,
    /// The claim is given back.
    Release,
    /// A message is put off, where a look failed.
    Again,
}

/// What a call is told by: its operation and, where an operation does several things, which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) service: String,
    pub(super) operation: String,
    /// Which of the things that the operation does.
    pub(super) of: String,
}

impl Name {
    pub(super) fn new(service: &str, operation: &str, of: &str) -> Self {
        Self {
            service: service.to_owned(),
            operation: operation.to_owned(),
            of: of.to_owned(),
        }
    }

    /// The name of a call that was made.
    pub(super) fn of(entry: &WireEntry) -> Self {
        let input = entry.input();
        let of = match (entry.service.as_str(), entry.operation.as_str()) {
            ("dynamodb", "PutItem") => item(&input),
            ("dynamodb", "UpdateItem") => counter(&input),
            // S3's account-wide calls are signed as S3's own.
            ("s3", _) if input.get("AccountId").is_some() => "account".to_owned(),
            ("s3", "GetPublicAccessBlock" | "PutPublicAccessBlock") => "bucket".to_owned(),
            _ => String::new(),
        };
        Self::new(&entry.service, &entry.operation, &of)
    }

    /// What a request of that name holds, and no other's of the same operation.
    fn mentions(&self) -> Vec<String> {
        let entity = |word: &str| format!("\"entity\":{{\"S\":\"{word}\"}}");
        match (self.operation.as_str(), self.of.as_str()) {
            (_, "") => Vec::new(),
            (_, "claim") => vec![entity("claim"), ":nonce".to_owned()],
            (_, "release") => vec![entity("claim"), ":mine".to_owned()],
            ("UpdateItem", cap) => vec![format!("cap#{cap}#")],
            (_, "account") => vec!["/v20180820/".to_owned()],
            (_, "bucket") => vec!["?publicAccessBlock".to_owned()],
            (_, entry) => vec![entity(entry)],
        }
    }
}

fn item(input: &Value) -> String {
    let entity = input["Item"]["entity"]["S"].as_str().unwrap_or_default();
    let free = input["Item"].get("nonce").is_none();
    if entity == "claim" && free {
        return "release".to_owned();
    }
    entity.to_owned()
}

fn counter(input: &Value) -> String {
    let key = input["Key"]["pk"]["S"].as_str().unwrap_or_default();
    let parts: Vec<&str> = key.split('#').collect();
    match parts[..] {
        ["cap", "policy", name, _] => format!("policy#{name}"),
        ["cap", of, ..] => of.to_owned(),
        _ => key.to_owned(),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)?;
        if !self.of.is_empty() {
            write!(f, " ({})", self.of)?;
        }
        Ok(())
    }
}

/// One call in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: Name,
    /// The how manieth of its name, from 1.
    pub(super) nth: u32,
    pub(super) stage: Stage,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} no. {} [{:?}]", self.name, self.nth, self.stage)
    }
}

impl Place {
    /// Has a failure strike this call of a caller's.
    pub(super) fn rule(&self, caller: &str, times: u32, action: FaultAction) -> FaultRule {
        FaultRule {
            access_key: Some(caller.to_owned()),
            mentions: self.name.mentions(),
            after: self.nth - 1,
            ..FaultRule::new(&self.name.service, &self.name.operation, times, action)
        }
    }

    /// The call as people are told of it.
    pub(super) fn action(&self) -> String {
        let service = match (self.name.service.as_str(), self.name.of.as_str()) {
            ("s3", "account") => "s3control",
            (service, _) => service,
        };
        format!("{service}:{}", self.name.operation)
    }

    /// The pause switch is read in the way only where its last value is too old.
    pub(super) fn is_switch(&self) -> bool {
        self.name.service == "ssm"
    }
}

/// How often each name is called.
pub(super) fn counts<'n>(names: impl Iterator<Item = &'n Name>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.to_string()).or_default() += 1;
    }
    counts
}

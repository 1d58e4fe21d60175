//! Marks in memory, and a channel that fails in every way, for this crate's tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use undrift_aws::journal::post::{Posted, Thread};
use undrift_core::notice::Repeats;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::JournalError;

use super::testing::record;
use crate::channel::{Channel, Failure, Told};
use crate::deliver::{Marks, May};
use crate::owed::Records;

pub(crate) type At = (ChangeKey, u32, String);

/// Marks by record, revision and channel: how it was begun, and `true` where it was told of.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) marks: Mutex<BTreeMap<At, (Timestamp, bool)>>,
    pub(crate) free: Mutex<Vec<At>>,
    pub(crate) posts: Mutex<BTreeMap<(String, String), Posted>>,
    pub(crate) held: Mutex<BTreeMap<(String, String), String>>,
    pub(crate) counted: Mutex<Vec<ChangeKey>>,
    pub(crate) fails: &'static str,
    /// What can be read back.
    pub(crate) records: Vec<Record>,
}

impl Kept {
    fn fail(&self, what: &str) -> Result<(), JournalError> {
        if self.fails == what {
            return Err(JournalError {
                doing: what.into(),
                message: "no".into(),
                transient: true,
            });
        }
        Ok(())
    }
}

impl Marks for Kept {
    async fn begin(&self, key: &ChangeKey, r: u32, channel: &str) -> Result<May, JournalError> {
        self.fail("begin")?;
        let at = (key.clone(), r, channel.to_owned());
        let mut marks = self.marks.lock().unwrap();
        let mut free = self.free.lock().unwrap();
        Ok(match marks.get(&at).copied() {
            Some((_, true)) => May::Told,
            Some((since, false)) if free.contains(&at) => {
                free.retain(|f| f != &at);
                May::Tell { since: Some(since) }
            }
            Some((_, false)) => May::Busy,
            None => {
                marks.insert(at, (Timestamp::now(), false));
                May::Tell { since: None }
            }
        })
    }
    async fn finish(
        &self,
        key: &ChangeKey,
        r: u32,
        channel: &str,
        _: &str,
    ) -> Result<(), JournalError> {
        self.fail("finish")?;
        let at = (key.clone(), r, channel.to_owned());
        self.marks.lock().unwrap().get_mut(&at).unwrap().1 = true;
        Ok(())
    }
    async fn cancel(
        &self,
        key: &ChangeKey,
        r: u32,
        channel: &str,
        known: bool,
    ) -> Result<(), JournalError> {
        let at = (key.clone(), r, channel.to_owned());
        if known {
            self.marks.lock().unwrap().remove(&at);
        } else {
            self.free.lock().unwrap().push(at);
        }
        Ok(())
    }
    async fn posted(
        &self,
        thread: Thread<'_>,
        channel: &str,
    ) -> Result<Option<Posted>, JournalError> {
        let at = (format!("{thread:?}"), channel.to_owned());
        Ok(self.posts.lock().unwrap().get(&at).cloned())
    }
    async fn keep(
        &self,
        thread: Thread<'_>,
        channel: &str,
        posted: &Posted,
    ) -> Result<(), JournalError> {
        let at = (format!("{thread:?}"), channel.to_owned());
        self.posts.lock().unwrap().insert(at, posted.clone());
        Ok(())
    }
    async fn hold(
        &self,
        thread: Thread<'_>,
        channel: &str,
        owner: &str,
    ) -> Result<bool, JournalError> {
        let at = (format!("{thread:?}"), channel.to_owned());
        let mut held = self.held.lock().unwrap();
        let holder = held.entry(at).or_insert_with(|| owner.to_owned());
        Ok(holder == owner)
    }
    async fn let_go(&self, thread: Thread<'_>, channel: &str, _: &str) -> Result<(), JournalError> {
        let at = (format!("{thread:?}"), channel.to_owned());
        self.held.lock().unwrap().remove(&at);
        Ok(())
    }
    async fn count(&self, key: &ChangeKey, _: &Repeats) -> Result<u64, JournalError> {
        let mut counted = self.counted.lock().unwrap();
        if !counted.contains(key) {
            counted.push(key.clone());
        }
        Ok(counted.len() as u64)
    }
}

impl Records for Kept {
    async fn revision(&self, key: &ChangeKey, r: u32) -> Result<Option<Record>, JournalError> {
        let mut all = self.records.iter();
        Ok(all.find(|x| x.key == *key && x.revision == r).cloned())
    }
}

/// A violation by a role, put back.
pub(crate) fn violation(event: &str, revision: u32, outcome: &str) -> Record {
    let mut value = serde_json::to_value(record(event, revision)).unwrap();
    value["cause"] = json!({"change": {
        "id": event, "time": "2026-01-24T03:45:49Z", "source": "ec2.amazonaws.com",
        "name": "AuthorizeSecurityGroupIngress", "account": "123456789012",
        "region": "eu-central-1",
        "actor": {
            "type": "AssumedRole", "session": "maya", "account": "123456789012",
            "arn": "arn:aws:sts::123456789012:assumed-role/Dev/maya",
            "principal": "arn:aws:iam::123456789012:role/Dev"
        },
        "request": {}, "response": {}, "cut": false
    }});
    value["assessments"] = json!([{
        "policy": "p", "digest": "d", "severity": "critical", "title": "open", "references": {},
        "verdict": "violated", "evidence": [], "older": []
    }]);
    value["outcome"] = json!({"kind": outcome, "reason": "because"});
    serde_json::from_value(value).unwrap()
}

/// What a call does, before it does what it should.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    Refuse,
    Throttle,
    /// It is done, and the answer is lost.
    Lose,
    /// Neither done nor answered.
    Hang,
    Gone,
    /// It wants to be left alone for so many seconds.
    Wait(u64),
}

/// Remembers what was done; fails as scripted.
#[derive(Default)]
pub(crate) struct People {
    pub(crate) name: &'static str,
    pub(crate) threads: bool,
    pub(crate) script: Mutex<VecDeque<Fault>>,
    pub(crate) done: Mutex<Vec<String>>,
}

impl People {
    async fn act(&self, what: String) -> Result<(), Failure> {
        let fault = self.script.lock().unwrap().pop_front();
        let done = || self.done.lock().unwrap().push(what.clone());
        // Others get their turn, as with a real channel.
        tokio::task::yield_now().await;
        match fault {
            Some(Fault::Refuse) => Err(Failure::not("no")),
            Some(Fault::Throttle) => Err(Failure::Not {
                why: "slow".into(),
                wait: Some(Duration::from_millis(20)),
            }),
            Some(Fault::Wait(seconds)) => Err(Failure::Not {
                why: "slow".into(),
                wait: Some(Duration::from_secs(seconds)),
            }),
            Some(Fault::Lose) => {
                done();
                Err(Failure::Unknown("lost".into()))
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Gone) => Err(Failure::Gone),
            None => {
                done();
                Ok(())
            }
        }
    }
    pub(crate) fn told(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl Channel for People {
    fn name(&self) -> &str {
        self.name
    }
    fn takes(&self, told: &Told) -> bool {
        told.notice.is_some()
    }
    fn threads(&self) -> bool {
        self.threads
    }
    async fn send(&self, told: &Told) -> Result<String, Failure> {
        self.act(format!("message {}", short(told))).await?;
        Ok(short(told))
    }
    async fn edit(&self, id: &str, told: &Told) -> Result<(), Failure> {
        self.act(format!("edit {id} to {}", short(told))).await
    }
    async fn reply(&self, id: &str, told: &Told, loud: bool) -> Result<(), Failure> {
        let how = if loud { "loud " } else { "" };
        self.act(format!("{how}details {} under {id}", short(told)))
            .await
    }
    async fn find(
        &self,
        told: &Told,
        under: Option<&str>,
        _: Timestamp,
    ) -> Result<Option<String>, Failure> {
        let what = match under {
            None => format!("message {}", short(told)),
            Some(id) => format!("details {} under {id}", short(told)),
        };
        let told_of = self.told().iter().any(|done| done.ends_with(&what));
        Ok(told_of.then(|| short(told)))
    }
}

pub(crate) fn short(told: &Told) -> String {
    format!("{}r{}", told.record.key.event, told.record.revision)
}

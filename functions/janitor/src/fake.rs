//! Queues, a function and a journal in memory.

#![allow(clippy::unwrap_used, reason = "tests say what they expect by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use undrift_aws::config::Served;
use undrift_core::change::Expected;
use undrift_core::kind::{Kinds, ResourceRef};
use undrift_core::name::{AccountId, Arn, KindId, Region, ResourceId};
use undrift_core::policy::Bundle;
use undrift_core::record::{ChangeKey, Record, Worker};
use undrift_engine::port::{
    CallError, CapKey, Claim, Claimed, Close, Closed, ErrorClass, Journal, JournalError, Known,
};

use crate::Janitor;
use crate::port::{Letter, World};
use crate::unhandled::{Clerk, kinds};

/// A message that lies on a queue.
#[derive(Debug, Clone)]
struct Lying {
    letter: Letter,
    hidden: bool,
}

/// What the function does with a message, by its event's id: `dies-…` kills it, `later-…` is to
/// come again, all others are handled.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    queues: Mutex<BTreeMap<String, Vec<Lying>>>,
    pub(crate) asked: Mutex<Vec<Value>>,
    /// The function can't be invoked.
    pub(crate) dead: Mutex<bool>,
    /// The queues take no message.
    pub(crate) full: Mutex<bool>,
    /// No message can be deleted.
    pub(crate) keeps: Mutex<bool>,
    pub(crate) open: Mutex<Vec<ResourceRef>>,
    pub(crate) claim: Mutex<Option<Claim>>,
    pub(crate) rows: Mutex<BTreeMap<ChangeKey, Vec<Record>>>,
    pub(crate) rejected: Mutex<BTreeSet<String>>,
    pub(crate) journal_down: Mutex<bool>,
    clock: Mutex<i64>,
    count: Mutex<u32>,
}

pub(crate) const DEAD: &str = "https://sqs/1/undrift-ec2-dead";
pub(crate) const QUEUE: &str = "https://sqs/1/undrift-ec2";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/undrift-ec2";

pub(crate) fn resource(id: &str) -> ResourceRef {
    ResourceRef {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
        kind: KindId::parse("ec2/security-group").unwrap(),
        id: ResourceId::parse(id).unwrap(),
    }
}

pub(crate) fn event(id: &str, member: &str, value: &Value) -> String {
    let mut event = json!({
        "version": "0", "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail",
        "account": "123456789012", "region": "eu-central-1",
        "detail": {
            "eventVersion": "1.11", "eventID": id, "eventTime": "2026-01-24T03:45:49Z",
            "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
            "awsRegion": "eu-central-1", "recipientAccountId": "123456789012", "readOnly": false,
            "eventType": "AwsApiCall", "requestID": "r-1",
            "requestParameters": {"groupId": "sg-1", "ipPermissions": {}, "ipProtocol": "tcp",
                "fromPort": 22, "toPort": 22, "cidrIp": "0.0.0.0/0"},
            "responseElements": null,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/eve"}
        }
    });
    if let Some(place) = event.pointer_mut(member) {
        place.clone_from(value);
    }
    event.to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Fake {
    /// Puts a message there that was received a hundred times.
    pub(crate) fn bury(&self, body: &str) {
        let mut count = lock(&self.count);
        *count += 1;
        let letter = Letter {
            receipt: count.to_string(),
            body: body.to_owned(),
            receives: 100,
        };
        let lying = Lying {
            letter,
            hidden: false,
        };
        let mut queues = lock(&self.queues);
        queues.entry(DEAD.to_owned()).or_default().push(lying);
    }

    pub(crate) fn bury_events(&self, ids: &[&str]) {
        for id in ids {
            self.bury(&event(id, "/detail/responseElements", &Value::Null));
        }
    }

    /// The ids of the events that lie there, or the bodies.
    pub(crate) fn on(&self, queue: &str) -> Vec<String> {
        let queues = lock(&self.queues);
        let lying = queues.get(queue).into_iter().flatten();
        lying.map(|l| id(&l.letter.body)).collect()
    }

    pub(crate) fn hidden_on(&self, queue: &str) -> usize {
        let queues = lock(&self.queues);
        let lying = queues.get(queue).into_iter().flatten();
        lying.filter(|l| l.hidden).count()
    }

    /// Somebody receives the first dead letter.
    pub(crate) fn hide_one(&self) {
        let mut queues = lock(&self.queues);
        queues
            .values_mut()
            .flatten()
            .take(1)
            .for_each(|l| l.hidden = true);
    }

    /// Whoever had received messages is gone, and their time is over.
    pub(crate) fn show_all(&self) {
        let mut queues = lock(&self.queues);
        for lying in queues.values_mut().flatten() {
            lying.hidden = false;
        }
    }

    fn of<T>(
        &self,
        queue: &str,
        receipt: &str,
        act: impl FnOnce(&mut Vec<Lying>, usize) -> T,
    ) -> Option<T> {
        let mut queues = lock(&self.queues);
        let lying = queues.entry(queue.to_owned()).or_default();
        let at = lying.iter().position(|l| l.letter.receipt == receipt)?;
        Some(act(lying, at))
    }

    fn redeliver(bodies: &[Value]) -> Result<Value, String> {
        let ids: Vec<String> = bodies.iter().map(|b| id(b.as_str().unwrap())).collect();
        if ids.iter().any(|id| id.starts_with("dies-")) {
            return Err("Runtime.ExitError".to_owned());
        }
        let fates = ids.iter().map(|id| {
            if id.starts_with("later-") {
                return json!({"again": {"after": 5, "why": "not yet visible"}});
            }
            json!("done")
        });
        Ok(json!({"redelivered": fates.collect::<Vec<_>>()}))
    }

    pub(crate) fn record(&self, event: &str) -> Option<Record> {
        let rows = lock(&self.rows);
        let mut found = rows.iter().filter(|(k, _)| k.event.as_str() == event);
        found.next().and_then(|(_, r)| r.last().cloned())
    }
}

fn id(body: &str) -> String {
    let event: Result<Value, _> = serde_json::from_str(body);
    let id = event
        .ok()
        .and_then(|e| Some(e.pointer("/detail/eventID")?.as_str()?.to_owned()));
    id.unwrap_or_else(|| body.to_owned())
}

pub(crate) fn refused() -> CallError {
    CallError {
        class: ErrorClass::Denied,
        operation: "sqs".into(),
        resource: "q".into(),
        code: "AccessDenied".into(),
        message: "no".into(),
        request_id: None,
    }
}

impl World for Fake {
    async fn ask(&self, function: &str, request: Value) -> Result<Value, String> {
        assert_eq!(function, "undrift-ec2");
        lock(&self.asked).push(request.clone());
        if *lock(&self.dead) {
            return Err("it could not be started".to_owned());
        }
        match request["undrift"].as_str() {
            Some("redeliver") => Self::redeliver(request["messages"].as_array().unwrap()),
            Some("resume") => {
                let id = request.pointer("/resource/id").unwrap();
                match id.as_str() {
                    Some("sg-paused") => {
                        Ok(json!({"resumed": {"again": {"after": 60, "why": "Undrift is paused"}}}))
                    }
                    Some("sg-refused") => {
                        Ok(json!({"error": {"kind": "refused", "message": "no"}}))
                    }
                    _ => Ok(json!({"resumed": "done"})),
                }
            }
            other => panic!("{other:?}"),
        }
    }

    async fn left_open(&self, _: Timestamp) -> Result<Vec<ResourceRef>, JournalError> {
        self.up()?;
        Ok(lock(&self.open).clone())
    }

    async fn receive(&self, queue: &str, _: u32) -> Result<Vec<Letter>, CallError> {
        let mut queues = lock(&self.queues);
        let lying = queues.entry(queue.to_owned()).or_default().iter_mut();
        let seen = lying.filter(|l| !l.hidden).take(10).map(|l| {
            l.hidden = true;
            l.letter.receives += 1;
            l.letter.clone()
        });
        Ok(seen.collect())
    }

    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), CallError> {
        if *lock(&self.keeps) {
            return Err(refused());
        }
        self.of(queue, receipt, |lying, at| lying.remove(at));
        Ok(())
    }

    async fn show(&self, queue: &str, receipt: &str) -> Result<(), CallError> {
        self.of(queue, receipt, |lying, at| lying[at].hidden = false);
        Ok(())
    }

    async fn send(&self, queue: &str, body: &str) -> Result<(), CallError> {
        if *lock(&self.full) {
            return Err(refused());
        }
        let letter = Letter {
            receipt: String::new(),
            body: body.to_owned(),
            receives: 0,
        };
        let lying = Lying {
            letter,
            hidden: false,
        };
        lock(&self.queues)
            .entry(queue.to_owned())
            .or_default()
            .push(lying);
        Ok(())
    }

    async fn hidden(&self, queue: &str) -> Result<u64, CallError> {
        Ok(u64::try_from(self.hidden_on(queue)).unwrap())
    }

    fn now(&self) -> Timestamp {
        let mut clock = lock(&self.clock);
        *clock += 1;
        Timestamp::from_second(1_800_000_000 + *clock).unwrap()
    }
}

impl Fake {
    fn up(&self) -> Result<(), JournalError> {
        if !*lock(&self.journal_down) {
            return Ok(());
        }
        Err(JournalError {
            doing: "a test".into(),
            message: "down".into(),
            transient: true,
        })
    }
}

impl Journal for Fake {
    async fn know(&self, _: &ResourceRef, keys: &[ChangeKey]) -> Result<Known, JournalError> {
        self.up()?;
        let rows = lock(&self.rows);
        let found = rows.iter().filter(|(k, _)| keys.contains(k));
        Ok(Known {
            claim: lock(&self.claim).clone(),
            records: found
                .map(|(k, r)| (k.clone(), r.last().unwrap().clone()))
                .collect(),
            ..Known::default()
        })
    }

    async fn claim(
        &self,
        _: &Claim,
        _: Option<u64>,
        _: Timestamp,
    ) -> Result<Claimed, JournalError> {
        panic!("the janitor claims nothing")
    }

    async fn spend(&self, _: &[CapKey]) -> Result<Vec<u64>, JournalError> {
        panic!("the janitor spends nothing")
    }

    async fn refund(&self, _: &[CapKey]) -> Result<(), JournalError> {
        panic!("the janitor spends nothing")
    }

    async fn close(&self, close: &Close) -> Result<Closed, JournalError> {
        self.up()?;
        assert!(close.release.is_none() && close.observed.is_none());
        for record in &close.records {
            let mut rows = lock(&self.rows);
            let revisions = rows.entry(record.key.clone()).or_default();
            revisions.push(record.clone());
        }
        Ok(Closed::Whole)
    }

    async fn reject(&self, digest: &str, _: &str, _: &str) -> Result<(), JournalError> {
        self.up()?;
        lock(&self.rejected).insert(digest.to_owned());
        Ok(())
    }

    async fn record(&self, _: &ChangeKey) -> Result<Option<Record>, JournalError> {
        panic!("it is asked with what else is known")
    }
}

/// Runs the janitor for `seconds` of the fake's clock, which moves with every look at it.
pub(crate) async fn at_work<T>(
    fake: &Fake,
    seconds: i64,
    work: impl AsyncFnOnce(&Janitor<'_, Fake, Fake>) -> T,
) -> T {
    static BUNDLE: LazyLock<String> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        undrift_documents::load(&root).unwrap().bundle(None)
    });
    let all = kinds();
    let kinds = Kinds(&all);
    let bundle = Bundle::read(&BUNDLE, kinds).unwrap();
    let clerk = Clerk {
        kinds,
        worker: Worker {
            function: "undrift-janitor".into(),
            role: Arn::parse("arn:aws:iam::123456789012:role/undrift-janitor").unwrap(),
            version: "0".into(),
            bundle: bundle.digest.clone(),
        },
        bundle,
        own_roles: vec![Arn::parse(ROLE).unwrap()],
    };
    let services = [Served {
        service: "ec2".into(),
        function: "undrift-ec2".into(),
        queue: QUEUE.into(),
        dead: DEAD.into(),
    }];
    let here = resource("sg-1");
    let place = Expected {
        account: here.account,
        region: here.region,
    };
    let janitor = Janitor {
        world: fake,
        journal: fake,
        services: &services,
        clerk: &clerk,
        place: &place,
        until: fake.now() + SignedDuration::from_secs(seconds),
    };
    work(&janitor).await
}

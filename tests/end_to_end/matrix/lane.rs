//! An account of its own for a number of cells, one after the other.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use undrift_core::record::Record;
use undrift_local::{FaultAction, FaultRule, WireEntry};
use undrift_stack::Deployment;
use undrift_tests::sandbox::{binaries, next_second, root};

use super::derive::{Run, places};
use super::place::{Name, Place, Stage, counts};
use crate::controls::{Control, Stage as Scene};

/// How long anything may take until the account is at rest.
const PATIENCE: Duration = Duration::from_secs(90);

/// A resource that is right.
pub(super) struct Resource {
    pub(super) id: String,
    /// How it is.
    pub(super) right: Value,
}

/// What a clean run showed.
pub(super) struct Way {
    /// The kind of the control's resources.
    pub(super) kind: String,
    /// The calls in the way, as they are derived from the plan.
    pub(super) places: Vec<Place>,
}

pub(super) struct Lane {
    pub(super) scene: Scene,
    /// What the function that reverts signs with.
    pub(super) caller: String,
}

impl Lane {
    /// One invocation at a time, so that what comes when is the same each time. The lease on a
    /// resource lasts about as long as the time-out.
    pub(super) async fn start<C: Control>(timeout: Duration) -> Self {
        let mut deployment = Deployment::new(&root(), binaries().await);
        deployment.timeout = timeout;
        // A batch that took too long on a busy machine comes again in time.
        deployment.visibility = timeout * 2;
        deployment.concurrency = 1;
        // What comes again together is dealt with well within the time-out, also on a busy machine.
        deployment.batch = 3;
        deployment.tells = false;
        let scene = Scene::with::<C>(deployment).await;
        let caller = scene.sandbox.stack.services[&scene.service]
            .revert
            .credentials()
            .access_key
            .clone();
        Self { scene, caller }
    }

    /// Makes resources that Undrift sees in order.
    pub(super) async fn make<C: Control>(&self, numbers: std::ops::Range<usize>) -> Vec<Resource> {
        let mut made = Vec::new();
        for n in numbers {
            let id = C::make(&self.scene.maya, &format!("cell{n}")).await;
            let right = C::state(&self.scene.admin, &id).await;
            made.push(Resource { id, right });
        }
        self.make_time().await;
        made
    }

    /// What was read is before only what comes later than any clock may be behind.
    pub(super) async fn make_time(&self) {
        self.rest().await;
        for _ in 0..3 {
            next_second().await;
        }
    }

    /// Spoils a resource; gives the event's id once its message is on its way.
    pub(super) async fn spoil<C: Control>(&self, id: &str) -> String {
        let mut events = self.scene.sandbox.account.subscribe();
        C::bad(&self.scene.maya, id).await;
        loop {
            let event = tokio::time::timeout(PATIENCE, events.recv());
            let event = event.await.expect("no event").unwrap();
            let detail = &event["detail"];
            let by_maya = detail["userIdentity"]["userName"] == json!("maya");
            if by_maya && detail["readOnly"] != json!(true) {
                return detail["eventID"].as_str().unwrap().to_owned();
            }
        }
    }

    fn function(&self) -> &undrift_local::Function {
        &self.scene.sandbox.stack.services[&self.scene.service].revert
    }

    pub(super) fn queue(&self) -> &undrift_local::Queue {
        &self.scene.sandbox.stack.services[&self.scene.service].queue
    }

    pub(super) fn add(&self, rule: FaultRule) {
        self.scene.sandbox.account.faults().add(rule);
    }

    pub(super) fn calls(&self) -> Vec<WireEntry> {
        let mut calls = self.scene.sandbox.account.wire().entries();
        calls.retain(|c| c.access_key.as_ref() == Some(&self.caller));
        calls.sort_by_key(|c| c.seq);
        calls
    }

    /// The next process begins without having read the switch: its first message will.
    pub(super) fn forget_the_switch(&self) {
        self.function().kill();
        let denied = FaultAction::Status(400, "AccessDeniedException".into());
        self.add(FaultRule {
            access_key: Some(self.caller.clone()),
            ..FaultRule::new("ssm", "GetParameter", 1, denied)
        });
    }

    /// The next look fails once, so that its message is put off.
    pub(super) fn fail_a_look(&self, way: &Way) {
        let looks = |p: &&Place| p.stage == Stage::Look && p.name.service == self.scene.service;
        let look = way.places.iter().find(looks).expect("a look");
        let error = FaultAction::Status(500, "InternalError".into());
        self.add(look.rule(&self.caller, 1, error));
    }

    /// What a place needs to be come by at all.
    pub(super) fn lead_to(&self, place: &Place, way: &Way) {
        if place.is_switch() {
            self.forget_the_switch();
        }
        if place.stage == Stage::Again {
            self.fail_a_look(way);
        }
    }

    /// Waits until a failure struck that many times in all, and nothing is under way.
    pub(super) async fn struck(&self, times: usize) -> bool {
        let begun = Instant::now();
        let faults = self.scene.sandbox.account.faults();
        while faults.struck().len() < times && begun.elapsed() < PATIENCE / 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.rest().await;
        faults.struck().len() >= times
    }

    /// Waits until nothing is under way; hidden messages stay hidden.
    pub(super) async fn rest(&self) {
        let rested = self.scene.sandbox.account.rest(PATIENCE).await;
        rested.unwrap();
    }

    /// Everything that was put off comes, until all is dealt with. (What people are told of may be
    /// put off for longer.)
    pub(super) async fn recover(&self) -> Result<(), String> {
        let begun = Instant::now();
        self.queue().hold(false);
        self.queue().hasten(|_| true);
        while !self.queue().is_empty() {
            if begun.elapsed() > PATIENCE {
                let log = self.function().log();
                let end = log[log.len().saturating_sub(15)..].join("\n");
                return Err(format!(
                    "{:?} messages are left\n{end}",
                    self.queue().depth()
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.rest().await;
        Ok(())
    }

    /// The revisions of the record of one change.
    pub(super) async fn revisions(&self, way: &Way, event: &str, id: &str) -> Vec<Record> {
        let account = &self.scene.sandbox.account;
        let of = (account.account_id(), account.region());
        let pk = format!("record#{}#{}#{event}#{}#{id}", of.0, of.1, way.kind);
        let values = json!({":pk": {"S": pk}, ":r": {"S": "r0"}});
        let input = json!({"TableName": "undrift", "ConsistentRead": true,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :r)",
            "ExpressionAttributeValues": values});
        let found = self.scene.admin.call("dynamodb", "Query", input).await;
        let found = found.unwrap();
        let items = found["Items"].as_array().into_iter().flatten();
        let read = |item: &Value| {
            let item = serde_json::from_value(item.clone()).unwrap();
            undrift_aws::journal::items::read_record(&item).unwrap()
        };
        items.map(read).collect()
    }

    /// Undrift took a baseline of a resource after a change of it.
    async fn new_baseline(&self, record: &Record) -> bool {
        let of = &record.key.resource;
        let pk = format!(
            "resource#{}#{}#{}#{}",
            of.account, of.region, of.kind, of.id
        );
        let key = json!({"pk": {"S": pk}, "sk": {"S": "baseline"}});
        let input = json!({"TableName": "undrift", "Key": key});
        let found = self.scene.admin.call("dynamodb", "GetItem", input).await;
        let found = found.unwrap();
        let dated = found["Item"]["as_of"]["N"].as_str();
        let dated = dated.map(|d| d.parse::<i64>().unwrap());
        dated > record.happened().map(jiff::Timestamp::as_millisecond)
    }

    /// A clean run: the places that are derived from it, in the order of the way. They are the
    /// recorded ones, or the test fails here.
    pub(super) async fn clean<C: Control>(&self, of: &Resource) -> Way {
        self.scene.sandbox.account.wire().clear();
        self.forget_the_switch();
        let event = self.spoil::<C>(&of.id).await;
        let spoilt = C::state(&self.scene.admin, &of.id).await;
        self.rest().await;
        let records = self.scene.sandbox.stack.records().await.unwrap();
        let record = records.iter().find(|r| r.key.event.as_str() == event);
        let record = record.unwrap_or_else(|| panic!("no record of {event}: {records:#?}"));
        let now = C::state(&self.scene.admin, &of.id).await;
        assert_eq!(now, of.right, "the clean run: {record:#?}");
        let mut calls = self.calls();
        let end = calls.iter().position(|c| Name::of(c).of == "release");
        calls.truncate(end.expect("a release") + 1);
        // What a new process asks before its first message.
        let denied = |c: &WireEntry| c.error.as_deref() == Some("AccessDeniedException");
        calls.retain(|c| c.operation != "GetItem" && !denied(c));
        let derived = places(&Run {
            record,
            spoilt: &spoilt,
            right: &of.right,
            new_baseline: self.new_baseline(record).await,
        });
        let recorded: Vec<Name> = calls.iter().map(Name::of).collect();
        let in_way = derived.iter().filter(|p| p.stage != Stage::Again);
        assert_eq!(
            counts(in_way.map(|p| &p.name)),
            counts(recorded.iter()),
            "{}: left is what the plan leads to, right what was called",
            C::POLICY
        );
        self.scene.sandbox.account.faults().clear();
        Way {
            kind: record.key.resource.kind.to_string(),
            places: derived,
        }
    }
}

//! A world in memory: one account's security groups, a journal, a clock.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{Call, ElementKey, FacetName, Image, Kind, Kinds, ResourceRef};
use undrift_core::name::{AccountId, Arn, KindId, Region, ResourceId};
use undrift_core::policy::{Bundle, Exemptions, Policy, Settings};
use undrift_core::record::{ChangeKey, Record, Worker};
use undrift_engine::port::{
    CallError, CapKey, Claim, Claimed, Clock, Close, Closed, Cloud, ErrorClass, Journal,
    JournalError, Known, Listed, Place, Seen, Sent, Switch,
};
use undrift_engine::{Disposition, Engine, SETTLES_AFTER};

pub(crate) use crate::events::{authorized, by_undrift, change, created, modified};

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/undrift-ec2";

/// What a cloud call is to meet before it is done.
pub(crate) type Fault = Box<dyn FnMut(&World, &Call) -> Option<CallError> + Send>;

/// What happens just before the second read.
type Hook = Box<dyn FnOnce(&World) + Send>;

#[derive(Default)]
pub(crate) struct World {
    pub(crate) groups: Mutex<BTreeMap<String, Image>>,
    pub(crate) sent: Mutex<Vec<Call>>,
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) before_second_read: Mutex<Option<Hook>>,
    reads: Mutex<u32>,
    pub(crate) known: Mutex<Known>,
    pub(crate) rows: Mutex<BTreeMap<ChangeKey, Vec<Record>>>,
    pub(crate) now: Mutex<Timestamp>,
    next_rule: Mutex<u32>,
    pub(crate) journal_down: Mutex<bool>,
    pub(crate) paused: Mutex<bool>,
    pub(crate) spent: Mutex<BTreeMap<CapKey, u64>>,
    /// What the n-th read is to meet.
    pub(crate) on_read: Mutex<Option<OnRead>>,
}

pub(crate) type OnRead = Box<dyn FnMut(&World, u32) -> Option<CallError> + Send>;

pub(crate) type TestEngine<'w> = Engine<'static, &'w World, &'w World, &'w World, &'w World>;

pub(crate) fn time(second: i64) -> Timestamp {
    "2026-01-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

pub(crate) fn group() -> ResourceRef {
    ResourceRef {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
        kind: KindId::parse("ec2/security-group").unwrap(),
        id: ResourceId::parse("sg-1").unwrap(),
    }
}

impl World {
    /// A group with rules `(id, port, source)`.
    pub(crate) fn with(rules: &[(&str, u16, &str)]) -> Self {
        let world = Self::default();
        *world.now.lock().unwrap() = time(100);
        let mut image = Image::default();
        image.facets.insert("ingress".into(), BTreeMap::new());
        image.facets.insert("egress".into(), BTreeMap::new());
        world.groups.lock().unwrap().insert("sg-1".into(), image);
        for (id, port, source) in rules {
            world.put(id, *port, source);
        }
        world
    }

    pub(crate) fn put(&self, id: &str, port: u16, source: &str) {
        let rule = json!({"id": id, "protocol": "tcp", "from": port, "to": port, "source": source});
        self.edit(|facet| {
            facet.insert(ElementKey(id.into()), rule);
        });
    }

    pub(crate) fn edit(&self, edit: impl FnOnce(&mut BTreeMap<ElementKey, Value>)) {
        let mut groups = self.groups.lock().unwrap();
        let image = groups.get_mut("sg-1").unwrap();
        edit(image.facets.get_mut(&FacetName::from("ingress")).unwrap());
    }

    /// The rules as `port source`, sorted.
    pub(crate) fn rules(&self) -> Vec<String> {
        let groups = self.groups.lock().unwrap();
        let facet = &groups["sg-1"].facets[&FacetName::from("ingress")];
        let mut all: Vec<String> = facet
            .values()
            .map(|r| format!("{} {}", r["from"], r["source"].as_str().unwrap()))
            .collect();
        all.sort();
        all
    }

    pub(crate) fn engine(&self) -> TestEngine<'_> {
        self.engine_with(&Settings {
            deployment: Some(undrift_core::policy::Mode::Revert),
            ..Settings::default()
        })
    }

    pub(crate) fn engine_with(&self, settings: &Settings) -> TestEngine<'_> {
        static ALL: LazyLock<Vec<&'static dyn Kind>> =
            LazyLock::new(|| [undrift_ec2::kinds(), undrift_s3::kinds()].concat());
        let kinds = Kinds(&ALL);
        let none = Exemptions::default();
        let policies = [
            policy(),
            crate::documents::policy(),
            crate::buckets::policy(),
        ];
        let bundle = Bundle::of(&policies, settings, &none, kinds).unwrap();
        Engine {
            cloud: self,
            journal: self,
            switch: self,
            clock: self,
            kinds,
            worker: Worker {
                function: "undrift-ec2".into(),
                role: Arn::parse(ROLE).unwrap(),
                version: "0".into(),
                bundle: bundle.digest.clone(),
            },
            bundle,
            own_roles: vec![Arn::parse(ROLE).unwrap()],
            cap_limit: 1000,
            settles_after: SETTLES_AFTER,
        }
    }

    /// Delivers changes 20 seconds before the deadline.
    pub(crate) async fn deliver(&self, changes: &[Change]) -> Vec<Disposition> {
        let deadline = self.now() + SignedDuration::from_secs(20);
        self.engine().handle(changes.to_vec(), deadline).await
    }

    pub(crate) fn record(&self, event: &str) -> Record {
        let rows = self.rows.lock().unwrap();
        let found = rows.iter().find(|(key, _)| key.event.as_str() == event);
        found.expect("a record").1.last().unwrap().clone()
    }

    pub(crate) fn sent(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().map(|c| c.operation.clone()).collect()
    }

    fn apply(&self, call: &Call) -> Result<(), CallError> {
        let input = &call.input;
        let failed = |class, code: &str| Err(error(call, class, code));
        match call.operation.as_str() {
            "RevokeSecurityGroupIngress" => {
                let ids: Vec<String> =
                    serde_json::from_value(input["SecurityGroupRuleIds"].clone()).unwrap();
                let groups = self.groups.lock().unwrap().clone();
                let there = &groups["sg-1"].facets[&FacetName::from("ingress")];
                if ids
                    .iter()
                    .any(|i| !there.contains_key(&ElementKey(i.clone())))
                {
                    return failed(ErrorClass::Missing, "InvalidSecurityGroupRuleId.NotFound");
                }
                self.edit(|f| f.retain(|k, _| !ids.contains(&k.0)));
            }
            "ModifySecurityGroupRules" => {
                for update in input["SecurityGroupRules"].as_array().unwrap() {
                    let id = update["SecurityGroupRuleId"].as_str().unwrap();
                    let rule = &update["SecurityGroupRule"];
                    let port = u16::try_from(rule["FromPort"].as_u64().unwrap()).unwrap();
                    let source = rule["CidrIpv4"].as_str().unwrap();
                    // EC2 refuses a rule that exists already under another id.
                    let groups = self.groups.lock().unwrap().clone();
                    let there = &groups["sg-1"].facets[&FacetName::from("ingress")];
                    if there
                        .iter()
                        .any(|(k, r)| k.0 != id && r["from"] == port && r["source"] == source)
                    {
                        return failed(ErrorClass::Already, "InvalidPermission.Duplicate");
                    }
                    self.put(id, port, source);
                }
            }
            "AuthorizeSecurityGroupIngress" => {
                for p in input["IpPermissions"].as_array().unwrap() {
                    let port = u16::try_from(p["FromPort"].as_u64().unwrap()).unwrap();
                    let id = {
                        let mut next = self.next_rule.lock().unwrap();
                        *next += 1;
                        format!("sgr-new{next}")
                    };
                    self.put(&id, port, p["IpRanges"][0]["CidrIp"].as_str().unwrap());
                }
            }
            "PutBucketPolicy" => {
                crate::documents::put(self, input["Policy"].as_str().unwrap());
            }
            "DeleteBucketPolicy" => crate::buckets::put(self, "policy", &[]),
            "PutBucketAcl" => {
                let grants = input["AccessControlPolicy"]["Grants"].as_array().unwrap();
                crate::buckets::put(self, "acl", grants);
            }
            other => panic!("{other}"),
        }
        Ok(())
    }
}

pub(crate) fn error(call: &Call, class: ErrorClass, code: &str) -> CallError {
    CallError {
        class,
        operation: call.operation.clone(),
        resource: "sg-1".into(),
        code: code.into(),
        message: "so".into(),
        request_id: None,
    }
}

fn down() -> JournalError {
    JournalError {
        doing: "a test".into(),
        message: "down".into(),
        transient: true,
    }
}

impl Cloud for &World {
    async fn resolve(&self, _: &KindId, name: &str) -> Result<Option<ResourceId>, CallError> {
        Ok((name == "web").then(|| ResourceId::parse("sg-1").unwrap()))
    }

    async fn read(&self, resource: &ResourceRef) -> Result<Seen, CallError> {
        *self.reads.lock().unwrap() += 1;
        let n = *self.reads.lock().unwrap();
        let hook = self.on_read.lock().unwrap().take();
        if let Some(mut hook) = hook {
            let met = hook(self, n);
            *self.on_read.lock().unwrap() = Some(hook);
            if let Some(e) = met {
                return Err(e);
            }
        }
        if *self.reads.lock().unwrap() == 2 {
            let hook = self.before_second_read.lock().unwrap().take();
            if let Some(hook) = hook {
                hook(self);
            }
        }
        Ok(Seen {
            image: self
                .groups
                .lock()
                .unwrap()
                .get(resource.id.as_str())
                .cloned(),
            path: None,
            at: self.now() + SignedDuration::from_secs(1),
        })
    }

    async fn list(
        &self,
        kind: &KindId,
        _: &Place,
        from: Option<&str>,
    ) -> Result<Listed, CallError> {
        let groups = self.groups.lock().unwrap();
        let of_kind = |id: &&String| match kind.as_str() {
            "ec2/security-group" => id.starts_with("sg-"),
            "s3/bucket" => !id.starts_with("sg-"),
            _ => false,
        };
        let mut ids = groups
            .keys()
            .filter(of_kind)
            .skip_while(|id| from.is_some_and(|f| id.as_str() < f));
        let page: Vec<_> = ids.by_ref().take(2).collect();
        Ok(Listed {
            ids: page
                .iter()
                .map(|id| ResourceId::parse(id).unwrap())
                .collect(),
            next: ids.next().cloned(),
        })
    }

    async fn send(&self, call: &Call) -> Result<Sent, CallError> {
        self.sent.lock().unwrap().push(call.clone());
        let mut faults = std::mem::take(&mut *self.faults.lock().unwrap());
        let mut met = None;
        for fault in &mut faults {
            met = met.or_else(|| fault(self, call));
        }
        *self.faults.lock().unwrap() = faults;
        if let Some(e) = met {
            return Err(e);
        }
        self.apply(call)?;
        let n = self.sent.lock().unwrap().len();
        Ok(Sent {
            request_id: Some(format!("req-{n}")),
        })
    }
}

impl Journal for &World {
    async fn know(&self, _: &ResourceRef, keys: &[ChangeKey]) -> Result<Known, JournalError> {
        if *self.journal_down.lock().unwrap() {
            return Err(down());
        }
        let mut known = self.known.lock().unwrap().clone();
        for (key, rows) in self.rows.lock().unwrap().iter() {
            if keys.contains(key) {
                known
                    .records
                    .insert(key.clone(), rows.last().unwrap().clone());
            }
        }
        Ok(known)
    }

    async fn claim(
        &self,
        claim: &Claim,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Claimed, JournalError> {
        let mut known = self.known.lock().unwrap();
        let stands = known.claim.as_ref();
        let same = stands.map(|c| c.epoch) == expected && !stands.is_some_and(|c| c.is_live(now));
        if same {
            known.claim = Some(claim.clone());
        }
        Ok(if same { Claimed::Won } else { Claimed::Lost })
    }

    async fn spend(&self, caps: &[CapKey]) -> Result<Vec<u64>, JournalError> {
        let mut spent = self.spent.lock().unwrap();
        let mut count = |cap: &CapKey| {
            let spent = spent.entry(cap.clone()).or_default();
            *spent += 1;
            *spent
        };
        Ok(caps.iter().map(&mut count).collect())
    }

    async fn refund(&self, caps: &[CapKey]) -> Result<(), JournalError> {
        let mut spent = self.spent.lock().unwrap();
        for cap in caps {
            *spent.get_mut(cap).unwrap() -= 1;
        }
        Ok(())
    }

    async fn close(&self, close: &Close) -> Result<Closed, JournalError> {
        let version = self.known.lock().unwrap().observed.version;
        let outrun = |o: &undrift_engine::port::Observed| o.version != version + 1;
        if close.release.is_none() && close.observed.as_ref().is_some_and(outrun) {
            return Ok(Closed::Outrun);
        }
        for record in &close.records {
            let mut rows = self.rows.lock().unwrap();
            let revisions = rows.entry(record.key.clone()).or_default();
            if revisions.iter().all(|r| r.revision != record.revision) {
                revisions.push(record.clone());
            }
        }
        let mut known = self.known.lock().unwrap();
        let outrun = close
            .observed
            .as_ref()
            .is_some_and(|o| o.version != known.observed.version + 1);
        if let Some(observed) = close.observed.clone().filter(|_| !outrun) {
            known.observed = observed;
        }
        if let Some(baseline) = &close.baseline {
            known.baseline = Some(baseline.clone());
        }
        for exemption in &close.exemptions {
            known.exemptions.0.retain(|e| e.id != exemption.id);
            known.exemptions.0.push(exemption.clone());
        }
        if let Some(release) = &close.release
            && known
                .claim
                .as_ref()
                .and_then(|c| c.held.as_ref())
                .is_some_and(|h| h.nonce == release.nonce)
        {
            known.claim = Some(release.claim.clone());
        }
        Ok(if outrun {
            Closed::Outrun
        } else {
            Closed::Whole
        })
    }

    async fn reject(&self, _: &str, _: &str, _: &str) -> Result<(), JournalError> {
        Ok(())
    }

    async fn record(&self, key: &ChangeKey) -> Result<Option<Record>, JournalError> {
        let rows = self.rows.lock().unwrap();
        Ok(rows.get(key).and_then(|r| r.last().cloned()))
    }
}

impl Switch for &World {
    async fn paused(&self) -> Result<bool, JournalError> {
        Ok(*self.paused.lock().unwrap())
    }
}

impl Clock for &World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, time: Duration) {
        *self.now.lock().unwrap() += SignedDuration::try_from(time).unwrap();
    }

    fn jitter(&self) -> f64 {
        0.5
    }
}

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

pub(crate) fn policy() -> Policy {
    serde_json::from_value(json!({
        "schema": "policy/v1", "id": "ec2-security-group-open-admin-ports", "title": "Open",
        "severity": "critical", "why": "w", "kind": "ec2/security-group",
        "on": {"ec2.amazonaws.com": ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules"]},
        "params": {"ports": [22, 3389]}, "violation": "net.open(state.ingress, params)",
        "remedy": "restore", "mode": "revert"
    }))
    .unwrap()
}

/// A group whose `sgr-1` is known to have been `22 10.0.0.0/8` since second 20.
pub(crate) async fn known() -> World {
    let world = World::with(&[]);
    *world.now.lock().unwrap() = time(11);
    world.deliver(&[created("c", 10)]).await;
    *world.now.lock().unwrap() = time(21);
    world.put("sgr-1", 22, "10.0.0.0/8");
    world
        .deliver(&[authorized("a", 20, &[("sgr-1", 22, "10.0.0.0/8")])])
        .await;
    *world.now.lock().unwrap() = time(100);
    world
}

pub(crate) fn tick(world: &World, seconds: i64) {
    *world.now.lock().unwrap() += SignedDuration::from_secs(seconds);
}

pub(crate) fn call(operation: &str) -> undrift_core::kind::Call {
    undrift_core::kind::Call {
        service: "ec2".into(),
        operation: operation.into(),
        input: Value::Null,
    }
}

//! Steps on a simulated group: they lead where they should, and an undo leads back.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    reason = "tests"
)]
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use undrift_core::kind::*;
use undrift_core::name::*;
use undrift_ec2::SecurityGroup;

#[derive(Debug, Clone, PartialEq)]
struct Group {
    rules: BTreeMap<String, Value>,
    next: u32,
}

fn resource() -> ResourceRef {
    ResourceRef {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
        kind: KindId::parse("ec2/security-group").unwrap(),
        id: ResourceId::parse("sg-1").unwrap(),
    }
}
fn facet() -> FacetName {
    FacetName::from("ingress")
}
fn substance(r: &Value) -> Value {
    SecurityGroup.substance(&facet(), r)
}

impl Group {
    fn image(&self) -> Image {
        let mut i = Image::default();
        i.facets.insert(
            facet(),
            self.rules
                .iter()
                .map(|(k, r)| (ElementKey(k.clone()), r.clone()))
                .collect(),
        );
        i
    }
    fn unique(rules: &BTreeMap<String, Value>) -> bool {
        let all: BTreeSet<String> = rules.values().map(|r| substance(r).to_string()).collect();
        all.len() == rules.len()
    }
    fn run(&mut self, call: &Call) -> Result<(), String> {
        let mut rules = self.rules.clone();
        match call.operation.as_str() {
            "RevokeSecurityGroupIngress" => {
                for id in call.input["SecurityGroupRuleIds"].as_array().unwrap() {
                    rules.remove(id.as_str().unwrap()).ok_or("NotFound")?;
                }
            }
            "ModifySecurityGroupRules" => {
                for u in call.input["SecurityGroupRules"].as_array().unwrap() {
                    let id = u["SecurityGroupRuleId"].as_str().unwrap();
                    let old = rules.get(id).ok_or("NotFound")?.clone();
                    let n = &u["SecurityGroupRule"];
                    let mut r = written(
                        &n["IpProtocol"],
                        &n["FromPort"],
                        &n["ToPort"],
                        n["CidrIpv4"]
                            .as_str()
                            .or(n["CidrIpv6"].as_str())
                            .or(n["PrefixListId"].as_str())
                            .or(n["ReferencedGroupId"].as_str())
                            .unwrap(),
                        n["Description"].as_str(),
                    );
                    r["id"] = json!(id);
                    if let Some(t) = old.get("tags") {
                        r["tags"] = t.clone();
                    }
                    rules.insert(id.to_owned(), r);
                }
            }
            "AuthorizeSecurityGroupIngress" => {
                for p in call.input["IpPermissions"].as_array().unwrap() {
                    self.next += 1;
                    let id = format!("sgr-new{}", self.next);
                    let (s, d) = [
                        ("IpRanges", "CidrIp"),
                        ("Ipv6Ranges", "CidrIpv6"),
                        ("PrefixListIds", "PrefixListId"),
                        ("UserIdGroupPairs", "GroupId"),
                    ]
                    .iter()
                    .find_map(|(l, m)| {
                        let i = p.get(*l)?.get(0)?;
                        Some((i[*m].as_str()?, i["Description"].as_str()))
                    })
                    .unwrap();
                    let mut r = written(&p["IpProtocol"], &p["FromPort"], &p["ToPort"], s, d);
                    r["id"] = json!(id);
                    let tags: serde_json::Map<String, Value> = call
                        .input
                        .pointer("/TagSpecifications/0/Tags")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .map(|t| (t["Key"].as_str().unwrap().to_owned(), t["Value"].clone()))
                        .collect();
                    if !tags.is_empty() {
                        r["tags"] = Value::Object(tags);
                    }
                    rules.insert(id, r);
                }
            }
            other => panic!("{other}"),
        }
        if !Self::unique(&rules) {
            return Err("InvalidPermission.Duplicate".into());
        }
        self.rules = rules;
        Ok(())
    }
    fn run_all(&mut self, steps: &[Step]) -> Result<(), String> {
        steps.iter().try_for_each(|s| self.run(&s.call))
    }
    fn content(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .rules
            .values()
            .map(|r| {
                let mut r = r.clone();
                r.as_object_mut().unwrap().remove("id");
                r.to_string()
            })
            .collect();
        all.sort();
        all
    }
}

fn written(p: &Value, f: &Value, t: &Value, source: &str, d: Option<&str>) -> Value {
    let mut r = json!({"protocol": p, "source": source});
    if f.as_i64().is_some_and(|_| p != "-1" && p != "47") {
        r["from"] = f.clone();
        r["to"] = t.clone();
    }
    if let Some(d) = d.filter(|d| !d.is_empty()) {
        r["description"] = json!(d);
    }
    r
}

fn rule() -> impl Strategy<Value = Value> {
    (
        prop::sample::select(vec!["tcp", "udp", "-1", "icmp", "47"]),
        0u16..3,
        prop::sample::select(vec![
            "0.0.0.0/0",
            "10.0.0.0/8",
            "192.168.0.0/16",
            "::/0",
            "sg-2",
            "pl-1",
        ]),
        prop::option::of(prop::sample::select(vec!["a", "b"])),
        prop::option::weighted(0.2, Just("x")),
    )
        .prop_map(|(p, port, s, d, t)| {
            let mut r = written(&json!(p), &json!(port), &json!(port), s, d);
            if p == "icmp" {
                r["to"] = json!(-1);
            }
            if let Some(t) = t {
                r["tags"] = json!({"team": t});
            }
            r
        })
}

fn group() -> impl Strategy<Value = BTreeMap<String, Value>> {
    prop::collection::btree_map((0u8..6).prop_map(|k| format!("sgr-{k}")), rule(), 0..5).prop_map(
        |m| {
            let mut seen = BTreeSet::new();
            m.into_iter()
                .filter(|(_, r)| seen.insert(substance(r).to_string()))
                .map(|(k, mut r)| {
                    r["id"] = json!(k);
                    (k, r)
                })
                .collect()
        },
    )
}

/// `to` as one can be: an element of the same id has the tags it had (rules are modified, tags aren't).
fn same_tags(
    from: &BTreeMap<String, Value>,
    to: BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    to.into_iter()
        .map(|(k, mut r)| {
            if let Some(old) = from.get(&k) {
                r.as_object_mut().unwrap().remove("tags");
                if let Some(t) = old.get("tags") {
                    r["tags"] = t.clone();
                }
            }
            (k, r)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn steps_lead_there(from in group(), to in group()) {
        let to = Group { rules: same_tags(&from, to), next: 0 };
        let mut live = Group { rules: from, next: 0 };
        let Ok(steps) = SecurityGroup.steps(&resource(), &live.image(), &to.image()) else { return Ok(()) };
        let ran = live.run_all(&steps);
        prop_assert!(ran.is_ok(), "{:?} {:#?}", ran, steps);
        prop_assert_eq!(live.content(), to.content());
        prop_assert!(SecurityGroup.steps(&resource(), &to.image(), &to.image()).unwrap().is_empty());
    }

    #[test]
    fn undo_of_revert_is_identity(live in group(), pick in any::<u8>(), before in group(), also in group()) {
        // A revert of some elements: each goes, or gets a value it had.
        let mut group = Group { rules: live, next: 0 };
        let image = group.image();
        let keys: Vec<String> = group.rules.keys().enumerate().filter(|(i, _)| pick & (1 << i) != 0).map(|(_, k)| k.clone()).collect();
        let before = same_tags(&group.rules, before);
        let mut writes = Vec::new();
        for k in keys {
            writes.push(undrift_core::plan::Write {
                shown: undrift_core::plan::Shown::default(),
                path: ElementPath { facet: facet(), key: ElementKey(k.clone()) },
                from: group.rules.get(&k).cloned(), to: before.get(&k).cloned(),
                by: undrift_core::plan::WriteBy::Restore { image: None },
            });
        }
        let mut plan = undrift_core::plan::Plan { writes, ..Default::default() };
        let desired = plan.desired(&image);
        let wanted: BTreeMap<String, Value> = desired.facets[&facet()].iter().map(|(k, v)| (k.0.clone(), v.clone())).collect();
        prop_assume!(Group::unique(&wanted));
        let Ok(steps) = SecurityGroup.steps(&resource(), &image, &desired) else { return Ok(()) };
        plan.steps = steps;
        let start = group.content();
        prop_assert!(group.run_all(&plan.steps).is_ok(), "{:#?}", plan.steps);
        // Somebody adds rules meanwhile.
        let mut added = Vec::new();
        for (k, mut r) in also {
            let k = format!("{k}-else");
            r["id"] = json!(k);
            let mut next = group.rules.clone();
            next.insert(k, r.clone());
            let again = start.iter().any(|s| { let mut x: Value = serde_json::from_str(s).unwrap(); x["id"] = json!("x"); substance(&x) == substance(&r) });
            if Group::unique(&next) && !again { group.rules = next; r.as_object_mut().unwrap().remove("id"); added.push(r.to_string()); }
        }
        let undo = undrift_core::plan::undo(&SecurityGroup, &resource(), &group.image(), &plan);
        prop_assert!(undo.is_ok(), "{:?}", undo);
        let ran = group.run_all(&undo.as_ref().unwrap().steps);
        prop_assert!(ran.is_ok(), "{:?} {:#?}", ran, undo);
        let mut expected = [start, added].concat();
        expected.sort();
        prop_assert_eq!(group.content(), expected);
    }
}

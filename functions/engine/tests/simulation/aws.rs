//! The account: one resource, its past, and who wrote what.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use undrift_core::change::{Change, Decoded, decode};
use undrift_core::kind::{Call, ElementKey, Facet, FacetName, Image, ResourceRef, document};
use undrift_core::name::{AccountId, Arn, KindId, Region, ResourceId};
use undrift_engine::port::ErrorClass;

use crate::scenario::{FIRST, Rule, Subject, TRUSTED, What};
use crate::sim::{SECOND, Us, moment};

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/undrift-ec2";

/// Who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The edit of that number.
    Person(usize),
    /// An invocation, which last looked and claimed then.
    Undrift {
        invocation: u32,
        looked: Us,
        claimed: Us,
    },
}

/// One element was written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) at: Us,
    pub(crate) by: By,
    /// The rule's id, or the statement's principal.
    pub(crate) element: String,
    /// What a policy could see of it: `22 0.0.0.0/0`, or the principal.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

pub(crate) struct Aws {
    subject: Subject,
    /// Each version with the time it came to be.
    versions: Vec<(Us, Image)>,
    pub(crate) log: Vec<Written>,
    /// What each successful edit is known by in `CloudTrail`.
    pub(crate) events: BTreeMap<usize, Change>,
    rules: u32,
    pub(crate) requests: u32,
}

pub(crate) fn facet(subject: Subject) -> FacetName {
    FacetName::from(match subject {
        Subject::Group => "ingress",
        Subject::Document => "policy",
    })
}

pub(crate) fn resource(subject: Subject) -> ResourceRef {
    let (kind, id) = match subject {
        Subject::Group => ("ec2/security-group", "sg-1"),
        Subject::Document => ("s3/bucket", "b"),
    };
    ResourceRef {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
        kind: KindId::parse(kind).unwrap(),
        id: ResourceId::parse(id).unwrap(),
    }
}

/// How an element is known over its versions.
pub(crate) fn name_of(subject: Subject, key: &ElementKey, element: &Value) -> String {
    match subject {
        Subject::Group => key.0.clone(),
        Subject::Document => value_of(subject, element),
    }
}

pub(crate) fn value_of(subject: Subject, element: &Value) -> String {
    match subject {
        Subject::Group => format!(
            "{} {}",
            element["from"],
            element["source"].as_str().unwrap()
        ),
        Subject::Document => {
            let who = &element["statement"]["Principal"];
            let who = if who["AWS"].is_null() {
                who
            } else {
                &who["AWS"]
            };
            let who = who.get(0).unwrap_or(who);
            who.as_str().unwrap_or("?").to_owned()
        }
    }
}

/// A policy with a statement for each of these.
fn text(who: &[String]) -> String {
    let one = |who: &String| {
        json!({"Sid": format!("for{}", who.replace('*', "all")), "Effect": "Allow",
            "Principal": {"AWS": who}, "Action": "s3:GetObject", "Resource": "*"})
    };
    let all: Vec<Value> = who.iter().map(one).collect();
    json!({"Version": "2012-10-17", "Statement": all}).to_string()
}

fn written_image(text: &str) -> Image {
    let mut image = Image::of([("policy", document::parse(text).unwrap())]);
    image.texts.insert("policy".into(), text.to_owned());
    image
}

fn element(id: &str, Rule(port, source): &Rule) -> Value {
    json!({"id": id, "protocol": "tcp", "from": port, "to": port, "source": source})
}

impl Aws {
    pub(crate) fn new(subject: Subject) -> Self {
        let image = match subject {
            Subject::Group => {
                let rules = FIRST.iter().enumerate().map(|(n, (port, source))| {
                    let id = format!("sgr-{n}");
                    let rule = element(&id, &Rule(*port, (*source).to_owned()));
                    (ElementKey(id), rule)
                });
                Image::of([("ingress", rules.collect()), ("egress", Facet::new())])
            }
            Subject::Document => written_image(&text(&TRUSTED.map(str::to_owned))),
        };
        Self {
            subject,
            versions: vec![(-3600 * SECOND, image)],
            log: Vec::new(),
            events: BTreeMap::new(),
            rules: 3,
            requests: 0,
        }
    }

    pub(crate) fn live(&self) -> &Image {
        &self.versions.last().unwrap().1
    }

    /// As a read shows it that may be that old.
    pub(crate) fn seen(&self, now: Us, age: Us) -> Image {
        let mut newest_first = self.versions.iter().rev();
        newest_first
            .find(|(at, _)| *at <= now - age)
            .unwrap()
            .1
            .clone()
    }

    /// What a policy could see of each element.
    pub(crate) fn values(&self) -> BTreeMap<String, String> {
        values(self.subject, self.live())
    }

    fn write(&mut self, now: Us, by: By, image: Image) {
        let (before, after) = (self.values(), values(self.subject, &image));
        let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for name in names {
            let (before, after) = (before.get(name), after.get(name));
            if before != after {
                self.log.push(Written {
                    at: now,
                    by,
                    element: name.clone(),
                    before: before.cloned(),
                    after: after.cloned(),
                });
            }
        }
        self.versions.push((now, image));
    }

    /// Somebody edits; false: AWS refuses it.
    pub(crate) fn edit(&mut self, now: Us, number: usize, what: &What) -> bool {
        let mut image = self.live().clone();
        let facet = image.facets.get_mut(&facet(self.subject)).unwrap();
        let key = |n: u32| ElementKey(format!("sgr-{n}"));
        let stands = |facet: &Facet, rule: &Rule, but: Option<&ElementKey>| {
            let value = format!("{} {}", rule.0, rule.1);
            let mut others = facet.iter().filter(|(k, _)| Some(*k) != but);
            others.any(|(_, e)| value_of(Subject::Group, e) == value)
        };
        let (name, request, response) = match what {
            What::Add(rules) => {
                let first = self.rules;
                // The numbers are spent, so that others' stay the same whatever becomes of this.
                self.rules += u32::try_from(rules.len()).unwrap();
                if rules.iter().any(|r| stands(facet, r, None)) {
                    return false;
                }
                let mut shown = Vec::new();
                for (n, rule) in (first..).zip(rules) {
                    let id = key(n);
                    shown.push(shown_rule(&id, rule));
                    facet.insert(id.clone(), element(&id.0, rule));
                }
                let request = json!({"groupId": "sg-1", "ipPermissions": {}});
                let response = json!({"securityGroupRuleSet": {"items": shown}});
                ("AuthorizeSecurityGroupIngress", request, response)
            }
            What::Modify(n, rule) => {
                let id = key(*n);
                if !facet.contains_key(&id) || stands(facet, rule, Some(&id)) {
                    return false;
                }
                facet.insert(id.clone(), element(&id.0, rule));
                let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1",
                    "SecurityGroupRule": {"SecurityGroupRuleId": id.0, "tag": 1,
                        "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": rule.0,
                            "ToPort": rule.0, "CidrIpv4": rule.1}}}});
                ("ModifySecurityGroupRules", request, Value::Null)
            }
            What::Revoke(n) => {
                let id = key(*n);
                let Some(gone) = facet.remove(&id) else {
                    return false;
                };
                let port = u16::try_from(gone["from"].as_u64().unwrap()).unwrap();
                let rule = Rule(port, gone["source"].as_str().unwrap().to_owned());
                let request = json!({"groupId": "sg-1", "securityGroupRuleIds": {"items": [
                    {"securityGroupRuleId": id.0}]}});
                let response = json!({"revokedSecurityGroupRuleSet": {"items": [
                    shown_rule(&id, &rule)]}});
                ("RevokeSecurityGroupIngress", request, response)
            }
            What::Put(who) => {
                let text = text(who);
                image = written_image(&text);
                let document: Value = serde_json::from_str(&text).unwrap();
                let request = json!({"bucketName": "b", "bucketPolicy": document});
                ("PutBucketPolicy", request, Value::Null)
            }
        };
        let id = format!("e{number}");
        let maya = json!({"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/maya"});
        let change = event(
            self.subject,
            &id,
            now,
            name,
            (request, response),
            &maya,
            &id,
        );
        self.events.insert(number, change);
        self.write(now, By::Person(number), image);
        true
    }

    /// A call of our own.
    pub(crate) fn carry_out(
        &mut self,
        now: Us,
        by: By,
        call: &Call,
    ) -> Result<Change, (ErrorClass, &'static str)> {
        let mut image = self.live().clone();
        let facet = image.facets.get_mut(&facet(self.subject)).unwrap();
        let input = &call.input;
        let (request, response) = match call.operation.as_str() {
            "RevokeSecurityGroupIngress" => {
                let ids: Vec<String> =
                    serde_json::from_value(input["SecurityGroupRuleIds"].clone()).unwrap();
                let mut shown = Vec::new();
                for id in ids {
                    let key = ElementKey(id);
                    let missing = (ErrorClass::Missing, "InvalidSecurityGroupRuleId.NotFound");
                    let gone = facet.remove(&key).ok_or(missing)?;
                    let port = u16::try_from(gone["from"].as_u64().unwrap()).unwrap();
                    let rule = Rule(port, gone["source"].as_str().unwrap().to_owned());
                    shown.push(shown_rule(&key, &rule));
                }
                let response = json!({"revokedSecurityGroupRuleSet": {"items": shown}});
                (json!({"groupId": "sg-1"}), response)
            }
            "ModifySecurityGroupRules" => {
                for update in input["SecurityGroupRules"].as_array().unwrap() {
                    let key = ElementKey(update["SecurityGroupRuleId"].as_str().unwrap().into());
                    let rule = &update["SecurityGroupRule"];
                    let port = u16::try_from(rule["FromPort"].as_u64().unwrap()).unwrap();
                    let rule = Rule(port, rule["CidrIpv4"].as_str().unwrap().to_owned());
                    if !facet.contains_key(&key) {
                        return Err((ErrorClass::Missing, "InvalidSecurityGroupRuleId.NotFound"));
                    }
                    let value = format!("{} {}", rule.0, rule.1);
                    let mut others = facet.iter().filter(|(k, _)| **k != key);
                    if others.any(|(_, e)| value_of(Subject::Group, e) == value) {
                        return Err((ErrorClass::Already, "InvalidPermission.Duplicate"));
                    }
                    facet.insert(key.clone(), element(&key.0, &rule));
                }
                let mut updates = input["SecurityGroupRules"].clone();
                if let Some(one) = updates.get(0).filter(|_| updates[1].is_null()) {
                    updates = one.clone();
                }
                let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1",
                    "SecurityGroupRule": updates}});
                (request, Value::Null)
            }
            "AuthorizeSecurityGroupIngress" => {
                let mut shown = Vec::new();
                for p in input["IpPermissions"].as_array().unwrap() {
                    let port = u16::try_from(p["FromPort"].as_u64().unwrap()).unwrap();
                    let source = p["IpRanges"][0]["CidrIp"].as_str().unwrap();
                    let rule = Rule(port, source.to_owned());
                    self.requests += 1;
                    let key = ElementKey(format!("sgr-ours{}", self.requests));
                    shown.push(shown_rule(&key, &rule));
                    facet.insert(key.clone(), element(&key.0, &rule));
                }
                let response = json!({"securityGroupRuleSet": {"items": shown}});
                (json!({"groupId": "sg-1", "ipPermissions": {}}), response)
            }
            "PutBucketPolicy" => {
                let text = input["Policy"].as_str().unwrap();
                image = written_image(text);
                let document: Value = serde_json::from_str(text).unwrap();
                let request = json!({"bucketName": "b", "bucketPolicy": document});
                (request, Value::Null)
            }
            "DeleteBucketPolicy" => {
                image = Image::of([("policy", Facet::new())]);
                (json!({"bucketName": "b"}), Value::Null)
            }
            other => panic!("{other} {input}"),
        };
        self.requests += 1;
        let id = format!("own{}", self.requests);
        let us = json!({"type": "AssumedRole",
            "arn": "arn:aws:sts::123456789012:assumed-role/undrift-ec2/x",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}}});
        let change = event(
            self.subject,
            &id,
            now,
            &call.operation,
            (request, response),
            &us,
            &request_id(self.requests),
        );
        self.write(now, by, image);
        Ok(change)
    }
}

pub(crate) fn request_id(n: u32) -> String {
    format!("req-{n}")
}

fn values(subject: Subject, image: &Image) -> BTreeMap<String, String> {
    let elements = image.facets[&facet(subject)].iter();
    let named = elements.map(|(k, e)| (name_of(subject, k, e), value_of(subject, e)));
    named.collect()
}

fn shown_rule(id: &ElementKey, Rule(port, source): &Rule) -> Value {
    json!({"groupId": "sg-1", "securityGroupRuleId": id.0, "isEgress": false,
        "ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": source})
}

/// A record as `CloudTrail` writes it: its time is the second that the call was made in.
fn event(
    subject: Subject,
    id: &str,
    now: Us,
    name: &str,
    (request, response): (Value, Value),
    who: &Value,
    request_id: &str,
) -> Change {
    let source = match subject {
        Subject::Group => "ec2.amazonaws.com",
        Subject::Document => "s3.amazonaws.com",
    };
    let record = json!({
        "eventID": id, "eventTime": moment(now / SECOND * SECOND).to_string(),
        "eventSource": source, "eventName": name, "awsRegion": "eu-central-1",
        "recipientAccountId": "123456789012", "requestParameters": request,
        "responseElements": response, "requestID": request_id, "userIdentity": who
    });
    match decode(record).unwrap() {
        Decoded::Change(mut change) => {
            if request_id.starts_with("req-") {
                change.actor.principal = Some(Arn::parse(ROLE).unwrap());
            }
            *change
        }
        Decoded::Ignored(why) => panic!("{why:?}"),
    }
}

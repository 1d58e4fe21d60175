//! Runs a replay and keeps all that it says.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};
use undrift_core::judge::Verdict;
use undrift_core::policy::Bundle;
use undrift_documents::{kinds, load};
use undrift_replay::{Counts, Fault, Judged, Progress, Replay, Summary, Watch};
use undrift_tests::sandbox::root;

/// All that a run said.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) judged: Vec<Judged>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) counts: Counts,
    pub(crate) summary: Summary,
}

impl Watch for Heard {
    fn judged(&mut self, judged: &Judged) -> ControlFlow<()> {
        self.summary.add(judged);
        self.judged.push(judged.clone());
        ControlFlow::Continue(())
    }
    fn fault(&mut self, fault: &Fault) {
        self.faults.push(fault.clone());
    }
    fn progress(&mut self, _: Progress) {}
}

impl Heard {
    /// The verdicts of one policy, `open-…` by its end, on an event.
    pub(crate) fn verdict(&self, event: &str, policy: &str) -> &'static str {
        let judged = self.of(event);
        let outcome = judged
            .outcomes
            .iter()
            .find(|o| o.policy.as_str().ends_with(policy));
        match outcome.map(|o| &o.verdict) {
            Some(Verdict::Compliant) => "compliant",
            Some(Verdict::Violated) => "violated",
            Some(Verdict::Undecided(_)) => "undecided",
            None => "nothing",
        }
    }

    /// What came of an event.
    pub(crate) fn of(&self, event: &str) -> &Judged {
        let mut all = self.judged.iter();
        all.find(|j| j.head.id.as_deref() == Some(event))
            .unwrap_or_else(|| panic!("{event} was not given"))
    }

    /// The ids of what was given and judged, in order.
    pub(crate) fn routed(&self) -> Vec<&str> {
        let judged = self.judged.iter().filter(|j| !j.outcomes.is_empty());
        judged
            .map(|j| j.head.id.as_deref().unwrap_or("?"))
            .collect()
    }
}

/// The shipped policies, as if everything were to be reverted.
static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| {
    let documents = load(&root().join("policies")).unwrap().reverting();
    let (policies, settings) = (documents.enabled(), &documents.settings);
    Bundle::of(&policies, settings, &documents.exemptions, kinds()).unwrap()
});

/// Replays paths on two threads.
pub(crate) fn replay(paths: &[PathBuf], all: bool) -> Heard {
    replay_by(&BUNDLE, paths, all)
}

pub(crate) fn replay_by(bundle: &Bundle, paths: &[PathBuf], all: bool) -> Heard {
    let mut heard = Heard::default();
    let replay = Replay {
        bundle,
        kinds: kinds(),
        all,
        threads: 2,
    };
    heard.counts = replay.run(paths, &mut heard);
    heard
}

/// Replays records, one per line.
pub(crate) fn replay_records(records: &[Value]) -> Heard {
    let folder = tempfile::tempdir().unwrap();
    let path = lines(folder.path(), records);
    replay(&[path], false)
}

/// A file of records, one per line.
pub(crate) fn lines(folder: &Path, records: &[Value]) -> PathBuf {
    let path = folder.join("records.jsonl");
    let text: Vec<String> = records.iter().map(Value::to_string).collect();
    std::fs::write(&path, text.join("\n")).unwrap();
    path
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is written where it is used"
)]
/// A record about a group `sg-1`, so many seconds into a day.
pub(crate) fn record(id: &str, second: u32, name: &str, request: Value, response: Value) -> Value {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    json!({
        "eventVersion": "1.11", "eventID": id,
        "eventTime": format!("2026-03-01T{hour:02}:{minute:02}:{second:02}Z"),
        "eventSource": "ec2.amazonaws.com", "eventName": name, "awsRegion": "eu-central-1",
        "recipientAccountId": "123456789012", "readOnly": false, "eventType": "AwsApiCall",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/maya",
            "accountId": "123456789012"},
        "requestParameters": request, "responseElements": response,
    })
}

/// Somebody let a source in through a tcp port.
pub(crate) fn authorized(id: &str, second: u32, rule: &str, port: u16, source: &str) -> Value {
    let (list, member, shown) = if source.contains(':') {
        ("ipv6Ranges", "cidrIpv6", "cidrIpv6")
    } else {
        ("ipRanges", "cidrIp", "cidrIpv4")
    };
    let permission = json!({"ipProtocol": "tcp", "fromPort": port, "toPort": port, "groups": {},
        "prefixListIds": {}, list: {"items": [{member: source}]}});
    record(
        id,
        second,
        "AuthorizeSecurityGroupIngress",
        json!({"groupId": "sg-1", "ipPermissions": {"items": [permission]}}),
        json!({"_return": true, "securityGroupRuleSet": {"items": [{"groupId": "sg-1",
            "groupOwnerId": "123456789012", "securityGroupRuleId": rule, "isEgress": false,
            "ipProtocol": "tcp", "fromPort": port, "toPort": port, shown: source}]}}),
    )
}

/// Somebody changed a rule.
pub(crate) fn modified(id: &str, second: u32, rule: &str, port: u16, source: &str) -> Value {
    record(
        id,
        second,
        "ModifySecurityGroupRules",
        json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {
            "SecurityGroupRuleId": rule, "tag": 1, "SecurityGroupRule": {"IpProtocol": "tcp",
                "FromPort": port, "ToPort": port, "CidrIpv4": source}}}}),
        json!({"ModifySecurityGroupRulesResponse": {"return": true}}),
    )
}

/// Somebody took rules away.
pub(crate) fn revoked(id: &str, second: u32, rules: &[&str]) -> Value {
    let request = json!({"groupId": "sg-1", "securityGroupRuleIds":
        {"items": rules.iter().map(|r| json!({"securityGroupRuleId": r})).collect::<Vec<_>>()}});
    record(
        id,
        second,
        "RevokeSecurityGroupIngress",
        request,
        json!({"_return": true}),
    )
}

/// The group came into being.
pub(crate) fn created(id: &str, second: u32) -> Value {
    record(
        id,
        second,
        "CreateSecurityGroup",
        json!({"groupName": "web", "vpcId": "vpc-1"}),
        json!({"groupId": "sg-1"}),
    )
}

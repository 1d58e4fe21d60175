//! Which calls there must be, from a plan and from what its kind reads. Nothing here counts what
//! was recorded.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use undrift_core::decide::Decision;
use undrift_core::record::Record;

use super::place::{Name, Place, Stage};

/// What a run is derived from.
pub(super) struct Run<'r> {
    /// The record of the clean run: it holds the plan and who ruled.
    pub(super) record: &'r Record,
    /// The resource as it was spoilt.
    pub(super) spoilt: &'r Value,
    /// The resource as it was.
    pub(super) right: &'r Value,
    /// It is in order for every policy of its kind, and wasn't seen so before.
    pub(super) new_baseline: bool,
}

/// The calls from taking the message to the claim's release, in order of their stages; and the one
/// that puts a message off.
pub(super) fn places(run: &Run<'_>) -> Vec<Place> {
    let plan = run.record.plan.as_ref().expect("a plan");
    let kind = run.record.key.resource.kind.as_str();
    let table = |operation: &str, of: &str| Name::new("dynamodb", operation, of);
    let mut all = vec![
        (Stage::Look, table("BatchGetItem", "")),
        (Stage::Look, Name::new("ssm", "GetParameter", "")),
    ];
    let look = |all: &mut Vec<_>, stage, state| {
        all.extend(reads(kind, state).into_iter().map(|name| (stage, name)));
    };
    look(&mut all, Stage::Look, run.spoilt);
    all.push((Stage::Claim, table("PutItem", "claim")));
    all.push((Stage::Claim, table("UpdateItem", "actor")));
    all.push((Stage::Claim, table("UpdateItem", "account")));
    for policy in acting(run.record) {
        let cap = format!("policy#{policy}");
        all.push((Stage::Claim, table("UpdateItem", &cap)));
    }
    if !plan.commutes() {
        look(&mut all, Stage::Second, run.spoilt);
    }
    for (at, step) in plan.steps.iter().enumerate() {
        let last = at + 1 == plan.steps.len();
        let call = &step.call;
        if call.operation == "PutBucketAcl" {
            // Whom the list belongs to must be said with it.
            all.push((Stage::Prelude, Name::new("s3", "GetBucketAcl", "")));
        }
        all.push((Stage::Step { last }, sent(kind, &call.operation)));
    }
    look(&mut all, Stage::Verify, run.right);
    all.push((Stage::Close, table("PutItem", "record")));
    all.push((Stage::Close, table("PutItem", "observed")));
    if run.new_baseline {
        all.push((Stage::Close, table("PutItem", "baseline")));
    }
    all.push((Stage::Release, table("PutItem", "release")));
    let again = Name::new("sqs", "ChangeMessageVisibility", "");
    all.push((Stage::Again, again));
    numbered(all)
}

fn acting(record: &Record) -> BTreeSet<String> {
    let rulings = record.rulings.iter();
    let acting = rulings.filter(|r| r.decision == Decision::Act);
    acting.map(|r| r.policy.to_string()).collect()
}

fn numbered(all: Vec<(Stage, Name)>) -> Vec<Place> {
    let mut counts: BTreeMap<Name, u32> = BTreeMap::new();
    all.into_iter()
        .map(|(stage, name)| {
            let nth = counts.entry(name.clone()).or_default();
            *nth += 1;
            let nth = *nth;
            Place { name, nth, stage }
        })
        .collect()
}

/// A step's call as it is signed.
fn sent(kind: &str, operation: &str) -> Name {
    let service = kind.split('/').next().unwrap_or_default();
    let of = match (kind, operation) {
        ("s3/account-public-access-block", _) => "account",
        ("s3/bucket", "PutPublicAccessBlock") => "bucket",
        _ => "",
    };
    Name::new(service, operation, of)
}

/// What one look at a resource in this state asks.
fn reads(kind: &str, state: &Value) -> Vec<Name> {
    let service = kind.split('/').next().unwrap_or_default();
    let times = |list: &Value| list.as_array().map_or(0, Vec::len);
    let asked: Vec<(&str, &str, usize)> = match kind {
        "ec2/security-group" => vec![("DescribeSecurityGroupRules", "", 1)],
        "ec2/snapshot" => vec![("DescribeSnapshotAttribute", "", 1)],
        "ec2/image" => vec![("DescribeImageAttribute", "", 1)],
        "ec2/instance" => vec![("DescribeInstances", "", 1)],
        "cloudtrail/trail" => vec![("GetTrailStatus", "", 1)],
        "iam/access-key" => vec![("ListAccessKeys", "", 1)],
        // One customer's document is in force.
        "iam/managed-policy" => vec![
            ("GetPolicy", "", 1),
            ("ListPolicyVersions", "", 1),
            ("GetPolicyVersion", "", 1),
        ],
        "iam/identity" if state.get("groups").is_some() => vec![
            ("ListAttachedUserPolicies", "", 1),
            ("ListUserPolicies", "", 1),
            ("ListGroupsForUser", "", 1),
            ("ListAttachedGroupPolicies", "", times(&state["groups"])),
            ("ListGroupPolicies", "", times(&state["groups"])),
            ("GetGroupPolicy", "", administrators(&state["groups"])),
        ],
        "iam/identity" => vec![
            ("GetRole", "", 1),
            ("ListAttachedRolePolicies", "", 1),
            ("ListRolePolicies", "", 1),
            ("GetRolePolicy", "", times(&state["inline"])),
        ],
        "s3/bucket" => vec![
            ("GetBucketAcl", "", 1),
            ("GetBucketPolicy", "", 1),
            ("GetPublicAccessBlock", "bucket", 1),
            ("GetPublicAccessBlock", "account", 1),
        ],
        "s3/account-public-access-block" => vec![("GetPublicAccessBlock", "account", 1)],
        other => panic!("what a look at {other} asks isn't said here"),
    };
    let each = asked.into_iter();
    each.flat_map(|(operation, of, times)| {
        std::iter::repeat_n(Name::new(service, operation, of), times)
    })
    .collect()
}

/// Of the groups of the scene only this one has a document of its own.
fn administrators(groups: &Value) -> usize {
    let groups = groups.as_array().into_iter().flatten();
    groups.filter(|g| g.as_str() == Some("\"admins\"")).count()
}

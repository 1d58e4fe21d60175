//! Snapshots and images that are shared with everybody or with strangers: each is unshared again,
//! its older shares stay, an undo shares it again.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::Client;
use undrift_tests::sandbox::{Sandbox, next_second, text};

const STRANGER: &str = "999988887777";
const PARTNER: &str = "444455556666";

/// What is shared, and by which calls.
#[derive(Debug, Clone, Copy)]
enum Shared {
    Snapshot,
    Image,
}

impl Shared {
    async fn make(self, client: &Client, name: &str) -> String {
        let zone = json!({"AvailabilityZone": "eu-central-1a", "Size": 1});
        let volume = client.call("ec2", "CreateVolume", zone).await.unwrap();
        let of = json!({"VolumeId": text(&volume, "/VolumeId")});
        let snapshot = client.call("ec2", "CreateSnapshot", of).await.unwrap();
        let snapshot = text(&snapshot, "/SnapshotId");
        match self {
            Self::Snapshot => snapshot,
            Self::Image => {
                let from = json!({"Name": name, "Architecture": "x86_64", "RootDeviceName": "/dev/xvda",
                    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]});
                let image = client.call("ec2", "RegisterImage", from).await.unwrap();
                text(&image, "/ImageId")
            }
        }
    }

    async fn change(self, client: &Client, id: &str, direction: &str, with: &str) {
        let (operation, input) = match self {
            Self::Snapshot => {
                let list = if with == "all" {
                    "GroupNames"
                } else {
                    "UserIds"
                };
                let input = json!({"SnapshotId": id, "Attribute": "createVolumePermission",
                    "OperationType": direction.to_lowercase(), list: [with]});
                ("ModifySnapshotAttribute", input)
            }
            Self::Image => {
                let member = if with == "all" { "Group" } else { "UserId" };
                let input =
                    json!({"ImageId": id, "LaunchPermission": {direction: [{member: with}]}});
                ("ModifyImageAttribute", input)
            }
        };
        client.call("ec2", operation, input).await.unwrap();
    }

    async fn shares(self, client: &Client, id: &str) -> BTreeSet<String> {
        let (operation, input, list) = match self {
            Self::Snapshot => (
                "DescribeSnapshotAttribute",
                json!({"SnapshotId": id, "Attribute": "createVolumePermission"}),
                "CreateVolumePermissions",
            ),
            Self::Image => (
                "DescribeImageAttribute",
                json!({"ImageId": id, "Attribute": "launchPermission"}),
                "LaunchPermissions",
            ),
        };
        let answer = client.call("ec2", operation, input).await.unwrap();
        let name = |share: &Value| {
            let name = share["UserId"].as_str().or(share["Group"].as_str());
            name.unwrap().to_owned()
        };
        let shares = answer[list].as_array();
        shares.into_iter().flatten().map(name).collect()
    }
}

fn of(id: &str, outcome: OutcomeKind) -> impl Fn(&Record) -> bool {
    let id = id.to_owned();
    move |r| r.key.resource.id.as_str() == id && r.outcome.kind == outcome
}

/// The record's plan takes the share away, and nothing else.
fn unshares(record: &Record, with: &str) -> bool {
    let writes = record.plan.iter().flat_map(|p| &p.writes);
    let writes: Vec<_> = writes
        .map(|w| (w.path.key.0.as_str(), w.to.is_none()))
        .collect();
    writes == [(with, true)]
}

async fn round_trip(shared: Shared) {
    let sandbox = Sandbox::start().await;
    let (admin, maya) = (sandbox.account.admin(), sandbox.user("maya").await);
    let id = shared.make(&maya, "golden").await;
    // Past the trail: an older share that is none of the next change's.
    shared.change(&admin, &id, "Add", PARTNER).await;
    sandbox.settle().await;
    let s0 = shared.shares(&admin, &id).await;
    assert_eq!(s0, BTreeSet::from([PARTNER.to_owned()]));
    next_second().await;
    for way in ["all", STRANGER] {
        shared.change(&maya, &id, "Add", way).await;
        let is_it = |r: &Record| of(&id, OutcomeKind::Reverted)(r) && unshares(r, way);
        let record = sandbox.record(is_it).await;
        assert_eq!(shared.shares(&admin, &id).await, s0, "{shared:?} {way}");
        let plan = record.plan.as_ref().unwrap();
        assert_eq!(plan.steps.len(), 1, "{plan:?}");
        next_second().await;
    }
    let records = sandbox.records().await;
    let reverted = records.iter().filter(|r| of(&id, OutcomeKind::Reverted)(r));
    assert_eq!(reverted.count(), 2);
    // Undone, it is shared again, and stays so.
    let record = records.iter().find(|r| unshares(r, "all")).unwrap();
    let undo = sandbox.stack.undo(&record.key, "maya", "a test").await;
    undo.unwrap();
    sandbox.settle().await;
    let mut opened = s0.clone();
    opened.insert("all".to_owned());
    assert_eq!(shared.shares(&admin, &id).await, opened);
    // Taking a share away is nobody's wrong.
    shared.change(&maya, &id, "Remove", PARTNER).await;
    sandbox.settle().await;
    assert_eq!(
        shared.shares(&admin, &id).await,
        BTreeSet::from(["all".to_owned()])
    );
}

#[tokio::test]
async fn a_snapshot_is_unshared_and_its_older_shares_stay() {
    round_trip(Shared::Snapshot).await;
}

#[tokio::test]
async fn an_image_is_unshared_and_its_older_shares_stay() {
    round_trip(Shared::Image).await;
}

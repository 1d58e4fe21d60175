//! Security groups, snapshots, images and instances.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use undrift_local::Client;
use undrift_tests::groups::{authorize, ipv4, live};
use undrift_tests::sandbox::text;

use super::{Control, call};

const WORLD: &str = "0.0.0.0/0";
const STRANGER: &str = "999988887777";
const PARTNER: &str = "444455556666";

/// A security group that lets the world reach a port.
pub(crate) struct OpenGroup<const PORT: i64>;

impl<const PORT: i64> OpenGroup<PORT> {
    async fn revoke(by: &Client, group: &str, permission: Value) {
        let input = json!({"GroupId": group, "IpPermissions": [permission]});
        call(by, "ec2", "RevokeSecurityGroupIngress", input).await;
    }
}

impl<const PORT: i64> Control for OpenGroup<PORT> {
    const POLICY: &str = match PORT {
        22 => "ec2-security-group-open-admin-ports",
        5432 => "ec2-security-group-open-database-ports",
        _ => "ec2-security-group-open-to-world",
    };
    // Groups and rules have ids of AWS's.
    const NAMED: bool = false;

    async fn make(by: &Client, name: &str) -> String {
        let vpcs = call(by, "ec2", "DescribeVpcs", json!({})).await;
        let name = format!("{name}-{PORT}");
        let input = json!({"GroupName": name, "Description": "d",
            "VpcId": text(&vpcs, "/Vpcs/0/VpcId")});
        let made = call(by, "ec2", "CreateSecurityGroup", input).await;
        let group = text(&made, "/GroupId");
        let office = json!({"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT,
            "IpRanges": [{"CidrIp": "81.2.69.160/32", "Description": "the office"}]});
        authorize(by, &group, json!([office, ipv4("tcp", 443, 443, WORLD)])).await;
        group
    }

    async fn bad(by: &Client, id: &str) {
        authorize(by, id, json!([ipv4("tcp", PORT, PORT, WORLD)])).await;
    }

    async fn worse(by: &Client, id: &str) {
        let every = json!({"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT,
            "Ipv6Ranges": [{"CidrIpv6": "::/0"}]});
        authorize(by, id, json!([every])).await;
    }

    async fn no_op(by: &Client, id: &str) {
        // Authorizing what there is fails.
        let input = json!({"GroupId": id, "IpPermissions": [ipv4("tcp", 443, 443, WORLD)]});
        let again = by.call("ec2", "AuthorizeSecurityGroupIngress", input).await;
        assert!(again.is_err());
    }

    async fn mend(by: &Client, id: &str) {
        Self::revoke(by, id, ipv4("tcp", PORT, PORT, WORLD)).await;
    }

    async fn edit(by: &Client, id: &str) {
        authorize(by, id, json!([ipv4("tcp", 9999, 9999, "10.0.0.0/8")])).await;
    }

    async fn delete(by: &Client, id: &str) {
        call(by, "ec2", "DeleteSecurityGroup", json!({"GroupId": id})).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        let mut rules = live(by, id).await;
        for rule in &mut rules {
            let members = rule.as_object_mut().unwrap();
            members.retain(|name, _| name != "SecurityGroupRuleId" && name != "GroupId");
        }
        rules.sort_by_key(Value::to_string);
        rules.into()
    }
}

/// A snapshot, or an image, that is shared.
pub(crate) struct Shared<const IMAGE: bool>;

impl<const IMAGE: bool> Shared<IMAGE> {
    async fn change(by: &Client, id: &str, direction: &str, with: &str) {
        let (operation, input) = if IMAGE {
            let member = if with == "all" { "Group" } else { "UserId" };
            let permission = json!({direction: [{member: with}]});
            let input = json!({"ImageId": id, "LaunchPermission": permission});
            ("ModifyImageAttribute", input)
        } else {
            let list = if with == "all" {
                "GroupNames"
            } else {
                "UserIds"
            };
            let input = json!({"SnapshotId": id, "Attribute": "createVolumePermission",
                "OperationType": direction.to_lowercase(), list: [with]});
            ("ModifySnapshotAttribute", input)
        };
        call(by, "ec2", operation, input).await;
    }
}

impl<const IMAGE: bool> Control for Shared<IMAGE> {
    const POLICY: &str = if IMAGE {
        "ec2-image-shared-publicly-or-foreign"
    } else {
        "ec2-snapshot-shared-publicly-or-foreign"
    };
    const NAMED: bool = false;

    async fn make(by: &Client, name: &str) -> String {
        let zone = json!({"AvailabilityZone": "eu-central-1a", "Size": 1});
        let volume = call(by, "ec2", "CreateVolume", zone).await;
        let of = json!({"VolumeId": text(&volume, "/VolumeId")});
        let snapshot = call(by, "ec2", "CreateSnapshot", of).await;
        let snapshot = text(&snapshot, "/SnapshotId");
        if !IMAGE {
            return snapshot;
        }
        let from = json!({"Name": name, "Architecture": "x86_64", "RootDeviceName": "/dev/xvda",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]});
        let image = call(by, "ec2", "RegisterImage", from).await;
        text(&image, "/ImageId")
    }

    async fn bad(by: &Client, id: &str) {
        Self::change(by, id, "Add", "all").await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::change(by, id, "Add", STRANGER).await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::change(by, id, "Remove", PARTNER).await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::change(by, id, "Remove", "all").await;
    }

    async fn edit(by: &Client, id: &str) {
        let tags = json!({"Resources": [id], "Tags": [{"Key": "team", "Value": "web"}]});
        call(by, "ec2", "CreateTags", tags).await;
    }

    async fn delete(by: &Client, id: &str) {
        let (operation, member) = if IMAGE {
            ("DeregisterImage", "ImageId")
        } else {
            ("DeleteSnapshot", "SnapshotId")
        };
        call(by, "ec2", operation, json!({member: id})).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        let (operation, input, list) = if IMAGE {
            let input = json!({"ImageId": id, "Attribute": "launchPermission"});
            ("DescribeImageAttribute", input, "LaunchPermissions")
        } else {
            let input = json!({"SnapshotId": id, "Attribute": "createVolumePermission"});
            (
                "DescribeSnapshotAttribute",
                input,
                "CreateVolumePermissions",
            )
        };
        let answer = call(by, "ec2", operation, input).await;
        let with = |share: &Value| {
            let with = share["UserId"].as_str().or(share["Group"].as_str());
            with.unwrap().to_owned()
        };
        let shares = answer[list].as_array().into_iter().flatten();
        let shares: BTreeSet<String> = shares.map(with).collect();
        let filter = json!({"Filters": [{"Name": "resource-id", "Values": [id]}]});
        let tags = call(by, "ec2", "DescribeTags", filter).await;
        let tags = tags["Tags"].as_array().into_iter().flatten();
        let tags: BTreeSet<String> = tags.map(|t| t["Key"].to_string()).collect();
        json!({"shares": shares, "tags": tags})
    }
}

/// An instance whose metadata service answers without a token.
pub(crate) struct Tokenless;

impl Tokenless {
    /// The emulator sets what a call doesn't name back to its default, which EC2 does not: each
    /// call names all.
    async fn set(by: &Client, id: &str, tokens: &str, hops: i64) {
        let input = json!({"InstanceId": id, "HttpTokens": tokens, "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": hops});
        call(by, "ec2", "ModifyInstanceMetadataOptions", input).await;
    }
}

impl Control for Tokenless {
    const POLICY: &str = "ec2-instance-imdsv1-allowed";
    const NAMED: bool = false;

    async fn make(by: &Client, _: &str) -> String {
        let image = call(by, "ec2", "RegisterImage", json!({"Name": "base"})).await;
        let tokens = json!({"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1});
        let run = json!({"ImageId": text(&image, "/ImageId"), "MinCount": 1, "MaxCount": 1,
            "MetadataOptions": tokens});
        let ran = call(by, "ec2", "RunInstances", run).await;
        let id = text(&ran, "/Instances/0/InstanceId");
        undrift_tests::sandbox::next_second().await;
        Self::mend(by, &id).await;
        id
    }

    async fn bad(by: &Client, id: &str) {
        Self::set(by, id, "optional", 1).await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::set(by, id, "optional", 9).await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::mend(by, id).await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::set(by, id, "required", 1).await;
    }

    async fn edit(by: &Client, id: &str) {
        let tags = json!({"Resources": [id], "Tags": [{"Key": "team", "Value": "web"}]});
        call(by, "ec2", "CreateTags", tags).await;
    }

    async fn delete(by: &Client, id: &str) {
        call(
            by,
            "ec2",
            "TerminateInstances",
            json!({"InstanceIds": [id]}),
        )
        .await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        let input = json!({"InstanceIds": [id]});
        let answer = call(by, "ec2", "DescribeInstances", input).await;
        let instance = &answer["Reservations"][0]["Instances"][0];
        let mut options = instance["MetadataOptions"].clone();
        let members = options.as_object_mut().unwrap();
        members.remove("State");
        // The emulator forgets it where a call doesn't name it; EC2 does not.
        members.entry("HttpEndpoint").or_insert(json!("enabled"));
        json!({"options": options, "tags": instance["Tags"]})
    }
}

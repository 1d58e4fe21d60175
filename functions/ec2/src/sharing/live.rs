//! Shares through the SDK: reading them, and sending the calls of a plan.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    ImageAttributeName, LaunchPermission, LaunchPermissionModifications, OperationType,
    PermissionGroup, SnapshotAttributeName,
};
use serde_json::Value;
use undrift_aws::client::{AnswerDate, LISTED, classify, listed, malformed};
use undrift_core::kind::{Call, Facet, FacetName, Image, ResourceRef};
use undrift_engine::port::{CallError, ErrorClass, Listed, Seen, Sent};

use super::{SHARED_WITH, share};

/// The calls that [`send`] sends.
pub(crate) const CALLS: [&str; 2] = ["ModifySnapshotAttribute", "ModifyImageAttribute"];

/// Whom a snapshot is shared with.
pub(crate) async fn read_snapshot(
    client: &Client,
    snapshot: &ResourceRef,
) -> Result<Seen, CallError> {
    let operation = "ec2:DescribeSnapshotAttribute";
    let dated = AnswerDate::default();
    let answer = client
        .describe_snapshot_attribute()
        .snapshot_id(snapshot.id.as_str())
        .attribute(SnapshotAttributeName::CreateVolumePermission)
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, operation, &snapshot.to_string()));
    let answer = match answer {
        Ok(answer) => answer,
        Err(e) if e.class == ErrorClass::Missing => return Ok(gone(&dated)),
        Err(e) => return Err(e),
    };
    let names = answer.create_volume_permissions().iter().map(|p| {
        let group = p.group().map(PermissionGroup::as_str);
        p.user_id().or(group)
    });
    seen(names, &dated).map_err(|why| malformed(operation, &snapshot.to_string(), why))
}

/// Whom an image is shared with.
pub(crate) async fn read_image(client: &Client, image: &ResourceRef) -> Result<Seen, CallError> {
    let operation = "ec2:DescribeImageAttribute";
    let dated = AnswerDate::default();
    let answer = client
        .describe_image_attribute()
        .image_id(image.id.as_str())
        .attribute(ImageAttributeName::LaunchPermission)
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, operation, &image.to_string()));
    let answer = match answer {
        Ok(answer) => answer,
        Err(e) if e.class == ErrorClass::Missing => return Ok(gone(&dated)),
        Err(e) => return Err(e),
    };
    let names = answer.launch_permissions().iter().map(|p| {
        p.user_id()
            .or(p.group().map(PermissionGroup::as_str))
            .or(p.organization_arn())
            .or(p.organizational_unit_arn())
    });
    seen(names, &dated).map_err(|why| malformed(operation, &image.to_string(), why))
}

fn gone(dated: &AnswerDate) -> Seen {
    Seen {
        image: None,
        path: None,
        at: dated.at(),
    }
}

fn seen<'n>(
    names: impl Iterator<Item = Option<&'n str>>,
    dated: &AnswerDate,
) -> Result<Seen, &'static str> {
    let mut shares = Facet::new();
    for name in names {
        let (key, element) = share(name.ok_or("a share names nobody")?);
        shares.insert(key, element);
    }
    let mut image = Image::default();
    image.facets.insert(FacetName::from(SHARED_WITH), shares);
    Ok(Seen {
        image: Some(image),
        path: None,
        at: dated.at(),
    })
}

/// Sends one call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_ec2::operation::RequestId as _;
    let input = &call.input;
    let text = |member: &str| input.get(member).and_then(Value::as_str).map(str::to_owned);
    let operation = format!("ec2:{}", call.operation);
    if call.operation == "ModifySnapshotAttribute" {
        let resource = text("SnapshotId").unwrap_or_default();
        // The older form: some emulators know no other, and EC2 takes both.
        let answer = client
            .modify_snapshot_attribute()
            .attribute(SnapshotAttributeName::CreateVolumePermission)
            .set_snapshot_id(text("SnapshotId"))
            .set_operation_type(text("OperationType").map(|t| OperationType::from(t.as_str())))
            .set_user_ids(strings(input, "UserIds"))
            .set_group_names(strings(input, "GroupNames"))
            .send()
            .await
            .map_err(|e| classify(&e, &operation, &resource))?;
        return Ok(Sent {
            request_id: answer.request_id().map(str::to_owned),
        });
    }
    let resource = text("ImageId").unwrap_or_default();
    let permissions = |direction: &str| {
        let list = input
            .pointer(&format!("/LaunchPermission/{direction}"))?
            .as_array()?;
        Some(list.iter().map(permission).collect::<Vec<_>>())
    };
    let answer = client
        .modify_image_attribute()
        .attribute("launchPermission")
        .set_image_id(text("ImageId"))
        .launch_permission(
            LaunchPermissionModifications::builder()
                .set_add(permissions("Add"))
                .set_remove(permissions("Remove"))
                .build(),
        )
        .send()
        .await
        .map_err(|e| classify(&e, &operation, &resource))?;
    Ok(Sent {
        request_id: answer.request_id().map(str::to_owned),
    })
}

fn permission(written: &Value) -> LaunchPermission {
    let text = |member: &str| {
        written
            .get(member)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    LaunchPermission::builder()
        .set_user_id(text("UserId"))
        .set_group(text("Group").map(|g| PermissionGroup::from(g.as_str())))
        .set_organization_arn(text("OrganizationArn"))
        .set_organizational_unit_arn(text("OrganizationalUnitArn"))
        .build()
}

fn strings(input: &Value, member: &str) -> Option<Vec<String>> {
    let list = input.get(member)?.as_array()?;
    Some(
        list.iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
    )
}

/// A page of the account's own snapshots.
pub(crate) async fn list_snapshots(
    client: &Client,
    from: Option<&str>,
) -> Result<Listed, CallError> {
    let operation = "ec2:DescribeSnapshots";
    let page = client
        .describe_snapshots()
        .max_results(LISTED)
        .owner_ids("self")
        .set_next_token(from.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, operation, "all snapshots"))?;
    let ids = page
        .snapshots()
        .iter()
        .map(aws_sdk_ec2::types::Snapshot::snapshot_id);
    listed(operation, ids, page.next_token())
}

/// A page of the account's own images.
pub(crate) async fn list_images(client: &Client, from: Option<&str>) -> Result<Listed, CallError> {
    let operation = "ec2:DescribeImages";
    let page = client
        .describe_images()
        .max_results(LISTED)
        .owners("self")
        .set_next_token(from.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, operation, "all images"))?;
    let ids = page
        .images()
        .iter()
        .map(aws_sdk_ec2::types::Image::image_id);
    listed(operation, ids, page.next_token())
}

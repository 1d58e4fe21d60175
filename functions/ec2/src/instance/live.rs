//! Instances through the SDK: reading their metadata options, and sending the call of a plan.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::{
    HttpTokensState, InstanceMetadataEndpointState, InstanceMetadataOptionsResponse,
    InstanceMetadataProtocolState, InstanceMetadataTagsState, InstanceStateName, Reservation,
};
use serde_json::{Value, json};
use undrift_aws::client::{AnswerDate, LISTED, classify, listed, malformed};
use undrift_core::kind::{Call, Facet, FacetName, Image, KindError, ResourceRef};
use undrift_engine::port::{CallError, ErrorClass, Listed, Seen, Sent};

use super::{MODIFY, OPTIONS, option};

/// The calls that [`send`] sends.
pub(crate) const CALLS: [&str; 1] = [MODIFY];

/// How an instance's metadata service answers.
pub(crate) async fn read(client: &Client, instance: &ResourceRef) -> Result<Seen, CallError> {
    let operation = "ec2:DescribeInstances";
    let dated = AnswerDate::default();
    let answer = client
        .describe_instances()
        .instance_ids(instance.id.as_str())
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, operation, &instance.to_string()));
    let answer = match answer {
        Ok(answer) => Some(answer),
        Err(e) if e.class == ErrorClass::Missing => None,
        Err(e) => return Err(e),
    };
    let reservations = answer
        .iter()
        .flat_map(DescribeInstancesOutput::reservations);
    let mut instances = reservations.flat_map(Reservation::instances);
    // A terminated one shows for an hour, and takes no call any more.
    let is_there = |i: &&aws_sdk_ec2::types::Instance| {
        let state = i.state().and_then(|s| s.name());
        !matches!(
            state,
            Some(InstanceStateName::Terminated | InstanceStateName::ShuttingDown)
        )
    };
    let Some(found) = instances.next().filter(is_there) else {
        return Ok(Seen {
            image: None,
            path: None,
            at: dated.at(),
        });
    };
    let options = found.metadata_options().map(options).transpose();
    let options = options
        .map_err(|e| malformed(operation, &instance.to_string(), &e.to_string()))?
        .ok_or_else(|| malformed(operation, &instance.to_string(), "it shows no options"))?;
    let mut image = Image::default();
    image.facets.insert(FacetName::from(OPTIONS), options);
    Ok(Seen {
        image: Some(image),
        path: None,
        at: dated.at(),
    })
}

fn options(shown: &InstanceMetadataOptionsResponse) -> Result<Facet, KindError> {
    let values = [
        ("HttpTokens", shown.http_tokens().map(|v| json!(v.as_str()))),
        (
            "HttpEndpoint",
            shown.http_endpoint().map(|v| json!(v.as_str())),
        ),
        (
            "HttpPutResponseHopLimit",
            shown.http_put_response_hop_limit().map(|v| json!(v)),
        ),
        (
            "HttpProtocolIpv6",
            shown.http_protocol_ipv6().map(|v| json!(v.as_str())),
        ),
        (
            "InstanceMetadataTags",
            shown.instance_metadata_tags().map(|v| json!(v.as_str())),
        ),
    ];
    let shown = values
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    shown.map(|(name, value)| option(name, &value)).collect()
}

/// Sends the call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_ec2::operation::RequestId as _;
    let text = |member: &str| call.input.get(member).and_then(Value::as_str);
    let id = text("InstanceId").unwrap_or_default();
    let hops = call
        .input
        .get("HttpPutResponseHopLimit")
        .and_then(Value::as_i64);
    let answer = client
        .modify_instance_metadata_options()
        .instance_id(id)
        .set_http_tokens(text("HttpTokens").map(HttpTokensState::from))
        .set_http_endpoint(text("HttpEndpoint").map(InstanceMetadataEndpointState::from))
        .set_http_put_response_hop_limit(hops.and_then(|h| i32::try_from(h).ok()))
        .set_http_protocol_ipv6(text("HttpProtocolIpv6").map(InstanceMetadataProtocolState::from))
        .set_instance_metadata_tags(
            text("InstanceMetadataTags").map(InstanceMetadataTagsState::from),
        )
        .send()
        .await
        .map_err(|e| classify(&e, &format!("ec2:{MODIFY}"), id))?;
    Ok(Sent {
        request_id: answer.request_id().map(str::to_owned),
    })
}

/// A page of the account's instances; of one that is gone nothing will be read.
pub(crate) async fn list(client: &Client, from: Option<&str>) -> Result<Listed, CallError> {
    let operation = "ec2:DescribeInstances";
    let page = client
        .describe_instances()
        .max_results(LISTED)
        .set_next_token(from.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, operation, "all instances"))?;
    let ids = {
        let all = page.reservations().iter().flat_map(Reservation::instances);
        all.map(aws_sdk_ec2::types::Instance::instance_id)
    };
    listed(operation, ids, page.next_token())
}

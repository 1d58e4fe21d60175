//! Trails through the SDK: reading them, and sending the call of a plan.

use aws_sdk_cloudtrail::Client;
use serde_json::Value;
use undrift_aws::client::{AnswerDate, classify, found, listed, malformed};
use undrift_core::kind::{Call, Facet, Image, ResourceRef};
use undrift_core::name::Arn;
use undrift_engine::port::{CallError, Listed, Place, Seen, Sent};

use super::{LOGGING, Trail, logging};

/// Whether a trail logs.
pub(crate) async fn read(client: &Client, trail: &ResourceRef) -> Result<Seen, CallError> {
    let operation = "cloudtrail:GetTrailStatus";
    let dated = AnswerDate::default();
    let answer = client
        .get_trail_status()
        .name(trail.arn(&Trail))
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, operation, &trail.to_string()));
    let image = match found(answer)? {
        None => None,
        Some(status) => {
            let is = status.is_logging().ok_or_else(|| {
                malformed(
                    operation,
                    &trail.to_string(),
                    "it doesn't say whether it logs",
                )
            })?;
            Some(Image::of([(LOGGING, Facet::from([logging(is)]))]))
        }
    };
    Ok(Seen {
        image,
        path: None,
        at: dated.at(),
    })
}

/// Sends the call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_cloudtrail::operation::RequestId as _;
    let name = call
        .input
        .get("Name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let operation = format!("cloudtrail:{}", call.operation);
    let request_id = match call.operation.as_str() {
        "StartLogging" => {
            let answer = client.start_logging().name(name).send().await;
            let answer = answer.map_err(|e| classify(&e, &operation, name))?;
            answer.request_id().map(str::to_owned)
        }
        "StopLogging" => {
            let answer = client.stop_logging().name(name).send().await;
            let answer = answer.map_err(|e| classify(&e, &operation, name))?;
            answer.request_id().map(str::to_owned)
        }
        _ => return Err(malformed(&operation, name, "this is no call of a plan")),
    };
    Ok(Sent { request_id })
}

/// The trails of the account whose home is here, all at once (an account has at most five per
/// Region: CloudTrail User Guide, "Quotas"). Neither shadows of other Regions' trails nor an
/// organization's, which is the management account's.
pub(crate) async fn list(client: &Client, place: &Place) -> Result<Listed, CallError> {
    let operation = "cloudtrail:DescribeTrails";
    let answer = client
        .describe_trails()
        .include_shadow_trails(false)
        .send()
        .await
        .map_err(|e| classify(&e, operation, "all trails"))?;
    let home = |t: &&aws_sdk_cloudtrail::types::Trail| {
        let here = t.home_region().is_none_or(|r| r == place.region.as_str());
        let arn = t.trail_arn().and_then(|arn| Arn::parse(arn).ok());
        let ours = arn.and_then(|arn| arn.account());
        here && ours.is_none_or(|a| a == place.account)
    };
    let trails = answer.trail_list().iter().filter(home);
    listed(operation, trails.map(|t| t.name()), None)
}

//! Managed policies through the SDK: reading them, and sending the call of a plan.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::PolicyScopeType;
use futures_util::future::join;
use serde_json::Value;
use undrift_aws::client::{AnswerDate, LISTED, classify, found, listed, malformed};
use undrift_core::kind::{Call, Facet, Image, ResourceRef};
use undrift_engine::port::{CallError, Listed, Seen, Sent};

use super::{DEFAULT, ManagedPolicy, VERSIONS, default, version};
use crate::text::decoded;

/// The calls that [`send`] sends.
pub(crate) const CALLS: [&str; 2] = ["CreatePolicyVersion", "SetDefaultPolicyVersion"];

/// A policy's versions, and the text of the one in force: two rounds, since the second names what
/// the first shows.
pub(crate) async fn read(client: &Client, policy: &ResourceRef) -> Result<Seen, CallError> {
    let arn = policy.arn(&ManagedPolicy);
    let dated = AnswerDate::default();
    let list = client
        .list_policy_versions()
        .policy_arn(&arn)
        .customize()
        .interceptor(dated.clone())
        .send();
    let (list, in_force) = join(list, default_of(client, &arn, &dated)).await;
    let list = list.map_err(|e| classify(&e, "iam:ListPolicyVersions", &arn));
    let (Some(list), Some(in_force)) = (found(list)?, in_force?) else {
        return Ok(Seen {
            image: None,
            path: None,
            at: dated.at(),
        });
    };
    let mut versions = Facet::new();
    for one in list.versions() {
        let id = one.version_id();
        let id = id.ok_or_else(|| malformed("iam:ListPolicyVersions", &arn, "one has no id"))?;
        versions.extend([version(id)]);
    }
    let text = text(client, &arn, &in_force, &dated).await?;
    let in_force = Facet::from([default(&in_force, text.as_deref())]);
    Ok(Seen {
        image: Some(Image::of([(DEFAULT, in_force), (VERSIONS, versions)])),
        path: None,
        at: dated.at(),
    })
}

/// A version's document.
async fn text(
    client: &Client,
    arn: &str,
    version: &str,
    dated: &AnswerDate,
) -> Result<Option<String>, CallError> {
    let answer = client
        .get_policy_version()
        .policy_arn(arn)
        .version_id(version)
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, "iam:GetPolicyVersion", arn));
    let version = found(answer)?.and_then(|a| a.policy_version);
    Ok(version.and_then(|v| v.document).map(|text| decoded(&text)))
}

/// The document of a policy's default version; `None` where there is no such policy.
pub(crate) async fn in_force(
    client: &Client,
    arn: &str,
    dated: &AnswerDate,
) -> Result<Option<String>, CallError> {
    match default_of(client, arn, dated).await? {
        Some(version) => text(client, arn, &version, dated).await,
        None => Ok(None),
    }
}

/// Which version of a policy is in force; `None` where there is no such policy.
async fn default_of(
    client: &Client,
    arn: &str,
    dated: &AnswerDate,
) -> Result<Option<String>, CallError> {
    let answer = client
        .get_policy()
        .policy_arn(arn)
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, "iam:GetPolicy", arn));
    let policy = found(answer)?.and_then(|a| a.policy);
    Ok(policy.and_then(|p| p.default_version_id))
}

/// Sends the call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_iam::operation::RequestId as _;
    let text = |member: &str| {
        call.input
            .get(member)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let operation = format!("iam:{}", call.operation);
    let arn = text("PolicyArn").unwrap_or_default();
    let request_id = if call.operation == "SetDefaultPolicyVersion" {
        let answer = client
            .set_default_policy_version()
            .policy_arn(&arn)
            .set_version_id(text("VersionId"))
            .send()
            .await
            .map_err(|e| classify(&e, &operation, &arn))?;
        answer.request_id().map(str::to_owned)
    } else {
        let answer = client
            .create_policy_version()
            .policy_arn(&arn)
            .set_policy_document(text("PolicyDocument"))
            .set_as_default(true)
            .send()
            .await
            .map_err(|e| classify(&e, &operation, &arn))?;
        answer.request_id().map(str::to_owned)
    };
    Ok(Sent { request_id })
}

/// A page of the account's own policies.
pub(crate) async fn list(client: &Client, from: Option<&str>) -> Result<Listed, CallError> {
    let operation = "iam:ListPolicies";
    let page = client
        .list_policies()
        .scope(PolicyScopeType::Local)
        .max_items(LISTED)
        .set_marker(from.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, operation, "all policies"))?;
    let ids = page.policies().iter().map(|p| {
        let (_, id) = p.arn()?.split_once(":policy/")?;
        Some(id)
    });
    listed(
        operation,
        ids,
        page.marker().filter(|_| page.is_truncated()),
    )
}

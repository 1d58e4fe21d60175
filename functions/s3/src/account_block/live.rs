//! The account's block through the SDK: reading it, and sending the call of a plan.

use aws_sdk_s3control::Client;
use aws_sdk_s3control::types::PublicAccessBlockConfiguration;
use serde_json::Value;
use undrift_aws::client::{AnswerDate, classify, found, malformed};
use undrift_core::kind::{Call, Image, ResourceRef};
use undrift_engine::port::{CallError, Seen, Sent};

use crate::block;

/// The switches of an account.
pub(crate) async fn read(client: &Client, account: &ResourceRef) -> Result<Seen, CallError> {
    let dated = AnswerDate::default();
    let set = switches(client, account.account.as_str(), &dated).await?;
    let facet = block::facet(|name| is_on(set.as_ref(), name));
    Ok(Seen {
        image: Some(Image::of([(block::BLOCK, facet)])),
        path: None,
        at: dated.at(),
    })
}

/// An account's configuration; `None`: it has none.
pub(crate) async fn switches(
    client: &Client,
    account: &str,
    dated: &AnswerDate,
) -> Result<Option<PublicAccessBlockConfiguration>, CallError> {
    let answer = client
        .get_public_access_block()
        .account_id(account)
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, "s3control:GetPublicAccessBlock", account));
    let answer = found(answer)?;
    Ok(answer.and_then(|a| a.public_access_block_configuration))
}

pub(crate) fn is_on(set: Option<&PublicAccessBlockConfiguration>, name: &str) -> bool {
    let value = set.and_then(|set| match name {
        "BlockPublicAcls" => set.block_public_acls(),
        "IgnorePublicAcls" => set.ignore_public_acls(),
        "BlockPublicPolicy" => set.block_public_policy(),
        _ => set.restrict_public_buckets(),
    });
    value == Some(true)
}

/// Sends the call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_s3control::operation::RequestId as _;
    let operation = format!("s3control:{}", call.operation);
    let account = call.input.get("AccountId").and_then(Value::as_str);
    let account = account.unwrap_or_default();
    let wanted = call.input.get("PublicAccessBlockConfiguration");
    let wanted = wanted.ok_or_else(|| malformed(&operation, account, "it sets no switch"))?;
    let on = |name: &str| wanted.get(name).and_then(Value::as_bool);
    let configuration = PublicAccessBlockConfiguration::builder()
        .set_block_public_acls(on("BlockPublicAcls"))
        .set_ignore_public_acls(on("IgnorePublicAcls"))
        .set_block_public_policy(on("BlockPublicPolicy"))
        .set_restrict_public_buckets(on("RestrictPublicBuckets"))
        .build();
    let answer = client
        .put_public_access_block()
        .account_id(account)
        .public_access_block_configuration(configuration)
        .send()
        .await
        .map_err(|e| classify(&e, &operation, account))?;
    Ok(Sent {
        request_id: answer.request_id().map(str::to_owned),
    })
}

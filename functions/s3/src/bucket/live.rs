//! Buckets through the SDK: reading them, and sending the calls of a plan.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    AccessControlPolicy, Grant, Grantee, Owner, Permission, PublicAccessBlockConfiguration, Type,
};
use futures_util::future::join;
use serde_json::Value;
use undrift_aws::client::{AnswerDate, LISTED, classify, found, listed, malformed};
use undrift_core::kind::{Call, Facet, FacetName, Image, ResourceRef, document};
use undrift_engine::port::{CallError, Listed, Place, Seen, Sent};

use super::POLICY;
use crate::account_block::live::{is_on as account_is_on, switches};
use crate::cloud::S3;
use crate::{acl, block};

/// A bucket's policy, list and block, in one round.
pub(crate) async fn read(cloud: &S3, bucket: &ResourceRef) -> Result<Seen, CallError> {
    let dated = AnswerDate::default();
    let reading = Reading {
        client: &cloud.s3,
        bucket,
        dated: &dated,
    };
    let ((list, account), (policy, set)) = join(
        join(
            reading.list(),
            switches(&cloud.control, bucket.account.as_str(), &dated),
        ),
        join(reading.policy(), reading.switches()),
    )
    .await;
    let Some(list) = list? else {
        return Ok(Seen {
            image: None,
            path: None,
            at: dated.at(),
        });
    };
    let (account, policy, set) = (account?, policy?, set?);
    let on = |name: &str| is_on(set.as_ref(), name);
    let mut image = Image::of([(block::BLOCK, block::facet(on))]);
    // While public grants are ignored, S3 shows the list without them, not as it stands.
    let hidden = on("IgnorePublicAcls") || account_is_on(account.as_ref(), "IgnorePublicAcls");
    if !hidden {
        image.facets.insert(FacetName::from(acl::ACL), list);
    }
    let facet = FacetName::from(POLICY);
    let statements = match policy {
        None => Facet::new(),
        Some(text) => {
            let said = document::parse(&text);
            let said = said.map_err(|e| {
                malformed("s3:GetBucketPolicy", &bucket.to_string(), &e.to_string())
            })?;
            image.texts.insert(facet.clone(), text);
            said
        }
    };
    image.facets.insert(facet, statements);
    Ok(Seen {
        image: Some(image),
        path: None,
        at: dated.at(),
    })
}

struct Reading<'r> {
    client: &'r Client,
    bucket: &'r ResourceRef,
    dated: &'r AnswerDate,
}

impl Reading<'_> {
    /// `None`: there is no such bucket.
    async fn list(&self) -> Result<Option<Facet>, CallError> {
        let operation = "s3:GetBucketAcl";
        let answer = self
            .client
            .get_bucket_acl()
            .bucket(self.bucket.id.as_str())
            .expected_bucket_owner(self.bucket.account.as_str())
            .customize()
            .interceptor(self.dated.clone())
            .send()
            .await
            .map_err(|e| classify(&e, operation, &self.bucket.to_string()));
        let Some(answer) = found(answer)? else {
            return Ok(None);
        };
        let owner = answer.owner().and_then(Owner::id);
        let mut facet = Facet::new();
        for one in answer.grants() {
            let to = one.grantee().and_then(|g| grantee(g, owner));
            let permission = one.permission().map(Permission::as_str);
            let (Some(to), Some(permission)) = (to, permission) else {
                let why = "a grant names nobody, or grants nothing";
                return Err(malformed(operation, &self.bucket.to_string(), why));
            };
            facet.extend([acl::grant(&to, permission)]);
        }
        Ok(Some(facet))
    }

    async fn policy(&self) -> Result<Option<String>, CallError> {
        let answer = self
            .client
            .get_bucket_policy()
            .bucket(self.bucket.id.as_str())
            .expected_bucket_owner(self.bucket.account.as_str())
            .customize()
            .interceptor(self.dated.clone())
            .send()
            .await
            .map_err(|e| classify(&e, "s3:GetBucketPolicy", &self.bucket.to_string()));
        Ok(found(answer)?.and_then(|a| a.policy))
    }

    async fn switches(&self) -> Result<Option<PublicAccessBlockConfiguration>, CallError> {
        let answer = self
            .client
            .get_public_access_block()
            .bucket(self.bucket.id.as_str())
            .expected_bucket_owner(self.bucket.account.as_str())
            .customize()
            .interceptor(self.dated.clone())
            .send()
            .await
            .map_err(|e| classify(&e, "s3:GetPublicAccessBlock", &self.bucket.to_string()));
        Ok(found(answer)?.and_then(|a| a.public_access_block_configuration))
    }
}

fn is_on(set: Option<&PublicAccessBlockConfiguration>, name: &str) -> bool {
    let value = set.and_then(|set| match name {
        "BlockPublicAcls" => set.block_public_acls(),
        "IgnorePublicAcls" => set.ignore_public_acls(),
        "BlockPublicPolicy" => set.block_public_policy(),
        _ => set.restrict_public_buckets(),
    });
    value == Some(true)
}

fn grantee(grantee: &Grantee, owner: Option<&str>) -> Option<String> {
    let id = grantee.id();
    if id.is_some() && id == owner {
        return Some(acl::OWNER.to_owned());
    }
    let group = grantee.uri().map(acl::group);
    let email = || grantee.email_address().map(|e| format!("email={e}"));
    group
        .or_else(|| id.map(|id| format!("id={id}")))
        .or_else(email)
}

/// Sends one call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    use aws_sdk_s3::operation::RequestId as _;
    let text = |member: &str| call.input.get(member).and_then(Value::as_str);
    let bucket = text("Bucket").unwrap_or_default();
    let owner = text("ExpectedBucketOwner").map(str::to_owned);
    let operation = format!("s3:{}", call.operation);
    macro_rules! answer {
        ($call:expr) => {{
            let answer = $call
                .bucket(bucket)
                .set_expected_bucket_owner(owner)
                .send()
                .await;
            let answer = answer.map_err(|e| classify(&e, &operation, bucket))?;
            answer.request_id().map(str::to_owned)
        }};
    }
    let request_id = match call.operation.as_str() {
        "PutBucketPolicy" => {
            answer!(
                client
                    .put_bucket_policy()
                    .set_policy(text("Policy").map(str::to_owned))
            )
        }
        "DeleteBucketPolicy" => answer!(client.delete_bucket_policy()),
        "PutPublicAccessBlock" => {
            let set = configuration(call.input.get("PublicAccessBlockConfiguration"));
            answer!(
                client
                    .put_public_access_block()
                    .public_access_block_configuration(set)
            )
        }
        "PutBucketAcl" => {
            let list = list(client, bucket, owner.as_deref(), &call.input).await?;
            answer!(client.put_bucket_acl().access_control_policy(list))
        }
        _ => return Err(malformed(&operation, bucket, "this is no call of a plan")),
    };
    Ok(Sent { request_id })
}

fn configuration(wanted: Option<&Value>) -> PublicAccessBlockConfiguration {
    let on = |name: &str| wanted.and_then(|w| w.get(name)).and_then(Value::as_bool);
    PublicAccessBlockConfiguration::builder()
        .set_block_public_acls(on("BlockPublicAcls"))
        .set_ignore_public_acls(on("IgnorePublicAcls"))
        .set_block_public_policy(on("BlockPublicPolicy"))
        .set_restrict_public_buckets(on("RestrictPublicBuckets"))
        .build()
}

/// The list as S3 takes it: with the owner, whom a list must name and who never changes.
async fn list(
    client: &Client,
    bucket: &str,
    account: Option<&str>,
    input: &Value,
) -> Result<AccessControlPolicy, CallError> {
    let operation = "s3:GetBucketAcl";
    let answer = client
        .get_bucket_acl()
        .bucket(bucket)
        .set_expected_bucket_owner(account.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, operation, bucket))?;
    let owner = answer.owner().cloned();
    let owner = owner.ok_or_else(|| malformed(operation, bucket, "it names no owner"))?;
    let grants = input.pointer("/AccessControlPolicy/Grants");
    let grants = grants.and_then(Value::as_array).into_iter().flatten();
    let grants = grants.map(|one| written(one, &owner));
    let grants: Option<Vec<Grant>> = grants.collect();
    let grants =
        grants.ok_or_else(|| malformed("s3:PutBucketAcl", bucket, "a grant names nobody"))?;
    Ok(AccessControlPolicy::builder()
        .owner(owner)
        .set_grants(Some(grants))
        .build())
}

fn written(grant: &Value, owner: &Owner) -> Option<Grant> {
    let to = grant.get("to").and_then(Value::as_str)?;
    let permission = grant.get("permission").and_then(Value::as_str)?;
    let grantee = match to {
        acl::OWNER => Grantee::builder()
            .r#type(Type::CanonicalUser)
            .id(owner.id()?),
        _ => match (
            acl::uri(to),
            to.strip_prefix("id="),
            to.strip_prefix("email="),
        ) {
            (Some(uri), ..) => Grantee::builder().r#type(Type::Group).uri(uri),
            (None, Some(id), _) => Grantee::builder().r#type(Type::CanonicalUser).id(id),
            (None, None, Some(email)) => Grantee::builder()
                .r#type(Type::AmazonCustomerByEmail)
                .email_address(email),
            _ => return None,
        },
    };
    let grantee = grantee.build().ok()?;
    Some(
        Grant::builder()
            .grantee(grantee)
            .permission(Permission::from(permission))
            .build(),
    )
}

/// A page of the account's buckets in a Region.
pub(crate) async fn list_all(
    client: &Client,
    place: &Place,
    from: Option<&str>,
) -> Result<Listed, CallError> {
    let operation = "s3:ListBuckets";
    let page = client
        .list_buckets()
        .max_buckets(LISTED)
        .bucket_region(place.region.as_str())
        .set_continuation_token(from.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, operation, "all buckets"))?;
    // Older implementations of the API list every Region's.
    let here = |b: &&aws_sdk_s3::types::Bucket| {
        b.bucket_region().is_none_or(|r| r == place.region.as_str())
    };
    let buckets = page.buckets().iter().filter(here);
    listed(
        operation,
        buckets.map(|b| b.name()),
        page.continuation_token(),
    )
}

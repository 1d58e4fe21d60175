//! Buckets, and the account's block.

use serde_json::{Value, json};
use undrift_local::Client;

use super::{Control, call};

async fn make(by: &Client, bucket: &str) {
    let input = json!({"Bucket": bucket,
        "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
    call(by, "s3", "CreateBucket", input).await;
}

async fn delete(by: &Client, bucket: &str) {
    call(by, "s3", "DeleteBucket", json!({"Bucket": bucket})).await;
}

/// Versions are nobody's business.
async fn version(by: &Client, bucket: &str) {
    let input = json!({"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}});
    call(by, "s3", "PutBucketVersioning", input).await;
}

/// All that can be asked of a bucket.
async fn whole(by: &Client, bucket: &str) -> Value {
    let of = async |operation: &str, member: &str| {
        let answer = by.call("s3", operation, json!({"Bucket": bucket})).await;
        answer.map_or(Value::Null, |a| a[member].clone())
    };
    let block = of("GetPublicAccessBlock", "PublicAccessBlockConfiguration").await;
    let mut grants = of("GetBucketAcl", "Grants").await;
    if let Some(grants) = grants.as_array_mut() {
        grants.sort_by_key(Value::to_string);
    }
    json!({
        "policy": of("GetBucketPolicy", "Policy").await,
        "grants": grants,
        "block": block,
        "versions": of("GetBucketVersioning", "Status").await,
    })
}

/// The owner's grant, and two that no canned list with a public one has. (Lists that grant a
/// group several things come back from the emulator in one grant, which S3 doesn't do.)
async fn put_right(by: &Client, bucket: &str) {
    let now = call(by, "s3", "GetBucketAcl", json!({"Bucket": bucket})).await;
    let logs = json!({"Type": "Group", "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"});
    let owner = json!({"Type": "CanonicalUser", "ID": now["Owner"]["ID"]});
    let policy = json!({"Owner": now["Owner"], "Grants": [
        {"Grantee": owner, "Permission": "FULL_CONTROL"},
        {"Grantee": logs, "Permission": "WRITE"},
        {"Grantee": logs, "Permission": "READ_ACP"},
    ]});
    let input = json!({"Bucket": bucket, "AccessControlPolicy": policy});
    call(by, "s3", "PutBucketAcl", input).await;
}

async fn put_acl(by: &Client, bucket: &str, acl: &str) {
    call(
        by,
        "s3",
        "PutBucketAcl",
        json!({"Bucket": bucket, "ACL": acl}),
    )
    .await;
}

/// A bucket whose access control list lets everybody in.
pub(crate) struct PublicList;

impl Control for PublicList {
    const POLICY: &str = "s3-bucket-acl-public";

    async fn make(by: &Client, name: &str) -> String {
        let bucket = format!("list-{name}");
        make(by, &bucket).await;
        put_right(by, &bucket).await;
        bucket
    }

    async fn bad(by: &Client, id: &str) {
        put_acl(by, id, "public-read").await;
    }

    async fn worse(by: &Client, id: &str) {
        put_acl(by, id, "authenticated-read").await;
    }

    async fn no_op(by: &Client, id: &str) {
        put_right(by, id).await;
    }

    async fn mend(by: &Client, id: &str) {
        put_right(by, id).await;
    }

    async fn edit(by: &Client, id: &str) {
        version(by, id).await;
    }

    async fn delete(by: &Client, id: &str) {
        delete(by, id).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        whole(by, id).await
    }
}

/// A bucket whose policy lets everybody in.
pub(crate) struct PublicPolicy;

impl PublicPolicy {
    async fn put(by: &Client, bucket: &str, statements: &[Value]) {
        // As people write: what is put back is put back word for word.
        let statements: Vec<String> = statements.iter().map(Value::to_string).collect();
        let text = format!(
            "{{\n  \"Version\": \"2008-10-17\",\n  \"Statement\": [ {} ]\n}}",
            statements.join(",\n    ")
        );
        call(
            by,
            "s3",
            "PutBucketPolicy",
            json!({"Bucket": bucket, "Policy": text}),
        )
        .await;
    }

    fn statement(bucket: &str, sid: &str, who: &str, action: &str) -> Value {
        json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": who}, "Action": action,
            "Resource": format!("arn:aws:s3:::{bucket}/*")})
    }

    fn right(bucket: &str) -> Vec<Value> {
        let partner = "arn:aws:iam::444455556666:root";
        vec![
            Self::statement(bucket, "Partner", partner, "s3:GetObject"),
            Self::statement(bucket, "Uploads", partner, "s3:PutObject"),
        ]
    }
}

impl Control for PublicPolicy {
    const POLICY: &str = "s3-bucket-policy-public";

    async fn make(by: &Client, name: &str) -> String {
        let bucket = format!("policy-{name}");
        make(by, &bucket).await;
        Self::put(by, &bucket, &Self::right(&bucket)).await;
        bucket
    }

    async fn bad(by: &Client, id: &str) {
        // One of its neighbours is gone with it.
        let all = Self::statement(id, "All", "*", "s3:GetObject");
        Self::put(by, id, &[Self::right(id).remove(0), all]).await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::put(by, id, &[Self::statement(id, "More", "*", "s3:*")]).await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::put(by, id, &Self::right(id)).await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::put(by, id, &Self::right(id)).await;
    }

    async fn edit(by: &Client, id: &str) {
        version(by, id).await;
    }

    async fn delete(by: &Client, id: &str) {
        delete(by, id).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        whole(by, id).await
    }
}

fn switches(acls: bool, policy: bool) -> Value {
    json!({"BlockPublicAcls": acls, "IgnorePublicAcls": false, "BlockPublicPolicy": policy,
        "RestrictPublicBuckets": policy})
}

/// A bucket whose own block is weakened.
pub(crate) struct WeakenedBlock;

impl WeakenedBlock {
    async fn set(by: &Client, bucket: &str, switches: Value) {
        let input = json!({"Bucket": bucket, "PublicAccessBlockConfiguration": switches});
        call(by, "s3", "PutPublicAccessBlock", input).await;
    }
}

impl Control for WeakenedBlock {
    const POLICY: &str = "s3-bucket-public-access-block-weakened";

    async fn make(by: &Client, name: &str) -> String {
        let bucket = format!("block-{name}");
        make(by, &bucket).await;
        Self::set(by, &bucket, switches(true, true)).await;
        bucket
    }

    async fn bad(by: &Client, id: &str) {
        Self::set(by, id, switches(true, false)).await;
    }

    async fn worse(by: &Client, id: &str) {
        call(by, "s3", "DeletePublicAccessBlock", json!({"Bucket": id})).await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::set(by, id, switches(true, true)).await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::set(by, id, switches(true, true)).await;
    }

    async fn edit(by: &Client, id: &str) {
        version(by, id).await;
    }

    async fn delete(by: &Client, id: &str) {
        delete(by, id).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        whole(by, id).await
    }
}

/// The account's block, weakened.
pub(crate) struct WeakenedAccount;

impl WeakenedAccount {
    async fn set(by: &Client, account: &str, switches: Value) {
        let input = json!({"AccountId": account, "PublicAccessBlockConfiguration": switches});
        call(by, "s3control", "PutPublicAccessBlock", input).await;
    }
}

impl Control for WeakenedAccount {
    const POLICY: &str = "s3-account-public-access-block-weakened";
    const NAMED: bool = false;
    const ONLY_ONE: bool = true;

    async fn make(by: &Client, _: &str) -> String {
        let identity = call(by, "sts", "GetCallerIdentity", json!({})).await;
        let account = identity["Account"].as_str().unwrap().to_owned();
        Self::set(by, &account, switches(true, true)).await;
        account
    }

    async fn bad(by: &Client, id: &str) {
        Self::set(by, id, switches(true, false)).await;
    }

    async fn worse(by: &Client, id: &str) {
        call(
            by,
            "s3control",
            "DeletePublicAccessBlock",
            json!({"AccountId": id}),
        )
        .await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::set(by, id, switches(true, true)).await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::set(by, id, switches(true, true)).await;
    }

    async fn edit(by: &Client, id: &str) {
        // A switch that the bad change didn't touch is turned on.
        let now = Self::state(by, id).await;
        let mut switches = now["PublicAccessBlockConfiguration"].clone();
        switches["IgnorePublicAcls"] = json!(true);
        Self::set(by, id, switches).await;
    }

    async fn delete(by: &Client, id: &str) {
        call(
            by,
            "s3control",
            "DeletePublicAccessBlock",
            json!({"AccountId": id}),
        )
        .await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        let input = json!({"AccountId": id});
        let answer = by.call("s3control", "GetPublicAccessBlock", input).await;
        answer.unwrap_or(Value::Null)
    }
}

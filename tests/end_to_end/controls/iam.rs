//! Users, roles, groups, their policies and keys. IAM's events come in us-east-1 alone.

use serde_json::{Value, json};
use undrift_local::Client;

use super::{Control, call};

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const POWER_USER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
const READER: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

fn statement(action: &str) -> String {
    let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
    // As people write: what is put back is put back word for word.
    format!("{{ \"Version\": \"2012-10-17\",\n  \"Statement\": [{statement}] }}")
}

fn trust(who: &Value) -> String {
    let statement =
        json!({"Sid": "Who", "Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"});
    format!("{{ \"Version\": \"2012-10-17\",\n  \"Statement\": [ {statement} ] }}")
}

async fn role(by: &Client, name: &str) {
    let document = trust(&json!({"Service": "ec2.amazonaws.com"}));
    let input = json!({"RoleName": name, "AssumeRolePolicyDocument": document});
    call(by, "iam", "CreateRole", input).await;
}

async fn delete_role(by: &Client, name: &str) {
    for policy in [ADMINISTRATOR, POWER_USER, READER] {
        let input = json!({"RoleName": name, "PolicyArn": policy});
        let _ = by.call("iam", "DetachRolePolicy", input).await;
    }
    for policy in ["own", "other", "note"] {
        let input = json!({"RoleName": name, "PolicyName": policy});
        let _ = by.call("iam", "DeleteRolePolicy", input).await;
    }
    call(by, "iam", "DeleteRole", json!({"RoleName": name})).await;
}

async fn put(by: &Client, role: &str, policy: &str, action: &str) {
    let input =
        json!({"RoleName": role, "PolicyName": policy, "PolicyDocument": statement(action)});
    call(by, "iam", "PutRolePolicy", input).await;
}

/// All that can be asked of a role.
async fn whole(by: &Client, name: &str) -> Value {
    let of = json!({"RoleName": name});
    let role = call(by, "iam", "GetRole", of.clone()).await;
    let attached = call(by, "iam", "ListAttachedRolePolicies", of.clone()).await;
    let mut attached: Vec<String> = attached["AttachedPolicies"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| p["PolicyArn"].to_string())
        .collect();
    attached.sort();
    let names = call(by, "iam", "ListRolePolicies", of).await;
    let mut inline = Vec::new();
    for policy in names["PolicyNames"].as_array().into_iter().flatten() {
        let of = json!({"RoleName": name, "PolicyName": policy});
        let read = call(by, "iam", "GetRolePolicy", of).await;
        inline.push(json!([policy, read["PolicyDocument"]]));
    }
    inline.sort_by_key(Value::to_string);
    json!({
        "trust": role["Role"]["AssumeRolePolicyDocument"],
        "description": role["Role"]["Description"],
        "attached": attached,
        "inline": inline,
    })
}

fn bare(id: &str) -> &str {
    id.split_once('/').unwrap().1
}

async fn describe(by: &Client, id: &str) {
    let input = json!({"RoleName": bare(id), "Description": "by a colleague"});
    call(by, "iam", "UpdateRole", input).await;
}

/// A role that an administrator's policy is attached to.
pub(crate) struct Attached;

impl Attached {
    async fn attach(by: &Client, id: &str, policy: &str) {
        let input = json!({"RoleName": bare(id), "PolicyArn": policy});
        call(by, "iam", "AttachRolePolicy", input).await;
    }
}

impl Control for Attached {
    const POLICY: &str = "iam-admin-policy-attached";
    const REGION: &str = "us-east-1";

    async fn make(by: &Client, name: &str) -> String {
        role(by, name).await;
        let id = format!("role/{name}");
        Self::attach(by, &id, READER).await;
        id
    }

    async fn bad(by: &Client, id: &str) {
        Self::attach(by, id, ADMINISTRATOR).await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::attach(by, id, POWER_USER).await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::attach(by, id, READER).await;
    }

    async fn mend(by: &Client, id: &str) {
        let input = json!({"RoleName": bare(id), "PolicyArn": ADMINISTRATOR});
        call(by, "iam", "DetachRolePolicy", input).await;
    }

    async fn edit(by: &Client, id: &str) {
        put(by, bare(id), "note", "s3:GetObject").await;
    }

    async fn delete(by: &Client, id: &str) {
        delete_role(by, bare(id)).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        whole(by, bare(id)).await
    }
}

/// A role with an inline policy for everything.
pub(crate) struct Inline;

impl Control for Inline {
    const POLICY: &str = "iam-inline-policy-admin";
    const REGION: &str = "us-east-1";

    async fn make(by: &Client, name: &str) -> String {
        role(by, name).await;
        put(by, name, "own", "s3:GetObject").await;
        format!("role/{name}")
    }

    async fn bad(by: &Client, id: &str) {
        put(by, bare(id), "own", "*").await;
    }

    async fn worse(by: &Client, id: &str) {
        put(by, bare(id), "other", "iam:*").await;
    }

    async fn no_op(by: &Client, id: &str) {
        put(by, bare(id), "own", "s3:GetObject").await;
    }

    async fn mend(by: &Client, id: &str) {
        put(by, bare(id), "own", "s3:GetObject").await;
    }

    async fn edit(by: &Client, id: &str) {
        describe(by, id).await;
    }

    async fn delete(by: &Client, id: &str) {
        delete_role(by, bare(id)).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        whole(by, bare(id)).await
    }
}

/// A role that trusts a stranger.
pub(crate) struct Trusting;

impl Trusting {
    async fn trust(by: &Client, id: &str, who: Value) {
        let input = json!({"RoleName": bare(id), "PolicyDocument": trust(&who)});
        call(by, "iam", "UpdateAssumeRolePolicy", input).await;
    }
}

impl Control for Trusting {
    const POLICY: &str = "iam-role-trust-public-or-foreign";
    const REGION: &str = "us-east-1";

    async fn make(by: &Client, name: &str) -> String {
        role(by, name).await;
        format!("role/{name}")
    }

    async fn bad(by: &Client, id: &str) {
        Self::trust(by, id, json!({"AWS": "arn:aws:iam::999988887777:root"})).await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::trust(by, id, json!({"AWS": "*"})).await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::mend(by, id).await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::trust(by, id, json!({"Service": "ec2.amazonaws.com"})).await;
    }

    async fn edit(by: &Client, id: &str) {
        put(by, bare(id), "note", "s3:GetObject").await;
    }

    async fn delete(by: &Client, id: &str) {
        delete_role(by, bare(id)).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        whole(by, bare(id)).await
    }
}

/// A user who is put into a group of administrators.
pub(crate) struct Member;

impl Member {
    async fn add(by: &Client, id: &str, group: &str) {
        let input = json!({"GroupName": group, "UserName": bare(id)});
        call(by, "iam", "AddUserToGroup", input).await;
    }

    async fn group(by: &Client, name: &str, policy: &str) {
        // The second time it is there already.
        let _ = by
            .call("iam", "CreateGroup", json!({"GroupName": name}))
            .await;
        let input = json!({"GroupName": name, "PolicyArn": policy});
        call(by, "iam", "AttachGroupPolicy", input).await;
    }
}

impl Control for Member {
    const POLICY: &str = "iam-user-added-to-admin-group";
    const REGION: &str = "us-east-1";

    /// How a group of administrators came about is another control's matter.
    async fn prepare(by: &Client) {
        call(by, "iam", "CreateGroup", json!({"GroupName": "admins"})).await;
        let input =
            json!({"GroupName": "admins", "PolicyName": "all", "PolicyDocument": statement("*")});
        call(by, "iam", "PutGroupPolicy", input).await;
    }

    async fn make(by: &Client, name: &str) -> String {
        Self::group(by, "readers", READER).await;
        let name = format!("user-{name}");
        call(by, "iam", "CreateUser", json!({"UserName": name})).await;
        let id = format!("user/{name}");
        Self::add(by, &id, "readers").await;
        id
    }

    async fn bad(by: &Client, id: &str) {
        Self::add(by, id, "admins").await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::add(by, id, "admins").await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::add(by, id, "readers").await;
    }

    async fn mend(by: &Client, id: &str) {
        let input = json!({"GroupName": "admins", "UserName": bare(id)});
        call(by, "iam", "RemoveUserFromGroup", input).await;
    }

    async fn edit(by: &Client, id: &str) {
        let input = json!({"UserName": bare(id), "PolicyArn": READER});
        call(by, "iam", "AttachUserPolicy", input).await;
    }

    async fn delete(by: &Client, id: &str) {
        let user = bare(id);
        for group in ["readers", "admins"] {
            let input = json!({"GroupName": group, "UserName": user});
            let _ = by.call("iam", "RemoveUserFromGroup", input).await;
        }
        let input = json!({"UserName": user, "PolicyArn": READER});
        let _ = by.call("iam", "DetachUserPolicy", input).await;
        call(by, "iam", "DeleteUser", json!({"UserName": user})).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        let of = json!({"UserName": bare(id)});
        let groups = call(by, "iam", "ListGroupsForUser", of.clone()).await;
        let mut groups: Vec<String> = groups["Groups"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|g| g["GroupName"].to_string())
            .collect();
        groups.sort();
        let attached = call(by, "iam", "ListAttachedUserPolicies", of).await;
        json!({"groups": groups, "attached": attached["AttachedPolicies"]})
    }
}

/// A managed policy whose version in force becomes an administrator's.
pub(crate) struct Version;

impl Version {
    fn arn(id: &str) -> String {
        format!("arn:aws:iam::123456789012:policy/{id}")
    }

    async fn create(by: &Client, id: &str, action: &str) {
        let input = json!({"PolicyArn": Self::arn(id), "PolicyDocument": statement(action), "SetAsDefault": true});
        call(by, "iam", "CreatePolicyVersion", input).await;
    }

    async fn set(by: &Client, id: &str, version: &str) {
        let input = json!({"PolicyArn": Self::arn(id), "VersionId": version});
        call(by, "iam", "SetDefaultPolicyVersion", input).await;
    }
}

impl Control for Version {
    const POLICY: &str = "iam-policy-version-made-admin";
    const REGION: &str = "us-east-1";

    async fn make(by: &Client, name: &str) -> String {
        let input = json!({"PolicyName": name, "PolicyDocument": statement("s3:GetObject")});
        call(by, "iam", "CreatePolicy", input).await;
        name.to_owned()
    }

    async fn bad(by: &Client, id: &str) {
        Self::create(by, id, "*").await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::create(by, id, "iam:*").await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::set(by, id, "v1").await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::set(by, id, "v1").await;
    }

    async fn edit(by: &Client, id: &str) {
        let tags = json!({"PolicyArn": Self::arn(id), "Tags": [{"Key": "team", "Value": "web"}]});
        call(by, "iam", "TagPolicy", tags).await;
    }

    async fn delete(by: &Client, id: &str) {
        let of = json!({"PolicyArn": Self::arn(id)});
        let policy = call(by, "iam", "GetPolicy", of.clone()).await;
        let in_force = &policy["Policy"]["DefaultVersionId"];
        let versions = call(by, "iam", "ListPolicyVersions", of.clone()).await;
        for version in versions["Versions"].as_array().into_iter().flatten() {
            if version["VersionId"] != *in_force {
                let mut of = of.clone();
                of["VersionId"] = version["VersionId"].clone();
                call(by, "iam", "DeletePolicyVersion", of).await;
            }
        }
        call(by, "iam", "DeletePolicy", of).await;
    }

    /// What is in force; versions that aren't are left lying.
    async fn state(by: &Client, id: &str) -> Value {
        let of = json!({"PolicyArn": Self::arn(id)});
        let policy = call(by, "iam", "GetPolicy", of.clone()).await;
        let mut version = of.clone();
        version["VersionId"] = policy["Policy"]["DefaultVersionId"].clone();
        let read = call(by, "iam", "GetPolicyVersion", version).await;
        let tags = call(by, "iam", "ListPolicyTags", of).await;
        json!({
            "version": read["PolicyVersion"]["VersionId"],
            "document": read["PolicyVersion"]["Document"],
            "tags": tags["Tags"],
        })
    }
}

/// A key that somebody activates who isn't its user. That it is made by somebody else is wrong
/// too: it is inactive before the scenes begin.
pub(crate) struct Key;

impl Key {
    async fn set(by: &Client, id: &str, status: &str) {
        let (user, key) = id.split_once('/').unwrap();
        let input = json!({"UserName": user, "AccessKeyId": key, "Status": status});
        call(by, "iam", "UpdateAccessKey", input).await;
    }
}

impl Control for Key {
    const POLICY: &str = "iam-access-key-created-for-another-user";
    const REGION: &str = "us-east-1";
    // Only the record tells who made it.
    const SEEN: bool = false;
    // Keys have ids of AWS's.
    const NAMED: bool = false;

    async fn make(by: &Client, name: &str) -> String {
        let user = format!("key-{name}");
        call(by, "iam", "CreateUser", json!({"UserName": user})).await;
        let made = call(by, "iam", "CreateAccessKey", json!({"UserName": user})).await;
        let key = made["AccessKey"]["AccessKeyId"].as_str().unwrap();
        let id = format!("{user}/{key}");
        Self::mend(by, &id).await;
        id
    }

    async fn bad(by: &Client, id: &str) {
        Self::set(by, id, "Active").await;
    }

    async fn worse(by: &Client, id: &str) {
        Self::set(by, id, "Active").await;
    }

    async fn no_op(by: &Client, id: &str) {
        Self::set(by, id, "Inactive").await;
    }

    async fn mend(by: &Client, id: &str) {
        Self::set(by, id, "Inactive").await;
    }

    async fn edit(by: &Client, id: &str) {
        let (user, _) = id.split_once('/').unwrap();
        let tags = json!({"UserName": user, "Tags": [{"Key": "team", "Value": "web"}]});
        call(by, "iam", "TagUser", tags).await;
    }

    async fn delete(by: &Client, id: &str) {
        let (user, key) = id.split_once('/').unwrap();
        let input = json!({"UserName": user, "AccessKeyId": key});
        call(by, "iam", "DeleteAccessKey", input).await;
        call(by, "iam", "DeleteUser", json!({"UserName": user})).await;
    }

    async fn state(by: &Client, id: &str) -> Value {
        let (user, key) = id.split_once('/').unwrap();
        let of = json!({"UserName": user});
        let keys = call(by, "iam", "ListAccessKeys", of.clone()).await;
        let keys = keys["AccessKeyMetadata"].as_array().unwrap();
        let found = keys.iter().find(|k| k["AccessKeyId"] == json!(key));
        let tags = call(by, "iam", "ListUserTags", of).await;
        json!({"status": found.unwrap()["Status"], "tags": tags["Tags"]})
    }
}

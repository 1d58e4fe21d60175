//! What of a bucket is in effect: its policy and its access control list as object ownership and
//! the blocks of public access leave them. What stands there is kept beside it: it is exposed again
//! as soon as the block is taken away.
//! Source: S3 User Guide, "Blocking public access to your Amazon S3 storage" and "Controlling
//! ownership of objects and disabling ACLs for your bucket".

use serde::{Deserialize, Serialize};

use super::verdict::ResourceVerdict;

/// The four switches, under AWS's own names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "AWS's four switches, each by itself"
)]
pub struct PublicAccessBlock {
    /// New public lists are refused. It changes nothing that stands.
    pub block_public_acls: bool,
    /// Public lists have no effect.
    pub ignore_public_acls: bool,
    /// New public policies are refused. It changes nothing that stands.
    pub block_public_policy: bool,
    /// A public policy lets in only the owner's account and services.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All four.
    pub const ON: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// Who owns what others put into a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectOwnership {
    /// The bucket's owner, and access control lists are off.
    BucketOwnerEnforced,
    /// The bucket's owner, where the writer says so.
    BucketOwnerPreferred,
    /// The writer. So it was for buckets without a setting.
    #[default]
    ObjectWriter,
}

/// Whom a grant of a list is to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Grantee {
    /// A group's address.
    #[serde(default, rename = "URI")]
    pub uri: Option<String>,
    /// An account's canonical id.
    #[serde(default, rename = "ID")]
    pub id: Option<String>,
}

/// Who owns the bucket, as `GetBucketAcl` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Owner {
    /// Its canonical id.
    #[serde(rename = "ID")]
    pub id: String,
}

/// A grant of an access control list, as `GetBucketAcl` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AclGrant {
    /// To whom.
    pub grantee: Grantee,
    /// What for.
    pub permission: String,
}

impl AclGrant {
    /// It is to everybody, or to everybody with an account at AWS.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let uri = self.grantee.uri.as_deref().unwrap_or_default();
        let group = uri.rsplit('/').next().unwrap_or_default();
        matches!(group, "AllUsers" | "AuthenticatedUsers")
    }
}

/// What of a bucket decides, beside its policy, who gets in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase", deny_unknown_fields)]
pub struct Bucket {
    /// Who owns it. Without it nobody in the list is known for a stranger.
    pub owner: Option<Owner>,
    /// The access control list.
    pub grants: Vec<AclGrant>,
    /// Object ownership.
    pub object_ownership: ObjectOwnership,
    /// The bucket's block.
    pub public_access_block: PublicAccessBlock,
    /// The account's.
    pub account_public_access_block: PublicAccessBlock,
    /// The organization's, which is on or off as a whole.
    pub organization_public_access_block: bool,
}

/// What is in effect, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exposure {
    /// All in all, as things are.
    pub effective: ResourceVerdict,
    /// The policy, as the blocks leave it.
    pub policy: ResourceVerdict,
    /// The list, as the blocks and ownership leave it, lets everybody in.
    pub acl_public: bool,
    /// The policy as it stands.
    pub raw_policy: ResourceVerdict,
    /// The list as it stands lets everybody in.
    pub raw_acl_public: bool,
    /// The list, as ownership leaves it, lets other accounts in.
    pub acl_cross_account: bool,
    /// What hides what stands there. Without it the bucket is exposed again.
    pub hidden_by: Vec<String>,
}

impl Bucket {
    /// What is in effect, where the policy as it stands has this verdict.
    #[must_use]
    pub fn exposure(&self, policy: ResourceVerdict) -> Exposure {
        let whole = if self.organization_public_access_block {
            PublicAccessBlock::ON
        } else {
            PublicAccessBlock::default()
        };
        let levels = [
            ("bucket", self.public_access_block),
            ("account", self.account_public_access_block),
            ("organization", whole),
        ];
        let on = |switch: &str, is: &dyn Fn(&PublicAccessBlock) -> bool| -> Vec<String> {
            let on = levels.iter().filter(|(_, block)| is(block));
            on.map(|(level, _)| format!("{switch} of the {level}"))
                .collect()
        };
        let raw_acl_public = self.grants.iter().any(AclGrant::is_public);
        let mut ignored = on("IgnorePublicAcls", &|b| b.ignore_public_acls);
        if self.object_ownership == ObjectOwnership::BucketOwnerEnforced {
            ignored.push("object ownership BucketOwnerEnforced".to_owned());
        }
        let restricted = on("RestrictPublicBuckets", &|b| b.restrict_public_buckets);
        let acl_public = raw_acl_public && ignored.is_empty();
        let is_foreign = |g: &AclGrant| {
            let owner = self.owner.as_ref().map(|o| &o.id);
            owner.is_some() && g.grantee.id.is_some() && g.grantee.id.as_ref() != owner
        };
        // Blocks are about the public alone.
        let acl_cross_account = self.grants.iter().any(is_foreign)
            && self.object_ownership != ObjectOwnership::BucketOwnerEnforced;
        let cut = policy == ResourceVerdict::Public && !restricted.is_empty();
        // What it grants to others is cut off with it.
        let in_effect = if cut {
            ResourceVerdict::NotPublic
        } else {
            policy
        };
        let mut hidden_by = Vec::new();
        if raw_acl_public {
            hidden_by.extend(ignored);
        }
        if cut {
            hidden_by.extend(restricted);
        }
        Exposure {
            effective: match (acl_public, acl_cross_account) {
                (true, _) => ResourceVerdict::Public,
                (false, true) => in_effect.max(ResourceVerdict::CrossAccount),
                (false, false) => in_effect,
            },
            policy: in_effect,
            acl_public,
            raw_policy: policy,
            raw_acl_public,
            acl_cross_account,
            hidden_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block() -> impl Strategy<Value = PublicAccessBlock> {
        any::<[bool; 4]>().prop_map(|[a, b, c, d]| PublicAccessBlock {
            block_public_acls: a,
            ignore_public_acls: b,
            block_public_policy: c,
            restrict_public_buckets: d,
        })
    }

    fn bucket() -> impl Strategy<Value = Bucket> {
        let group = |name: &str| Some(format!("http://acs.amazonaws.com/groups/{name}"));
        let grantee = prop::sample::select(vec![
            (None, Some("own")),
            (None, Some("other")),
            (group("global/AllUsers"), None),
            (group("global/AuthenticatedUsers"), None),
            (group("s3/LogDelivery"), None),
        ]);
        let grants = prop::collection::vec(grantee, 0..3);
        let ownership = prop::sample::select(vec![
            ObjectOwnership::BucketOwnerEnforced,
            ObjectOwnership::BucketOwnerPreferred,
            ObjectOwnership::ObjectWriter,
        ]);
        (grants, ownership, block(), block(), any::<bool>()).prop_map(
            |(grants, object_ownership, own, account, organization)| Bucket {
                owner: Some(Owner {
                    id: "own".to_owned(),
                }),
                grants: grants
                    .into_iter()
                    .map(|(uri, id)| AclGrant {
                        grantee: Grantee {
                            uri,
                            id: id.map(str::to_owned),
                        },
                        permission: "READ".to_owned(),
                    })
                    .collect(),
                object_ownership,
                public_access_block: own,
                account_public_access_block: account,
                organization_public_access_block: organization,
            },
        )
    }

    fn verdict() -> impl Strategy<Value = ResourceVerdict> {
        prop::sample::select(vec![
            ResourceVerdict::NotPublic,
            ResourceVerdict::CrossAccount,
            ResourceVerdict::CannotTell,
            ResourceVerdict::Public,
        ])
    }

    #[test]
    fn who_is_foreign_in_a_list() {
        let shown = |owner: bool, ownership: &str, to: &str| -> Bucket {
            let mut bucket = serde_json::json!({"ObjectOwnership": ownership, "Grants": [
                {"Grantee": {"ID": "own", "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"},
                {"Grantee": {"ID": to, "Type": "CanonicalUser"}, "Permission": "READ"}]});
            if owner {
                bucket["Owner"] = serde_json::json!({"ID": "own", "DisplayName": "o"});
            }
            serde_json::from_value(bucket).unwrap()
        };
        let effective = |b: Bucket| b.exposure(ResourceVerdict::NotPublic).effective;
        let foreign = ResourceVerdict::CrossAccount;
        assert_eq!(effective(shown(true, "ObjectWriter", "other")), foreign);
        for fine in [
            shown(true, "ObjectWriter", "own"),
            shown(true, "BucketOwnerEnforced", "other"),
            shown(false, "ObjectWriter", "other"),
        ] {
            assert_eq!(effective(fine), ResourceVerdict::NotPublic);
        }
    }

    proptest! {
        /// P17: a switch never exposes, and each has its own effect and no other.
        #[test]
        fn a_switch_never_exposes(bucket in bucket(), policy in verdict()) {
            let before = bucket.exposure(policy);
            for level in 0..2 {
                for switch in 0..4 {
                    let mut other = bucket.clone();
                    let block = if level == 0 {
                        &mut other.public_access_block
                    } else {
                        &mut other.account_public_access_block
                    };
                    let place = [
                        &mut block.block_public_acls,
                        &mut block.ignore_public_acls,
                        &mut block.block_public_policy,
                        &mut block.restrict_public_buckets,
                    ];
                    *place.into_iter().nth(switch).unwrap() = true;
                    let after = other.exposure(policy);
                    prop_assert!(after.effective <= before.effective);
                    prop_assert_eq!(after.raw_policy, before.raw_policy);
                    prop_assert_eq!(after.raw_acl_public, before.raw_acl_public);
                    if switch != 1 {
                        prop_assert_eq!(after.acl_public, before.acl_public);
                    }
                    if switch != 3 {
                        prop_assert_eq!(after.policy, before.policy);
                    }
                }
            }
            let mut whole = bucket.clone();
            whole.organization_public_access_block = true;
            let after = whole.exposure(policy);
            prop_assert!(after.effective <= before.effective);
            prop_assert!(after.effective != ResourceVerdict::Public);
            let stands = before.raw_acl_public || before.raw_policy == ResourceVerdict::Public;
            let hidden = stands && before.effective != ResourceVerdict::Public;
            prop_assert!(!hidden || !before.hidden_by.is_empty(), "what hides it is told");
        }
    }

    #[test]
    fn blocking_new_ones_is_no_repair() {
        let mut bucket: Bucket = serde_json::from_value(serde_json::json!({
            "Grants": [{"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"}],
            "PublicAccessBlock": {"BlockPublicAcls": true, "BlockPublicPolicy": true},
        }))
        .unwrap();
        assert_eq!(
            bucket.exposure(ResourceVerdict::Public).effective,
            ResourceVerdict::Public
        );
        bucket.object_ownership = ObjectOwnership::BucketOwnerEnforced;
        bucket.account_public_access_block.restrict_public_buckets = true;
        let exposure = bucket.exposure(ResourceVerdict::Public);
        assert_eq!(exposure.effective, ResourceVerdict::NotPublic);
        assert_eq!(
            exposure.hidden_by,
            [
                "object ownership BucketOwnerEnforced",
                "RestrictPublicBuckets of the account"
            ]
        );
    }
}

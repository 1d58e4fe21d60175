//! Condition keys: what they tell of a caller, and which of them AWS takes for a limit.

use super::Service;

/// Whose the value of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// An account.
    Account,
    /// An ARN that names an account, or a bucket's.
    Arn,
    /// An organization's id.
    Org,
    /// A path in an organization.
    OrgPath,
    /// A VPC, or an endpoint in one.
    Network,
    /// The unique id of a user, or of a role with a session's name.
    UserId,
    /// The address that a request comes from.
    Address,
    /// A service of AWS's calls.
    OfService,
    /// A call comes through a mount target of the file system, in a network of its owner's.
    Mounted,
    /// The name of a service that calls.
    ServiceName,
    /// Something that any caller can choose, or that is so whoever calls.
    Anybody,
    /// Nobody knows such a key.
    Unknown,
}

/// Global keys that limit nobody: whoever calls chooses them, or they tell of the resource or of
/// the way a call takes.
const ANYBODY: [&str; 31] = [
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:currenttime",
    "aws:ec2instancesourceprivateipv4",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principaltype",
    "aws:referer",
    "aws:referrer",
    "aws:requestedregion",
    "aws:requesttag",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:resourcetag",
    "aws:securetransport",
    "aws:signinsessionarn",
    "aws:sourceidentity",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:username",
    "aws:viaawsservice",
    "aws:vpcsourceip",
    "aws:principaltag",
    "aws:chatbotsourcearn",
    "aws:isagentaccess",
];

/// What a key's value tells. `key` is in lower case.
pub(super) fn tells(key: &str) -> Tells {
    match key {
        "aws:principalaccount"
        | "aws:sourceaccount"
        | "aws:sourceowner"
        | "kms:calleraccount"
        | "s3:dataaccesspointaccount"
        | "aws:vpceaccount" => Tells::Account,
        "aws:principalarn"
        | "aws:sourcearn"
        | "s3:dataaccesspointarn"
        | "ec2:sourceinstancearn"
        | "lambda:sourcefunctionarn" => Tells::Arn,
        "aws:principalorgid" | "aws:sourceorgid" | "aws:vpceorgid" => Tells::Org,
        "aws:principalorgpaths" | "aws:sourceorgpaths" | "aws:vpceorgpaths" => Tells::OrgPath,
        "aws:sourcevpc" | "aws:sourcevpce" | "aws:ec2instancesourcevpc" => Tells::Network,
        "aws:userid" => Tells::UserId,
        "aws:sourceip" => Tells::Address,
        "aws:principalisawsservice" => Tells::OfService,
        "elasticfilesystem:accessedviamounttarget" => Tells::Mounted,
        "aws:principalservicename" | "aws:principalservicenameslist" => Tells::ServiceName,
        _ => {
            let name = key.split_once('/').map_or(key, |(name, _)| name);
            if ANYBODY.contains(&name) || !key.starts_with("aws:") {
                Tells::Anybody
            } else {
                Tells::Unknown
            }
        }
    }
}

/// AWS documents that fixed values of the key keep a policy of this service from being public.
/// Source: S3 User Guide and EFS User Guide, "The meaning of public"; `DynamoDB` Developer Guide, "Preventing public
/// access with resource-based policies"; the list of S3 is taken for services without one.
pub(super) fn limits(key: &str, service: &Service) -> bool {
    match key {
        "aws:principalaccount"
        | "aws:principalarn"
        | "aws:principalorgid"
        | "aws:principalorgpaths"
        | "aws:sourceaccount"
        | "aws:sourcearn"
        | "aws:sourceorgid"
        | "aws:sourceorgpaths"
        | "aws:sourcevpc"
        | "aws:sourcevpce"
        | "aws:ec2instancesourcevpc"
        | "aws:userid"
        | "aws:principalisawsservice"
        | "aws:principalservicename"
        | "aws:principalservicenameslist"
        | "aws:sourceowner"
        | "kms:calleraccount" => true,
        "aws:sourceip" => service.name() != "dynamodb",
        "elasticfilesystem:accessedviamounttarget" => {
            matches!(service.name(), "elasticfilesystem" | "generic")
        }
        "s3:dataaccesspointarn"
        | "s3:dataaccesspointaccount"
        | "s3:x-amz-server-side-encryption-aws-kms-key-id" => {
            matches!(service.name(), "s3" | "generic")
        }
        _ => false,
    }
}

/// A request always has it.
pub(super) fn is_always_there(key: &str) -> bool {
    matches!(
        key,
        "aws:securetransport"
            | "aws:currenttime"
            | "aws:epochtime"
            | "aws:requestedregion"
            | "aws:viaawsservice"
            | "aws:userid"
            | "aws:principaltype"
            | "aws:resourceaccount"
    )
}

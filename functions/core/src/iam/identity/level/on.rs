//! How much of what an action is about resources cover.

use super::Level;
use crate::iam::document::{Effect, Listed};
use crate::iam::pattern::{Meet, Pattern, action, fields, is_open};

/// What is made of resources: whoever may be let at something must not be thought less of, and
/// what is kept from him not more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Given,
    Kept,
}

/// How much of what an action is about is covered by resources.
pub(in crate::iam::identity) fn of_resources(
    resources: &Listed,
    name: &str,
    effect: Effect,
    own: Option<&str>,
) -> Level {
    let on = |side| move |r: &String| of_resource(r, name, side, own);
    match (resources, effect) {
        (Listed::Only(all), Effect::Allow) if launches(all, name) => Level::Sure,
        (Listed::Unsaid, _) => Level::Possible,
        (Listed::Only(all), Effect::Allow) => {
            let all = all.iter().map(on(Side::Given));
            all.max().unwrap_or(Level::No)
        }
        (Listed::Only(all), Effect::Deny) => {
            let all = all.iter().map(on(Side::Kept));
            all.max().unwrap_or(Level::No)
        }
        (Listed::AllBut(all), effect) => {
            let side = match effect {
                Effect::Allow => Side::Kept,
                Effect::Deny => Side::Given,
            };
            let level = |r: &String| match of_resource(r, name, side, own) {
                // What a Deny spares by name is left.
                Level::Named if effect == Effect::Deny => Level::Possible,
                Level::No | Level::Named => Level::Sure,
                Level::Possible => Level::Possible,
                Level::Sure => Level::No,
            };
            all.iter().map(level).min().unwrap_or(Level::Sure)
        }
    }
}

/// All that a launch needs, type by type (Service Authorization Reference, EC2).
fn launches(resources: &[String], name: &str) -> bool {
    let needed = [
        "image",
        "instance",
        "network-interface",
        "security-group",
        "subnet",
        "volume",
    ];
    let all_of = |of: &&str| {
        // Images have no account.
        let mut forms = ["*", ""].iter().map(|account| {
            let all = format!("arn:aws:ec2:us-east-1:{account}:{of}/*");
            Pattern::of(&all)
        });
        forms.any(|all| resources.iter().any(|r| Pattern::of(r).covers(&all)))
    };
    name == "ec2:RunInstances" && needed.iter().all(all_of)
}

/// It names whoever uses it.
fn is_own(resource: &str, name: &str) -> bool {
    let lower = resource.to_ascii_lowercase();
    lower == "${aws:principalarn}" || lower.ends_with("/${aws:username}") && !name.contains("Role")
}

/// One's own password and keys are one's own.
fn harmless_to_oneself(name: &str) -> bool {
    let harmless = [
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
    ];
    harmless.iter().any(|o| o.eq_ignore_ascii_case(name))
}

/// By it one may give oneself all rights.
fn is_deadly(name: &str) -> bool {
    let own = [
        "iam:PutUserPolicy",
        "iam:AttachUserPolicy",
        "iam:PutRolePolicy",
        "iam:AttachRolePolicy",
    ];
    own.contains(&name)
}

/// How surely resources have whoever uses the action among them, where he may give himself all
/// rights by it. `level`: how much of all they cover.
pub(super) fn on_oneself(resources: &Listed, name: &str, level: Level) -> Level {
    if !is_deadly(name) {
        return Level::No;
    }
    match resources {
        Listed::Only(all) if all.iter().any(|r| is_own(r, name)) => Level::Sure,
        Listed::AllBut(all) if all.iter().any(|r| is_own(r, name)) => Level::No,
        // One that is named is hardly oneself.
        _ if level == Level::Named => Level::No,
        _ => level,
    }
}

/// The services whose resources an action is about, where they aren't its own.
fn about(name: &str) -> &[&str] {
    match name.split(':').next().unwrap_or_default() {
        "sts" => &["iam", "sts"],
        "ec2-instance-connect" => &["ec2"],
        "ssm" => &["ssm", "ec2"],
        _ => &[],
    }
}

/// The type of resource that an action of IAM's is about, as ARNs have it.
fn type_of(name: &str) -> Option<&'static str> {
    let (service, action) = name.split_once(':')?;
    let has = |word: &str| action.contains(word);
    match service {
        "sts" => Some("role"),
        "iam" if has("Role") || has("AssumeRolePolicy") => Some("role"),
        "iam" if has("AddUserToGroup") || has("Group") => Some("group"),
        "iam" if has("User") || has("AccessKey") || has("LoginProfile") => Some("user"),
        "iam" if has("Policy") => Some("policy"),
        _ => None,
    }
}

/// All of what other services' actions on ways to all rights are about, as ARNs have it (Service
/// Authorization Reference).
fn all_of_type(name: &str) -> &'static [&'static str] {
    match name.split(':').next().unwrap_or_default() {
        "lambda" => &["function:*", "event-source-mapping:*"],
        "codebuild" => &["project/*"],
        "cloudformation" => &["stack/*", "stack/*/*", "stackset/*"],
        "ssm" => &["instance/*", "managed-instance/*"],
        "ec2-instance-connect" => &["instance/*"],
        "glue" => &["devEndpoint/*", "job/*"],
        "datapipeline" => &["pipeline/*"],
        "states" => &["stateMachine:*"],
        _ => &[],
    }
}

/// Whose an account's field in an ARN is.
enum Whose {
    Everybodys,
    Own,
    /// That account's, which may be one's own.
    Of,
    Anothers,
    /// AWS's: no customer changes what is there.
    Aws,
    Unclear,
}

fn whose(field: &str, own: Option<&str>) -> Whose {
    let lower = field.to_ascii_lowercase();
    match lower.as_str() {
        "" | "*" => Whose::Everybodys,
        "${aws:principalaccount}" | "${aws::accountid}" | "${aws:resourceaccount}" => Whose::Own,
        "aws" => Whose::Aws,
        id if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) => match own {
            Some(own) if own == id => Whose::Own,
            Some(_) => Whose::Anothers,
            None => Whose::Of,
        },
        _ => Whose::Unclear,
    }
}

fn of_resource(resource: &str, name: &str, side: Side, own: Option<&str>) -> Level {
    if !resource.is_empty() && resource.bytes().all(|b| b == b'*') {
        return Level::Sure;
    }
    let given = side == Side::Given;
    if is_own(resource, name) {
        // What one may do to all rights of one's own is weighed apart.
        return if given && (harmless_to_oneself(name) || is_deadly(name)) {
            Level::No
        } else {
            Level::Named
        };
    }
    let service = name.split(':').next().unwrap_or_default();
    if resource.ends_with('*')
        && [service]
            .iter()
            .chain(about(name))
            .any(|s| is_whole(resource, s, side))
    {
        return Level::Sure;
    }
    let fields = fields(resource);
    let field = |n: usize| fields.get(n).copied().unwrap_or_default();
    // What is missing of an ARN's fields is open, if it ends so.
    let same = match fields.get(2) {
        Some(pattern) => {
            let others = about(name).iter().any(|other| action(pattern, other));
            action(pattern, service) || others
        }
        None => resource.ends_with('*'),
    };
    if !same {
        return Level::No;
    }
    let thing = field(5);
    let of_type = type_of(name);
    let wrong = |of: &str| {
        let typed = Pattern::of(&format!("{of}/*"));
        !thing.is_empty() && Pattern::of(thing).meet(&typed) == Meet::Never
    };
    let whose = whose(field(4), own);
    let is_aws = matches!(whose, Whose::Aws) && of_type == Some("policy");
    // Only the service itself changes a role that is linked to it (IAM User Guide).
    let linked = of_type == Some("role")
        && service == "iam"
        && name != "iam:PassRole"
        && ["role/aws-service-role/", "role/aws-reserved/"]
            .iter()
            .any(|path| thing.starts_with(path));
    if fields.len() == 6 && (of_type.is_some_and(wrong) || is_aws || linked) {
        return Level::No;
    }
    // One thing by its name, in whatever account and region.
    if !is_open(resource) || fields.len() == 6 && !is_open(thing) {
        return Level::Named;
    }
    // All there is, or all of the type, in an account or everywhere: `arn:aws:iam::*:role/*`.
    let every = thing == "*"
        || of_type.is_some_and(|of| thing == format!("{of}/*"))
        || given && all_of_type(name).contains(&thing);
    let everywhere = field(3).is_empty() || field(3) == "*" || given && !is_open(field(3));
    let there = match (whose, side) {
        (Whose::Everybodys | Whose::Own, _) | (Whose::Of, Side::Given) => true,
        (Whose::Anothers, Side::Kept) => return Level::No,
        _ => false,
    };
    let partition = given || matches!(field(1), "aws" | "*") || field(1).starts_with("${");
    if fields.len() == 6 && every && there && everywhere && partition {
        Level::Sure
    } else {
        Level::Possible
    }
}

/// A pattern covers all that a service has.
fn is_whole(resource: &str, service: &str, side: Side) -> bool {
    let pattern = Pattern::of(resource);
    let is_global = matches!(service, "iam" | "sts" | "organizations" | "sso");
    // Which one is the identity's isn't known.
    let partitions: &[&str] = match side {
        Side::Given => &["aws", "aws-cn", "aws-us-gov"],
        Side::Kept => &["aws"],
    };
    partitions.iter().any(|partition| {
        let everywhere = Pattern::of(&format!("arn:{partition}:{service}:*:*:*"));
        let global = Pattern::of(&format!("arn:{partition}:{service}::*:*"));
        pattern.covers(&everywhere) || is_global && pattern.covers(&global)
    })
}

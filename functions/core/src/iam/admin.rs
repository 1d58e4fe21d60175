//! `iam.admin`: an identity's policy makes it an administrator.

use serde_json::Value;

use super::document::{Effect, Listed, Statement, brief, statements};
use super::wildcard::{action, may_overlap};
use super::{Params, Said};

/// Actions of IAM by each of which one becomes an administrator, or nearly: whoever may do all of
/// them on everything is one.
const POWERS: [&str; 13] = [
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
];

/// What of many services tells whether a policy is for everything.
const EVERYTHING: [&str; 6] = [
    "ec2:RunInstances",
    "kms:Decrypt",
    "lambda:UpdateFunctionCode",
    "s3:PutBucketPolicy",
    "secretsmanager:GetSecretValue",
    "sts:AssumeRole",
];

/// What is to be said of an element: a policy, or a group with its policies.
pub(super) fn admin(element: &Value, params: &Params) -> Said {
    if let Some(policies) = element.get("policies") {
        let Some(policies) = policies.as_array() else {
            return Said::CannotTell("the policies are no list".to_owned());
        };
        let mut doubt = None;
        for policy in policies {
            match admin(policy, params) {
                Said::Yes(why) => return Said::Yes(why),
                Said::CannotTell(why) => doubt = Some(why),
                Said::No => {}
            }
        }
        return doubt.map_or(Said::No, Said::CannotTell);
    }
    if let Some(arn) = element.get("policy").and_then(Value::as_str) {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        if params.managed.iter().any(|m| m == name) {
            return Said::Yes(format!("{} makes an administrator", brief(name)));
        }
        let own_of_aws = arn.split(':').nth(4) == Some("aws");
        if own_of_aws {
            return Said::No;
        }
    }
    match element.get("document") {
        Some(document) => match statements(document) {
            Ok(all) => of_document(&all),
            Err(why) => Said::CannotTell(why),
        },
        None => Said::CannotTell("the policy's document isn't shown".to_owned()),
    }
}

fn of_document(all: &[Statement]) -> Said {
    let allows: Vec<&Statement> = all.iter().filter(|s| s.effect == Effect::Allow).collect();
    let certain: Vec<&Statement> = allows
        .iter()
        .copied()
        .filter(|s| s.tests.is_empty() && is_everywhere(&s.resources) == Some(true))
        .collect();
    let granted = |by: &[&Statement], name: &str| by.iter().any(|s| grants(&s.actions, name));
    let powers = |by: &[&Statement]| POWERS.iter().filter(|p| granted(by, p)).count();
    if powers(&certain) == POWERS.len() {
        if all.iter().any(|s| s.effect == Effect::Deny && takes(s)) {
            let why = "it allows everything, and denies something of that";
            return Said::CannotTell(why.to_owned());
        }
        let everything = EVERYTHING.iter().all(|name| granted(&certain, name));
        let what = if everything {
            "every action"
        } else {
            "all of IAM's actions"
        };
        return Said::Yes(format!("allows {what} on every resource"));
    }
    // Conditions or narrower resources may leave as much.
    let possible: Vec<&Statement> = allows
        .iter()
        .copied()
        .filter(|s| is_everywhere(&s.resources) != Some(false))
        .collect();
    if powers(&possible) == POWERS.len() {
        let why = "it allows all of IAM's actions under a condition";
        return Said::CannotTell(why.to_owned());
    }
    if let Some(power) = POWERS.iter().find(|p| granted(&possible, p)) {
        let why = format!(
            "it allows {power} on every resource, by which one can become an administrator"
        );
        return Said::CannotTell(why);
    }
    Said::No
}

/// The resources are all there are; `None`: it can't be told.
fn is_everywhere(resources: &Listed) -> Option<bool> {
    match resources {
        Listed::Only(all) => {
            if all
                .iter()
                .any(|r| !r.is_empty() && r.bytes().all(|b| b == b'*'))
            {
                return Some(true);
            }
            // Much of IAM may still be under it.
            let wide = |r: &String| may_overlap(r, "arn:aws:iam::*:*") && r.contains('*');
            if all.iter().any(wide) {
                None
            } else {
                Some(false)
            }
        }
        Listed::AllBut(_) | Listed::Unsaid => None,
    }
}

fn grants(actions: &Listed, name: &str) -> bool {
    match actions {
        Listed::Only(all) => all.iter().any(|pattern| action(pattern, name)),
        Listed::AllBut(all) => !all.iter().any(|pattern| action(pattern, name)),
        Listed::Unsaid => false,
    }
}

/// A Deny takes one of the powers away, at least sometimes.
fn takes(deny: &Statement) -> bool {
    let transport = |key: &str| key == "aws:securetransport";
    let only_transport = !deny.tests.is_empty() && deny.tests.iter().all(|t| transport(&t.key));
    !only_transport && POWERS.iter().any(|p| grants(&deny.actions, p))
}

//! Actions and resources that stand for what a statement allows.

use super::Attack;
use crate::iam::document::{Listed, Statement, Version};
use crate::iam::operator::resolve;
use crate::iam::pattern::{Pattern, action, is_open};
use crate::iam::resource::allows;

/// Actions of which one may stand for a pattern.
const ACTIONS: [&str; 24] = [
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "s3:PutBucketPolicy",
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sns:Publish",
    "sns:Subscribe",
    "kms:Decrypt",
    "lambda:InvokeFunction",
    "ecr:BatchGetImage",
    "secretsmanager:GetSecretValue",
    "es:ESHttpGet",
    "elasticfilesystem:ClientMount",
    "backup:CopyIntoBackupVault",
    "glue:GetTable",
    "dynamodb:GetItem",
    "events:PutEvents",
    "logs:PutLogEvents",
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "sts:AssumeRoleWithSAML",
    "iam:PassRole",
    "undrift:Probe",
];

impl Attack<'_> {
    pub(super) fn actions(&self) -> Vec<String> {
        let own = self.situation.service.name();
        let mut known: Vec<&str> = ACTIONS.to_vec();
        let is_own = |a: &&str| a.split(':').next() == Some(own);
        known.sort_by_key(|a| !is_own(a));
        let outright = self.denies().filter(|s| s.tests.is_empty());
        let denies: Vec<&Statement> = outright.collect();
        let denied = |action: &String| denies.iter().any(|d| allows(&d.actions, action));
        let mut all: Vec<String> = match &self.statement.actions {
            Listed::Only(patterns) => patterns
                .iter()
                .flat_map(|pattern| {
                    if !is_open(pattern) {
                        return vec![pattern.clone()];
                    }
                    let fits = |a: &&&str| action(pattern, a);
                    let mut some: Vec<String> = known
                        .iter()
                        .filter(fits)
                        .take(4)
                        .map(|a| (*a).to_owned())
                        .collect();
                    let made = Pattern::of(pattern).some("Probe");
                    some.push(if pattern == "*" {
                        "undrift:Probe".to_owned()
                    } else {
                        made
                    });
                    some
                })
                .collect(),
            Listed::AllBut(_) => known
                .iter()
                .filter(|a| allows(&self.statement.actions, a))
                .map(|a| (*a).to_owned())
                .collect(),
            Listed::Unsaid => Vec::new(),
        };
        // What denials spare.
        let spared = self.denies().flat_map(|d| d.actions.spared());
        all.extend(spared.take(3).map(|p| Pattern::of(p).some("Probe")));
        all.sort_by_key(denied);
        if self.situation.is_trust {
            all.retain(|a| a.to_ascii_lowercase().starts_with("sts:assumerole"));
        } else if own != "generic" {
            // Only its own service's actions are about it.
            let is_own = |a: &String| {
                a.split(':')
                    .next()
                    .is_some_and(|s| s.eq_ignore_ascii_case(own))
            };
            let own_ones: Vec<String> = all.iter().filter(|a| is_own(a)).cloned().collect();
            let some = format!("{own}:Probe");
            if !own_ones.is_empty() {
                all = own_ones;
            } else if allows(&self.statement.actions, &some) {
                all = vec![some];
            }
            // Otherwise its service has actions of another name.
        }
        all.truncate(6);
        all
    }

    pub(super) fn resources(&self) -> Vec<String> {
        let version = self.document.version;
        // What other statements name is there.
        let named: Vec<String> = self
            .document
            .known()
            .flat_map(|s| match &s.resources {
                Listed::Only(all) => all.as_slice(),
                Listed::AllBut(_) | Listed::Unsaid => &[],
            })
            .filter(|r| r.starts_with("arn:") && !r.contains("${"))
            .take(6)
            .map(|r| Pattern::of(r).some("x"))
            .collect();
        let mut all: Vec<String> = match &self.statement.resources {
            Listed::Unsaid => vec![String::new()],
            Listed::Only(patterns) => patterns
                .iter()
                .filter_map(|p| {
                    if version != Version::Old && p.contains("${") {
                        let stands_for = |key: &str| {
                            let name = if key == "aws:username" {
                                "stranger"
                            } else {
                                "x"
                            };
                            Some(name.to_owned())
                        };
                        resolve(p, &stands_for).map(|p| p.some("x"))
                    } else if p == "*" {
                        None
                    } else {
                        Some(Pattern::of(p).some("x"))
                    }
                })
                .collect(),
            Listed::AllBut(_) => {
                let service = self.situation.service.name();
                vec![
                    format!("arn:aws:{service}:::undrift-probe"),
                    format!("arn:aws:{service}:::undrift-probe/x"),
                    format!("arn:aws:{service}:us-east-1:000000000000:undrift-probe"),
                ]
            }
        };
        // What denials spare.
        let spared = self.denies().flat_map(|d| d.resources.spared());
        all.extend(spared.take(2).map(|p| Pattern::of(p).some("x")));
        if matches!(&self.statement.resources, Listed::Only(all) if all.iter().any(|p| p == "*")) {
            let service = self.situation.service.name();
            let made = ["probe", "probe/x"].map(|name| format!("arn:aws:{service}:::{name}"));
            all.extend(if named.is_empty() {
                made.to_vec()
            } else {
                named
            });
        }
        all.truncate(8);
        all
    }
}

/// An action of S3's is about an object, or about a bucket.
pub(super) fn is_of(action: &str, resource: &str) -> bool {
    let Some(thing) = resource.strip_prefix("arn:aws:s3:::") else {
        return true;
    };
    let action = action.to_ascii_lowercase();
    if action.contains("bucket") {
        !thing.contains('/')
    } else {
        !action.contains("object") || thing.contains('/')
    }
}

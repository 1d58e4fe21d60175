//! What an identity's policies, taken together, make of it: an administrator, one who can become
//! one, or neither.

mod level;

use serde::Serialize;

pub(super) use self::level::Level;
use self::level::{can_be_met, of, of_resources};
use super::document::{Document, Effect, Listed, Statement, Test};
use super::paths::{PATHS, Tier};
use super::pattern::{Pattern, is_open};
use super::resource::allows;

/// The verdict on an identity's policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityVerdict {
    /// It may not do everything, and no published way leads there.
    NotAdmin,
    /// It may do so under a condition, or on some resources: it isn't known whether that is
    /// enough.
    CannotTell,
    /// It has the rights of a published way to all rights.
    Privesc,
    /// It may do everything.
    Admin,
}

/// A way to all rights that policies grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The actions that it takes.
    pub actions: Vec<String>,
    /// What it needs besides.
    pub tier: Tier,
    /// It is granted on everything and without conditions.
    pub certain: bool,
    /// The statements that grant it, by document and place in it.
    pub statements: Vec<(usize, usize)>,
}

/// What was found of an identity's policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The verdict.
    pub verdict: IdentityVerdict,
    /// Why.
    pub why: String,
    /// The ways that it has, the certain ones first.
    pub ways: Vec<Way>,
}

/// Judges the documents that one identity of an account has together, within its permissions
/// boundary.
#[must_use]
pub fn identity(
    documents: &[Document],
    boundary: Option<&Document>,
    account: Option<&str>,
) -> Identity {
    let rights = Rights {
        documents,
        boundary,
        own: account,
    };
    let mut ways: Vec<Way> = PATHS
        .iter()
        .filter_map(|p| rights.way(p.tier, p.actions))
        .collect();
    ways.sort_by_key(|w| !w.certain);
    let all = rights.everything();
    let unread = documents
        .iter()
        .chain(boundary)
        .flat_map(|d| &d.statements)
        .find_map(|s| s.as_ref().err());
    let (verdict, why) = match (all, ways.first(), unread) {
        (Level::Sure, ..) if unread.is_none() => (
            IdentityVerdict::Admin,
            "allows every action on every resource".to_owned(),
        ),
        (_, Some(way), None) if way.certain => (
            IdentityVerdict::Privesc,
            format!(
                "{} on everything: {}",
                way.actions.join(" and "),
                why(way.tier)
            ),
        ),
        (_, _, Some(unread)) => (IdentityVerdict::CannotTell, unread.clone()),
        (Level::Possible, ..) => (
            IdentityVerdict::CannotTell,
            "allows every action, but under conditions, or with something denied".to_owned(),
        ),
        (_, Some(way), None) => (
            IdentityVerdict::CannotTell,
            format!(
                "{}, but under conditions or on some resources: {}",
                way.actions.join(" and "),
                why(way.tier)
            ),
        ),
        (_, None, None) => (
            IdentityVerdict::NotAdmin,
            "no published way leads from it to all rights".to_owned(),
        ),
    };
    Identity { verdict, why, ways }
}

fn why(tier: Tier) -> &'static str {
    match tier {
        Tier::Own => "by it one gives oneself all rights",
        Tier::OtherPrincipal => "by it one becomes somebody who may more",
        Tier::NewService => "by it a service acts with a role that may more",
        Tier::Target => "by it one acts through what runs with more rights",
        Tier::Guardrail => "by it one takes away what holds somebody back",
    }
}

/// Services whose names stand before actions. What is excepted or denied of one that isn't here is
/// taken for nothing: a policy then looks worse than it may be, and never better.
const SERVICES: [&str; 60] = [
    "access-analyzer",
    "account",
    "acm",
    "apigateway",
    "athena",
    "autoscaling",
    "aws-portal",
    "backup",
    "batch",
    "bedrock",
    "billing",
    "budgets",
    "ce",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-idp",
    "config",
    "directconnect",
    "dynamodb",
    "ebs",
    "ec2",
    "ecr",
    "ecs",
    "eks",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "elasticmapreduce",
    "es",
    "events",
    "execute-api",
    "firehose",
    "glue",
    "guardduty",
    "health",
    "iam",
    "inspector2",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "organizations",
    "ram",
    "rds",
    "redshift",
    "route53",
    "s3",
    "sagemaker",
    "secretsmanager",
    "securityhub",
    "sns",
    "sqs",
    "ssm",
    "sso",
    "sts",
];

/// Actions by which one tells whether everything is allowed: one of each powerful service.
const SAMPLES: [&str; 14] = [
    "cloudtrail:StopLogging",
    "dynamodb:DeleteTable",
    "ec2:RunInstances",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:PassRole",
    "kms:Decrypt",
    "lambda:UpdateFunctionCode",
    "organizations:LeaveOrganization",
    "s3:PutBucketPolicy",
    "secretsmanager:GetSecretValue",
    "ssm:SendCommand",
    "sts:AssumeRole",
    "rds:DeleteDBInstance",
];

struct Rights<'d> {
    documents: &'d [Document],
    boundary: Option<&'d Document>,
    own: Option<&'d str>,
}

impl Rights<'_> {
    fn way(&self, tier: Tier, actions: &'static [&'static str]) -> Option<Way> {
        // The service that is given a role is the one whose other action the way takes.
        let service = actions.iter().find_map(|a| {
            let service = a.split(':').next()?;
            (service != "iam").then_some(service)
        });
        let levels: Vec<Level> = actions.iter().map(|a| self.level(a, service)).collect();
        let least = levels.into_iter().min().unwrap_or(Level::No);
        let counts = match least {
            Level::No => false,
            // Whoever may use one target that a policy names was meant to.
            Level::Named => tier != Tier::Target,
            Level::Possible | Level::Sure => true,
        };
        counts.then(|| Way {
            actions: actions.iter().map(|a| (*a).to_owned()).collect(),
            tier,
            certain: least == Level::Sure,
            statements: self.granting(actions),
        })
    }

    fn granting(&self, actions: &[&str]) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        for (document, place) in self.documents.iter().enumerate() {
            for (index, statement) in place.statements.iter().enumerate() {
                if let Ok(statement) = statement
                    && statement.effect == Effect::Allow
                    && actions.iter().any(|a| allows(&statement.actions, a))
                {
                    all.push((document, index));
                }
            }
        }
        all
    }

    /// How surely an action is granted.
    fn level(&self, name: &str, service: Option<&str>) -> Level {
        let within = self
            .boundary
            .map_or(Level::Sure, |b| of(b.known(), name, service, self.own));
        let known = self.documents.iter().flat_map(Document::known);
        of(known, name, service, self.own).min(within)
    }

    /// How surely everything is granted.
    fn everything(&self) -> Level {
        let letters = (b'a'..=b'z').map(|c| format!("{}zundrift:Probe", char::from(c)));
        let samples = SAMPLES.iter().map(|s| (*s).to_owned());
        let services = SERVICES.iter().map(|s| format!("{s}:UndriftProbe"));
        let probes = letters.chain(samples).chain(services);
        let mut level = Level::Sure;
        for probe in probes {
            level = level.min(self.level(&probe, None));
            if level == Level::No {
                return level;
            }
        }
        // All but something that is there isn't everything.
        let known = self.documents.iter().flat_map(Document::known);
        let mut spared = known
            .filter(|s| s.effect == Effect::Allow)
            .flat_map(|s| s.actions.spared());
        let excluded = spared.any(|a| is_real(a) && self.level(&sample(a), None) != Level::Sure);
        let denied = |d: &Document| {
            d.known()
                .any(|s| s.effect == Effect::Deny && takes_something(s))
        };
        if level == Level::Sure && excluded {
            level = Level::No;
        }
        if level == Level::Sure && self.documents.iter().chain(self.boundary).any(denied) {
            // Whoever may do all but a little can mostly take that little too.
            level = Level::Possible;
        }
        if level == Level::Named {
            Level::No
        } else {
            level
        }
    }
}

/// How surely documents grant all that IAM has to change who may do what.
pub(super) fn sure_powers(documents: &[Document]) -> Level {
    let rights = Rights {
        documents,
        boundary: None,
        own: None,
    };
    let powers = PATHS
        .iter()
        .filter(|p| matches!(p.tier, Tier::Own | Tier::OtherPrincipal));
    let levels = powers
        .flat_map(|p| p.actions)
        .map(|a| rights.level(a, None));
    levels.min().unwrap_or(Level::No)
}

/// A statement allows every action on every resource, whatever is denied again.
pub(super) fn allows_all(documents: &[Document]) -> bool {
    documents.iter().flat_map(Document::known).any(|s| {
        let all = matches!(&s.actions, Listed::Only(all) if all.iter().any(|a| is_everything(a)));
        let certain = s.tests.is_empty() && s.odd.is_none();
        all && certain
            && s.effect == Effect::Allow
            && of_resources(&s.resources, "undrift:Probe", Effect::Allow, None) == Level::Sure
    })
}

/// An action for a pattern.
fn sample(pattern: &str) -> String {
    Pattern::of(pattern).some("UndriftProbe")
}

fn is_everything(pattern: &str) -> bool {
    let (service, rest) = pattern.split_once(':').unwrap_or((pattern, "*"));
    let stars = |text: &str| !text.is_empty() && text.bytes().all(|b| b == b'*');
    stars(service) && stars(rest)
}

/// It may be an action, or actions, of a service of AWS's.
fn is_real(pattern: &str) -> bool {
    let service = pattern
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    is_open(&service) || SERVICES.contains(&service.as_str())
}

/// A Deny takes away something that is there.
fn takes_something(deny: &Statement) -> bool {
    let real = match &deny.actions {
        Listed::Only(all) => all.iter().any(|a| is_real(a)),
        Listed::AllBut(_) | Listed::Unsaid => true,
    };
    real && !can_be_met(&deny.tests, Effect::Deny) && !deny.tests.iter().any(Test::never_holds)
}

/// The first of a document's ways that leads there by itself, in words.
pub(super) fn in_words(way: &Way) -> String {
    format!("{} ({})", way.actions.join(" and "), why(way.tier))
}

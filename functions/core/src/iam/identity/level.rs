//! How surely statements grant an action, and on how much of what it is about.

mod on;

pub(super) use self::on::of_resources;
use self::on::on_oneself as on_oneself_of;

use crate::iam::document::{Effect, Statement, Test};
use crate::iam::operator::{Base, Order};
use crate::iam::pattern::{Meet, Pattern};
use crate::iam::resource::allows;

/// How surely something is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::iam) enum Level {
    No,
    /// Of something that a policy names one by one.
    Named,
    /// Under conditions, or of some resources.
    Possible,
    Sure,
}

/// Conditions that whoever has the rights can meet whenever he wants: how a call is sent, and with
/// which credentials, in a Region in which IAM is, on what is his own account's. Of an `Allow` all
/// must be such; of a `Deny` one that can be escaped is enough.
pub(super) fn can_be_met(tests: &[Test], effect: Effect) -> bool {
    let can = |t: &Test| match effect {
        Effect::Allow => is_met(t, false),
        Effect::Deny => is_met(t, true),
    };
    match effect {
        Effect::Allow => !tests.is_empty() && tests.iter().all(can),
        Effect::Deny => tests.iter().any(can),
    }
}

/// A test can be met; `escaped`: it can be kept from holding.
fn is_met(test: &Test, escaped: bool) -> bool {
    let operator = test.operator;
    let is = |wanted: bool| {
        let wanted = if wanted { "true" } else { "false" };
        let all = test.values.iter().all(|v| v.eq_ignore_ascii_case(wanted));
        all && !test.values.is_empty() && !operator.negated
    };
    let text = matches!(
        operator.base,
        Base::Equals | Base::EqualsIgnoreCase | Base::Like
    );
    // What a Deny asks for is negated where it is to keep somebody in.
    let same = operator.negated == escaped;
    match (test.key.as_str(), operator.base) {
        ("aws:securetransport" | "aws:multifactorauthpresent", Base::Bool) => is(!escaped),
        ("aws:multifactorauthpresent", Base::Null) => is(escaped),
        // Sessions from before some moment are revoked so; others can be had.
        ("s3:tlsversion", Base::Number(Order::Less | Order::LessOrEqual))
        | ("aws:tokenissuetime", Base::Date(Order::Less | Order::LessOrEqual)) => escaped,
        ("aws:requestedregion", _) if text && same => {
            let home = |v: &String| matches!(v.as_str(), "us-east-1" | "us-*" | "*");
            test.values.iter().any(home)
        }
        ("aws:resourceaccount", _) if text && same => {
            let own = |v: &String| v.eq_ignore_ascii_case("${aws:principalaccount}");
            test.values.iter().any(own)
        }
        _ => false,
    }
}

/// How surely a role may be passed, under its conditions, on a way through a service: `None` where
/// they say nothing of services.
fn passed(tests: &[Test], service: Option<&str>) -> Option<Level> {
    let test = tests.iter().find(|t| t.key == "iam:passedtoservice")?;
    let service = service?;
    let plain = !test.operator.negated && test.operator.base != Base::Null;
    Some(
        if plain
            && test
                .values
                .iter()
                .any(|v| is_of(v, test.operator.base, service))
        {
            if tests.len() == 1 {
                Level::Sure
            } else {
                Level::Possible
            }
        } else if plain && !GIVEN_TO_OTHERS.contains(&service) {
            Level::No
        } else {
            Level::Possible
        },
    )
}

/// Services that hand a role on to what they start: who is given it has another's name.
const GIVEN_TO_OTHERS: [&str; 9] = [
    "autoscaling",
    "batch",
    "codestar",
    "datapipeline",
    "ecs",
    "elasticmapreduce",
    "emr-containers",
    "gamelift",
    "imagebuilder",
];

/// A service's principal may be one of a service's: `tasks.apprunner.amazonaws.com` is App Runner's,
/// and `ec2.amazonaws.com.cn` is EC2's in China.
fn is_of(principal: &str, base: Base, service: &str) -> bool {
    let principal = principal.to_ascii_lowercase();
    let named = match base {
        Base::Like | Base::Arn => Pattern::of(&principal),
        _ => Pattern::literal(&principal),
    };
    let ends = ["amazonaws.com", "amazonaws.com.cn"];
    let mut names = ends.iter().flat_map(|end| {
        let of = |name: String| format!("{name}.{end}");
        [
            of(service.to_owned()),
            of(format!("*.{service}")),
            of(format!("{service}.*")),
            of(format!("{service}-tasks")),
        ]
    });
    names.any(|name| match named.meet(&Pattern::of(&name)) {
        Meet::At(met) => met.matches("amazonaws").count() == 1,
        Meet::Unsure => true,
        Meet::Never => false,
    })
}

/// How surely statements together grant an action.
/// `service`: by which of a way's services it is used. `own`: the identity's account, if known.
pub(super) fn of<'s>(
    statements: impl Iterator<Item = &'s Statement>,
    name: &str,
    service: Option<&str>,
    own: Option<&str>,
) -> Level {
    let (mut at_all, mut on_oneself) = (Weights::default(), Weights::default());
    for statement in statements {
        if !allows(&statement.actions, name) || statement.tests.iter().any(Test::never_holds) {
            continue;
        }
        let Some(most) = under(statement, name, service) else {
            continue;
        };
        let level = of_resources(&statement.resources, name, statement.effect, own);
        at_all.add(statement.effect, level.min(most));
        let own = on_oneself_of(&statement.resources, name, level);
        on_oneself.add(statement.effect, own.min(most));
    }
    at_all.left().max(on_oneself.left())
}

/// The most that a statement's conditions leave of its effect; `None`: nothing.
fn under(statement: &Statement, name: &str, service: Option<&str>) -> Option<Level> {
    let tests = &statement.tests;
    let is_free = tests.is_empty() || can_be_met(tests, statement.effect);
    let certain = match statement.effect {
        Effect::Allow => {
            let passed = (name == "iam:PassRole").then(|| passed(tests, service));
            let free = if is_free {
                Level::Sure
            } else {
                Level::Possible
            };
            passed.flatten().unwrap_or(free)
        }
        // It can be escaped.
        Effect::Deny if is_free && !tests.is_empty() => return None,
        Effect::Deny if tests.is_empty() => Level::Sure,
        Effect::Deny => Level::Possible,
    };
    Some(if statement.odd.is_some() {
        certain.min(Level::Possible)
    } else {
        certain
    })
}

/// What is granted, and what is denied of it.
#[derive(Debug)]
struct Weights {
    granted: Level,
    denied: Level,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            granted: Level::No,
            denied: Level::No,
        }
    }
}

impl Weights {
    fn add(&mut self, effect: Effect, level: Level) {
        let weight = match effect {
            Effect::Allow => &mut self.granted,
            Effect::Deny => &mut self.denied,
        };
        *weight = level.max(*weight);
    }

    fn left(&self) -> Level {
        match self.denied {
            Level::Sure => Level::No,
            Level::Possible => self.granted.min(Level::Possible),
            // Something that is spared by name leaves the rest.
            Level::Named if self.granted == Level::Named => Level::Possible,
            Level::Named | Level::No => self.granted,
        }
    }
}

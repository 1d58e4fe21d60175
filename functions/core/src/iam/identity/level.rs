//! How surely statements grant an action, and on how much of what it is about.

use crate::iam::document::{Effect, Listed, Statement, Test};
use crate::iam::operator::{Base, Order};
use crate::iam::pattern::{Meet, Pattern, action, is_open};
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

/// A condition on how a call is sent, and on nothing else: of a `Deny` that it isn't sent safely,
/// of an `Allow` that it is.
pub(super) fn only_transport(tests: &[Test], effect: Effect) -> bool {
    let is = |t: &Test, wanted: &str| {
        let all = t.values.iter().all(|v| v.eq_ignore_ascii_case(wanted));
        all && !t.values.is_empty()
    };
    let transport = |t: &Test| match (t.key.as_str(), t.operator.base, effect) {
        ("aws:securetransport", Base::Bool, Effect::Allow) => is(t, "true"),
        ("aws:securetransport", Base::Bool, Effect::Deny) => is(t, "false"),
        ("s3:tlsversion", Base::Number(Order::Less | Order::LessOrEqual), Effect::Deny) => true,
        _ => false,
    };
    !tests.is_empty() && tests.iter().all(transport)
}

/// How surely a role may be passed, under its conditions, on a way through a service: `None` where
/// they say nothing of services.
fn passed(tests: &[Test], service: Option<&str>) -> Option<Level> {
    let test = tests.iter().find(|t| t.key == "iam:passedtoservice")?;
    let service = service?;
    let plain = !test.operator.negated && test.operator.base != Base::Null;
    Some(if plain && test.values.iter().any(|v| is_of(v, service)) {
        if tests.len() == 1 {
            Level::Sure
        } else {
            Level::Possible
        }
    } else if plain && !GIVEN_TO_OTHERS.contains(&service) {
        Level::No
    } else {
        Level::Possible
    })
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

/// A service's principal is one of a service's: `tasks.apprunner.amazonaws.com` is App Runner's.
fn is_of(principal: &str, service: &str) -> bool {
    let name = principal
        .strip_suffix(".amazonaws.com")
        .unwrap_or(principal);
    let name = name.rsplit('.').next().unwrap_or(name);
    action(name, service) || name.strip_suffix("-tasks") == Some(service)
}

/// How surely statements together grant an action.
/// `service`: by which of a way's services it is used.
pub(super) fn of<'s>(
    statements: impl Iterator<Item = &'s Statement>,
    name: &str,
    service: Option<&str>,
) -> Level {
    let (mut granted, mut denied) = (Level::No, Level::No);
    for statement in statements {
        if !allows(&statement.actions, name) {
            continue;
        }
        let mut level = of_resources(&statement.resources, name, statement.effect);
        let passed = (name == "iam:PassRole").then(|| passed(&statement.tests, service));
        let passed = passed.flatten();
        if statement.effect == Effect::Allow {
            if own_only(&statement.resources, name) || statement.tests.iter().any(Test::never_holds)
            {
                continue;
            }
            let free =
                statement.tests.is_empty() || only_transport(&statement.tests, Effect::Allow);
            let under = passed.unwrap_or(if free { Level::Sure } else { Level::Possible });
            level = level.min(under);
            if statement.odd.is_some() {
                level = level.min(Level::Possible);
            }
            granted = granted.max(level);
        } else {
            if statement.tests.iter().any(Test::never_holds)
                || only_transport(&statement.tests, Effect::Deny)
            {
                continue;
            }
            if !statement.tests.is_empty() || statement.odd.is_some() {
                level = level.min(Level::Possible);
            }
            denied = denied.max(level);
        }
    }
    match denied {
        Level::Sure => Level::No,
        Level::Possible => granted.min(Level::Possible),
        // Something that is spared by name leaves the rest.
        Level::Named if granted == Level::Named => Level::Possible,
        Level::Named | Level::No => granted,
    }
}

/// One's own password and keys are one's own.
fn own_only(resources: &Listed, name: &str) -> bool {
    let own = [
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
    ];
    let is_own = own.iter().any(|o| o.eq_ignore_ascii_case(name));
    match resources {
        Listed::Only(all) if is_own && !all.is_empty() => all.iter().all(|r| is_own_user(r)),
        _ => false,
    }
}

/// It names whoever uses it.
fn is_own_user(resource: &str) -> bool {
    resource.to_ascii_lowercase().ends_with("/${aws:username}")
}

/// How much of what an action is about is covered by resources.
pub(super) fn of_resources(resources: &Listed, name: &str, effect: Effect) -> Level {
    match resources {
        Listed::Unsaid => Level::Possible,
        Listed::Only(all) => {
            let one = |r: &String| of_resource(r, name);
            all.iter().map(one).max().unwrap_or(Level::No)
        }
        Listed::AllBut(all) => {
            let level = |r: &String| match of_resource(r, name) {
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

fn of_resource(resource: &str, name: &str) -> Level {
    if !resource.is_empty() && resource.bytes().all(|b| b == b'*') {
        return Level::Sure;
    }
    // Whoever may change its own rights may give itself all of them.
    let to_oneself = ["iam:PutUserPolicy", "iam:AttachUserPolicy"];
    if to_oneself.contains(&name) && is_own_user(resource) {
        return Level::Sure;
    }
    let whole = |service: &&str| {
        let pattern = Pattern::of(resource);
        let templates = ["arn:aws:{}:*:*:*", "arn:aws:{}::*:*"].map(|t| t.replace("{}", service));
        let [everywhere, global] = templates.map(|t| Pattern::of(&t));
        let is_global = matches!(*service, "iam" | "sts" | "organizations" | "sso");
        pattern.covers(&everywhere) || is_global && pattern.covers(&global)
    };
    let own = name.split(':').next().unwrap_or_default();
    if resource.ends_with('*') && (whole(&own) || about(name).iter().any(whole)) {
        return Level::Sure;
    }
    let fields: Vec<&str> = resource.splitn(6, ':').collect();
    let field = |n: usize| fields.get(n).copied().unwrap_or_default();
    let service = name.split(':').next().unwrap_or_default();
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
    if fields.len() == 6 && of_type.is_some_and(wrong) {
        return Level::No;
    }
    // One thing by its name, in whatever account and region.
    if !is_open(resource) || fields.len() == 6 && !is_open(thing) {
        return Level::Named;
    }
    // All there is, or all of the type, in an account or everywhere: `arn:aws:iam::*:role/*`.
    let open = |text: &str| text.is_empty() || text == "*";
    let every = thing == "*" || of_type.is_some_and(|of| thing == format!("{of}/*"));
    let account = open(field(4)) || field(4).bytes().all(|b| b.is_ascii_digit());
    if fields.len() == 6 && every && account && open(field(3)) {
        Level::Sure
    } else {
        Level::Possible
    }
}

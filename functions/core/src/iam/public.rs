//! `iam.public`: a statement of a resource's policy lets everybody in.

use super::Said;
use super::condition::Pinned;
use super::document::{Effect, Listed, Statement, Test, Who};
use super::wildcard::may_overlap;

/// Identity providers that anybody can have an account with.
const PROVIDERS: [&str; 6] = [
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "gitlab.com",
    "graph.facebook.com",
    "token.actions.githubusercontent.com",
    "www.amazon.com",
];

/// What is to be said of each statement of one document.
pub(super) fn public(statements: &[Result<Statement, String>]) -> Vec<Said> {
    let one = |statement: &Result<Statement, String>| match statement {
        Err(why) => Said::CannotTell(why.clone()),
        Ok(allow) if allow.effect == Effect::Allow => said(allow, statements),
        Ok(_) => Said::No,
    };
    statements.iter().map(one).collect()
}

fn said(allow: &Statement, all: &[Result<Statement, String>]) -> Said {
    // A role's trust policy names no resource, and lets in by actions of STS alone.
    let lets_in = |by: &str| match &allow.actions {
        Listed::Only(actions) => actions.iter().any(|a| may_overlap(a, by)),
        Listed::AllBut(_) | Listed::Unsaid => true,
    };
    if allow.resources == Listed::Unsaid && !lets_in("sts:*") {
        return Said::No;
    }
    let everybody = match &allow.who {
        Who::AllBut(_) => "everybody but whom it names".to_owned(),
        Who::Unsaid => return Said::CannotTell("a statement names no principal".to_owned()),
        Who::These(who) => {
            let all = who.iter().any(|(kind, name)| name == "*" && kind == "AWS");
            let odd = who.iter().find(|(kind, name)| {
                let known = matches!(
                    kind.as_str(),
                    "AWS" | "Service" | "Federated" | "CanonicalUser"
                );
                !known || (name.contains(['*', '?']) && !(kind == "AWS" && name == "*"))
            });
            let provider = who.iter().find(|(kind, name)| {
                let is_web = lets_in("sts:AssumeRoleWithWebIdentity");
                kind == "Federated" && is_web && PROVIDERS.iter().any(|p| name.ends_with(p))
            });
            match (all, odd, provider) {
                (true, ..) => "everybody".to_owned(),
                (false, Some((_, name)), _) => {
                    let name = super::document::brief(name);
                    return Said::CannotTell(format!("it isn't known who {name} is"));
                }
                (false, None, Some((_, name))) if allow.tests.is_empty() => {
                    format!(
                        "everybody with an account at {}",
                        super::document::brief(name)
                    )
                }
                (false, None, Some((_, name))) => {
                    let name = super::document::brief(name);
                    return Said::CannotTell(format!(
                        "who of {name} gets in depends on conditions"
                    ));
                }
                (false, None, None) => return Said::No,
            }
        }
    };
    match allow.pinned() {
        Pinned::Yes => return Said::No,
        Pinned::CannotTell(why) => return Said::CannotTell(why),
        Pinned::No => {}
    }
    if allow.actions == Listed::Unsaid {
        return Said::CannotTell("a statement names no action".to_owned());
    }
    let denied = all.iter().any(|s| match s {
        Ok(deny) => deny.effect == Effect::Deny && touches(deny, allow),
        Err(_) => true,
    });
    if denied {
        let why = "another statement may deny what this one lets everybody do";
        return Said::CannotTell(why.to_owned());
    }
    Said::Yes(format!("lets {everybody} do {}", allow.does()))
}

/// A Deny may take something of a grant to everybody away.
fn touches(deny: &Statement, allow: &Statement) -> bool {
    let everybody = match &deny.who {
        Who::These(who) => who.iter().any(|(_, name)| name == "*"),
        Who::AllBut(_) | Who::Unsaid => true,
    };
    let transport = |test: &Test| {
        matches!(
            test.key.as_str(),
            "aws:securetransport" | "s3:tlsversion" | "s3:signatureversion"
        )
    };
    let only_transport = !deny.tests.is_empty() && deny.tests.iter().all(transport);
    everybody && !only_transport && meet(&deny.actions, &allow.actions)
}

fn meet(deny: &Listed, allow: &Listed) -> bool {
    match (deny, allow) {
        (Listed::Only(deny), Listed::Only(allow)) => {
            deny.iter().any(|d| allow.iter().any(|a| may_overlap(d, a)))
        }
        _ => true,
    }
}

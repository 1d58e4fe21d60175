//! Identity providers that many share: a role that trusts one trusts all who have an account with
//! it, unless a claim says whose.
//! Source: IAM User Guide, "Identity-provider controls for shared OIDC providers", and each
//! provider's own documentation of its subjects.

use super::pattern::{Meet, Part, Pattern};
use super::pins::fixed_up_to;

/// Which claim says whose, and how.
enum Claim {
    /// It stands before a delimiter, after a head: `repo:ORG/`. Other heads may say whose, too.
    Within {
        name: &'static str,
        head: &'static str,
        until: u8,
        also: &'static [&'static str],
    },
    /// The provider gives it out; fixed, it is one application's or one person's.
    Whole(&'static [&'static str]),
}

struct Shared {
    host: &'static str,
    claim: Claim,
}

const SHARED: [Shared; 20] = [
    github("token.actions.githubusercontent.com"),
    github("vstoken.actions.githubusercontent.com"),
    Shared {
        host: "gitlab.com",
        claim: Claim::Within {
            name: "sub",
            head: "project_path:",
            until: b'/',
            also: &[],
        },
    },
    within("app.terraform.io", "organization:", b':'),
    within("agent.buildkite.com", "organization:", b':'),
    whole("accounts.google.com", &["aud", "oaud", "azp", "sub"]),
    whole("cognito-identity.amazonaws.com", &["aud", "sub"]),
    whole("graph.facebook.com", &["app_id", "id"]),
    whole("www.amazon.com", &["app_id", "user_id"]),
    whole(
        "oidc-configuration.audit-log.githubusercontent.com",
        &["sub"],
    ),
    whole("oidc.codefresh.io", &["sub"]),
    whole("scalr.io", &["sub"]),
    whole("api.pulumi.com/oidc", &["aud"]),
    whole("oidc.vercel.com", &["aud", "sub"]),
    whole("studio.datachain.ai/api", &["sub"]),
    whole("tokens.cloud.shisho.dev", &["sub"]),
    whole("proidc.upbound.io", &["sub"]),
    whole("sandboxes.cloud", &["aud"]),
    whole(
        "rh-oidc.s3.us-east-1.amazonaws.com/22ejnvnnturfmt6km08idd0nt4hekbn7",
        &["sub"],
    ),
    // Of Microsoft Sentinel the session's name says whose; see `says_by_session`.
    whole("sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d", &[]),
];

const fn github(host: &'static str) -> Shared {
    Shared {
        host,
        claim: Claim::Within {
            name: "sub",
            head: "repo:",
            until: b'/',
            also: &[
                "repository_owner:",
                "repository_owner_id:",
                "repository_id:",
            ],
        },
    }
}

const fn within(host: &'static str, head: &'static str, until: u8) -> Shared {
    Shared {
        host,
        claim: Claim::Within {
            name: "sub",
            head,
            until,
            also: &[],
        },
    }
}

const fn whole(host: &'static str, names: &'static [&'static str]) -> Shared {
    Shared {
        host,
        claim: Claim::Whole(names),
    }
}

/// The provider's host and path: of an ARN what stands after `oidc-provider/`.
pub(super) fn host(principal: &str) -> &str {
    principal
        .split_once(":oidc-provider/")
        .map_or(principal, |(_, host)| host)
        .trim_end_matches('/')
}

/// Anybody can have an account with it.
pub(super) fn is_shared(principal: &str) -> bool {
    let host = host(principal);
    SHARED.iter().any(|s| s.host.eq_ignore_ascii_case(host))
}

/// It is a provider of SAML assertions: whoever an account has set one up for.
pub(super) fn is_saml(principal: &str) -> bool {
    principal.contains(":saml-provider/")
}

fn claim(key: &str) -> Option<(&'static Shared, &str)> {
    SHARED.iter().find_map(|shared| {
        let rest = key.strip_prefix(shared.host)?;
        Some((shared, rest.strip_prefix(':')?))
    })
}

/// It is a claim by which one of them says whose a token is.
pub(super) fn has_key(key: &str) -> bool {
    claim(key).is_some_and(|(shared, name)| match &shared.claim {
        Claim::Within { name: says, .. } => *says == name,
        Claim::Whole(names) => names.contains(&name),
    })
}

/// It is a claim of a shared provider of which nobody has said whether a stranger can have it.
pub(super) fn is_other_claim(key: &str) -> bool {
    claim(key).is_some_and(|(_, name)| !has_key(key) && !matches!(name, "aud" | "amr" | "sub"))
}

/// The provider itself chooses the session's name, by which a role may say whom it trusts.
pub(super) fn says_by_session(principal: &str) -> bool {
    host(principal).starts_with("sts.windows.net/")
}

/// A value of a claim is somebody's, and nobody else's.
pub(super) fn names(key: &str, value: &Pattern) -> bool {
    let Some((shared, _)) = claim(key) else {
        return false;
    };
    match &shared.claim {
        Claim::Whole(_) => value.is_fixed(),
        Claim::Within {
            head, until, also, ..
        } => {
            let text = value.head();
            let other = also.iter().find(|h| text.starts_with(**h));
            if let Some(other) = other {
                return value.is_fixed() || fixed_up_to(value, b':', other.len());
            }
            text.starts_with(head) && fixed_up_to(value, *until, head.len())
        }
    }
}

/// A claim that a stranger's token can have, and that a value lets through.
pub(super) fn strangers(key: &str, value: &Pattern) -> Option<String> {
    let (shared, _) = claim(key)?;
    let Claim::Within { head, until, .. } = &shared.claim else {
        return None;
    };
    if names(key, value) {
        return None;
    }
    let until = char::from(*until);
    // A stranger chooses its own names, and much of what comes after them.
    let after: &[&str] = if head == &"repo:" {
        &[
            ":ref:refs/heads/?*",
            ":environment:?*",
            ":pull_request",
            ":ref:refs/tags/?*",
        ]
    } else {
        &["?*", ""]
    };
    let names = [
        ("zz-stranger", "zz-probe"),
        ("zz-stranger", "?*"),
        ("?*", "zz-probe"),
        ("?*", "?*"),
    ];
    let templates = names.iter().flat_map(|(owner, name)| {
        let before = format!("{head}{owner}{until}{name}");
        after.iter().map(move |after| format!("{before}{after}"))
    });
    // What it writes itself: the owner that it names is none of a stranger's choice.
    let written: Vec<u8> = value
        .0
        .iter()
        .map(|part| match part {
            Part::Is(byte) => *byte,
            Part::One | Part::Many => b' ',
        })
        .collect();
    let written = String::from_utf8_lossy(&written).into_owned();
    templates
        .filter_map(|template| match value.meet(&Pattern::of(&template)) {
            Meet::At(text) => Some((template, text)),
            Meet::Never | Meet::Unsure => None,
        })
        .find(|(template, text)| {
            let rest = text.strip_prefix(head).unwrap_or_default();
            let owner = rest.split(until).next().unwrap_or_default();
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            // Names have no colon in them: GitHub writes them otherwise.
            let colons = |text: &str| text.matches(':').count();
            let odd = head == &"repo:" && colons(text) != colons(template);
            let own = !owner.is_empty() && owner.bytes().all(plain);
            own && !odd && !written.contains(&format!("{owner}{until}"))
        })
        .map(|(_, text)| text)
}

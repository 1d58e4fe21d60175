//! Strangers, and others who call, with what they can show of themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::iam::document::{Document, Statement, Test, Who};
use crate::iam::pattern::is_open;
use crate::iam::provider;
use crate::iam::request::Caller;

/// Accounts of strangers: one of which a document says nothing.
const ACCOUNTS: [&str; 4] = [
    "999999999999",
    "888877776666",
    "666655554444",
    "333322221111",
];
const ORG: &str = "o-zzstranger0";

/// Somebody who calls, with what it can show.
#[derive(Debug, Clone)]
pub(super) struct Party {
    pub(super) caller: Caller,
    pub(super) context: BTreeMap<String, Vec<String>>,
    /// Patterns of what else a key may be, where it isn't free.
    pub(super) may: BTreeMap<&'static str, Vec<String>>,
    /// It chooses the session's name that its token is used under.
    pub(super) names_session: bool,
}

impl Party {
    /// It can't have the key, or no other value of it than it shows.
    pub(super) fn lacks(&self, key: &str) -> bool {
        let of_credentials = key.starts_with("aws:principaltag/")
            || matches!(
                key,
                "aws:multifactorauthpresent"
                    | "aws:multifactorauthage"
                    | "aws:username"
                    | "aws:tokenissuetime"
                    | "aws:sourceidentity"
                    | "aws:federatedprovider"
                    | "aws:calledvia"
                    | "aws:calledviafirst"
                    | "aws:calledvialast"
                    | "aws:viaawsservice"
                    | "aws:principaltype"
                    | "s3:authtype"
                    | "s3:signatureage"
                    | "s3:signatureversion"
            );
        match self.caller {
            Caller::Anonymous => of_credentials,
            Caller::Federated(_) => key == "sts:rolesessionname" && !self.names_session,
            // What a signed request says of its credentials is AWS's to say.
            Caller::Signed(_) | Caller::Service(_) => matches!(
                key,
                "aws:principaltype" | "aws:federatedprovider" | "s3:accessgrantsinstancearn"
            ),
        }
    }
}

/// An account of which the document says nothing.
pub(super) fn stranger(document: &Document) -> &'static str {
    let names = |one: &str| {
        document.known().any(|s| {
            let who = match &s.who {
                Who::These(who) | Who::AllBut(who) => who.as_slice(),
                Who::Unsaid => &[],
            };
            let values = s.tests.iter().flat_map(|t| &t.values);
            values
                .chain(who.iter().map(|(_, name)| name))
                .any(|v| v.contains(one))
        })
    };
    let [first, ..] = ACCOUNTS;
    ACCOUNTS
        .into_iter()
        .find(|one| !names(one))
        .unwrap_or(first)
}

fn context(of: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
    of.iter()
        .map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()]))
        .collect()
}

/// What every request has.
fn common() -> BTreeMap<String, Vec<String>> {
    context(&[
        ("aws:securetransport", "true"),
        ("aws:currenttime", "2030-01-01T00:00:00Z"),
        ("aws:epochtime", "1893456000"),
        ("aws:requestedregion", "us-east-1"),
        ("aws:useragent", "aws-cli"),
        ("aws:viaawsservice", "false"),
        ("aws:sourceip", "34.201.18.5"),
    ])
}

pub(super) fn anonymous() -> Party {
    let mut context_ = common();
    context_.extend(context(&[
        ("aws:userid", "anonymous"),
        ("aws:principaltype", "Anonymous"),
    ]));
    Party {
        caller: Caller::Anonymous,
        context: context_,
        may: BTreeMap::new(),
        names_session: true,
    }
}

pub(super) fn roles(account: &str) -> Vec<String> {
    vec![
        format!("arn:aws:iam::{account}:user/?*"),
        format!("arn:aws:iam::{account}:role/?*"),
    ]
}

pub(super) fn signed(account: &str, arn: &str, arns: &[String]) -> Party {
    let mut context_ = common();
    context_.extend(context(&[
        ("aws:principalaccount", account),
        ("aws:principalarn", arn),
        ("aws:principaltype", "User"),
        ("aws:userid", "AIDAZZSTRANGER000000"),
        ("aws:username", "stranger"),
        ("aws:principalisawsservice", "false"),
        ("kms:calleraccount", account),
    ]));
    let org = ORG.to_owned();
    let path = format!("{ORG}/r-zzzz/ou-zzzz-zzzzzzzz/");
    let may = BTreeMap::from([
        ("aws:principalarn", arns.to_vec()),
        ("aws:sourceowner", vec![account.to_owned()]),
        ("aws:principalorgid", vec![org]),
        ("aws:principalorgpaths", vec![path]),
        ("aws:userid", vec!["AROAZZSTRANGER000000:?*".to_owned()]),
        ("s3:dataaccesspointaccount", vec![account.to_owned()]),
        (
            "s3:dataaccesspointarn",
            vec![format!("arn:aws:s3:us-east-1:{account}:accesspoint/?*")],
        ),
    ]);
    Party {
        caller: Caller::Signed(arn.to_owned()),
        context: context_,
        may,
        names_session: true,
    }
}

pub(super) fn through_an_endpoint(mut caller: Party) -> Party {
    caller.context.remove("aws:sourceip");
    caller.context.extend(context(&[
        ("aws:sourcevpc", "vpc-0zzzzzzzzzzzzzzz1"),
        ("aws:sourcevpce", "vpce-0zzzzzzzzzzzzzzz1"),
        ("aws:vpcsourceip", "10.11.12.13"),
        ("aws:vpceorgid", ORG),
    ]));
    for (key, value) in [
        ("aws:sourcevpc", "vpc-0zzzzzzzzzzzzzzz1"),
        ("aws:sourcevpce", "vpce-0zzzzzzzzzzzzzzz1"),
    ] {
        caller.may.insert(key, vec![value.to_owned()]);
    }
    caller
}

/// Services that act for a stranger, as the ARNs that a statement takes say which.
pub(super) fn deputies(statement: &Statement, account: &str) -> Vec<Party> {
    let arns = statement.tests.iter().filter(|t| t.key == "aws:sourcearn");
    let service = |value: &String| {
        let name = value.split(':').nth(2).unwrap_or_default();
        if name.is_empty() || is_open(name) {
            "sns".to_owned()
        } else {
            name.to_owned()
        }
    };
    let mut services: BTreeSet<String> = arns.flat_map(|t| t.values.iter().map(service)).collect();
    let on_behalf = |t: &Test| {
        matches!(
            t.key.as_str(),
            "aws:sourceaccount" | "aws:sourceorgid" | "aws:sourceorgpaths"
        )
    };
    if statement.tests.iter().any(on_behalf) {
        services.insert("sns".to_owned());
    }
    // These call on nobody's behalf.
    for never in ["iam", "sts", "organizations"] {
        services.remove(never);
    }
    services
        .into_iter()
        .take(4)
        .map(|s| deputy(&s, account))
        .collect()
}

fn deputy(service: &str, account: &str) -> Party {
    let mut context_ = common();
    let name = format!("{service}.amazonaws.com");
    let (arn, template) = if service == "s3" {
        (
            "arn:aws:s3:::zz-strangers".to_owned(),
            "arn:aws:s3:::?*".to_owned(),
        )
    } else {
        (
            format!("arn:aws:{service}:us-east-1:{account}:strangers"),
            format!("arn:aws:{service}:*:{account}:?*"),
        )
    };
    context_.remove("aws:sourceip");
    context_.extend(context(&[
        ("aws:principalisawsservice", "true"),
        ("aws:principalservicename", &name),
        ("aws:sourceaccount", account),
        ("aws:sourcearn", &arn),
        ("aws:sourceorgid", ORG),
    ]));
    let path = format!("{ORG}/r-zzzz/ou-zzzz-zzzzzzzz/");
    Party {
        caller: Caller::Service(name),
        context: context_,
        may: BTreeMap::from([
            ("aws:sourcearn", vec![template]),
            ("aws:sourceaccount", vec![account.to_owned()]),
            ("aws:sourceowner", vec![account.to_owned()]),
            ("aws:sourceorgpaths", vec![path]),
        ]),
        names_session: true,
    }
}

/// Somebody with an account at an identity provider.
pub(super) fn with_token(principal: &str) -> Party {
    let mut context_ = common();
    let host = provider::host(principal);
    let claims: &[(&str, &str)] = &[
        ("sub", "zz-stranger"),
        ("aud", "zz-strangers-app"),
        ("app_id", "zz-strangers-app"),
        ("amr", "authenticated"),
    ];
    for (claim, value) in claims {
        context_.insert(
            format!("{}:{claim}", host.to_ascii_lowercase()),
            vec![(*value).to_owned()],
        );
    }
    context_.insert(
        "aws:federatedprovider".to_owned(),
        vec![principal.to_owned()],
    );
    Party {
        caller: Caller::Federated(principal.to_owned()),
        context: context_,
        may: BTreeMap::new(),
        names_session: !provider::says_by_session(principal),
    }
}

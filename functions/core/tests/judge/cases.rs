//! Documents written by hand for the spots where corpora are thin, each with its reason and where
//! AWS says so.

use serde_json::{Value, json};
use undrift_core::iam::{DocumentKind, Line};

const OPERATORS: &str = "IAM User Guide, Condition operators";
const SETS: &str = "IAM User Guide, Single-valued vs. multivalued context keys";
const PUBLIC: &str = "S3 User Guide, The meaning of public";
const NOT_PRINCIPAL: &str = "IAM User Guide, NotPrincipal";
const LOGIC: &str = "IAM User Guide, Policy evaluation logic";
const KEYS: &str = "IAM User Guide, Global condition context keys";
const NOT_ACTION: &str = "IAM User Guide, NotAction and NotResource";
const OIDC: &str = "IAM User Guide, Identity-provider controls for shared OIDC providers";

fn allow(condition: Value) -> Value {
    with("Allow", "s3:GetObject", condition)
}

fn deny(condition: Value) -> Value {
    with("Deny", "s3:*", condition)
}

fn with(effect: &str, action: &str, condition: Value) -> Value {
    let mut one = json!({"Effect": effect, "Principal": "*", "Action": action, "Resource": "*"});
    if !condition.is_null() {
        one["Condition"] = condition;
    }
    one
}

fn judged(kind: DocumentKind, statements: &Value) -> String {
    let line = Line {
        policy: json!({"Version": "2012-10-17", "Statement": statements}),
        kind,
        account: Some("111122223333".to_owned()),
        ..Line::default()
    };
    line.judge().verdict.as_str().unwrap().to_owned()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_denied_absent_or_excepted() {
    let all = || allow(Value::Null);
    let org = json!({"aws:PrincipalOrgID": "o-own"});
    let cases: Vec<(Value, &str, &str, &str)> = vec![
        (
            json!([all(), deny(Value::Null)]),
            "not_public",
            "a denial of all of it leaves nothing",
            LOGIC,
        ),
        (
            json!([all(), deny(json!({"StringNotEquals": org}))]),
            "not_public",
            "whoever isn't of the organization is denied, and whoever lacks the key too",
            LOGIC,
        ),
        (
            json!([all(), deny(json!({"StringNotEqualsIfExists": org}))]),
            "not_public",
            "a negated operator holds without the key in either form",
            OPERATORS,
        ),
        (
            json!([all(), deny(json!({"ForAnyValue:StringNotEquals": org}))]),
            "public",
            "ForAnyValue is false without the key: the anonymous aren't denied",
            SETS,
        ),
        (
            json!([
                all(),
                deny(
                    json!({"StringNotEquals": org, "Bool": {"aws:PrincipalIsAWSService": "false"}})
                )
            ]),
            "public",
            "the anonymous have no such key, and a plain Bool is false of them",
            OPERATORS,
        ),
        (
            json!([
                all(),
                deny(
                    json!({"StringNotEquals": org, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}})
                )
            ]),
            "not_public",
            "with IfExists they are denied",
            OPERATORS,
        ),
        (
            json!([
                all(),
                deny(json!({"StringNotEquals": org, "Bool": {"aws:ViaAWSService": "false"}}))
            ]),
            "cannot_tell",
            "AWS's perimeters spare whom a service calls for; a stranger too may have one call",
            KEYS,
        ),
        (
            json!([
                all(),
                deny(
                    json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-own", "aws:PrincipalAccount": "444455556666"}})
                )
            ]),
            "cross_account",
            "both must differ for the denial to hold: what is left is their union",
            OPERATORS,
        ),
        (
            json!([
                all(),
                deny(
                    json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-own", "aws:PrincipalTag/team": "red"}})
                )
            ]),
            "public",
            "a stranger tags itself, and the union is open again",
            KEYS,
        ),
        (
            json!([
                all(),
                deny(json!({"Bool": {"aws:SecureTransport": "false"}}))
            ]),
            "public",
            "whoever uses TLS isn't denied",
            PUBLIC,
        ),
        (
            json!([
                all(),
                deny(json!({"StringEquals": {"aws:PrincipalOrgID": "o-bad"}}))
            ]),
            "public",
            "one organization less is still everybody",
            LOGIC,
        ),
        (
            json!([
                all(),
                deny(json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
            ]),
            "not_public",
            "only the office isn't denied; through an endpoint the key is missing, and that is denied",
            OPERATORS,
        ),
        (
            json!([
                all(),
                deny(json!({"ForAnyValue:NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
            ]),
            "public",
            "through an endpoint there is no source address, and nothing to be different",
            SETS,
        ),
        (
            json!([all(), deny(json!({"Null": {"aws:PrincipalOrgID": "true"}}))]),
            "public",
            "any organization's members have the key",
            OPERATORS,
        ),
        (
            json!([all(), deny(json!({"Null": {"aws:SourceVpce": "true"}}))]),
            "public",
            "a stranger has an endpoint of its own",
            KEYS,
        ),
        (
            json!([all(), with("Deny", "s3:PutObject", Value::Null)]),
            "public",
            "something else is denied",
            LOGIC,
        ),
        (
            json!([
                with("Allow", "s3:*", Value::Null),
                with("Deny", "s3:GetObject", Value::Null)
            ]),
            "public",
            "all but one action is left",
            LOGIC,
        ),
        (
            json!([{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}, with("Deny", "s3:Get*", Value::Null), with("Deny", "s3:Put*", Value::Null)]),
            "not_public",
            "each of the two is denied by a statement of its own",
            LOGIC,
        ),
        (
            json!([all(), {"Effect": "Deny", "Principal": "*", "NotAction": "s3:ListBucket", "Resource": "*"}]),
            "not_public",
            "all but listing is denied",
            NOT_ACTION,
        ),
        (
            json!([all(), {"Effect": "Deny", "Principal": "*", "NotAction": "s3:GetObject", "Resource": "*"}]),
            "public",
            "just this isn't denied",
            NOT_ACTION,
        ),
        (
            json!([all(), {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/public/*"}]),
            "public",
            "what is under public/ isn't denied, and the statement is about it too",
            NOT_ACTION,
        ),
        (
            json!([all(), {"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "s3:*", "Resource": "*"}]),
            "not_public",
            "all but the owner are denied",
            NOT_PRINCIPAL,
        ),
        (
            json!([all(), {"Effect": "Deny", "NotPrincipal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"}]),
            "public",
            "nobody is denied",
            NOT_PRINCIPAL,
        ),
        (
            json!([{"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "s3:GetObject", "Resource": "*"}]),
            "public",
            "everybody but one, the anonymous among them",
            NOT_PRINCIPAL,
        ),
        (
            json!([{"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "s3:GetObject", "Resource": "*", "Condition": {"StringEquals": org}}]),
            "not_public",
            "everybody but one, of one organization",
            NOT_PRINCIPAL,
        ),
        (
            json!([{"Effect": "Allow", "Principal": "*", "NotAction": "s3:Put*", "Resource": "*"}]),
            "public",
            "all but writing",
            NOT_ACTION,
        ),
        (
            json!([{"Effect": "Allow", "Principal": "*", "NotAction": "*", "Resource": "*"}]),
            "not_public",
            "all but everything is nothing",
            NOT_ACTION,
        ),
        (
            json!([{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "NotResource": "*"}]),
            "not_public",
            "on nothing",
            NOT_ACTION,
        ),
        (
            json!([allow(json!({"StringEquals": org}))]),
            "not_public",
            "a fixed organization",
            PUBLIC,
        ),
        (
            json!([allow(json!({"StringEqualsIfExists": org}))]),
            "public",
            "the anonymous have no such key, and are let through",
            OPERATORS,
        ),
        (
            json!([allow(
                json!({"StringEqualsIfExists": org, "Null": {"aws:PrincipalOrgID": "false"}})
            )]),
            "not_public",
            "the key must be there, and then it is fixed",
            OPERATORS,
        ),
        (
            json!([allow(
                json!({"StringEqualsIfExists": org, "Null": {"aws:PrincipalOrgID": "true"}})
            )]),
            "public",
            "just those without the key are let in",
            OPERATORS,
        ),
        (
            json!([allow(json!({"Null": {"aws:PrincipalOrgID": "false"}}))]),
            "public",
            "the members of any organization",
            OPERATORS,
        ),
        (
            json!([allow(json!({"ForAllValues:StringEquals": org}))]),
            "public",
            "true of an empty set: GitHub's own documentation had that wrong",
            SETS,
        ),
        (
            json!([allow(
                json!({"ForAllValues:StringEquals": org, "Null": {"aws:PrincipalOrgID": "false"}})
            )]),
            "not_public",
            "the set isn't empty",
            SETS,
        ),
        (
            json!([allow(
                json!({"ForAllValues:Null": {"aws:PrincipalOrgID": "false"}})
            )]),
            "public",
            "always true",
            SETS,
        ),
        (
            json!([allow(json!({"ForAnyValue:StringEquals": org}))]),
            "not_public",
            "false without the key",
            SETS,
        ),
        (
            json!([allow(json!({"StringEquals": {"aws:PrincipalOrgID": []}}))]),
            "not_public",
            "no value matches",
            OPERATORS,
        ),
        (
            json!([allow(json!({"StringNotEquals": org}))]),
            "public",
            "everybody but one organization",
            OPERATORS,
        ),
        (
            json!([allow(
                json!({"StringEquals": org, "StringLike": {"aws:Referer": "*"}})
            )]),
            "not_public",
            "one limit is enough: tests are joined by and",
            LOGIC,
        ),
        (
            json!([allow(
                json!({"StringEquals": {"aws:PrincipalOrgID": ["o-own", "*"]}})
            )]),
            "cannot_tell",
            "by the letter not fixed, in fact a text that nobody has",
            PUBLIC,
        ),
        (
            json!([allow(json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}))]),
            "public",
            "AWS's own example",
            PUBLIC,
        ),
        (
            json!([allow(
                json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::reports-*"}})
            )]),
            "public",
            "a stranger calls its bucket so",
            KEYS,
        ),
        (
            json!([allow(
                json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}})
            )]),
            "cannot_tell",
            "by the letter not fixed, in fact one account",
            PUBLIC,
        ),
        (
            json!([allow(
                json!({"StringEquals": {"aws:PrincipalOrgID": "${aws:ResourceOrgID}"}})
            )]),
            "cannot_tell",
            "by the letter a variable, in fact the resource's own organization",
            KEYS,
        ),
        (
            json!([allow(json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/8"}}))]),
            "not_public",
            "not broader than a /8",
            PUBLIC,
        ),
        (
            json!([allow(json!({"IpAddress": {"aws:SourceIp": "52.0.0.0/7"}}))]),
            "public",
            "broader than a /8",
            PUBLIC,
        ),
        (
            json!([allow(
                json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/7"]}})
            )]),
            "public",
            "half of it is public",
            PUBLIC,
        ),
        (
            json!([allow(
                json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}})
            )]),
            "not_public",
            "no request comes from there",
            KEYS,
        ),
        (
            json!([allow(json!({"StringEquals": {"s3:x-amz-acl": "private"}}))]),
            "public",
            "whoever calls writes that",
            PUBLIC,
        ),
        (
            json!([allow(
                json!({"StringEquals": {"aws:ResourceAccount": "111122223333"}})
            )]),
            "public",
            "it tells of the resource",
            KEYS,
        ),
        (
            json!([allow(
                json!({"DateLessThan": {"aws:CurrentTime": "2040-01-01T00:00:00Z"}})
            )]),
            "public",
            "until then",
            KEYS,
        ),
    ];
    for (statements, verdict, reason, source) in cases {
        let is = judged(DocumentKind::Resource, &statements);
        assert_eq!(is, verdict, "{reason} ({source}): {statements}");
    }
}

/// EFS User Guide, "The meaning of public".
#[test]
fn through_a_mount_target() {
    let one = |effect: &str, condition: Value| {
        json!({"Effect": effect, "Principal": {"AWS": "*"}, "Condition": condition,
            "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]})
    };
    let key = "elasticfilesystem:AccessedViaMountTarget";
    let tls = json!({"Bool": {"aws:SecureTransport": "true"}});
    for (statements, verdict) in [
        (
            json!([one("Allow", json!({"Bool": {key: "true"}}))]),
            "not_public",
        ),
        (
            json!([one("Allow", json!({"Bool": {key: "false"}}))]),
            "public",
        ),
        (
            json!([one("Allow", json!({"BoolIfExists": {key: "true"}}))]),
            "public",
        ),
        (json!([one("Allow", tls.clone())]), "public"),
        (
            json!([
                one("Allow", tls),
                one("Deny", json!({"BoolIfExists": {key: "false"}}))
            ]),
            "not_public",
        ),
    ] {
        assert_eq!(
            judged(DocumentKind::Resource, &statements),
            verdict,
            "{statements}"
        );
    }
}

#[test]
fn who_may_be_a_role() {
    let web = |provider: &str, condition: Value| {
        let mut one = json!({"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": provider}});
        if !condition.is_null() {
            one["Condition"] = condition;
        }
        one
    };
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let sub = |operator: &str, value: &str| {
        json!({operator: {"token.actions.githubusercontent.com:sub": value},
            "ForAnyValue:StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}})
    };
    let cases: Vec<(Value, &str, &str)> = vec![
        (
            web(github, Value::Null),
            "public",
            "any repository's workflow",
        ),
        (
            web(
                github,
                json!({"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}}),
            ),
            "public",
            "the audience is everybody's",
        ),
        (
            web(github, sub("StringLike", "repo:own/*")),
            "not_public",
            "one organization's repositories",
        ),
        (
            web(github, sub("StringLike", "repo:own*")),
            "public",
            "also ownEvil's",
        ),
        (
            web(github, sub("StringLike", "repo:*")),
            "public",
            "any repository's",
        ),
        (
            web(github, sub("StringLike", "*")),
            "public",
            "any repository's",
        ),
        (
            web(github, sub("StringLike", "repo:*/app:*")),
            "public",
            "any organization's of that name",
        ),
        (
            web(
                github,
                sub("StringEqualsIgnoreCase", "repo:own/app:ref:refs/heads/main"),
            ),
            "not_public",
            "one branch",
        ),
        (
            web(
                github,
                json!({"ForAllValues:StringLike": {"token.actions.githubusercontent.com:sub": "repo:own/*"}}),
            ),
            "cannot_tell",
            "true where there is no such claim; yet each of these tokens has one",
        ),
        (
            web(github, sub("StringEquals", "repo:own/*")),
            "cannot_tell",
            "an asterisk that stands for itself: nobody has that",
        ),
        (
            web(
                "cognito-identity.amazonaws.com",
                json!({"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-central-1:pool"}}),
            ),
            "not_public",
            "one pool",
        ),
        (
            web(
                "cognito-identity.amazonaws.com",
                json!({"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}}),
            ),
            "public",
            "any pool's users",
        ),
        (
            web(
                "accounts.google.com",
                json!({"StringEquals": {"accounts.google.com:aud": "app"}}),
            ),
            "not_public",
            "one application",
        ),
        (
            web(
                "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/ABC",
                Value::Null,
            ),
            "not_public",
            "one cluster's accounts",
        ),
        (
            web(
                "arn:aws:iam::111122223333:oidc-provider/gitlab.com",
                json!({"StringLike": {"gitlab.com:sub": "project_path:own/*:ref_type:branch:ref:main"}}),
            ),
            "not_public",
            "one group's projects",
        ),
        (
            web(
                "arn:aws:iam::111122223333:oidc-provider/app.terraform.io",
                json!({"StringLike": {"app.terraform.io:sub": "organization:*:project:*"}}),
            ),
            "public",
            "any organization's",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}),
            "public",
            "anybody with an account at AWS",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", "Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}),
            "public",
            "an external id is no secret: whoever calls writes it",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:TagSession", "Principal": "*"}),
            "not_public",
            "by that nobody assumes it",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "444455556666"}}),
            "cross_account",
            "a foreign account",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}}),
            "not_public",
            "its own",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML", "Principal": {"Federated": "arn:aws:iam::444455556666:saml-provider/x"}}),
            "cross_account",
            "a foreign account's provider",
        ),
    ];
    for (statement, verdict, reason) in cases {
        let is = judged(DocumentKind::Trust, &statement);
        assert_eq!(is, verdict, "{reason} ({OIDC}): {statement}");
    }
}

#[test]
fn who_is_an_administrator() {
    let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let cases: Vec<(Value, &str, &str)> = vec![
        (all.clone(), "admin", "everything"),
        (
            json!({"Effect": "Allow", "Action": "**", "Resource": "*"}),
            "admin",
            "everything, in other signs",
        ),
        (
            json!({"Effect": "Allow", "Action": ["a*", "b*", "c*", "d*", "e*", "f*", "g*", "h*", "i*", "j*", "k*", "l*", "m*", "n*", "o*", "p*", "q*", "r*", "s*", "t*", "u*", "v*", "w*", "x*", "y*", "z*"], "Resource": "*"}),
            "admin",
            "everything, letter by letter",
        ),
        (
            json!([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]),
            "admin",
            "two halves",
        ),
        (
            json!({"Effect": "Allow", "NotAction": "no-such-service:Do", "Resource": "*"}),
            "admin",
            "all but what isn't there",
        ),
        (
            json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            "privesc",
            "a power user updates functions and assumes roles",
        ),
        (
            json!({"Effect": "Allow", "Action": "*", "NotResource": "*"}),
            "not_admin",
            "on nothing",
        ),
        (
            json!({"Effect": "Allow", "NotAction": "*", "Resource": "*"}),
            "not_admin",
            "nothing",
        ),
        (
            json!([all.clone(), {"Effect": "Deny", "Action": "*", "Resource": "*"}]),
            "not_admin",
            "all of it is denied",
        ),
        (
            json!([all.clone(), {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}]),
            "not_admin",
            "all but S3 is denied",
        ),
        (
            json!([all.clone(), {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}]),
            "cannot_tell",
            "with a second factor everything",
        ),
        (
            json!([all, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceVpc": []}}}]),
            "admin",
            "a denial that never holds",
        ),
        (
            json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}),
            "not_admin",
            "it takes a service that is given the role",
        ),
        (
            json!({"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "arn:aws:iam::*:user/${aws:username}"}),
            "not_admin",
            "one's own keys",
        ),
        (
            json!({"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "arn:aws:iam::*:user/${aws:username}"}),
            "privesc",
            "one gives oneself all rights",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::444455556666:role/read"}),
            "not_admin",
            "one role that is named was meant",
        ),
        (
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}),
            "privesc",
            "any role that trusts the account",
        ),
        (
            json!({"Effect": "Allow", "Action": "iam:AttachRolePolicy", "Resource": "arn:aws:iam::111122223333:role/*"}),
            "privesc",
            "every role",
        ),
        (
            json!({"Effect": "Allow", "Action": "iam:AttachRolePolicy", "Resource": "arn:aws:iam::111122223333:role/app/*"}),
            "cannot_tell",
            "some roles",
        ),
        (
            json!({"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:s3:::b"}),
            "not_admin",
            "nothing of IAM's is there",
        ),
    ];
    for (statements, verdict, reason) in cases {
        let is = judged(DocumentKind::Identity, &statements);
        assert_eq!(is, verdict, "{reason}: {statements}");
    }
}

#[test]
fn a_boundary_and_several_policies() {
    let all = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let judged = |policy: Value, boundary: Option<Value>| {
        let line = Line {
            policy,
            boundary,
            kind: DocumentKind::Identity,
            ..Line::default()
        };
        line.judge().verdict.as_str().unwrap().to_owned()
    };
    let s3 = json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    assert_eq!(judged(all.clone(), None), "admin");
    assert_eq!(judged(all.clone(), Some(s3)), "not_admin");
    assert_eq!(judged(all.clone(), Some(all)), "admin");
    // Two harmless halves of one way.
    let pass = json!({"Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}});
    let run =
        json!({"Statement": {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}});
    assert_eq!(judged(pass.clone(), None), "not_admin");
    assert_eq!(judged(run.clone(), None), "not_admin");
    assert_eq!(judged(json!([pass, run]), None), "privesc");
}

/// What random documents once found.
#[test]
fn what_was_wrong_once() {
    let partner = || json!({"AWS": "444455556666"});
    let statements = json!([
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b/public/*",
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}},
        {"Effect": "Allow", "Principal": partner(), "Action": "s3:GetObject", "Resource": "*",
            "Condition": {"Bool": {"aws:PrincipalIsAWSService": "false"}}},
    ]);
    assert_eq!(
        judged(DocumentKind::Resource, &statements),
        "public",
        "what another statement asks of services doesn't keep a service out of this one"
    );
    let statements = json!([
        {"Effect": "Deny", "NotPrincipal": partner(), "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "NotPrincipal": partner(), "Action": "s3:GetObject", "Resource": "*"},
    ]);
    assert_eq!(
        judged(DocumentKind::Resource, &statements),
        "not_public",
        "all but one are denied, and just that one isn't allowed"
    );
    for (action, resource, verdict) in [
        ("iam:AttachUserPolicy", "arn:aws:iam::*:role/*", "not_admin"),
        ("iam:CreateAccessKey", "arn:aws:iam::*:role/*", "not_admin"),
        ("sts:AssumeRole", "arn:aws:iam::*:role/*", "privesc"),
        ("*", "arn:aws:s3:::b/a:iam:b", "not_admin"),
    ] {
        let one = json!({"Effect": "Allow", "Action": action, "Resource": resource});
        assert_eq!(
            judged(DocumentKind::Identity, &one),
            verdict,
            "{action} on {resource}"
        );
    }
    let empty = json!([
        {"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "*"},
        {"Effect": "Deny", "Action": "*:*", "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:SecureTransport": []}}},
    ]);
    assert_eq!(
        judged(DocumentKind::Identity, &empty),
        "cannot_tell",
        "a list of no values says nothing of how a call is sent"
    );
    // No policy is none that lets anybody in.
    for nothing in [
        json!({}),
        json!(null),
        json!(""),
        json!({"Version": "2012-10-17"}),
    ] {
        for (kind, verdict) in [
            (DocumentKind::Resource, "not_public"),
            (DocumentKind::Identity, "not_admin"),
        ] {
            let line = Line {
                policy: nothing.clone(),
                kind,
                ..Line::default()
            };
            assert_eq!(line.judge().verdict, verdict, "{nothing}");
        }
    }
}

/// What somebody found who set out to fool the judge.
#[test]
fn what_an_attack_once_found() {
    let b = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"});
    let with = |condition: Value| {
        let mut one = b.clone();
        one["Condition"] = condition;
        one
    };
    let outside = || json!({"aws:PrincipalOrgID": "o-own"});
    let on = |effect: &str, action: &str, resource: Value, condition: Value| {
        let mut one =
            json!({"Effect": effect, "Principal": "*", "Action": action, "Resource": resource});
        if !condition.is_null() {
            one["Condition"] = condition;
        }
        one
    };
    let cases: Vec<(Value, &str, &str)> = vec![
        (
            json!([
                b,
                deny(
                    json!({"StringNotEquals": outside(), "Bool": {"aws:SecureTransport": "true"}})
                ),
                deny(json!({"Bool": {"aws:SecureTransport": "false"}}))
            ]),
            "cannot_tell",
            "a flag is true or false, and nothing else",
        ),
        (
            json!([
                with(json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
                deny(
                    json!({"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}, "Bool": {"aws:PrincipalIsAWSService": "false"}})
                )
            ]),
            "cannot_tell",
            "the anonymous have no second factor",
        ),
        (
            json!([
                b,
                deny(json!({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}))
            ]),
            "cannot_tell",
            "the past doesn't come back",
        ),
        (
            json!([
                on(
                    "Allow",
                    "s3:GetObject",
                    json!(["arn:aws:s3:::b", "arn:aws:s3:::b/*"]),
                    Value::Null
                ),
                on(
                    "Deny",
                    "s3:*",
                    json!("arn:aws:s3:::b/*"),
                    json!({"StringNotEquals": outside()})
                )
            ]),
            "cannot_tell",
            "no object is a bucket",
        ),
        (
            json!([
                on(
                    "Allow",
                    "s3:*",
                    json!(["arn:aws:s3:::b", "arn:aws:s3:::b/*"]),
                    Value::Null
                ),
                on(
                    "Deny",
                    "s3:*",
                    json!("arn:aws:s3:::b"),
                    json!({"StringNotEquals": outside()})
                ),
                on(
                    "Deny",
                    "s3:*",
                    json!("arn:aws:s3:::b/*"),
                    json!({"StringNotEquals": outside()})
                )
            ]),
            "not_public",
            "each resource has a denial of its own",
        ),
        (
            json!([
                on("Allow", "*", json!("arn:aws:s3:::b"), Value::Null),
                on(
                    "Deny",
                    "s3:*",
                    json!("*"),
                    json!({"StringNotEquals": outside()})
                )
            ]),
            "cannot_tell",
            "a bucket's policy is about S3's actions alone",
        ),
        (
            json!([with(
                json!({"StringEquals": {"s3:ExistingObjectTag/owner": "${aws:PrincipalAccount}"}})
            )]),
            "cannot_tell",
            "what hangs on an object its owner says",
        ),
        (
            json!([with(
                json!({"StringEquals": {"aws:FederatedProvider": "arn:aws:iam::111122223333:saml-provider/corp"}})
            )]),
            "cannot_tell",
            "a provider is its account's",
        ),
        (
            json!([with(json!({"IpAddress": {"aws:SourceIp": "224.0.0.0/4"}}))]),
            "cannot_tell",
            "by the letter a wide range, in fact nobody's addresses",
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "s3:GetObject", "Resource": "*"}, {"Effect": "Deny", "Principal": {"AWS": "444455556666"}, "Action": "s3:*", "Resource": "*"}]),
            "not_public",
            "the same account is denied all of it",
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"Federated": "graph.facebook.com"}, "Action": "s3:GetObject", "Resource": "*"}, {"Effect": "Deny", "NotPrincipal": {"Federated": "graph.facebook.com"}, "Action": "s3:*", "Resource": "*"}]),
            "public",
            "whom a shared provider vouches for is anybody",
        ),
    ];
    for (statements, verdict, reason) in cases {
        let is = judged(DocumentKind::Resource, &statements);
        assert_eq!(is, verdict, "{reason}: {statements}");
    }
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let web = |provider: &str, condition: Value| {
        json!([{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": provider}, "Condition": condition}])
    };
    let claim = |name: &str, operator: &str, value: &str| {
        let key = format!("token.actions.githubusercontent.com:{name}");
        json!({operator: {key: value}})
    };
    for (statements, verdict, reason) in [
        (
            web(
                github,
                claim("sub", "StringEquals", "environment:production"),
            ),
            "cannot_tell",
            "any repository may have such a subject",
        ),
        (
            web(github, claim("sub", "StringLike", "repository_owner:own:*")),
            "not_public",
            "an owner, in another form",
        ),
        (
            web(github, claim("repository", "StringEquals", "own/app")),
            "cannot_tell",
            "a claim that a stranger doesn't choose",
        ),
        (
            web(github, claim("sub", "StringLike", "repo:own@*/app:*")),
            "cannot_tell",
            "no owner is called so",
        ),
        (
            web(
                "arn:aws:iam::111122223333:oidc-provider/sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/",
                json!({"StringEquals": {"sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/:aud": "x"}}),
            ),
            "public",
            "many share it, and its audience is everybody's",
        ),
        (
            web(
                "arn:aws:iam::111122223333:oidc-provider/sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/",
                json!({"StringEquals": {"sts:RoleSessionName": "MicrosoftSentinel_x"}}),
            ),
            "cannot_tell",
            "the provider chooses the session's name",
        ),
    ] {
        let is = judged(DocumentKind::Trust, &statements);
        assert_eq!(is, verdict, "{reason}: {statements}");
    }
    let allow = |action: Value, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    for (statements, verdict, reason) in [
        (
            json!([allow(json!("iam:AttachUserPolicy"), "*"), {"Effect": "Deny", "Action": "iam:AttachUserPolicy", "NotResource": "arn:aws:iam::111122223333:user/me"}]),
            "cannot_tell",
            "one user is left",
        ),
        (
            json!([allow(json!("*"), "*"), {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]),
            "cannot_tell",
            "all that is sent safely is denied",
        ),
        (
            json!([allow(json!("*"), "*"), {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]),
            "admin",
            "only what isn't sent safely is denied",
        ),
        (
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
            "admin",
            "whoever uses TLS",
        ),
        (
            json!([{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "monitoring.rds.amazonaws.com"}}}, allow(json!(["lambda:CreateFunction", "lambda:InvokeFunction"]), "*")]),
            "not_admin",
            "the role goes to another service",
        ),
        (
            json!([{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}}, allow(json!(["lambda:CreateFunction", "lambda:InvokeFunction"]), "*")]),
            "privesc",
            "the role goes to just this service",
        ),
        (
            allow(json!("iam:*"), "arn:aws:iam::*"),
            "privesc",
            "all of IAM's resources, in five fields",
        ),
        (
            allow(
                json!("iam:CreateAccessKey"),
                "arn:aws:iam::*:user/${aws:UserName}",
            ),
            "not_admin",
            "a variable's case is of no account",
        ),
    ] {
        let is = judged(DocumentKind::Identity, &statements);
        assert_eq!(is, verdict, "{reason}: {statements}");
    }
    let line = Line {
        policy: json!({"Statement": allow(json!("*"), "*")}),
        boundary: Some(
            json!({"Statement": [allow(json!("*"), "*"), {"Effect": "Deny", "Action": "iam:*", "Resource": "*", "Comment": "x"}]}),
        ),
        kind: DocumentKind::Identity,
        ..Line::default()
    };
    assert_eq!(
        line.judge().verdict,
        "cannot_tell",
        "a boundary that can't be read"
    );
    // 20 KB of patterns that have to be compared with each other.
    let many = |head: &str, tail: &str| -> Vec<String> {
        (0..36)
            .map(|n| format!("arn:aws:s3:::{head}{}{tail}{n}", "*a".repeat(120)))
            .collect()
    };
    let slow = json!([on("Allow", "s3:GetObject", json!(many("0", "b")), Value::Null),
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "NotResource": many("*", "0b")}]);
    assert_ne!(judged(DocumentKind::Resource, &slow), "not_public");
}

#[test]
fn ids_that_are_numbers_and_members_of_others() {
    let line = json!({"policy": {"Statement": {"Effect": "Allow", "Principal": {"AWS": "012345678901"},
        "Action": "s3:GetObject", "Resource": "*"}}, "account": 111_122_223_333_u64, "notes": "x",
        "trusted": {"accounts": [12_345_678_901_u64], "rcps": []}});
    let line = Line::parse(&line.to_string(), &Line::default()).unwrap();
    assert_eq!(line.judge().verdict, "not_public");
}

//! Documents made up at random, out of the constructs on which judges go wrong.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

pub(crate) const OWN: &str = "111122223333";
pub(crate) const PARTNER: &str = "444455556666";
pub(crate) const STRANGER: &str = "123123123123";

fn principal() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        4 => Just(("Principal", json!("*"))),
        2 => Just(("Principal", json!({"AWS": "*"}))),
        1 => Just(("Principal", json!({"AWS": ["*", PARTNER]}))),
        2 => Just(("Principal", json!({"AWS": PARTNER}))),
        1 => Just(("Principal", json!({"AWS": OWN}))),
        1 => Just(("Principal", json!({"AWS": format!("arn:aws:iam::{PARTNER}:root")}))),
        1 => Just(("Principal", json!({"AWS": [format!("arn:aws:iam::{PARTNER}:role/x"), OWN]}))),
        1 => Just(("Principal", json!({"Service": "sns.amazonaws.com"}))),
        1 => Just(("Principal", json!({"AWS": []}))),
        1 => Just(("Principal", json!({"AWS": "AIDAEXAMPLEEXAMPLE12"}))),
        2 => Just(("NotPrincipal", json!({"AWS": PARTNER}))),
        1 => Just(("NotPrincipal", json!({"AWS": [OWN, format!("arn:aws:iam::{OWN}:role/admin")]}))),
    ]
}

fn actions() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        3 => Just(("Action", json!("s3:GetObject"))),
        2 => Just(("Action", json!("s3:*"))),
        1 => Just(("Action", json!("*"))),
        2 => Just(("Action", json!(["s3:GetObject", "s3:PutObject"]))),
        2 => Just(("Action", json!(["s3:Get*", "s3:ListBucket"]))),
        1 => Just(("Action", json!("S3:getobject"))),
        1 => Just(("Action", json!("s3:?etObject"))),
        1 => Just(("NotAction", json!("s3:PutObject"))),
        1 => Just(("NotAction", json!(["s3:Get*", "s3:List*"]))),
        1 => Just(("NotAction", json!("s3:*"))),
    ]
}

fn resources() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        3 => Just(("Resource", json!("*"))),
        3 => Just(("Resource", json!("arn:aws:s3:::b/*"))),
        2 => Just(("Resource", json!(["arn:aws:s3:::b", "arn:aws:s3:::b/*"]))),
        1 => Just(("Resource", json!("arn:aws:s3:::b/public/*"))),
        1 => Just(("Resource", json!("arn:aws:s3:::b/${aws:username}/*"))),
        1 => Just(("NotResource", json!("arn:aws:s3:::b/public/*"))),
        1 => Just(("NotResource", json!("arn:aws:s3:::c*"))),
    ]
}

/// Keys with the operators and values that are at home with them.
pub(crate) const KEYS: [(&str, &[&str], &[&str]); 22] = [
    (
        "aws:PrincipalOrgID",
        STRINGS,
        &[
            "o-own0000000",
            "o-partner000",
            "*",
            "o-*",
            "${aws:ResourceOrgID}",
        ],
    ),
    (
        "aws:PrincipalAccount",
        STRINGS,
        &[OWN, PARTNER, "*", "4444*"],
    ),
    (
        "aws:PrincipalArn",
        ARNS,
        &[
            "arn:aws:iam::444455556666:role/x",
            "arn:aws:iam::444455556666:*",
            "arn:aws:iam::*:role/admin",
            "*",
            "arn:aws:iam::111122223333:user/${aws:username}",
        ],
    ),
    (
        "aws:SourceArn",
        ARNS,
        &[
            "arn:aws:sns:us-east-1:111122223333:t",
            "arn:aws:sns:*:111122223333:*",
            "arn:aws:sns:*:*:*",
            "arn:aws:s3:::bucket",
            "arn:aws:s3:::buck*",
        ],
    ),
    ("aws:SourceAccount", STRINGS, &[OWN, PARTNER, "*"]),
    (
        "aws:SourceIp",
        ADDRESSES,
        &[
            "203.0.113.0/24",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "34.0.0.0/8",
            "52.0.0.0/7",
            "::/0",
            "2600::/32",
            "2600::/31",
            "34.201.18.5",
        ],
    ),
    ("aws:SourceVpc", STRINGS, &["vpc-1", "vpc-2", "vpc-*"]),
    ("aws:SourceVpce", STRINGS, &["vpce-1", "vpce-2", "*"]),
    (
        "aws:userid",
        STRINGS,
        &[
            "AIDAEXAMPLEEXAMPLE12",
            "AROAEXAMPLEEXAMPLE12:*",
            "anonymous",
            "*:*",
        ],
    ),
    ("aws:username", STRINGS, &["maya", "m*", "${aws:userid}"]),
    ("aws:PrincipalIsAWSService", BOOLS, &["true", "false"]),
    ("aws:ViaAWSService", BOOLS, &["true", "false"]),
    ("aws:SecureTransport", BOOLS, &["true", "false"]),
    ("aws:MultiFactorAuthPresent", BOOLS, &["true", "false"]),
    ("aws:MultiFactorAuthAge", NUMBERS, &["3600", "0"]),
    (
        "aws:CurrentTime",
        DATES,
        &["2020-01-01T00:00:00Z", "2040-01-01"],
    ),
    ("aws:Referer", STRINGS, &["https://example.com/*", "secret"]),
    ("aws:UserAgent", STRINGS, &["aws-cli", "*"]),
    ("aws:PrincipalTag/team", STRINGS, &["red", "r*"]),
    ("aws:ResourceAccount", STRINGS, &[OWN, PARTNER]),
    ("s3:prefix", STRINGS, &["", "public/*", "${aws:username}/*"]),
    (
        "s3:x-amz-acl",
        STRINGS,
        &["private", "bucket-owner-full-control"],
    ),
];

const STRINGS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringEqualsIfExists",
    "StringNotEqualsIfExists",
    "StringLikeIfExists",
    "ForAnyValue:StringEquals",
    "ForAllValues:StringEquals",
    "ForAnyValue:StringLike",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotEquals",
    "ForAllValues:StringNotEquals",
    "Null",
];
const ARNS: &[&str] = &[
    "ArnLike",
    "ArnEquals",
    "ArnNotLike",
    "ArnNotEquals",
    "ArnLikeIfExists",
    "ArnNotLikeIfExists",
    "StringLike",
    "StringNotLike",
    "StringEquals",
    "ForAnyValue:ArnLike",
    "ForAllValues:ArnLike",
    "Null",
];
const ADDRESSES: &[&str] = &[
    "IpAddress",
    "NotIpAddress",
    "IpAddressIfExists",
    "NotIpAddressIfExists",
    "ForAllValues:IpAddress",
    "Null",
];
const BOOLS: &[&str] = &["Bool", "BoolIfExists", "Null", "ForAllValues:Bool"];
const NUMBERS: &[&str] = &[
    "NumericLessThan",
    "NumericGreaterThanIfExists",
    "NumericGreaterThan",
    "NumericEquals",
    "NumericNotEquals",
    "Null",
];
const DATES: &[&str] = &[
    "DateLessThan",
    "DateGreaterThan",
    "DateGreaterThanIfExists",
    "DateNotEquals",
];

fn test() -> impl Strategy<Value = (String, String, Value)> {
    // The first keys are those that are meant to keep people out.
    let key = prop_oneof![3 => 0..9_usize, 1 => 0..KEYS.len()];
    key.prop_flat_map(|n| {
        let (key, operators, values) = KEYS[n];
        let values = prop::collection::vec(select(values), 0..3);
        (select(operators), values).prop_map(move |(operator, values)| {
            let values = match (operator, values.as_slice()) {
                (o, _) if o.ends_with("Null") => json!(values.len().is_multiple_of(2).to_string()),
                (_, [one]) => json!(one),
                _ => json!(values),
            };
            (operator.to_owned(), key.to_owned(), values)
        })
    })
}

pub(crate) fn condition() -> impl Strategy<Value = Option<Value>> {
    let some = prop::collection::vec(test(), 1..4).prop_map(|tests| {
        let mut condition = Map::new();
        for (operator, key, values) in tests {
            let keys = condition.entry(operator).or_insert_with(|| json!({}));
            keys[key] = values;
        }
        Some(Value::Object(condition))
    });
    prop_oneof![2 => Just(None), 3 => some]
}

pub(crate) fn statement(effect: &'static str) -> impl Strategy<Value = Value> {
    (principal(), actions(), resources(), condition()).prop_map(
        move |(who, actions, resources, condition)| {
            let mut statement = json!({"Effect": effect});
            statement[who.0] = who.1;
            statement[actions.0] = actions.1;
            statement[resources.0] = resources.1;
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            statement
        },
    )
}

pub(crate) fn document() -> impl Strategy<Value = Value> {
    let one = prop_oneof![3 => statement("Allow"), 2 => statement("Deny")];
    let version = select(vec![
        Some("2012-10-17"),
        Some("2012-10-17"),
        Some("2008-10-17"),
        None,
    ]);
    (version, prop::collection::vec(one, 1..5)).prop_map(|(version, statements)| {
        let mut document = json!({"Statement": statements});
        if let Some(version) = version {
            document["Version"] = json!(version);
        }
        document
    })
}

/// The actions that identities' policies are made of: those of the published ways, and harmless.
pub(crate) fn identity() -> impl Strategy<Value = Value> {
    let action = select(vec![
        "*",
        "iam:*",
        "s3:*",
        "s3:GetObject",
        "iam:PassRole",
        "ec2:RunInstances",
        "lambda:*",
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
        "iam:Put*",
        "iam:CreateAccessKey",
        "iam:AttachUserPolicy",
        "sts:AssumeRole",
        "ssm:SendCommand",
        "ec2:*",
        "logs:*",
        "*:*",
        "iam:List*",
        "cloudformation:*",
        "i?m:Attach*",
    ]);
    let actions = (any::<bool>(), prop::collection::vec(action, 1..4));
    let resource = select(vec![
        "*",
        "*",
        "*",
        "arn:aws:iam::*:user/${aws:username}",
        "arn:aws:iam::111122223333:role/x",
        "arn:aws:iam::*:role/*",
        "arn:aws:s3:::b/*",
        "arn:aws:*",
    ]);
    let effect = select(vec!["Allow", "Allow", "Deny"]);
    let one = (
        effect,
        actions,
        resource,
        prop::option::weighted(0.2, condition()),
    );
    let one = one.prop_map(|(effect, (not, actions), resource, condition)| {
        let mut statement = json!({"Effect": effect, "Resource": resource});
        statement[if not && actions.len() == 1 {
            "NotAction"
        } else {
            "Action"
        }] = json!(actions);
        if let Some(condition) = condition.flatten() {
            statement["Condition"] = condition;
        }
        statement
    });
    prop::collection::vec(one, 1..4)
        .prop_map(|all| json!({"Version": "2012-10-17", "Statement": all}))
}

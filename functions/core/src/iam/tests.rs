mod administrators;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Params, Question, Said};
use crate::name::AccountId;

fn own() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

fn params() -> Params {
    Params {
        trusted: vec!["444455556666".to_owned()],
        organizations: vec!["o-own".to_owned()],
        managed: vec!["AdministratorAccess".to_owned()],
    }
}

/// `+` yes, `-` no, `?` it can't be told.
fn ask(question: Question, elements: &[Value]) -> String {
    let said = question.ask(elements, &own(), &params());
    let sign = |s: &Said| match s {
        Said::Yes(_) => '+',
        Said::No => '-',
        Said::CannotTell(_) => '?',
    };
    said.iter().map(sign).collect()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "written down where it is called"
)]
fn allow(who: Value, condition: Value) -> Value {
    let mut statement =
        json!({"Effect": "Allow", "Principal": who, "Action": "s3:GetObject", "Resource": "*"});
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    json!({"statement": statement})
}

#[test]
fn who_is_everybody() {
    for (who, condition, said) in [
        (json!("*"), Value::Null, "+"),
        (json!({"AWS": "*"}), Value::Null, "+"),
        (json!({"AWS": ["444455556666", "*"]}), Value::Null, "+"),
        (json!({"AWS": "444455556666"}), Value::Null, "-"),
        (
            json!({"Service": "logging.s3.amazonaws.com"}),
            Value::Null,
            "-",
        ),
        (json!({"CanonicalUser": "abc"}), Value::Null, "-"),
        (json!({"AWS": "arn:aws:iam::*:root"}), Value::Null, "+"),
        (
            json!({"AWS": "arn:aws:iam::444455556666:role/*"}),
            Value::Null,
            "?",
        ),
        (json!({"CanonicalUser": "*"}), Value::Null, "+"),
        (json!({"Service": "*"}), Value::Null, "?"),
        (
            json!("*"),
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
            "-",
        ),
        (
            json!("*"),
            json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"StringLike": {"aws:PrincipalOrgID": "o-1"}}),
            "-",
        ),
        (
            json!("*"),
            json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}),
            "-",
        ),
        (
            json!("*"),
            json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"StringEquals": {"aws:SourceVpc": "${aws:x}"}}),
            "?",
        ),
        (
            json!("*"),
            json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"Bool": {"aws:SecureTransport": true}}),
            "+",
        ),
        (
            json!("*"),
            json!({"StringLike": {"aws:Referer": "https://example.com/*"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
            "-",
        ),
        (
            json!("*"),
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.7"}}),
            "-",
        ),
        (
            json!("*"),
            json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}}),
            "+",
        ),
        (
            json!("*"),
            json!({"IpAddress": {"aws:SourceIp": ["1.0.0.0/8", "2.0.0.0/8"]}}),
            "?",
        ),
        (
            json!("*"),
            json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
            "+",
        ),
        (
            json!("*"),
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:111122223333:*"}}),
            "?",
        ),
        (
            json!("*"),
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
            "+",
        ),
        (json!("*"), json!({"StringEquals": {"some:key": "x"}}), "+"),
        (
            json!("*"),
            json!({"StringEquals": {"aws:NoSuchKey": "x"}}),
            "?",
        ),
        (
            json!("*"),
            json!({"NoSuchOperator": {"aws:SourceVpc": "vpc-1"}}),
            "?",
        ),
    ] {
        let shown = format!("{who} {condition}");
        assert_eq!(
            ask(Question::Public, &[allow(who, condition)]),
            said,
            "{shown}"
        );
    }
}

#[test]
fn whoever_comes_without_credentials_is_everybody() {
    for (ids, said) in [
        // By the letter a fixed id; in fact whoever comes without credentials.
        (json!("anonymous"), "?"),
        (json!(["AIDAEXAMPLE", "anonymous"]), "?"),
        (json!("AIDAEXAMPLE"), "-"),
    ] {
        let shown = ids.to_string();
        let condition = json!({"StringEquals": {"aws:userid": ids}});
        assert_eq!(
            ask(Question::Public, &[allow(json!("*"), condition)]),
            said,
            "{shown}"
        );
    }
}

#[test]
fn a_web_identity_is_anybody_where_it_may_assume_the_role() {
    for (action, condition, said) in [
        ("sts:AssumeRoleWithWebIdentity", Value::Null, "+"),
        ("sts:*", Value::Null, "+"),
        ("sts:AssumeRole", Value::Null, "-"),
        ("sts:TagSession", Value::Null, "-"),
        (
            "sts:AssumeRoleWithWebIdentity",
            json!({"StringEquals": {"accounts.google.com:sub": "1"}}),
            "-",
        ),
        (
            "sts:AssumeRoleWithWebIdentity",
            json!({"StringNotEquals": {"accounts.google.com:sub": "1"}}),
            "+",
        ),
    ] {
        let mut statement = json!({"Effect": "Allow",
            "Principal": {"Federated": "accounts.google.com"}, "Action": action});
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        let element = json!({"statement": statement});
        assert_eq!(ask(Question::Public, &[element]), said, "{action}");
    }
    // Everybody, by an action that no role is assumed by.
    let odd =
        json!({"statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:TagSession"}});
    assert_eq!(ask(Question::Public, &[odd]), "-");
}

#[test]
fn what_is_denied_again_is_not_let_in() {
    let all = allow(json!("*"), Value::Null);
    let deny = |statement: Value| {
        let mut deny = statement;
        deny["Effect"] = json!("Deny");
        json!({"statement": deny})
    };
    for (other, said) in [
        (
            json!({"Principal": "*", "Action": "s3:*", "Resource": "*"}),
            "--",
        ),
        (
            json!({"Principal": "*", "Action": "s3:PutObject", "Resource": "*"}),
            "+-",
        ),
        (
            json!({"Principal": {"AWS": "444455556666"}, "Action": "s3:*", "Resource": "*"}),
            "+-",
        ),
        (
            json!({"NotPrincipal": {"AWS": "444455556666"}, "Action": "s3:*", "Resource": "*"}),
            "--",
        ),
        (
            json!({"Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
            "+-",
        ),
        (
            json!({"Principal": "*", "NotAction": "s3:PutObject", "Resource": "*"}),
            "--",
        ),
        (
            json!({"Principal": "*", "Action": "s3:*", "Resource": "*", "Odd": 1}),
            "??",
        ),
    ] {
        let shown = other.to_string();
        assert_eq!(
            ask(Question::Public, &[all.clone(), deny(other)]),
            said,
            "{shown}"
        );
    }
    let not = json!({"statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "*", "Resource": "*"}});
    assert_eq!(ask(Question::Public, &[not]), "+");
}

#[test]
fn who_is_a_stranger() {
    for (who, condition, said) in [
        (json!({"AWS": "999988887777"}), Value::Null, "+"),
        (
            json!({"AWS": "arn:aws:iam::999988887777:role/x"}),
            Value::Null,
            "+",
        ),
        (
            json!({"AWS": "arn:aws-cn:iam::999988887777:root"}),
            Value::Null,
            "+",
        ),
        (json!({"AWS": "AROAEXAMPLEEXAMPLE1"}), Value::Null, "-"),
        (json!({"AWS": "111122223333"}), Value::Null, "-"),
        (
            json!({"AWS": "arn:aws:iam::444455556666:root"}),
            Value::Null,
            "-",
        ),
        (json!({"Service": "ec2.amazonaws.com"}), Value::Null, "-"),
        (
            json!({"Federated": "arn:aws:iam::111122223333:saml-provider/x"}),
            Value::Null,
            "-",
        ),
        (
            json!({"Federated": "arn:aws:iam::999988887777:saml-provider/x"}),
            Value::Null,
            "+",
        ),
        (json!("*"), Value::Null, "-"),
        (json!({"AWS": "somebody"}), Value::Null, "?"),
        (
            json!({"AWS": "999988887777"}),
            json!({"StringEquals": {"sts:ExternalId": "x"}}),
            "+",
        ),
        (
            json!({"AWS": "999988887777"}),
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-own"}}),
            "-",
        ),
        (
            json!({"AWS": "999988887777"}),
            json!({"StringEquals": {"aws:PrincipalOrgID": "o-other"}}),
            "+",
        ),
        (
            json!({"AWS": "999988887777"}),
            json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-own"}}),
            "+",
        ),
    ] {
        let shown = format!("{who} {condition}");
        assert_eq!(
            ask(Question::Foreign, &[allow(who, condition)]),
            said,
            "{shown}"
        );
    }
}

fn json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "*",
        "Allow",
        "Deny",
        "AWS",
        "Service",
        "s3:*",
        "iam:*",
        "StringEquals",
        "Null",
        "aws:PrincipalOrgID",
        "aws:SourceIp",
        "0.0.0.0/0",
        "999988887777",
        "%7B",
        "${x}",
        "",
    ]);
    let name = prop::sample::select(vec![
        "statement",
        "Statement",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "Condition",
        "AWS",
        "StringEquals",
        "aws:SourceIp",
        "document",
        "policies",
    ]);
    let leaf = prop_oneof![
        word.prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(elements in prop::collection::vec(json(), 0..4)) {
        for question in Question::ALL {
            prop_assert_eq!(question.ask(&elements, &own(), &params()).len(), elements.len());
        }
    }

    #[test]
    fn a_neighbour_never_makes_a_public_statement_harmless(other in json()) {
        let denies = other.to_string().contains("Deny");
        let both = [allow(json!("*"), Value::Null), other];
        let said = ask(Question::Public, &both);
        prop_assert!(denies || !said.starts_with('-'), "{}", said);
    }
}

//! The simulator's own rules, each by example.

mod conditions;

use serde_json::{Value, json};

use super::{Call, Caller, gets_in, may};

const YES: Result<bool, String> = Ok(true);
const NO: Result<bool, String> = Ok(false);
const OBJECT: &str = "arn:aws:s3:::b/k";

fn user() -> Caller {
    Caller::Signed("arn:aws:iam::999999999999:user/x".into())
}

/// A `GetObject` on an object, with a context of `{"key": ["value"]}`.
fn call(caller: Caller, resource: &str, context: &Value) -> Call {
    let context = serde_json::from_value(context.clone()).unwrap_or_default();
    Call {
        caller,
        action: "s3:GetObject".into(),
        resource: resource.into(),
        context,
    }
}

/// The answer for one open Allow, with these members put over its own (null removes).
fn with(members: &Value, call: &Call) -> Result<bool, String> {
    let mut statement =
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"});
    for (name, value) in members.as_object().into_iter().flatten() {
        if let (Some(all), true) = (statement.as_object_mut(), value.is_null()) {
            all.remove(name);
        } else if let Some(all) = statement.as_object_mut() {
            all.insert(name.clone(), value.clone());
        }
    }
    gets_in(
        &json!({"Version": "2012-10-17", "Statement": statement}),
        call,
    )
}

fn given(members: &Value) -> Result<bool, String> {
    with(members, &call(user(), OBJECT, &json!({})))
}

/// The answer for `{operator: {"K": wanted}}` where the context's `k` holds these values.
fn when(operator: &str, wanted: &Value, found: &Value) -> Result<bool, String> {
    let context = json!({"k": found, "name": ["a*"], "two": ["x", "y"]});
    let condition = json!({"Condition": {operator: {"K": wanted}}});
    with(&condition, &call(user(), OBJECT, &context))
}

/// The cells of a table's lines, as JSON where they are JSON and else as text.
fn lines(table: &str) -> Vec<Vec<Value>> {
    let cell = |cell: &str| serde_json::from_str(cell.trim()).unwrap_or(json!(cell.trim()));
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| line.split('|').map(cell).collect())
        .collect()
}

/// Every line: operator, the policy's values, the context's values, the answer.
fn conditions(table: &str) {
    for line in lines(table) {
        let [Value::String(operator), wanted, found, answer] = line.as_slice() else {
            unreachable!("{line:?}")
        };
        assert_eq!(
            Ok(answer),
            when(operator, wanted, found).map(Value::from).as_ref(),
            "{line:?}"
        );
    }
}

/// Every line: a principal, and whom it names. As a `NotPrincipal` it names the others.
fn principals(table: &str) {
    for line in lines(table) {
        let [principal, Value::String(named)] = line.as_slice() else {
            unreachable!("{line:?}")
        };
        for (name, caller) in [
            ("anonymous", Caller::Anonymous),
            ("user", user()),
            ("service", Caller::Service("sns.amazonaws.com".into())),
            ("google", Caller::Federated("accounts.google.com".into())),
        ] {
            let asked = call(caller, OBJECT, &json!({}));
            let others = json!({"Principal": null, "NotPrincipal": principal});
            let hit = named.contains(name);
            assert_eq!(
                with(&json!({"Principal": principal}), &asked),
                Ok(hit),
                "{line:?} {name}"
            );
            assert_eq!(with(&others, &asked), Ok(!hit), "{line:?} {name}");
        }
    }
}

/// Every line: patterns, a resource, whether they hit it. As a `NotResource` they hit the others.
fn resources(table: &str) {
    let context = json!({"aws:username": ["*"], "none": [], "two": ["k", "k"]});
    for line in lines(table) {
        let [patterns, Value::String(resource), Value::Bool(hit)] = line.as_slice() else {
            unreachable!("{line:?}")
        };
        let asked = call(user(), resource, &context);
        let others = json!({"Resource": null, "NotResource": patterns});
        assert_eq!(
            with(&json!({"Resource": patterns}), &asked),
            Ok(*hit),
            "{line:?}"
        );
        assert_eq!(with(&others, &asked), Ok(!hit), "{line:?}");
    }
}

#[test]
fn statements_effects_and_denies() {
    let asked = call(Caller::Anonymous, OBJECT, &json!({}));
    let allow = json!({"Effect": "Allow", "Principal": "*", "Action": ["s3:Get*"]});
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:getobject"});
    assert_eq!(gets_in(&json!({"Statement": allow}), &asked), YES);
    assert_eq!(gets_in(&json!({"Statement": [allow]}), &asked), YES);
    assert_eq!(gets_in(&json!({"Statement": [allow, deny]}), &asked), NO);
    assert_eq!(gets_in(&json!({"Statement": deny}), &asked), NO);
    assert_eq!(gets_in(&json!({"Statement": []}), &asked), NO);
}

#[test]
fn identity_policies_are_a_union() {
    let asked = call(user(), OBJECT, &json!({}));
    let allow = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let deny = json!({"Statement": {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}});
    assert_eq!(may(&[], &asked), NO);
    assert_eq!(may(&[json!({"Statement": []}), allow.clone()], &asked), YES);
    assert_eq!(may(&[allow, deny], &asked), NO);
    let principal = json!({"Effect": "Allow", "Principal": "*", "Action": "*"});
    assert!(may(&[json!({"Statement": principal})], &asked).is_err());
}

#[test]
fn everybody() {
    principals(
        r#"
        "*" | anonymous user service google
        ["*"] | anonymous user service google
        {"AWS": "*"} | anonymous user service google
        {"AWS": ["111111111111", "*"]} | anonymous user service google
        {"CanonicalUser": "*"} | anonymous user
        {"CanonicalUser": "79a5"} | nobody
        "#,
    );
}

#[test]
fn accounts_and_arns() {
    principals(
        r#"
        "999999999999" | user
        999999999999 | user
        {"AWS": ["111111111111", "999999999999"]} | user
        {"AWS": "arn:aws:iam::999999999999:root"} | user
        ["arn:aws:iam::999999999999:user/x"] | user
        {"AWS": "arn:aws:iam::999999999999:user/X"} | nobody
        {"AWS": "arn:aws:iam::111111111111:root"} | nobody
        "111111111111" | nobody
        "#,
    );
}

#[test]
fn wildcards_in_principals() {
    principals(
        r#"
        {"AWS": "arn:aws:iam::*:root"} | user
        {"AWS": "arn:aws:iam::*:user/?"} | user
        "arn:*" | user
        {"AWS": "arn:aws:iam::*:role/*"} | nobody
        {"AWS": "99999999999*"} | nobody
        "#,
    );
}

#[test]
fn services_and_providers() {
    principals(
        r#"
        {"Service": "SNS.amazonaws.com"} | service
        {"Service": "*"} | nobody
        {"Service": "sns.*"} | nobody
        {"Federated": ["a", "accounts.google.com"]} | google
        {"Federated": "Accounts.google.com"} | nobody
        {"Federated": "*"} | nobody
        {"Service": "sns.amazonaws.com", "AWS": "999999999999"} | user service
        "#,
    );
}

#[test]
fn nobody() {
    principals(
        r#"
        [] | nobody
        {} | nobody
        {"AWS": []} | nobody
        "AIDAEXAMPLE" | nobody
        {"AWS": "AROAEXAMPLE"} | nobody
        "#,
    );
}

#[test]
fn actions() {
    for (pattern, hit) in [
        ("*", true),
        ("S3:getobject", true),
        ("s3:Get?bject", true),
        ("s?:*OBJ*", true),
        ("*:*", true),
        ("s3:Get", false),
        ("s3:GetObject?", false),
        ("", false),
    ] {
        let others = json!({"Action": null, "NotAction": ["a:b", pattern]});
        assert_eq!(given(&json!({"Action": pattern})), Ok(hit), "{pattern}");
        assert_eq!(given(&others), Ok(!hit), "{pattern}");
    }
    assert_eq!(given(&json!({"Action": []})), NO);
}

#[test]
fn resources_are_globs() {
    resources(
        r#"
        "*" | arn:aws:s3:::b/é:k | true
        ["x", "arn:*k"] | arn:aws:s3:::b/é:k | true
        "arn:aws:s3:::b/?:k" | arn:aws:s3:::b/é:k | true
        "arn:aws:s3:::b/??:k" | arn:aws:s3:::b/é:k | false
        "arn:aws:s3:::b/*" | arn:aws:s3:::B/k | false
        "arn:aws:s3:::b" | arn:aws:s3:::b/k | false
        [] | arn:aws:s3:::b/k | false
        "*" | "" | true
        "?" | "" | false
        "#,
    );
    assert_eq!(given(&json!({"Resource": null})), YES);
}

#[test]
fn many_stars_take_no_time() {
    let asked = call(user(), &"a".repeat(2000), &json!({}));
    let pattern = "*a".repeat(200);
    assert_eq!(
        with(&json!({"Resource": format!("{pattern}b")}), &asked),
        NO
    );
    assert_eq!(with(&json!({"Resource": pattern}), &asked), YES);
}

#[test]
fn variables_in_resources() {
    resources(
        r#"
        "b/${AWS:UserName}" | b/* | true
        "b/${aws:username}" | b/k | false
        "?/${aws:username}*" | b/*/k | true
        "${none}*" | b/k | false
        "b/${two}" | b/k | false
        "b/${none, 'k'}" | b/k | true
        "b/${none, '*'}" | b/k | false
        "b/${aws:username, 'k'}" | b/k | false
        "b/${none,'}'}" | b/} | true
        "${*}${?}${$}" | *?$ | true
        "${*}" | b | false
        "b/${open" | b/${open | true
        "#,
    );
}

#[test]
fn variables_are_text_in_the_old_version() {
    let mut document = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*",
        "Resource": "b/${name}"}});
    let there = |resource| call(user(), resource, &json!({"name": ["k"]}));
    assert_eq!(gets_in(&document, &there("b/k")), NO);
    assert_eq!(gets_in(&document, &there("b/${name}")), YES);
    document["Version"] = json!("2008-10-17");
    assert_eq!(gets_in(&document, &there("b/${name}")), YES);
    document["Version"] = json!("2012-10-17");
    assert_eq!(gets_in(&document, &there("b/k")), YES);
}

#[test]
fn malformed_statements() {
    let table = r#"
        {"Effect": "allow"}
        {"Effect": null}
        {"Principal": null}
        {"NotPrincipal": "*"}
        {"Principal": {"Robot": "x"}}
        {"Principal": {"AWS": {}}}
        {"Action": null}
        {"NotAction": "x"}
        {"Action": {}}
        {"NotResource": "x"}
        {"Resource": [[]]}
        {"Actions": "x"}
    "#;
    for members in lines(table).concat() {
        assert!(given(&members).is_err(), "{members}");
    }
}

#[test]
fn malformed_documents() {
    let asked = call(user(), OBJECT, &json!({}));
    for document in [
        json!("{}"),
        json!({}),
        json!({"Statement": "x"}),
        json!({"Statement": [[]]}),
        json!({"Version": "2012", "Statement": []}),
    ] {
        assert!(gets_in(&document, &asked).is_err(), "{document}");
        assert!(may(&[document], &asked).is_err());
    }
}

//! The simulator's own rules, each by example.

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
fn absent_keys() {
    for (positive, negated) in [
        ("StringEquals", "StringNotEquals"),
        ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
        ("StringLike", "StringNotLike"),
        ("ArnLike", "ArnNotLike"),
        ("ArnEquals", "ArnNotEquals"),
        ("NumericEquals", "NumericNotEquals"),
        ("DateEquals", "DateNotEquals"),
        ("IpAddress", "NotIpAddress"),
    ] {
        for (operator, plain) in [(positive, NO), (negated, YES)] {
            let absent = |name: String| when(&name, &json!("x"), &json!([]));
            assert_eq!(absent(operator.to_string()), plain);
            assert_eq!(absent(format!("{operator}IfExists")), YES);
            assert_eq!(absent(format!("ForAllValues:{operator}")), YES);
            assert_eq!(absent(format!("ForAnyValue:{operator}")), NO);
            assert_eq!(absent(format!("ForAnyValue:{operator}IfExists")), YES);
        }
    }
    assert_eq!(when("Bool", &json!("false"), &json!([])), NO);
    assert_eq!(when("BoolIfExists", &json!("false"), &json!([])), YES);
    assert_eq!(when("NumericLessThan", &json!("1"), &json!([])), NO);
}

#[test]
fn no_values_in_the_policy() {
    for operator in ["StringEquals", "StringNotEquals"] {
        for found in [json!([]), json!(["a"])] {
            let absent = Ok(found == json!([]));
            let of = |name: String| when(&name, &json!([]), &found);
            assert_eq!(of(operator.to_string()), NO);
            assert_eq!(of(format!("ForAnyValue:{operator}")), NO);
            assert_eq!(of(format!("{operator}IfExists")), absent);
            assert_eq!(of(format!("ForAllValues:{operator}")), absent);
        }
    }
}

#[test]
fn null() {
    conditions(
        r#"
        Null | "true" | [] | true
        Null | "true" | ["a"] | false
        Null | false | [] | false
        NULL | "False" | ["a"] | true
        Null | ["true", "false"] | [] | true
        Null | ["true", "false"] | ["a"] | true
        Null | [] | [] | false
        Null | [] | ["a"] | false
        ForAllValues:Null | "true" | ["a"] | true
        ForAllValues:Null | "false" | [] | true
        ForAnyValue:Null | "true" | [] | false
        ForAnyValue:Null | "false" | ["a"] | false
        "#,
    );
    assert!(when("NullIfExists", &json!("true"), &json!([])).is_err());
}

#[test]
fn several_values() {
    conditions(
        r#"
        StringEquals | ["a", "b"] | ["c", "b"] | true
        StringEquals | ["a", "b"] | ["c", "d"] | false
        StringNotEquals | ["a", "b"] | ["c", "b"] | false
        StringNotEquals | ["a", "b"] | ["c", "d"] | true
        ForAllValues:StringEquals | ["a", "b"] | ["a", "c"] | false
        ForAllValues:StringEquals | ["a", "b"] | ["b", "a"] | true
        ForAllValues:StringNotEquals | ["a", "b"] | ["a", "c"] | false
        ForAllValues:StringNotEquals | ["a", "b"] | ["d", "c"] | true
        ForAnyValue:StringEquals | ["a", "b"] | ["a", "c"] | true
        ForAnyValue:StringEquals | "a" | ["c"] | false
        ForAnyValue:StringNotEquals | ["a", "b"] | ["a", "c"] | true
        ForAnyValue:StringNotEquals | ["a", "b"] | ["a", "b"] | false
        StringEqualsIfExists | "a" | ["b"] | false
        ForAnyValue:StringEqualsIfExists | "a" | ["b"] | false
        ForAllValues:StringLikeIfExists | "a*" | ["a", "ab"] | true
        "#,
    );
}

#[test]
fn texts() {
    conditions(
        r#"
        stringEQUALS | "a" | ["a"] | true
        StringEquals | "a" | ["A"] | false
        StringEquals | "*" | ["a"] | false
        StringEquals | "*" | ["*"] | true
        StringEquals | 12 | ["12"] | true
        StringEquals | true | ["true"] | true
        StringEqualsIgnoreCase | "aB" | ["Ab"] | true
        StringNotEqualsIgnoreCase | "aB" | ["Ab"] | false
        StringLike | "a?c*" | ["abc/d:e"] | true
        StringLike | "A*" | ["abc"] | false
        StringNotLike | "a*" | ["abc"] | false
        BinaryEquals | "QmluYXJ5" | ["QmluYXJ5"] | true
        BinaryEquals | "QmluYXJ5" | ["qmluYXJ5"] | false
        "#,
    );
}

#[test]
fn variables_in_conditions() {
    conditions(
        r#"
        StringEquals | "${Name}" | ["a*"] | true
        StringLike | "${name}" | ["ab"] | false
        StringLike | "${name}*" | ["a*b"] | true
        StringEquals | "a${*}" | ["a*"] | true
        StringLike | "a${*}" | ["ab"] | false
        StringEquals | "${none}" | [""] | false
        StringNotEquals | "${none}" | [""] | true
        StringEquals | "${two}" | ["x"] | false
        StringEquals | "${none,'d'}" | ["d"] | true
        ArnLike | "arn:aws:iam::1:user/${name}" | ["arn:aws:iam::1:user/a*"] | true
        ArnLike | "arn:aws:iam::1:user/${name}" | ["arn:aws:iam::1:user/ab"] | false
        "#,
    );
}

#[test]
fn numbers() {
    conditions(
        r#"
        NumericEquals | 10 | ["10.0"] | true
        NumericNotEquals | "10" | ["10"] | false
        NumericEquals | "9007199254740993" | ["9007199254740992"] | false
        NumericLessThan | "10" | ["9"] | true
        NumericLessThan | "10" | ["10"] | false
        NumericLessThanEquals | "10" | ["10"] | true
        NumericGreaterThan | "-1" | ["0.5"] | true
        NumericGreaterThanEquals | "1" | ["0.5"] | false
        NumericEquals | "x" | ["x"] | false
        NumericNotEquals | "x" | ["1"] | true
        NumericNotEquals | "1" | ["x"] | true
        "#,
    );
}

#[test]
fn dates() {
    conditions(
        r#"
        DateEquals | "2020-04-01T00:00:00Z" | ["1585699200"] | true
        DateEquals | "2020-04-01" | ["2020-04-01T02:00+02:00"] | true
        DateEquals | "2020-04" | ["2020-04-01T00:00:00.000Z"] | true
        DateEquals | "2020-04-01T00:00:00" | ["1585699200"] | true
        DateNotEquals | "2020-04-01" | ["2020-04-01T00:00:00Z"] | false
        DateLessThan | "2020-04-01" | ["2020-03-31T23:59:59Z"] | true
        DateLessThanEquals | "2020-04-01" | ["2020-04-01T00:00:00Z"] | true
        DateGreaterThan | "2020-04-01" | ["2020-04-01T00:00:00Z"] | false
        DateGreaterThanEquals | 0 | ["1970-01-01"] | true
        DateEquals | "soon" | ["soon"] | false
        DateNotEquals | "soon" | ["2020-04-01"] | true
        "#,
    );
}

#[test]
fn booleans() {
    conditions(
        r#"
        Bool | "True" | ["true"] | true
        Bool | false | ["false"] | true
        Bool | false | ["true"] | false
        Bool | "x" | ["x"] | false
        "#,
    );
}

#[test]
fn addresses() {
    conditions(
        r#"
        IpAddress | "203.0.113.0/24" | ["203.0.113.9"] | true
        IpAddress | "203.0.113.7/24" | ["203.0.113.9"] | true
        IpAddress | "203.0.113.9" | ["203.0.113.9"] | true
        IpAddress | ["::1", "2001:db8::/32"] | ["2001:DB8:0::1"] | true
        IpAddress | "0.0.0.0/0" | ["2001:db8::1"] | false
        NotIpAddress | ["10.0.0.0/8", "203.0.113.9"] | ["203.0.113.9"] | false
        NotIpAddress | "10.0.0.0/8" | ["203.0.113.9"] | true
        NotIpAddress | "nowhere" | ["203.0.113.9"] | true
        "#,
    );
}

#[test]
fn arns_field_by_field() {
    let table = r#"
        ArnLike | "arn:aws:sns:*:1:t*" | ["arn:aws:sns:eu-west-1:1:t:u"] | true
        ArnLike | "arn:aws:sns:*:t" | ["arn:aws:sns:eu-west-1:1:t"] | false
        ArnLike | "arn:aws:sns:*:*:t" | ["arn:aws:sns:e:1:2:t"] | false
        ArnLike | "arn:aws:s3:::?" | ["arn:aws:s3:::b"] | true
        ArnLike | "arn:aws:s3:::B" | ["arn:aws:s3:::b"] | false
        ArnLike | "arn:*" | ["arn:aws:s3:::b"] | false
        ArnLike | "*" | ["no arn"] | true
        ArnNotLike | "arn:aws:s3:::*" | ["arn:aws:s3:::b"] | false
        ArnNotLike | "arn:aws:s3:::c*" | ["arn:aws:s3:::b"] | true
        ArnNotLike | "arn:aws:s3:::*" | ["no arn"] | true
    "#;
    conditions(table);
    conditions(&table.replace("Like", "Equals"));
}

#[test]
fn operators_and_keys_are_anded() {
    let asked = call(user(), OBJECT, &json!({"k": ["a"], "l": ["b"]}));
    let on = |condition: Value| with(&json!({"Condition": condition}), &asked);
    assert_eq!(on(json!({})), YES);
    assert_eq!(on(json!({"StringEquals": {"k": "a", "L": "b"}})), YES);
    assert_eq!(on(json!({"StringEquals": {"k": "a", "l": "c"}})), NO);
    assert_eq!(
        on(json!({"StringEquals": {"k": "a"}, "StringLike": {"l": "c"}})),
        NO
    );
    assert_eq!(on(json!({"StringEquals": {"k": "a", "K": "c"}})), NO);
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
fn malformed_conditions() {
    let table = r#"
        []
        {"StringEquals": "x"}
        {"StringEquals": {"k": null}}
        {"StringEquals": {"k": {}}}
        {"StringEquals": {"k": [["x"]]}}
        {"StringSounds": {"k": "x"}}
        {"ForSomeValues:StringEquals": {"k": "x"}}
        {"StringEqualsIfExistsIfExists": {"k": "x"}}
    "#;
    for condition in lines(table).concat() {
        let members = json!({"Condition": condition, "Action": "never:matches"});
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

//! Conditions.

use serde_json::{Value, json};

use super::{NO, OBJECT, YES, call, conditions, given, lines, user, when, with};

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

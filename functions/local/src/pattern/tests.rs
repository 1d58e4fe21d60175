use super::*;
use serde_json::json;

#[test]
fn patterns_match_as_eventbridge_does() {
    let event = json!({
        "source": "aws.ec2", "account": "1", "n": 5, "list": ["a", "b"], "nothing": null,
        "detail": { "eventName": "AuthorizeSecurityGroupIngress", "userIdentity": { "arn": "arn:aws:sts::1:assumed-role/R/s" },
                    "items": [{ "k": "x", "v": 1 }, { "k": "y", "v": 2 }] }
    });
    let table = [
        (json!({ "source": ["aws.ec2"] }), true),
        (
            json!({ "source": ["aws.s3", "aws.ec2"], "account": ["1"] }),
            true,
        ),
        (json!({ "source": ["aws.s3"] }), false),
        (json!({ "n": [5.0] }), true),
        (json!({ "n": ["5"] }), false),
        (json!({ "n": [{ "numeric": [">", 0, "<=", 5] }] }), true),
        (json!({ "n": [{ "numeric": ["=", 6] }] }), false),
        (json!({ "nothing": [null] }), true),
        (json!({ "list": ["b"] }), true),
        (json!({ "list": [{ "anything-but": "a" }] }), true),
        (json!({ "list": [{ "anything-but": ["a", "b"] }] }), false),
        (
            json!({ "detail": { "errorCode": [{ "exists": false }] } }),
            true,
        ),
        (json!({ "none": { "deeper": [{ "exists": false }] } }), true),
        (
            json!({ "detail": { "eventName": [{ "exists": true }] } }),
            true,
        ),
        (
            json!({ "detail": { "eventName": [{ "exists": false }] } }),
            false,
        ),
        (
            json!({ "detail": { "eventName": [{ "prefix": "Authorize" }] } }),
            true,
        ),
        (
            json!({ "detail": { "eventName": [{ "prefix": { "equals-ignore-case": "authorize" } }] } }),
            true,
        ),
        (
            json!({ "detail": { "eventName": [{ "suffix": "Egress" }] } }),
            false,
        ),
        (
            json!({ "detail": { "eventName": [{ "suffix": { "equals-ignore-case": "INGRESS" } }] } }),
            true,
        ),
        (
            json!({ "detail": { "eventName": [{ "equals-ignore-case": "authorizesecuritygroupingress" }] } }),
            true,
        ),
        (
            json!({ "detail": { "eventName": [{ "wildcard": "Auth*Group*" }] } }),
            true,
        ),
        (
            json!({ "detail": { "eventName": [{ "wildcard": "Auth*Group" }] } }),
            false,
        ),
        (
            json!({ "detail": { "userIdentity": { "arn": [{ "anything-but": { "wildcard": "*assumed-role/R/*" } }] } } }),
            false,
        ),
        (
            json!({ "detail": { "userIdentity": { "arn": [{ "anything-but": { "prefix": ["arn:x", "arn:y"] } }] } } }),
            true,
        ),
        (
            json!({ "detail": { "userIdentity": { "name": [{ "anything-but": "x" }] } } }),
            false,
        ),
        (
            json!({ "detail": { "items": { "k": ["y"], "v": [2] } } }),
            true,
        ),
        (
            json!({ "detail": { "items": { "k": ["y"], "v": [1] } } }),
            false,
        ),
        (
            json!({ "$or": [{ "source": ["aws.s3"] }, { "n": [5] }] }),
            true,
        ),
        (
            json!({ "account": ["2"], "$or": [{ "source": ["aws.ec2"] }] }),
            false,
        ),
    ];
    for (pattern, want) in table {
        let read = Pattern::new(&pattern).expect("a pattern");
        assert_eq!(read.matches(&event), want, "{pattern}");
    }
}

#[test]
fn what_eventbridge_refuses_is_refused() {
    for pattern in [
        json!({}),
        json!([]),
        json!({ "a": [] }),
        json!({ "a": "b" }),
        json!({ "a": [{ "cidr": "x" }] }),
        json!({ "a": [{ "numeric": ["<"] }] }),
        json!({ "a": [{ "prefix": 1 }] }),
        json!({ "a": [["b"]] }),
    ] {
        assert!(Pattern::new(&pattern).is_err(), "{pattern}");
    }
}

#[test]
fn wildcards_escape() {
    let starred = glob(r"a\*b*");
    assert!(globs(&starred, "a*bc"));
    assert!(!globs(&starred, "axbc"));
    assert!(globs(&glob("*"), ""));
    assert!(globs(&glob("a*b*c"), "aXbYbZc"));
}

//! Which of an identity's policies make it an administrator.

use serde_json::{Value, json};

use super::{Question, ask};

#[test]
fn who_is_an_administrator() {
    let policy = |statements: Value| json!({"name": "p", "document": {"Statement": statements}});
    let allow = |action: Value, resource: Value| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    for (element, said) in [
        (policy(allow(json!("*"), json!("*"))), "+"),
        (
            policy(json!([allow(json!(["s3:*", "*:*"]), json!(["*"]))])),
            "+",
        ),
        (policy(allow(json!("iam:*"), json!("*"))), "+"),
        (policy(allow(json!("I?M:*"), json!("**"))), "+"),
        (
            policy(json!({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"})),
            "+",
        ),
        (
            policy(json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})),
            "-",
        ),
        (policy(allow(json!("s3:*"), json!("*"))), "-"),
        (policy(allow(json!("iam:Get*"), json!("*"))), "-"),
        (policy(allow(json!("*"), json!("arn:aws:s3:::b/*"))), "-"),
        (policy(allow(json!("*"), json!("arn:aws:*"))), "+"),
        (policy(allow(json!("*"), json!("arn:aws:s3*"))), "-"),
        (
            policy(allow(json!("iam:CreatePolicyVersion"), json!("*"))),
            "?",
        ),
        (
            policy(
                json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}),
            ),
            "+",
        ),
        (
            policy(
                json!([allow(json!("*"), json!("*")), {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]),
            ),
            "?",
        ),
        (
            policy(
                json!([allow(json!("*"), json!("*")), {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]),
            ),
            "+",
        ),
        (
            policy(json!([
                allow(json!("iam:A*"), json!("*")),
                allow(json!(["iam:C*", "iam:P*", "iam:S*", "iam:U*"]), json!("*"))
            ])),
            "+",
        ),
        (
            json!({"name": "p", "document": "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"}),
            "+",
        ),
        (
            json!({"name": "p", "document": "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D"}),
            "+",
        ),
        (json!({"name": "p", "document": "{"}), "?"),
        (json!({"name": "p", "document": "{}"}), "?"),
        (
            json!({"policy": "arn:aws-cn:iam::aws:policy/AdministratorAccess"}),
            "+",
        ),
        (
            json!({"policy": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
            "-",
        ),
        (json!({"policy": "arn:aws:iam::111122223333:policy/x"}), "?"),
        // Anybody may call one so.
        (
            json!({"policy": "arn:aws:iam::111122223333:policy/AdministratorAccess"}),
            "?",
        ),
        (
            json!({"policy": "arn:aws:iam::111122223333:policy/x:iam::aws:/AdministratorAccess"}),
            "?",
        ),
        (json!({"group": "g"}), "?"),
        (json!({"group": "g", "policies": []}), "-"),
        (
            json!({"group": "g", "policies": [{"policy": "arn:aws:iam::111122223333:policy/x"}, policy(allow(json!("s3:Get*"), json!("*")))]}),
            "?",
        ),
        (
            json!({"group": "g", "policies": [{"policy": "arn:aws:iam::111122223333:policy/x"}, policy(allow(json!("*"), json!("*")))]}),
            "+",
        ),
        (
            json!({"group": "g", "policies": [{"policy": "arn:aws:iam::111122223333:policy/x"}, {"policy": "arn:aws:iam::aws:policy/AdministratorAccess"}]}),
            "+",
        ),
    ] {
        let shown = element.to_string();
        assert_eq!(ask(Question::Admin, &[element]), said, "{shown}");
    }
}

//! P19: properties of what is said of identities' policies, and what the simulator says of the
//! published ways.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use undrift_core::iam::{Answer, DocumentKind, Line};

use crate::mutations::{each, is_effect, list, statements, with};
use crate::properties::{Checked, is, not_lowered, rank};
use crate::random::{self, OWN};
use crate::run::{ended, until};
use crate::simulator::{Call, Caller, may};

fn identity(policies: Value) -> Answer {
    let line = Line {
        policy: policies,
        kind: DocumentKind::Identity,
        ..Line::default()
    };
    line.judge()
}

/// P19, and what the simulator says of the published ways.
fn of_identities(document: &Value, more: &Value) -> Checked {
    let judged = identity(document.clone());
    let harder = |document: &Value, statement: Value| {
        with(document, [statements(document), vec![statement]].concat())
    };
    let together = identity(json!([document, more]));
    let denies = more.to_string().contains("\"Deny\"");
    if !denies {
        not_lowered("P19, union", &judged, &together, document)?;
    }
    let nothing = harder(
        document,
        json!({"Effect": "Deny", "Action": "*", "Resource": "*"}),
    );
    let after = identity(nothing.clone());
    prop_assert!(
        is(&after, "not_admin"),
        "P19: {} of {nothing}",
        after.verdict
    );
    let grown = each(document, &|s| {
        let Some(actions) = s.get("Action").filter(|_| is_effect(s, "Allow")) else {
            return vec![];
        };
        let mut s = s.clone();
        let mut actions = list(actions);
        actions.push(json!("iam:AttachUserPolicy"));
        s["Action"] = actions.into();
        vec![s]
    });
    for other in grown {
        not_lowered("P19, an action", &judged, &identity(other.clone()), &other)?;
    }
    let ways = identity(json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}));
    let allowed = |action: &Value, every: bool| {
        let action = action.as_str().unwrap();
        let service = action.split(':').next().unwrap();
        let services = if service == "sts" {
            vec!["iam"]
        } else {
            vec![service]
        };
        let kinds = [
            "anything/zz",
            "user/zz",
            "role/zz",
            "group/zz",
            "policy/zz",
            "user/maya",
        ];
        let mut things = services.iter().flat_map(|s| {
            kinds.map(|kind| match *s {
                "iam" => format!("arn:aws:iam::{OWN}:{kind}"),
                other => format!("arn:aws:{other}:us-east-1:{OWN}:{kind}"),
            })
        });
        let mut can = |resource: String| {
            let call = Call {
                caller: Caller::Signed(format!("arn:aws:iam::{OWN}:user/maya")),
                action: action.to_owned(),
                resource,
                context: BTreeMap::from([
                    ("aws:username".to_owned(), vec!["maya".to_owned()]),
                    // No request is without it.
                    ("aws:securetransport".to_owned(), vec!["true".to_owned()]),
                ]),
            };
            may(std::slice::from_ref(document), &call).unwrap()
        };
        // Whatever type of resource it is about, or at least one.
        if every {
            things.all(&mut can)
        } else {
            things.any(&mut can)
        }
    };
    for way in &ways.grants {
        let mut actions = way["actions"].as_array().unwrap().iter();
        let can = actions.all(|a| allowed(a, true));
        prop_assert!(
            !can || rank(&judged) == 2,
            "{} misses {} of {document}",
            judged.verdict,
            way["actions"]
        );
    }
    if is(&judged, "privesc") {
        let certain = judged.grants.iter().filter(|g| g["certain"] == true);
        let mut can = certain.map(|g| {
            let mut actions = g["actions"].as_array().unwrap().iter();
            actions.all(|a| allowed(a, false))
        });
        prop_assert!(can.any(|c| c), "{} can't: {document}", judged.verdict);
    }
    Ok(())
}

#[test]
fn random_identities() {
    until(2, 25, |runner| {
        let strategy = (random::identity(), random::identity());
        ended(runner.run(&strategy, |(one, more)| of_identities(&one, &more)))
    });
}

//! Properties P1 to P18 of what is said of documents, and P15, the strong one: no stranger whom an
//! independent simulator lets in may be missed, and every request that is shown does get in.
//!
//! For a minute at most the same random documents are tried; `UNDRIFT_FUZZ_SECONDS` says for how
//! long others are, and `UNDRIFT_SEED` repeats a run.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use undrift_core::iam::{Answer, Document, Line, Trusted};

use crate::corpus;
use crate::mutations::{each, is_effect, list, relaxed, statements, tests, wider, with};
use crate::random::{self, OWN, PARTNER};
use crate::run::{ended, until};
use crate::simulator::{Call, Caller, gets_in};
use crate::strangers::{no_stranger_is_missed, witnesses};

pub(crate) type Checked = Result<(), TestCaseError>;

pub(crate) fn line(document: &Value) -> Line {
    Line {
        policy: document.clone(),
        resource_type: Some("s3".to_owned()),
        account: Some(OWN.to_owned()),
        trusted: Trusted {
            accounts: Some(vec![OWN.to_owned()]),
            orgs: vec!["o-own0000000".to_owned()],
            ..Trusted::default()
        },
        ..Line::default()
    }
}

pub(crate) fn rank(answer: &Answer) -> u8 {
    match answer.verdict.as_str() {
        Some("not_public" | "not_admin") => 0,
        Some("cross_account") => 1,
        // It may act as little as public may be missed: it stands beside it.
        Some("cannot_tell" | "public" | "privesc" | "admin") => 2,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn is(answer: &Answer, verdict: &str) -> bool {
    answer.verdict == verdict
}

/// Who comes through a network or from an address that is named is nobody's stranger, whosever it
/// is: only with an account's pin beside it there is somebody who can be called foreign.
fn is_neutral(document: &Value) -> bool {
    let text = document.to_string();
    ["ourceVpc", "ourceIp", "serid", "s3:::"]
        .iter()
        .any(|k| text.contains(k))
}

fn not_raised(what: &str, before: &Answer, after: &Answer, document: &Value) -> Checked {
    // A denial may leave it open whether a named stranger still gets in.
    let opened = is(before, "cross_account") && is(after, "cannot_tell");
    let named = is(before, "not_public") && is(after, "cross_account") && is_neutral(document);
    prop_assert!(
        opened || named || rank(after) <= rank(before),
        "{what}: {} to {} with {document}",
        before.verdict,
        after.verdict
    );
    Ok(())
}

pub(crate) fn not_lowered(
    what: &str,
    before: &Answer,
    after: &Answer,
    document: &Value,
) -> Checked {
    // Whether a denial keeps a named stranger out may be open before, and settled after.
    let settled = is(before, "cannot_tell") && is(after, "cross_account");
    let unnamed = is(before, "cross_account") && is(after, "not_public") && is_neutral(document);
    prop_assert!(
        unnamed || settled || rank(after) >= rank(before),
        "{what}: {} to {} with {document}",
        before.verdict,
        after.verdict
    );
    Ok(())
}

fn same(what: &str, before: &Answer, after: &Answer, document: &Value) -> Checked {
    prop_assert_eq!(&before.verdict, &after.verdict, "{}: {}", what, document);
    Ok(())
}

/// P1 to P14 and P16, of one document and a statement that joins it.
fn properties(document: &Value, allow: &Value, deny: &Value) -> Checked {
    let judged = line(document).judge();
    let judge = |document: &Value| line(document).judge();
    let all = statements(document);
    let joined = |one: &Value| with(document, [all.clone(), vec![one.clone()]].concat());
    not_raised("P1", &judged, &judge(&joined(deny)), &joined(deny))?;
    not_lowered("P2", &judged, &judge(&joined(allow)), &joined(allow))?;
    for other in each(document, &|s| {
        if is_effect(s, "Allow") {
            relaxed(s)
        } else {
            vec![]
        }
    }) {
        not_lowered("P3", &judged, &judge(&other), &other)?;
    }
    for other in each(document, &|s| {
        if is_effect(s, "Deny") {
            relaxed(s)
        } else {
            vec![]
        }
    }) {
        not_raised("P4", &judged, &judge(&other), &other)?;
    }
    let mut turned = all.clone();
    turned.reverse();
    turned.extend(all.first().cloned());
    same("P5", &judged, &judge(&with(document, turned)), document)?;
    let lists = each(document, &|s| {
        let mut s = s.clone();
        for name in ["Action", "NotAction", "Resource", "NotResource"] {
            if let Some(value) = s.get(name).cloned() {
                s[name] = list(&value).into();
            }
        }
        if s["Principal"] == "*" {
            s["Principal"] = json!({"AWS": ["*"]});
        }
        let text = s.to_string();
        let root = format!("\"AWS\":\"{PARTNER}\"");
        let to = format!("\"AWS\":[\"arn:aws:iam::{PARTNER}:root\"]");
        vec![serde_json::from_str(&text.replace(&root, &to)).unwrap()]
    });
    for other in lists {
        same("P6", &judged, &judge(&other), &other)?;
    }
    let cases = each(document, &|s| {
        let mut s = s.clone();
        for name in ["Action", "NotAction"] {
            if let Some(value) = s.get(name).cloned() {
                let upper = |v: &Value| json!(v.as_str().unwrap_or_default().to_uppercase());
                s[name] = list(&value).iter().map(upper).collect();
            }
        }
        let mut one = vec![s.clone()];
        one.extend(tests(&s, &|operator, _, values| {
            Some((operator.to_uppercase(), values.clone()))
        }));
        one
    });
    for other in cases {
        same("P7", &judged, &judge(&other), &other)?;
    }
    for other in each(document, &|s| wider(s)) {
        not_lowered("P8, P9, P11", &judged, &judge(&other), &other)?;
    }
    let everybody = each(document, &|s| match s.get("Principal") {
        Some(_) if is_effect(s, "Allow") => {
            let mut s = s.clone();
            s["Principal"] = json!("*");
            vec![s]
        }
        _ => vec![],
    });
    for other in everybody {
        let after = judge(&other);
        let lost = is(&judged, "public") && rank(&after) < 2;
        prop_assert!(!lost, "P10: {other}");
    }
    of_names(document, &judged)?;
    let nobody =
        json!({"Effect": "Allow", "Principal": {"AWS": []}, "Action": "*", "Resource": "*"});
    same("P14", &judged, &judge(&joined(&nobody)), document)?;
    let closed: Vec<Value> = all
        .iter()
        .enumerate()
        .filter(|(n, _)| {
            let sid = all[*n]["Sid"].as_str().map(str::to_owned);
            let name = sid.unwrap_or_else(|| n.to_string());
            let of = |g: &Value| g["statement"] == name && g["verdict"] == "public";
            !judged.grants.iter().any(of)
        })
        .map(|(_, s)| s.clone())
        .collect();
    let closed = with(document, closed);
    let after = judge(&closed);
    prop_assert!(!is(&after, "public"), "P16: {closed}");
    let read = Document::read(document).unwrap();
    prop_assert_eq!(Document::parse(&document.to_string()).unwrap(), read, "P18");
    Ok(())
}

/// P12 and P13: who is trusted, and what accounts are called.
fn of_names(document: &Value, judged: &Answer) -> Checked {
    let mut trusting = line(document);
    trusting.trusted.accounts = Some(vec![OWN.to_owned(), PARTNER.to_owned()]);
    let trusting = trusting.judge();
    not_raised("P12", judged, &trusting, document)?;
    prop_assert!(
        !is(judged, "public") || is(&trusting, "public"),
        "P12: {document}"
    );
    // Half an account's number can't be renamed.
    if document.to_string().contains("4444*") {
        return Ok(());
    }
    let renamed = |text: &str| text.replace(PARTNER, "777766665555");
    let other: Value = serde_json::from_str(&renamed(&document.to_string())).unwrap();
    let after = line(&other).judge();
    same("P13", judged, &after, &other)?;
    let reach = |answer: &Answer| {
        let who = answer.grants.iter().map(|g| g["who"].to_string());
        who.collect::<Vec<_>>().join(" ")
    };
    prop_assert_eq!(renamed(&reach(judged)), reach(&after), "P13: {}", other);
    Ok(())
}

#[test]
fn random_documents() {
    until(1, 100, |runner| {
        let strategy = (
            random::document(),
            random::statement("Allow"),
            random::statement("Deny"),
            prop::collection::vec(any::<u8>().no_shrink(), 480),
        );
        ended(runner.run(&strategy, |(document, allow, deny, numbers)| {
            no_stranger_is_missed(&document, &numbers)?;
            properties(&document, &allow, &deny)
                .map_err(|e| TestCaseError::fail(format!("{e} FROM {document}")))
        }))
    });
}

#[test]
fn the_corpus_its_splices_and_a_random_statement() {
    let resource: Vec<Value> = corpus::rows()
        .into_iter()
        .filter(|r| r.whole["kind"] == "resource" && Document::read(&r.line.policy).is_ok())
        .filter(|r| r.whole["policy"].is_object())
        .map(|r| r.line.policy)
        .collect();
    // Those that even the simulator can't read are no measure.
    let nobody = Call {
        caller: Caller::Anonymous,
        action: String::new(),
        resource: String::new(),
        context: BTreeMap::new(),
    };
    let documents: Vec<Value> = resource
        .into_iter()
        .filter(|d| gets_in(d, &nobody).is_ok())
        .collect();
    assert!(documents.len() > 250, "{}", documents.len());
    let mut runner = TestRunner::deterministic();
    for document in &documents {
        let made = (random::statement("Allow"), random::statement("Deny"))
            .new_tree(&mut runner)
            .unwrap();
        let (allow, deny) = made.current();
        properties(document, &allow, &deny).unwrap();
        witnesses(document, &line(document).judge()).unwrap();
    }
    until(4, 58, |runner| {
        let one = prop::sample::select(documents.clone());
        let strategy = (
            one.clone(),
            one,
            prop::collection::vec(any::<u8>().no_shrink(), 240),
        );
        ended(runner.run(&strategy, |(document, other, numbers)| {
            let spliced = with(&document, [statements(&document), statements(&other)].concat());
            no_stranger_is_missed(&spliced, &numbers)?;
            let (allows, denies): (Vec<Value>, Vec<Value>) =
                statements(&other).into_iter().partition(|s| is_effect(s, "Allow"));
            let nobody = json!({"Effect": "Allow", "Principal": {"AWS": []}, "Action": "*", "Resource": "*"});
            let allow = allows.first().unwrap_or(&nobody);
            let none = json!({"Effect": "Deny", "Principal": {"AWS": []}, "Action": "*", "Resource": "*"});
            properties(&document, allow, denies.first().unwrap_or(&none))
        }))
    });
}

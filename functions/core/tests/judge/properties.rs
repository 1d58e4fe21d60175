//! Properties P1 to P18 of what is said of documents, and P15, the strong one: no stranger whom an
//! independent simulator lets in may be missed, and every request that is shown does get in.
//!
//! For a minute at most the same random documents are tried; `UNDRIFT_FUZZ_SECONDS` says for how
//! long others are, and `UNDRIFT_SEED` repeats a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};
use undrift_core::iam::{Answer, Document, Line, Trusted};

use crate::corpus;
use crate::random::{self, KEYS, OWN, PARTNER, STRANGER};
use crate::simulator::{Call, Caller, gets_in};

pub(crate) type Checked = Result<(), TestCaseError>;
/// What becomes of a test: by operator, key and values, another operator with other values.
type Change<'c> = &'c dyn Fn(&str, &str, &Value) -> Option<(String, Value)>;

fn line(document: &Value) -> Line {
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

pub(crate) fn statements(document: &Value) -> Vec<Value> {
    match &document["Statement"] {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    }
}

pub(crate) fn with(document: &Value, statements: Vec<Value>) -> Value {
    let mut document = document.clone();
    document["Statement"] = statements.into();
    document
}

/// Every document that differs from this one in one statement, as `change` makes it.
pub(crate) fn each(document: &Value, change: &dyn Fn(&Value) -> Vec<Value>) -> Vec<Value> {
    let all = statements(document);
    let mut changed = Vec::new();
    for (n, one) in all.iter().enumerate() {
        for other in change(one) {
            let mut all = all.clone();
            all[n] = other;
            changed.push(with(document, all));
        }
    }
    changed
}

fn without(value: &Value, name: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove(name);
    value
}

/// A statement without its condition, and without each single key of it.
fn relaxed(statement: &Value) -> Vec<Value> {
    let Some(condition) = statement["Condition"].as_object() else {
        return Vec::new();
    };
    let mut all = vec![without(statement, "Condition")];
    for (operator, keys) in condition {
        for key in keys.as_object().into_iter().flatten().map(|(key, _)| key) {
            let mut fewer = statement.clone();
            let keys = fewer["Condition"][operator].as_object_mut().unwrap();
            keys.remove(key);
            all.push(fewer);
        }
    }
    all
}

/// A statement with each test of its condition changed.
fn tests(statement: &Value, change: Change<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    let Some(condition) = statement["Condition"].as_object() else {
        return all;
    };
    for (operator, keys) in condition {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let Some((to, values)) = change(operator, key, values) else {
                continue;
            };
            let mut other = statement.clone();
            let condition = other["Condition"].as_object_mut().unwrap();
            condition[operator].as_object_mut().unwrap().remove(key);
            if condition
                .get(&to)
                .is_some_and(|keys| keys.get(key).is_some())
            {
                continue;
            }
            condition.entry(to).or_insert_with(|| json!({}))[key] = values;
            all.push(other);
        }
    }
    all
}

pub(crate) fn list(value: &Value) -> Vec<Value> {
    value
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![value.clone()])
}

pub(crate) fn is_effect(statement: &Value, effect: &str) -> bool {
    statement["Effect"] == effect
}

fn positive(operator: &str) -> bool {
    !operator.contains("Not") && !operator.ends_with("Null")
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

/// An Allow that lets in at least whom it let in.
fn wider(statement: &Value) -> Vec<Value> {
    if !is_effect(statement, "Allow") {
        return Vec::new();
    }
    let mut all = tests(statement, &|operator, key, values| {
        let known = KEYS.iter().find(|k| k.0 == key)?;
        let mut values = list(values);
        (positive(operator) && !values.is_empty()).then(|| {
            values.extend(known.2.first().map(|v| json!(v)));
            (operator.to_owned(), values.into())
        })
    });
    all.extend(tests(statement, &|operator, _, values| {
        let bare = !operator.ends_with("IfExists") && !operator.ends_with("Null");
        let some = !list(values).is_empty() && !operator.starts_with("For");
        (bare && some).then(|| (format!("{operator}IfExists"), values.clone()))
    }));
    all.extend(tests(statement, &|operator, _, values| {
        let bare = !operator.contains(':') && !operator.ends_with("Null");
        let some = !list(values).is_empty() && positive(operator);
        (bare && some).then(|| (format!("ForAllValues:{operator}"), values.clone()))
    }));
    all.extend(tests(statement, &|operator, key, values| {
        let wider = |value: &Value| -> Option<Value> {
            let (address, length) = value.as_str()?.split_once('/')?;
            let length: u8 = length.parse().ok()?;
            Some(json!(format!("{address}/{}", length.saturating_sub(1))))
        };
        let values: Option<Vec<Value>> = list(values).iter().map(wider).collect();
        let positive = operator.starts_with("IpAddress") && key == "aws:SourceIp";
        positive.then_some((operator.to_owned(), values?.into()))
    }));
    all
}

/// Calls of strangers. What they can choose they choose by the numbers given.
fn strangers(document: &Value, numbers: &[u8]) -> Vec<Call> {
    let text = document.to_string();
    let mut calls = Vec::new();
    for (n, seed) in numbers.chunks(8).enumerate() {
        let pick = |at: usize, of: usize| usize::from(*seed.get(at).unwrap_or(&0)) % of;
        let mut context: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut put = |key: &str, value: &str| {
            context.insert(key.to_lowercase(), vec![value.to_owned()]);
        };
        for (m, (key, _, values)) in KEYS.iter().enumerate() {
            // A stranger chooses none of these: they say who it is.
            if m < 9 || *key == "aws:PrincipalIsAWSService" || *key == "aws:ResourceAccount" {
                continue;
            }
            let which = (pick(0, 251) * 7 + m * 13 + pick(1, 251)) % (values.len() + 2);
            match values.get(which) {
                Some(value) if text.contains(key) => {
                    let value = value.replace('*', "x").replace("${aws:username}", "maya");
                    put(key, if *key == "aws:userid" { "x" } else { &value });
                }
                _ if which == values.len() => put(key, "something else"),
                _ => {}
            }
        }
        put("aws:SecureTransport", ["true", "false"][pick(2, 2)]);
        put(
            "aws:CurrentTime",
            [
                "2026-06-01T00:00:00Z",
                "2050-06-01T00:00:00Z",
                "2010-01-01T00:00:00Z",
            ][pick(3, 3)],
        );
        put("aws:ViaAWSService", "false");
        put("aws:ResourceAccount", OWN);
        put("aws:ResourceOrgID", "o-own0000000");
        let address = [
            "185.220.101.33",
            "91.198.174.192",
            "53.8.9.10",
            "2601::5",
            "2a02:2e0::7",
        ][pick(4, 5)];
        let caller = match n % 4 {
            0 => {
                put("aws:userid", "anonymous");
                put("aws:SourceIp", address);
                Caller::Anonymous
            }
            kind => {
                let name = ["user/x", "role/admin", "user/maya", "role/x"][pick(5, 4)];
                let arn = format!("arn:aws:iam::{STRANGER}:{name}");
                put("aws:PrincipalArn", &arn);
                put("aws:PrincipalAccount", STRANGER);
                put("aws:PrincipalIsAWSService", "false");
                put(
                    "aws:userid",
                    ["AIDASTRANGER00000001", "AROASTRANGER00000001:maya"][pick(6, 2)],
                );
                if pick(6, 3) == 0 {
                    put("aws:PrincipalOrgID", "o-stranger00");
                }
                if kind == 3 {
                    put("aws:SourceVpc", "vpc-stranger");
                    put("aws:SourceVpce", "vpce-stranger");
                } else {
                    put("aws:SourceIp", address);
                }
                Caller::Signed(arn)
            }
        };
        calls.push(Call {
            caller,
            action: [
                "s3:GetObject",
                "s3:ListBucket",
                "s3:PutObject",
                "s3:DeleteBucket",
            ][pick(7, 4)]
            .to_owned(),
            resource: [
                "arn:aws:s3:::b/x",
                "arn:aws:s3:::b",
                "arn:aws:s3:::b/public/x",
                "arn:aws:s3:::b/maya/x",
            ][pick(1, 4)]
            .to_owned(),
            context,
        });
    }
    calls
}

/// P15: whom the simulator lets in isn't missed; what the judge shows, the simulator lets in.
fn no_stranger_is_missed(document: &Value, numbers: &[u8]) -> Checked {
    let judged = line(document).judge();
    for call in strangers(document, numbers) {
        let inside = gets_in(document, &call).map_err(TestCaseError::fail)?;
        prop_assert!(
            !inside || rank(&judged) == 2,
            "P15: {} misses {call:?} of {document}",
            judged.verdict
        );
    }
    witnesses(document, &judged)
}

pub(crate) fn witnesses(document: &Value, judged: &Answer) -> Checked {
    for grant in judged.grants.iter().filter(|g| g["verdict"] == "public") {
        let shown = &grant["witness"];
        let name = |kind: &str| shown["caller"][kind].as_str().map(str::to_owned);
        let caller = match &shown["caller"] {
            Value::String(_) => Caller::Anonymous,
            _ => name("signed")
                .map(Caller::Signed)
                .or(name("service").map(Caller::Service))
                .or(name("federated").map(Caller::Federated))
                .unwrap(),
        };
        let call = Call {
            caller,
            action: shown["action"].as_str().unwrap().to_owned(),
            resource: shown["resource"].as_str().unwrap().to_owned(),
            context: serde_json::from_value(shown["context"].clone()).unwrap(),
        };
        let inside = gets_in(document, &call).map_err(TestCaseError::fail)?;
        prop_assert!(
            inside,
            "a request that doesn't get in: {call:?} of {document}"
        );
    }
    Ok(())
}

fn time() -> Duration {
    let told = std::env::var("UNDRIFT_FUZZ_SECONDS").ok();
    Duration::from_secs(told.and_then(|t| t.parse().ok()).unwrap_or(60))
}

/// Runs checks on what strategies make until the time is over, on `most` hundreds of documents where
/// nobody asks for more; each failure is made small.
pub(crate) fn until(share: u32, most: u64, check: impl Fn(&mut TestRunner) -> Result<(), String>) {
    let began = Instant::now();
    let number = |name: &str| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    // Each run by itself is the same as the last; a run on command is a new one.
    let anew = || {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::try_from(since.as_micros()).unwrap()
    };
    let asked = number("UNDRIFT_FUZZ_SECONDS").is_some();
    let seed = number("UNDRIFT_SEED").unwrap_or_else(|| if asked { anew() } else { 1 });
    let most = if asked { u64::MAX } else { most };
    let mut bytes = [0_u8; 32];
    let mut runs = 0_u64;
    while began.elapsed() < time() / share && runs < most {
        bytes[..8].copy_from_slice(&(seed.wrapping_add(runs)).to_le_bytes());
        let config = Config {
            cases: 100,
            failure_persistence: None,
            max_shrink_iters: 20_000,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(config, rng);
        if let Err(why) = check(&mut runner) {
            panic!("UNDRIFT_SEED={}: {why}", seed.wrapping_add(runs));
        }
        runs += 1;
    }
    println!("{} documents, a {share}th of the time", runs * 100);
}

pub(crate) fn ended<T: std::fmt::Debug>(
    result: Result<(), proptest::test_runner::TestError<T>>,
) -> Result<(), String> {
    result.map_err(|e| e.to_string())
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

//! What a caller may show as a condition key: what it has, what it can choose, or nothing.

use super::party::Party;
use crate::iam::document::{Test, Version};
use crate::iam::keys::{Tells, is_always_there, tells};
use crate::iam::operator::{Base, date, range, resolve};
use crate::iam::pattern::{Meet, Pattern};
use crate::iam::pins::{names_arn, wide};
use crate::iam::provider;
use crate::iam::request::Request;

/// Addresses that anybody may have.
const ADDRESSES: [&str; 6] = [
    "34.201.18.5",
    "185.220.101.33",
    "91.198.174.192",
    "13.37.4.4",
    "2600:1f18:4d5:aa00::1",
    "2a02:2e0:3fe:1001::7",
];

/// A value of a key, or its absence.
pub(super) type Choice = Option<Vec<String>>;

/// What a caller may show as a key, the most usual first.
pub(super) fn options(
    caller: &Party,
    request: &Request,
    key: &str,
    tests: &[&Test],
    version: Version,
) -> Vec<Choice> {
    let mut all: Vec<Choice> = Vec::new();
    let mut add = |choice: Choice| {
        if !all.contains(&choice) && all.len() < 40 {
            all.push(choice);
        }
    };
    let is = request.context.get(key).cloned();
    let what = tells(key);
    let claim = provider::has_key(key);
    if is.is_some() {
        add(is.clone());
    }
    match what {
        Tells::Unknown => add(None),
        // A stranger has no way into the network.
        Tells::Mounted => {
            add(None);
            add(Some(vec!["false".to_owned()]));
        }
        Tells::Address => {
            if is.is_some() {
                for address in addresses(tests) {
                    add(Some(vec![address]));
                }
            } else {
                add(None);
            }
        }
        Tells::Anybody if claim => {
            for (test, value) in values(tests) {
                if let (Base::Like, Some(text)) = (
                    test.operator.base,
                    provider::strangers(key, &Pattern::of(value)),
                ) {
                    add(Some(vec![text]));
                }
            }
        }
        // It is the resource's, whoever calls.
        Tells::Anybody if is.is_some() && of_resource(key) => {}
        Tells::Anybody if caller.lacks(key) || provider::is_other_claim(key) => {
            if is.is_none() {
                add(None);
            }
        }
        Tells::Anybody => {
            if !is_always_there(key) {
                add(None);
            }
            for (test, value) in values(tests) {
                for text in near(test, value, version, caller) {
                    add(Some(vec![text]));
                }
            }
            let text = |t: &Test| {
                matches!(
                    t.operator.base,
                    Base::Equals | Base::EqualsIgnoreCase | Base::Like
                )
            };
            if !is_flag(key) && tests.iter().all(|t| text(t)) {
                add(Some(vec!["undrift-probe".to_owned()]));
            }
        }
        _ => {
            for text in of_itself(caller, key, tests) {
                add(Some(vec![text]));
            }
            // A user may be in no organization, and a call may come by no endpoint.
            let certain = [
                "aws:principalaccount",
                "aws:principalarn",
                "aws:principalisawsservice",
                "aws:userid",
                "kms:calleraccount",
            ];
            if is.is_none() || !certain.contains(&key) {
                add(None);
            }
        }
    }
    all
}

/// What a caller may show of who it is: of what tests let through, what it can be.
fn of_itself(caller: &Party, key: &str, tests: &[&Test]) -> Vec<String> {
    let mut all = Vec::new();
    let may = caller.may.get(key).into_iter().flatten();
    for template in may.map(|t| Pattern::of(t)) {
        let bucket = !template.is_fixed() && template.head().contains(":s3:");
        for (test, value) in values(tests) {
            let pattern = match test.operator.base {
                Base::Like | Base::Arn => Pattern::of(value),
                Base::Equals | Base::EqualsIgnoreCase => Pattern::literal(value),
                _ => continue,
            };
            // A bucket that is named is somebody's.
            if bucket && names_arn(value) {
                continue;
            }
            if let Meet::At(text) = template.meet(&pattern) {
                all.push(text);
            }
        }
        all.push(template.some("x"));
    }
    all
}

/// It is true or false, and nothing else.
fn is_flag(key: &str) -> bool {
    matches!(
        key,
        "aws:securetransport"
            | "aws:viaawsservice"
            | "aws:multifactorauthpresent"
            | "aws:principalisawsservice"
            | "aws:assumedroot"
            | "aws:isagentaccess"
    )
}

/// From then on the time may be chosen: it goes by, and never back.
const NOW: u32 = 1_767_225_600;

fn of_resource(key: &str) -> bool {
    matches!(key, "aws:resourceaccount" | "s3:resourceaccount")
}

fn values<'t>(tests: &[&'t Test]) -> impl Iterator<Item = (&'t Test, &'t String)> {
    let tests = tests.to_vec();
    tests
        .into_iter()
        .flat_map(|t| t.values.iter().map(move |v| (t, v)))
}

/// Texts at, and just beside, what a test asks for.
fn near(test: &Test, value: &str, version: Version, caller: &Party) -> Vec<String> {
    let pattern = if version != Version::Old && value.contains("${") {
        let variables = |key: &str| match caller.context.get(key).map(Vec::as_slice) {
            Some([one]) => Some(one.clone()),
            _ => None,
        };
        match resolve(value, &variables) {
            Some(pattern) => pattern,
            None => return Vec::new(),
        }
    } else {
        match test.operator.base {
            Base::Like | Base::Arn => Pattern::of(value),
            _ => Pattern::literal(value),
        }
    };
    // What hangs on a resource is its owner's to say, not whoever calls'.
    let on_it =
        test.key.starts_with("aws:resourcetag/") || test.key.starts_with("s3:existingobjecttag/");
    if on_it && value.contains("${") {
        return Vec::new();
    }
    let text = pattern.some("x");
    // An account's thing is its own.
    if test.key.ends_with("arn") && text.split(':').nth(4).is_some_and(|a| a.len() == 12) {
        return Vec::new();
    }
    let time = matches!(
        test.key.as_str(),
        "aws:currenttime" | "aws:epochtime" | "aws:tokenissuetime"
    );
    match test.operator.base {
        Base::Null => vec!["x".to_owned()],
        Base::Bool => vec!["true".to_owned(), "false".to_owned()],
        Base::Number(_) => {
            let Ok(number) = text.trim().parse::<f64>() else {
                return Vec::new();
            };
            let later = |n: &f64| !time || *n >= f64::from(NOW);
            let around = [number, number - 1.0, number + 1.0]
                .into_iter()
                .filter(later);
            around.map(|n| n.to_string()).collect()
        }
        Base::Date(_) => {
            let Some(at) = date(&text) else {
                return Vec::new();
            };
            let iso = |at: i64| {
                let at = jiff::Timestamp::from_second(at).ok();
                at.map(|at| at.to_string())
            };
            let later = |at: &i64| !time || *at >= i64::from(NOW);
            let around = [at, at - 1, at + 1].into_iter().filter(later);
            if test.key == "aws:epochtime" {
                return around.map(|at| at.to_string()).collect();
            }
            around.filter_map(iso).collect()
        }
        Base::Ip => {
            let range = range(&text);
            let inside = range.and_then(|r| r.hosts().next());
            inside.map(|a| a.to_string()).into_iter().collect()
        }
        _ => vec![text],
    }
}

/// Addresses that anybody may have, inside of wide ranges and outside of narrow ones.
fn addresses(tests: &[&Test]) -> Vec<String> {
    let of_ip = tests.iter().filter(|t| t.operator.base == Base::Ip);
    let inside = of_ip
        .filter_map(|t| wide(&t.values))
        .flat_map(|(v4, v6)| [v4.middle(), v6.middle()])
        .flatten()
        .map(|address| address.to_string());
    ADDRESSES
        .map(str::to_owned)
        .into_iter()
        .chain(inside)
        .collect()
}

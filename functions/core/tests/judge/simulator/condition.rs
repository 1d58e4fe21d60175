//! Conditions.

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

use super::pattern::{Piece, glob, literally, resolve, values_of};
use super::{Call, texts};

/// How one value of the context is held against one value of the policy.
#[derive(Clone, Copy)]
enum Test {
    Text,
    TextAnyCase,
    Like,
    Arn,
    Number(fn(Ordering) -> bool),
    Date(fn(Ordering) -> bool),
    Bool,
    Binary,
    Ip,
    Null,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    Plain,
    All,
    Any,
}

#[derive(Clone, Copy)]
struct Operator {
    test: Test,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
}

fn operator(name: &str) -> Result<Operator, String> {
    let lower = name.to_ascii_lowercase();
    let (quantifier, rest) = match lower.split_once(':') {
        Some(("forallvalues", rest)) => (Quantifier::All, rest),
        Some(("foranyvalue", rest)) => (Quantifier::Any, rest),
        _ => (Quantifier::Plain, lower.as_str()),
    };
    let (if_exists, base) = rest
        .strip_suffix("ifexists")
        .map_or((false, rest), |base| (true, base));
    let (test, negated) = match base {
        "stringequals" => (Test::Text, false),
        "stringnotequals" => (Test::Text, true),
        "stringequalsignorecase" => (Test::TextAnyCase, false),
        "stringnotequalsignorecase" => (Test::TextAnyCase, true),
        "stringlike" => (Test::Like, false),
        "stringnotlike" => (Test::Like, true),
        "arnequals" | "arnlike" => (Test::Arn, false),
        "arnnotequals" | "arnnotlike" => (Test::Arn, true),
        "numericequals" => (Test::Number(Ordering::is_eq), false),
        "numericnotequals" => (Test::Number(Ordering::is_eq), true),
        "numericlessthan" => (Test::Number(Ordering::is_lt), false),
        "numericlessthanequals" => (Test::Number(Ordering::is_le), false),
        "numericgreaterthan" => (Test::Number(Ordering::is_gt), false),
        "numericgreaterthanequals" => (Test::Number(Ordering::is_ge), false),
        "dateequals" => (Test::Date(Ordering::is_eq), false),
        "datenotequals" => (Test::Date(Ordering::is_eq), true),
        "datelessthan" => (Test::Date(Ordering::is_lt), false),
        "datelessthanequals" => (Test::Date(Ordering::is_le), false),
        "dategreaterthan" => (Test::Date(Ordering::is_gt), false),
        "dategreaterthanequals" => (Test::Date(Ordering::is_ge), false),
        "bool" => (Test::Bool, false),
        "binaryequals" => (Test::Binary, false),
        "ipaddress" => (Test::Ip, false),
        "notipaddress" => (Test::Ip, true),
        "null" if !if_exists => (Test::Null, false),
        _ => return Err(format!("unknown operator {name}")),
    };
    Ok(Operator {
        test,
        negated,
        if_exists,
        quantifier,
    })
}

pub(super) fn conditions_hold(
    condition: &Value,
    call: &Call,
    variables: bool,
) -> Result<bool, String> {
    let mut all = true;
    for (name, keys) in condition.as_object().ok_or("the Condition is no object")? {
        let operator = operator(name)?;
        for (key, value) in keys.as_object().ok_or(format!("{name} holds no object"))? {
            let wanted = texts(value)?;
            all &= holds(operator, &wanted, values_of(key, call), call, variables);
        }
    }
    Ok(all)
}

fn holds(
    operator: Operator,
    wanted: &[String],
    found: &[String],
    call: &Call,
    variables: bool,
) -> bool {
    let Operator {
        test,
        negated,
        if_exists,
        quantifier,
    } = operator;
    if matches!(test, Test::Null) {
        return match quantifier {
            Quantifier::All => true,
            Quantifier::Any => false,
            Quantifier::Plain => wanted
                .iter()
                .any(|text| truth(text) == Some(found.is_empty())),
        };
    }
    if found.is_empty() {
        let plain = quantifier == Quantifier::Plain && negated && !wanted.is_empty();
        return if_exists || quantifier == Quantifier::All || plain;
    }
    if wanted.is_empty() {
        return false;
    }
    let hit = |value: &String| {
        wanted
            .iter()
            .any(|text| matches(test, text, value, call, variables))
    };
    match quantifier {
        Quantifier::Plain => found.iter().any(hit) != negated,
        Quantifier::All => found.iter().all(|value| hit(value) != negated),
        Quantifier::Any => found.iter().any(|value| hit(value) != negated),
    }
}

/// Whether the context's value fits the policy's text. Only texts and ARNs know variables.
fn matches(test: Test, text: &str, value: &str, call: &Call, variables: bool) -> bool {
    let pattern = || resolve(text, call, variables);
    match test {
        Test::Text => pattern().is_some_and(|pattern| literally(&pattern) == value),
        Test::TextAnyCase => pattern()
            .is_some_and(|pattern| literally(&pattern).to_lowercase() == value.to_lowercase()),
        Test::Like => pattern().is_some_and(|pattern| glob(&pattern, value)),
        Test::Arn => pattern().is_some_and(|pattern| arn_fits(&pattern, value)),
        Test::Number(order) => compare_numbers(value, text).is_some_and(order),
        Test::Date(order) => date(value)
            .zip(date(text))
            .is_some_and(|(value, text)| order(value.cmp(&text))),
        Test::Bool => truth(text).is_some() && truth(text) == truth(value),
        Test::Binary => text == value,
        Test::Ip => ip_fits(text, value),
        Test::Null => false,
    }
}

fn truth(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

fn arn_fits(pattern: &[Piece], value: &str) -> bool {
    let wanted: Vec<_> = pattern
        .splitn(6, |piece| *piece == Piece::Char(':'))
        .collect();
    let found: Vec<_> = value.splitn(6, ':').collect();
    let each = || {
        wanted
            .iter()
            .zip(&found)
            .all(|(wanted, found)| glob(wanted, found))
    };
    pattern == [Piece::Many] || (wanted.len() == 6 && found.len() == 6 && each())
}

/// Whole numbers are compared exactly, others as floating point.
fn compare_numbers(left: &str, right: &str) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return Some(left.cmp(&right));
    }
    let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    finite(left)?.partial_cmp(&finite(right)?)
}

/// Epoch seconds, a moment with an offset, or a day, month or moment without one, which is in UTC.
fn date(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let civil = text
        .parse::<DateTime>()
        .or_else(|_| format!("{text}-01").parse())
        .ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

fn ip_fits(text: &str, value: &str) -> bool {
    let range = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    range.is_ok_and(|range| {
        value
            .parse::<IpAddr>()
            .is_ok_and(|address| range.contains(&address))
    })
}

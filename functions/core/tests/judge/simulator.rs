//! Small, slow and exact: does one document let one request in? A second opinion on the judge, so it
//! shares no code with it. Whatever is malformed is an error, also in a statement that would not apply.

mod checks;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::once;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Map, Value};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody signed the request.
    Anonymous,
    /// The ARN of a user or role.
    Signed(String),
    /// A service principal, as `sns.amazonaws.com`.
    Service(String),
    /// A provider, as the policy's Principal names it.
    Federated(String),
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub caller: Caller,
    pub action: String,
    /// An ARN, or nothing for a role that is assumed.
    pub resource: String,
    /// Keys in lower case. A key without values is an absent key.
    pub context: BTreeMap<String, Vec<String>>,
}

/// Whether the resource policy lets the call in: some Allow applies and no Deny does.
pub(crate) fn gets_in(policy: &Value, call: &Call) -> Result<bool, String> {
    decide(&[policy], call, true)
}

/// Whether the identity policies together, which name no principal, let the call through.
pub(crate) fn may(policies: &[Value], call: &Call) -> Result<bool, String> {
    decide(&policies.iter().collect::<Vec<_>>(), call, false)
}

fn decide(policies: &[&Value], call: &Call, with_principal: bool) -> Result<bool, String> {
    let (mut allowed, mut denied) = (false, false);
    for policy in policies {
        let policy = policy.as_object().ok_or("the document is no object")?;
        let variables = match policy.get("Version").map(Value::as_str) {
            None | Some(Some("2008-10-17")) => false,
            Some(Some("2012-10-17")) => true,
            Some(_) => return Err("unknown Version".into()),
        };
        let statements = match policy.get("Statement") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one) => vec![one],
            None => return Err("no Statement".into()),
        };
        for statement in statements {
            let statement = statement.as_object().ok_or("a statement is no object")?;
            let applies = applies(statement, call, variables, with_principal)?;
            match statement.get("Effect").and_then(Value::as_str) {
                Some("Allow") => allowed |= applies,
                Some("Deny") => denied |= applies,
                _ => return Err("Effect is neither Allow nor Deny".into()),
            }
        }
    }
    Ok(allowed && !denied)
}

const MEMBERS: &str =
    "Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition";

fn applies(
    statement: &Map<String, Value>,
    call: &Call,
    variables: bool,
    with_principal: bool,
) -> Result<bool, String> {
    if let Some(member) = statement
        .keys()
        .find(|member| MEMBERS.split(' ').all(|known| known != *member))
    {
        return Err(format!("unknown member {member}"));
    }
    let principal = match either(statement, "Principal", "NotPrincipal")? {
        Some((value, not)) if with_principal => names(value, &call.caller)? != not,
        None if !with_principal => true,
        Some(_) => return Err("a Principal in an identity policy".into()),
        None => return Err("neither Principal nor NotPrincipal".into()),
    };
    let (value, not) =
        either(statement, "Action", "NotAction")?.ok_or("neither Action nor NotAction")?;
    let asked = call.action.to_ascii_lowercase();
    let action = texts(value)?
        .iter()
        .any(|text| glob(&plain(&text.to_ascii_lowercase()), &asked))
        != not;
    let resource = match either(statement, "Resource", "NotResource")? {
        None => true,
        Some((value, not)) => {
            let hit = |text: &String| {
                resolve(text, call, variables).is_some_and(|pattern| glob(&pattern, &call.resource))
            };
            texts(value)?.iter().any(hit) != not
        }
    };
    let condition = match statement.get("Condition") {
        None => true,
        Some(value) => conditions_hold(value, call, variables)?,
    };
    Ok(principal && action && resource && condition)
}

/// The value of one of two elements, and whether it is the `Not` one. Both together are malformed.
fn either<'a>(
    statement: &'a Map<String, Value>,
    plain: &str,
    not: &str,
) -> Result<Option<(&'a Value, bool)>, String> {
    match (statement.get(plain), statement.get(not)) {
        (Some(_), Some(_)) => Err(format!("both {plain} and {not}")),
        (Some(value), None) => Ok(Some((value, false))),
        (None, Some(value)) => Ok(Some((value, true))),
        (None, None) => Ok(None),
    }
}

/// A scalar, or a list of scalars, as texts.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err(format!("neither a text, a number nor a boolean: {value}")),
    };
    value.as_array().map_or_else(
        || Ok(vec![one(value)?]),
        |list| list.iter().map(one).collect(),
    )
}

// Principals.

fn names(principal: &Value, caller: &Caller) -> Result<bool, String> {
    let Some(kinds) = principal.as_object() else {
        return Ok(texts(principal)?.iter().any(|text| aws_names(text, caller)));
    };
    let mut named = false;
    for (kind, value) in kinds {
        let values = texts(value)?;
        named |= match (kind.as_str(), caller) {
            ("AWS", _) => values.iter().any(|text| aws_names(text, caller)),
            ("CanonicalUser", Caller::Anonymous | Caller::Signed(_)) => {
                values.iter().any(|text| text == "*")
            }
            ("Service", Caller::Service(name)) => values
                .iter()
                .any(|text| !wild(text) && text.eq_ignore_ascii_case(name)),
            ("Federated", Caller::Federated(name)) => {
                values.iter().any(|text| !wild(text) && text == name)
            }
            ("CanonicalUser" | "Service" | "Federated", _) => false,
            _ => return Err(format!("unknown kind of principal {kind}")),
        };
    }
    Ok(named)
}

fn wild(text: &str) -> bool {
    text.contains(['*', '?'])
}

fn aws_names(text: &str, caller: &Caller) -> bool {
    if text == "*" {
        return true;
    }
    let Caller::Signed(arn) = caller else {
        return false;
    };
    let mut fields = arn.split(':').skip(1);
    let partition = fields.next().unwrap_or_default();
    let account = fields.nth(2).unwrap_or_default();
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text == account;
    }
    let root = format!("arn:{partition}:iam::{account}:root");
    glob(&plain(text), arn) || glob(&plain(text), &root)
}

// Patterns.

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Many,
    One,
    Char(char),
}

fn piece(character: char) -> Piece {
    match character {
        '*' => Piece::Many,
        '?' => Piece::One,
        other => Piece::Char(other),
    }
}

fn plain(text: &str) -> Vec<Piece> {
    text.chars().map(piece).collect()
}

/// What the pattern says where wildcards do not act.
fn literally(pattern: &[Piece]) -> String {
    let character = |piece: &Piece| match piece {
        Piece::Many => '*',
        Piece::One => '?',
        Piece::Char(character) => *character,
    };
    pattern.iter().map(character).collect()
}

fn glob(pattern: &[Piece], text: &str) -> bool {
    // `matched[n]`: the pieces so far match the first n characters.
    let mut matched: Vec<bool> = once(true).chain(text.chars().map(|_| false)).collect();
    for piece in pattern {
        matched = if *piece == Piece::Many {
            let mut seen = false;
            matched
                .iter()
                .map(|here| {
                    seen |= *here;
                    seen
                })
                .collect()
        } else {
            let takes = |character| *piece == Piece::One || *piece == Piece::Char(character);
            let steps = matched.iter().zip(text.chars());
            once(false)
                .chain(steps.map(|(here, character)| *here && takes(character)))
                .collect()
        };
    }
    matched.last() == Some(&true)
}

/// The pattern with its variables filled in, or nothing if one of them stands for nothing.
fn resolve(text: &str, call: &Call, variables: bool) -> Option<Vec<Piece>> {
    let (mut pattern, mut rest) = (Vec::new(), text);
    while let Some(character) = rest.chars().next() {
        if let Some((inside, after)) = variable(rest).filter(|_| variables) {
            pattern.extend(stands_for(inside, call)?.chars().map(Piece::Char));
            rest = after;
        } else {
            pattern.push(piece(character));
            rest = rest.get(character.len_utf8()..)?;
        }
    }
    Some(pattern)
}

/// The inside of a variable the text begins with, and what follows it. A `}` in quotes does not end it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let body = text.strip_prefix("${")?;
    let mut quoted = false;
    let end = body.find(|character| {
        quoted ^= character == '\'';
        character == '}' && !quoted
    })?;
    Some((body.get(..end)?, body.get(end + 1..)?))
}

fn stands_for<'a>(inside: &'a str, call: &'a Call) -> Option<&'a str> {
    if matches!(inside, "*" | "?" | "$") {
        return Some(inside);
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, rest)) => (
            key,
            Some(rest.trim().strip_prefix('\'')?.strip_suffix('\'')?),
        ),
        None => (inside, None),
    };
    match values_of(key.trim(), call) {
        [] => default,
        [value] => Some(value),
        _ => None,
    }
}

fn values_of<'a>(key: &str, call: &'a Call) -> &'a [String] {
    call.context
        .get(&key.to_lowercase())
        .map_or(&[], Vec::as_slice)
}

// Conditions.

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

fn conditions_hold(condition: &Value, call: &Call, variables: bool) -> Result<bool, String> {
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

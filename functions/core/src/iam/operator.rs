//! Operators of conditions, and what they say of a key's values.
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Single-valued vs.
//! multivalued context keys".

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use super::pattern::{self, Part, Pattern};

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Equals,
    EqualsIgnoreCase,
    Like,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
    /// `ArnEquals` and `ArnLike` are the same.
    Arn,
    Null,
}

/// How numbers and dates are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Of keys with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Any,
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Option<Quantifier>,
    pub(super) base: Base,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
}

/// What variables stand for.
pub(super) type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

impl Operator {
    /// Reads an operator's name, whatever its case; `None`: there is none of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (quantifier, rest) = match name.split_once(':') {
            None => (None, name.as_str()),
            Some(("forallvalues", rest)) => (Some(Quantifier::All), rest),
            Some(("foranyvalue", rest)) => (Some(Quantifier::Any), rest),
            Some(_) => return None,
        };
        let (rest, if_exists) = match rest.strip_suffix("ifexists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let order = |rest: &str| {
            Some(match rest {
                "equals" => (Order::Equal, false),
                "notequals" => (Order::Equal, true),
                "lessthan" => (Order::Less, false),
                "lessthanequals" => (Order::LessOrEqual, false),
                "greaterthan" => (Order::Greater, false),
                "greaterthanequals" => (Order::GreaterOrEqual, false),
                _ => return None,
            })
        };
        let (base, negated) = match rest {
            "stringequals" => (Base::Equals, false),
            "stringnotequals" => (Base::Equals, true),
            "stringequalsignorecase" => (Base::EqualsIgnoreCase, false),
            "stringnotequalsignorecase" => (Base::EqualsIgnoreCase, true),
            "stringlike" => (Base::Like, false),
            "stringnotlike" => (Base::Like, true),
            "bool" => (Base::Bool, false),
            "binaryequals" => (Base::Binary, false),
            "ipaddress" => (Base::Ip, false),
            "notipaddress" => (Base::Ip, true),
            "arnequals" | "arnlike" => (Base::Arn, false),
            "arnnotequals" | "arnnotlike" => (Base::Arn, true),
            "null" if !if_exists => (Base::Null, false),
            other => {
                if let Some(rest) = other.strip_prefix("numeric") {
                    let (order, negated) = order(rest)?;
                    (Base::Number(order), negated)
                } else {
                    let (order, negated) = order(other.strip_prefix("date")?)?;
                    (Base::Date(order), negated)
                }
            }
        };
        Some(Self {
            quantifier,
            base,
            negated,
            if_exists,
        })
    }

    /// It is true of a request that lacks the key.
    pub(super) fn holds_absent(self, values: &[String]) -> bool {
        match (self.base, self.quantifier) {
            (Base::Null, Some(quantifier)) => quantifier == Quantifier::All,
            (Base::Null, None) => values.iter().any(|v| v.eq_ignore_ascii_case("true")),
            _ if self.if_exists || self.quantifier == Some(Quantifier::All) => true,
            (_, Some(_)) => false,
            (_, None) => self.negated && !values.is_empty(),
        }
    }

    /// It is true of a request in which the key has these values. `dynamic`: `${…}` in the
    /// policy's values are variables.
    pub(super) fn holds(
        self,
        values: &[String],
        present: &[String],
        dynamic: Option<Variables<'_>>,
    ) -> bool {
        match (self.base, self.quantifier) {
            (Base::Null, Some(quantifier)) => return quantifier == Quantifier::All,
            (Base::Null, None) => {
                return values.iter().any(|v| v.eq_ignore_ascii_case("false"));
            }
            _ => {}
        }
        if values.is_empty() {
            return false;
        }
        let one = |present: &String| values.iter().any(|v| self.matches(v, present, dynamic));
        match self.quantifier {
            Some(Quantifier::All) => present.iter().all(|p| one(p) != self.negated),
            Some(Quantifier::Any) => present.iter().any(|p| one(p) != self.negated),
            None => present.iter().any(one) != self.negated,
        }
    }

    fn matches(self, value: &str, present: &str, dynamic: Option<Variables<'_>>) -> bool {
        if let Some(variables) = dynamic
            && value.contains("${")
        {
            let Some(pattern) = resolve(value, variables) else {
                return false;
            };
            return match self.base {
                Base::Like => pattern.matches(present),
                Base::Arn => arn(&pattern, present),
                _ => {
                    let text: Vec<u8> = pattern
                        .0
                        .iter()
                        .map(|p| match p {
                            Part::Many => b'*',
                            Part::One => b'?',
                            Part::Is(b) => *b,
                        })
                        .collect();
                    self.compares(&String::from_utf8_lossy(&text), present)
                }
            };
        }
        match self.base {
            Base::Like => pattern::matches(value, present),
            Base::Arn => arn(&Pattern::of(value), present),
            _ => self.compares(value, present),
        }
    }

    fn compares(self, value: &str, present: &str) -> bool {
        let in_order = |order: Order, is: Option<Ordering>| {
            is.is_some_and(|is| match order {
                Order::Equal => is.is_eq(),
                Order::Less => is.is_lt(),
                Order::LessOrEqual => is.is_le(),
                Order::Greater => is.is_gt(),
                Order::GreaterOrEqual => is.is_ge(),
            })
        };
        match self.base {
            Base::EqualsIgnoreCase | Base::Bool => value.eq_ignore_ascii_case(present),
            Base::Number(order) => {
                let number = |text: &str| text.trim().parse::<f64>().ok();
                let is = number(present).zip(number(value));
                in_order(order, is.and_then(|(a, b)| a.partial_cmp(&b)))
            }
            Base::Date(order) => {
                let is = date(present).zip(date(value));
                in_order(order, is.map(|(a, b)| a.cmp(&b)))
            }
            Base::Ip => {
                let (range, address) = (range(value), present.parse::<IpAddr>().ok());
                range.zip(address).is_some_and(|(r, a)| r.contains(&a))
            }
            Base::Equals | Base::Binary | Base::Like | Base::Arn | Base::Null => value == present,
        }
    }
}

/// A range of addresses, or one.
pub(super) fn range(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let range = text.parse::<IpNet>().ok();
    range.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A date in one of the forms of ISO 8601 that IAM takes, or seconds since 1970.
pub(super) fn date(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>()
        && text.len() > 4
    {
        return Some(seconds);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_second());
    }
    let utc = jiff::tz::TimeZone::UTC;
    let bare = text.strip_suffix('Z').unwrap_or(text);
    let moment = bare.parse::<jiff::civil::DateTime>().ok();
    let moment = moment.or_else(|| {
        let day = bare.parse::<jiff::civil::Date>().ok()?;
        Some(day.to_datetime(jiff::civil::Time::midnight()))
    });
    let moment = moment.and_then(|m| m.to_zoned(utc).ok());
    moment.map(|m| m.timestamp().as_second())
}

/// An ARN's pattern is compared field by field: no wildcard reaches over a colon, but in the last
/// of the six (IAM User Guide, "Amazon Resource Name (ARN) condition operators").
pub(super) fn arn(pattern: &Pattern, arn: &str) -> bool {
    if pattern.0 == [Part::Many] {
        return true;
    }
    let patterns: Vec<Pattern> = pattern
        .0
        .splitn(6, |p| *p == Part::Is(b':'))
        .map(|field| Pattern(field.to_vec()))
        .collect();
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    patterns.len() == fields.len() && patterns.iter().zip(&fields).all(|(p, f)| p.matches(f))
}

/// What a value with variables stands for; `None`: one of them has no value.
/// Source: IAM User Guide, "IAM policy elements: Variables and tags".
pub(super) fn resolve(value: &str, variables: Variables<'_>) -> Option<Pattern> {
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        parts.extend(Pattern::of(before).0);
        let Some((name, after)) = after.split_once('}') else {
            // It is never closed: it is text.
            rest = rest.get(before.len()..).unwrap_or_default();
            parts.extend(Pattern::of(rest).0);
            return Some(Pattern(parts));
        };
        match name {
            "*" | "?" | "$" => parts.extend(Pattern::literal(name).0),
            _ => {
                let (key, otherwise) = match name.split_once(',') {
                    Some((key, text)) => (key.trim(), text.trim().strip_prefix('\'')),
                    None => (name.trim(), None),
                };
                let otherwise = otherwise
                    .and_then(|o| o.strip_suffix('\''))
                    .map(str::to_owned);
                let text = variables(&key.to_ascii_lowercase()).or(otherwise)?;
                parts.extend(Pattern::literal(&text).0);
            }
        }
        rest = after;
    }
    parts.extend(Pattern::of(rest).0);
    Some(Pattern(parts))
}

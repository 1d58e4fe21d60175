//! EventBridge event patterns: the part that rules here use.
//!
//! Nested objects; lists of literals, `prefix`, `suffix`, `anything-but`, `exists`, `equals-ignore-case`,
//! `wildcard`, `numeric`; `$or`. A filter outside of it is an error, never a silent mismatch.

use serde_json::Value;

use crate::error::LocalError;

/// A pattern, checked when it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// All fields match, and one alternative of each `$or`.
    Object {
        fields: Vec<(String, Node)>,
        alternatives: Vec<Vec<Node>>,
    },
    /// One of the filters matches.
    Any(Vec<Filter>),
}

#[derive(Debug, Clone, PartialEq)]
enum Filter {
    Equals(Value),
    Exists(bool),
    IgnoreCase(String),
    Prefix { text: String, ignore_case: bool },
    Suffix { text: String, ignore_case: bool },
    Wildcard(Vec<Glob>),
    Numeric(Vec<(Comparison, f64)>),
    AnythingBut(Vec<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Glob {
    Literal(char),
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Reads a pattern. The error says what EventBridge would refuse, or what is not supported here.
    pub fn new(pattern: &Value) -> Result<Self, LocalError> {
        match pattern {
            Value::Object(members) if members.is_empty() => {
                Err(refused("a pattern must not be empty"))
            }
            Value::Object(_) => node(pattern).map(Self),
            _ => Err(refused("a pattern is an object")),
        }
    }

    /// Whether an event matches.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.0.matches(Some(event))
    }
}

fn refused(text: impl Into<String>) -> LocalError {
    LocalError::Pattern(text.into())
}

fn node(pattern: &Value) -> Result<Node, LocalError> {
    match pattern {
        Value::Array(filters) if filters.is_empty() => {
            Err(refused("a list of filters must not be empty"))
        }
        Value::Array(filters) => filters
            .iter()
            .map(filter)
            .collect::<Result<_, _>>()
            .map(Node::Any),
        Value::Object(members) => {
            let mut fields = Vec::new();
            let mut alternatives = Vec::new();
            for (key, value) in members {
                if key == "$or" {
                    let all = value
                        .as_array()
                        .ok_or_else(|| refused("`$or` takes a list"))?;
                    alternatives.push(all.iter().map(node).collect::<Result<_, _>>()?);
                } else {
                    fields.push((key.clone(), node(value)?));
                }
            }
            Ok(Node::Object {
                fields,
                alternatives,
            })
        }
        other => Err(refused(format!("`{other}` must be in a list"))),
    }
}

fn filter(value: &Value) -> Result<Filter, LocalError> {
    let Value::Object(members) = value else {
        return match value {
            Value::Array(_) => Err(refused("a list within a list of filters")),
            literal => Ok(Filter::Equals(literal.clone())),
        };
    };
    let mut all = members.iter();
    let (Some((name, argument)), None) = (all.next(), all.next()) else {
        return Err(refused("a filter has one key"));
    };
    let text = || {
        argument
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| refused(format!("`{name}` takes text")))
    };
    match name.as_str() {
        "exists" => argument
            .as_bool()
            .map(Filter::Exists)
            .ok_or_else(|| refused("`exists` takes true or false")),
        "equals-ignore-case" => text().map(|text| Filter::IgnoreCase(text.to_lowercase())),
        "wildcard" => text().map(|text| Filter::Wildcard(glob(&text))),
        "prefix" | "suffix" => {
            let folded = argument.get("equals-ignore-case").and_then(Value::as_str);
            let ignore_case = folded.is_some();
            let text = folded.map_or_else(text, |text| Ok(text.to_lowercase()))?;
            Ok(if name == "prefix" {
                Filter::Prefix { text, ignore_case }
            } else {
                Filter::Suffix { text, ignore_case }
            })
        }
        "numeric" => numeric(argument).map(Filter::Numeric),
        "anything-but" => match argument {
            Value::Array(all) => all
                .iter()
                .map(filter)
                .collect::<Result<_, _>>()
                .map(Filter::AnythingBut),
            Value::Object(members) => {
                let mut filters = Vec::new();
                for (name, argument) in members {
                    let arguments = match argument {
                        Value::Array(all) => all.clone(),
                        one => vec![one.clone()],
                    };
                    for argument in arguments {
                        filters.push(filter(&Value::Object(
                            [(name.clone(), argument)].into_iter().collect(),
                        ))?);
                    }
                }
                Ok(Filter::AnythingBut(filters))
            }
            literal => Ok(Filter::AnythingBut(vec![Filter::Equals(literal.clone())])),
        },
        other => Err(refused(format!(
            "the filter `{other}` is not supported here"
        ))),
    }
}

fn numeric(argument: &Value) -> Result<Vec<(Comparison, f64)>, LocalError> {
    let wrong = || refused("`numeric` takes a list of comparisons and numbers in turn");
    let all = argument
        .as_array()
        .filter(|all| !all.is_empty() && all.len() % 2 == 0)
        .ok_or_else(wrong)?;
    all.chunks(2)
        .map(|pair| {
            let [sign, number] = pair else {
                return Err(wrong());
            };
            let comparison = match sign.as_str() {
                Some("=") => Comparison::Equal,
                Some("<") => Comparison::Less,
                Some("<=") => Comparison::LessOrEqual,
                Some(">") => Comparison::Greater,
                Some(">=") => Comparison::GreaterOrEqual,
                _ => return Err(wrong()),
            };
            Ok((comparison, number.as_f64().ok_or_else(wrong)?))
        })
        .collect()
}

fn glob(text: &str) -> Vec<Glob> {
    let mut out = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' if out.last() != Some(&Glob::Any) => out.push(Glob::Any),
            '*' => {}
            '\\' => out.extend(letters.next().map(Glob::Literal)),
            other => out.push(Glob::Literal(other)),
        }
    }
    out
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Any(filters) => match value {
                // Any element of the event's list may match any filter of the pattern's.
                Some(Value::Array(all)) if !all.is_empty() => filters
                    .iter()
                    .any(|filter| all.iter().any(|one| filter.matches(Some(one)))),
                value => filters.iter().any(|filter| filter.matches(value)),
            },
            Self::Object {
                fields,
                alternatives,
            } => match value {
                Some(Value::Array(all)) => all.iter().any(|one| self.matches(Some(one))),
                value => {
                    fields
                        .iter()
                        .all(|(key, node)| node.matches(value.and_then(|value| value.get(key))))
                        && alternatives
                            .iter()
                            .all(|nodes| nodes.iter().any(|node| node.matches(value)))
                }
            },
        }
    }
}

impl Filter {
    fn matches(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else {
            return *self == Self::Exists(false);
        };
        let text = value.as_str();
        match self {
            // Only leaves exist for EventBridge.
            Self::Exists(wanted) => *wanted && !value.is_object(),
            Self::Equals(Value::Number(wanted)) => value
                .as_f64()
                .is_some_and(|number| Some(number) == wanted.as_f64()),
            Self::Equals(wanted) => wanted == value,
            Self::IgnoreCase(wanted) => text.is_some_and(|text| text.to_lowercase() == *wanted),
            Self::Prefix {
                text: wanted,
                ignore_case,
            } => folded(text, *ignore_case, |text| text.starts_with(wanted.as_str())),
            Self::Suffix {
                text: wanted,
                ignore_case,
            } => folded(text, *ignore_case, |text| text.ends_with(wanted.as_str())),
            Self::Wildcard(wanted) => text.is_some_and(|text| globs(wanted, text)),
            Self::Numeric(all) => value.as_f64().is_some_and(|number| {
                all.iter().all(|(comparison, limit)| match comparison {
                    Comparison::Equal => (number - limit).abs() < f64::EPSILON,
                    Comparison::Less => number < *limit,
                    Comparison::LessOrEqual => number <= *limit,
                    Comparison::Greater => number > *limit,
                    Comparison::GreaterOrEqual => number >= *limit,
                })
            }),
            Self::AnythingBut(filters) => {
                !value.is_object() && !filters.iter().any(|filter| filter.matches(Some(value)))
            }
        }
    }
}

fn folded(text: Option<&str>, ignore_case: bool, fits: impl Fn(&str) -> bool) -> bool {
    text.is_some_and(|text| {
        if ignore_case {
            fits(&text.to_lowercase())
        } else {
            fits(text)
        }
    })
}

/// Greedy matching with one point to go back to: linear in practice, never exponential.
fn globs(pattern: &[Glob], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(read) {
        match pattern.get(at) {
            Some(Glob::Any) => {
                back = Some((at, read));
                at += 1;
            }
            Some(Glob::Literal(wanted)) if wanted == letter => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, from)) = back else {
                    return false;
                };
                back = Some((star, from + 1));
                at = star + 1;
                read = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|one| *one == Glob::Any)
}

#[cfg(test)]
mod tests;

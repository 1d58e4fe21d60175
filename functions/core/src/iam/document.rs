//! Policy documents, parsed as leniently as AWS stores them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::operator::{Base, Operator};

/// Which language a document is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `2008-10-17`, also where none is said: `${…}` is text.
    Old,
    /// `2012-10-17`: `${…}` are variables.
    New,
    /// It isn't known: only statements are.
    Unknown,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A list in its positive or negative form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listed {
    /// `Action`, `Resource`.
    Only(Vec<String>),
    /// `NotAction`, `NotResource`.
    AllBut(Vec<String>),
    /// The statement has neither.
    Unsaid,
}

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// By type (`AWS`, `Service`, `Federated`, `CanonicalUser`) and name.
    These(Vec<(String, String)>),
    /// `NotPrincipal`.
    AllBut(Vec<(String, String)>),
    /// An identity's policy says nobody: it is about the identity.
    Unsaid,
}

impl Listed {
    /// What `NotAction` or `NotResource` spares.
    pub(super) fn spared(&self) -> &[String] {
        match self {
            Self::AllBut(all) => all,
            Self::Only(_) | Self::Unsaid => &[],
        }
    }
}

impl Who {
    /// Everybody is named, the anonymous among them: `*`, or `{"AWS": "*"}`.
    pub(super) fn is_everybody(&self) -> bool {
        let all = |(kind, name): &(String, String)| kind == "AWS" && name == "*";
        matches!(self, Self::These(who) if who.iter().any(all))
    }
}

/// One test of a condition: operator, key, values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) operator: Operator,
    /// In lower case.
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

impl Test {
    /// It has no values: it holds of nobody who has the key, and plainly of nobody who lacks it.
    pub(super) fn never_holds(&self) -> bool {
        let nothing = self.values.is_empty() && self.operator.base != Base::Null;
        nothing && !self.operator.holds_absent(&self.values)
    }
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    pub(super) who: Who,
    pub(super) actions: Listed,
    pub(super) resources: Listed,
    pub(super) tests: Vec<Test>,
    /// What of its conditions can't be read: it holds of fewer requests than its tests say.
    pub(super) odd: Option<String>,
}

/// A policy document. What of it can't be read is kept as the reason why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub(super) version: Version,
    pub(super) statements: Vec<Result<Statement, String>>,
}

impl Document {
    /// Reads a document, as JSON or as text, which may be percent-encoded.
    ///
    /// # Errors
    /// What keeps it from being a policy document at all. A single statement that can't be read
    /// is no error: it is kept, and nothing certain is said of it.
    pub fn read(document: &Value) -> Result<Self, String> {
        match document {
            Value::Null => Self::of(&Value::Object(Map::new())),
            Value::String(text) if text.trim().is_empty() => Self::read(&Value::Null),
            Value::String(text) => Self::parse(text),
            other => Self::of(other),
        }
    }

    /// Reads the text of a document.
    ///
    /// # Errors
    /// As [`Self::read`]; also where a member stands twice.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = super::json::parse(&decoded(text));
        Self::of(&parsed.map_err(|e| format!("the document is not JSON: {e}"))?)
    }

    /// The statements that a facet holds, each `{"statement": {…}}`.
    #[must_use]
    pub fn of_elements(elements: &[Value]) -> Self {
        let statement = |e: &Value| Statement::read(e.get("statement").unwrap_or(e));
        Self {
            version: Version::Unknown,
            statements: elements.iter().map(statement).collect(),
        }
    }

    fn of(document: &Value) -> Result<Self, String> {
        let members = document.as_object();
        let members = members.ok_or_else(|| "the document is no object".to_owned())?;
        let version = match members.get("Version").map(Value::as_str) {
            None | Some(Some("2008-10-17")) => Version::Old,
            Some(Some("2012-10-17")) => Version::New,
            Some(_) => Version::Unknown,
        };
        let statements = match members.get("Statement") {
            Some(Value::Array(all)) => all.iter().map(Statement::read).collect(),
            Some(one @ Value::Object(_)) => vec![Statement::read(one)],
            // No policy is none that lets anybody in.
            None => Vec::new(),
            Some(_) => return Err("the document's statements are no statements".to_owned()),
        };
        Ok(Self {
            version,
            statements,
        })
    }

    /// A statement's `Sid`, or its place, counted from 0.
    pub(super) fn name(&self, place: usize) -> Option<String> {
        let statement = self.statements.get(place)?.as_ref().ok();
        let sid = statement
            .and_then(|s| s.sid.as_deref())
            .filter(|s| !s.is_empty());
        Some(sid.map_or_else(|| place.to_string(), brief))
    }

    /// Whether it holds no statements.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statements that can be read.
    pub(super) fn known(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter_map(|s| s.as_ref().ok())
    }
}

/// A document's text: percent-encoded in IAM's answers (IAM API Reference, `GetRolePolicy`), plain
/// everywhere else.
#[must_use]
pub fn decoded(text: &str) -> Cow<'_, str> {
    if text.trim_start().starts_with('%') {
        percent_decode_str(text).decode_utf8_lossy()
    } else {
        text.into()
    }
}

const KNOWN: [&str; 9] = [
    "Action",
    "Condition",
    "Effect",
    "NotAction",
    "NotPrincipal",
    "NotResource",
    "Principal",
    "Resource",
    "Sid",
];

impl Statement {
    fn read(statement: &Value) -> Result<Self, String> {
        let members = statement.as_object();
        let members = members.ok_or_else(|| "a statement is no object".to_owned())?;
        if let Some(name) = members.keys().find(|n| !KNOWN.contains(&n.as_str())) {
            return Err(format!("a statement has a member `{}`", brief(name)));
        }
        let effect = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err("a statement neither allows nor denies".to_owned()),
        };
        let listed = |only: &str, but: &str| match (members.get(only), members.get(but)) {
            (Some(_), Some(_)) => Err(format!("a statement has both {only} and {but}")),
            (Some(list), None) => Ok(Listed::Only(texts(list)?)),
            (None, Some(list)) => Ok(Listed::AllBut(texts(list)?)),
            (None, None) => Ok(Listed::Unsaid),
        };
        let who = match (members.get("Principal"), members.get("NotPrincipal")) {
            (Some(_), Some(_)) => {
                return Err("a statement has both Principal and NotPrincipal".to_owned());
            }
            (Some(who), None) => Who::These(principals(who)?),
            (None, Some(who)) => Who::AllBut(principals(who)?),
            (None, None) => Who::Unsaid,
        };
        let actions = listed("Action", "NotAction")?;
        if actions == Listed::Unsaid {
            return Err("a statement names no action".to_owned());
        }
        let sid = members.get("Sid").and_then(Value::as_str);
        let (tests, odd) = members
            .get("Condition")
            .map_or(Ok((Vec::new(), None)), tests)?;
        Ok(Self {
            sid: sid.map(str::to_owned),
            effect,
            who,
            actions,
            resources: listed("Resource", "NotResource")?,
            tests,
            odd,
        })
    }

    /// It asks that the key be there: `Null` of it is false.
    pub(super) fn asks_for(&self, key: &str) -> bool {
        self.tests.iter().any(|t| {
            let no = |v: &String| v.eq_ignore_ascii_case("false");
            let null = t.operator.base == Base::Null && t.operator.quantifier.is_none();
            null && t.key == key && t.values.iter().all(no) && !t.values.is_empty()
        })
    }

    /// The actions in a few words.
    pub(super) fn does(&self) -> String {
        match &self.actions {
            Listed::Only(all) => few(all, 3),
            Listed::AllBut(all) => format!("every action but {}", few(all, 3)),
            Listed::Unsaid => "nothing".to_owned(),
        }
    }
}

/// The first of some texts, and how many more there are.
pub(super) fn few(all: &[String], most: usize) -> String {
    let shown: Vec<String> = all.iter().take(most).map(|one| brief(one)).collect();
    let more = match all.len() {
        n if n > most => format!(" and {} more", n - most),
        _ => String::new(),
    };
    format!("{}{more}", shown.join(", "))
}

/// A text or a list of texts; numbers and truth values count as texts.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err("a list holds something else than texts".to_owned()),
    };
    match value {
        Value::Array(all) => all.iter().map(one).collect(),
        other => Ok(vec![one(other)?]),
    }
}

fn is_account(name: &str) -> bool {
    let digits = name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit());
    digits || name.starts_with("arn:")
}

fn principals(value: &Value) -> Result<Vec<(String, String)>, String> {
    let of_aws = |all: Vec<String>| all.into_iter().map(|who| ("AWS".to_owned(), who)).collect();
    match value {
        // AWS takes `*` alone so; some write down whom they mean.
        Value::String(one) if one == "*" || is_account(one) => Ok(of_aws(vec![one.clone()])),
        Value::Array(_) => texts(value).map(of_aws),
        Value::Object(types) => {
            let mut all = Vec::new();
            for (name, list) in types {
                all.extend(texts(list)?.into_iter().map(|who| (name.clone(), who)));
            }
            Ok(all)
        }
        _ => Err("a principal is neither `*` nor named".to_owned()),
    }
}

/// The tests of a condition, and what of it can't be read.
fn tests(condition: &Value) -> Result<(Vec<Test>, Option<String>), String> {
    let object = |value: &Value, what: &str| -> Result<Map<String, Value>, String> {
        let members = value.as_object().cloned();
        members.ok_or_else(|| format!("{what} is no object"))
    };
    let (mut all, mut odd) = (Vec::new(), None);
    for (name, keys) in object(condition, "a condition")? {
        let Some(operator) = Operator::parse(&name) else {
            odd = Some(format!("there is no operator {}", brief(&name)));
            continue;
        };
        for (key, values) in object(&keys, "a condition's operator")? {
            match texts(&values) {
                Ok(values) => all.push(Test {
                    operator,
                    key: key.to_ascii_lowercase(),
                    values,
                }),
                Err(why) => odd = Some(why),
            }
        }
    }
    Ok((all, odd))
}

/// A text of somebody's making, short and in one line.
pub(super) fn brief(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    short.escape_debug().to_string()
}

//! Statements of policy documents, parsed.

use percent_encoding::percent_decode_str;
use serde_json::Value;

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

/// One test of a condition: operator, key, values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    /// As written, in lower case.
    pub(super) operator: String,
    /// In lower case.
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    pub(super) who: Who,
    pub(super) actions: Listed,
    pub(super) resources: Listed,
    pub(super) tests: Vec<Test>,
}

impl Statement {
    /// Reads an element of a facet that is a document: `{"statement": {…}}`.
    pub(super) fn of(element: &Value) -> Result<Self, String> {
        let statement = element.get("statement").unwrap_or(element);
        Self::read(statement)
    }

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
        Ok(Self {
            effect,
            who,
            actions: listed("Action", "NotAction")?,
            resources: listed("Resource", "NotResource")?,
            tests: members.get("Condition").map_or(Ok(Vec::new()), tests)?,
        })
    }

    /// The actions in a few words.
    pub(super) fn does(&self) -> String {
        let few = |all: &[String]| {
            let shown: Vec<String> = all.iter().take(3).map(|a| brief(a)).collect();
            let more = if all.len() > 3 { " and more" } else { "" };
            format!("{}{more}", shown.join(", "))
        };
        match &self.actions {
            Listed::Only(all) => few(all),
            Listed::AllBut(all) => format!("all but {}", few(all)),
            Listed::Unsaid => "nothing that it names".to_owned(),
        }
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

/// The statements of a whole document, as JSON or as text, which may be percent-encoded.
pub(super) fn statements(document: &Value) -> Result<Vec<Statement>, String> {
    let parsed;
    let document = match document {
        Value::String(text) => {
            let text = if text.trim_start().starts_with('%') {
                percent_decode_str(text).decode_utf8_lossy()
            } else {
                text.into()
            };
            parsed = serde_json::from_str::<Value>(&text)
                .map_err(|e| format!("the document is not JSON: {e}"))?;
            &parsed
        }
        other => other,
    };
    match document.get("Statement") {
        Some(Value::Array(all)) => all.iter().map(Statement::read).collect(),
        Some(one) => Ok(vec![Statement::read(one)?]),
        None => Err("the document has no statements".to_owned()),
    }
}

/// A text or a list of texts; numbers and truth values count as texts.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err("a list holds something else than texts".to_owned()),
    };
    let all: Vec<String> = match value {
        Value::Array(all) => all.iter().map(one).collect::<Result<_, _>>()?,
        other => vec![one(other)?],
    };
    if all.is_empty() {
        return Err("a list is empty".to_owned());
    }
    Ok(all)
}

fn principals(value: &Value) -> Result<Vec<(String, String)>, String> {
    match value {
        Value::String(all) if all == "*" => Ok(vec![("AWS".to_owned(), "*".to_owned())]),
        Value::Object(types) if !types.is_empty() => {
            let mut all = Vec::new();
            for (name, list) in types {
                all.extend(texts(list)?.into_iter().map(|who| (name.clone(), who)));
            }
            Ok(all)
        }
        _ => Err("a principal is neither `*` nor named".to_owned()),
    }
}

fn tests(condition: &Value) -> Result<Vec<Test>, String> {
    let operators = condition.as_object();
    let operators = operators.ok_or_else(|| "a condition is no object".to_owned())?;
    let mut all = Vec::new();
    for (operator, keys) in operators {
        let keys = keys.as_object();
        let keys = keys.ok_or_else(|| "a condition's operator has no keys".to_owned())?;
        for (key, values) in keys {
            all.push(Test {
                operator: operator.to_ascii_lowercase(),
                key: key.to_ascii_lowercase(),
                values: texts(values)?,
            });
        }
    }
    Ok(all)
}

/// A text of somebody's making, short and in one line.
pub(super) fn brief(text: &str) -> String {
    let short: String = text.chars().take(100).collect();
    short.escape_debug().to_string()
}

//! Small, slow and exact: does one document let one request in? A second opinion on the judge, so it
//! shares no code with it. Whatever is malformed is an error, also in a statement that would not apply.

mod checks;
mod condition;
mod pattern;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::condition::conditions_hold;
use self::pattern::{glob, plain, resolve};

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

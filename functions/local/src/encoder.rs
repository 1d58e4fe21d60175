//! From an API call to what CloudTrail records of it: one generic encoder for all services.
//!
//! AWS documents the shape of `requestParameters` and `responseElements` nowhere; the rules here were read off
//! records that AWS wrote. A service's model gives the names, four rules turn them into the record's, and every
//! departure from the rules is a row of [`exceptions`], with the record that shows it or marked as inferred.

mod ec2;
pub(crate) mod exceptions;
mod loose_xml;
mod names;
mod plain;
mod rows;
mod s3;

use serde_json::{Map, Value};

use crate::model::Service;
use exceptions::{Rule, rules};

/// What stands in place of a member that must not be shown.
pub(crate) const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// How a service's calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// EC2 actions that existed before 2015: lower camel case, lists as `{"items": […]}`.
    Ec2Older,
    /// EC2 actions since: the request's XML under `<Operation>Request`.
    Ec2Newer,
    /// S3 and S3 Control: XML bodies beside markers and headers.
    S3,
    /// Everything else: the API's names with the first letter in lower case.
    Plain,
}

fn style(service: &Service, operation: &str) -> Style {
    match service.name.as_str() {
        "ec2" if service.older_actions.iter().any(|name| name == operation) => Style::Ec2Older,
        "ec2" => Style::Ec2Newer,
        "s3" | "s3control" => Style::S3,
        _ => Style::Plain,
    }
}

/// Where a call was made.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The account that owns the resource.
    pub account: &'a str,
    /// The region of the call.
    pub region: &'a str,
}

pub use names::{event_name, event_source};

/// The operation that a record's name stands for, also under the names of older API versions.
#[must_use]
pub fn operations_named(service: &Service, event: &str) -> Option<String> {
    let is = |wanted: &str| {
        service
            .operations
            .keys()
            .find(|operation| *operation == wanted)
            .cloned()
    };
    let named = service.operations.keys().find(|operation| {
        rules(service, operation).any(|rule| matches!(rule, Rule::Event(name) if *name == event))
    });
    let exact = service
        .operations
        .keys()
        .find(|operation| event_name(service, operation) == event);
    // A name that was given on purpose comes before an old operation's own.
    named
        .or(exact)
        .cloned()
        .or_else(|| is(event))
        .or_else(|| is(names::undated(event)))
}

/// The names and dotted paths the table of exceptions has for a member of an operation's input or output
/// (`answered`), `owner` being its structure's shape below the top. For reading records back.
#[must_use]
pub fn recorded_names(
    service: &Service,
    operation: &str,
    owner: Option<&str>,
    member: &str,
    answered: bool,
) -> Vec<String> {
    rules(service, operation)
        .filter_map(|rule| match rule {
            Rule::Asked(of, to) if !answered && plain::is(of, owner, member) => Some(*to),
            Rule::Answered(of, to) if answered && plain::is(of, owner, member) => Some(*to),
            Rule::Items(of, to, _) | Rule::Array(of, to)
                if !answered && plain::is(of, owner, member) =>
            {
                Some(*to)
            }
            _ => None,
        })
        .map(str::to_owned)
        .collect()
}

/// Whether an input's structure is recorded as members beside it. For reading records back.
#[must_use]
pub fn is_merged(service: &Service, operation: &str, member: &str) -> bool {
    rules(service, operation).any(|rule| matches!(rule, Rule::Merged(of) if *of == member))
}

/// Whether a call changes something and is a management event, so that EventBridge gets its record.
///
/// Reads are told by their names, as CloudTrail's `readOnly` agrees with them; data events (objects, items,
/// messages, invocations) are recorded only where a trail asks for them, which the local one doesn't.
#[must_use]
pub fn is_recorded(service: &Service, operation: &str) -> bool {
    const READS: &[&str] = &[
        "Describe",
        "Get",
        "List",
        "Head",
        "BatchGet",
        "Lookup",
        "Search",
        "Simulate",
        "Validate",
        "Check",
        "Preview",
        "Select",
        "Query",
        "Scan",
        "Filter",
        "Test",
        "Estimate",
        "View",
        "Decrypt",
        "Encrypt",
        "ReEncrypt",
        "Verify",
        "GenerateDataKey",
        "GenerateMac",
        "GenerateRandom",
        "DecodeAuthorizationMessage",
    ];
    if service.name == "sts" || READS.iter().any(|prefix| operation.starts_with(prefix)) {
        return false;
    }
    if service.name == "s3" {
        // Whatever names an object is a data event.
        let uri = service
            .operations
            .get(operation)
            .map(|operation| operation.http.request_uri.as_str());
        return !uri.is_some_and(|uri| uri.contains("{Key+}")) && operation != "DeleteObjects";
    }
    !rules(service, operation).any(|rule| matches!(rule, Rule::DataEvent))
}

/// The record's `requestParameters`; null if there are none.
#[must_use]
pub fn request_parameters(
    service: &Service,
    operation: &str,
    input: &Value,
    place: Place<'_>,
) -> Value {
    let given = match style(service, operation) {
        Style::Ec2Older => ec2::older::request(service, operation, input),
        Style::Ec2Newer => ec2::newer::request(service, operation, input),
        Style::S3 => s3::request(service, operation, input, place),
        Style::Plain => plain::request(service, operation, input),
    };
    match given {
        Value::Object(members) if members.is_empty() => Value::Null,
        other => other,
    }
}

/// The record's `responseElements`; null if the service has nothing to say.
#[must_use]
pub fn response_elements(
    service: &Service,
    operation: &str,
    output: &Value,
    request_id: &str,
    place: Place<'_>,
) -> Value {
    match style(service, operation) {
        Style::Ec2Older => {
            ec2::older_answer::response(service, operation, output, request_id, place)
        }
        Style::Ec2Newer => ec2::newer::response(service, operation, output, request_id),
        Style::S3 => Value::Null,
        Style::Plain => match plain::response(service, operation, output) {
            Value::Object(members) if members.is_empty() => Value::Null,
            other => other,
        },
    }
}

/// The record's `errorCode` for a refused call. EC2 says whose fault it was.
#[must_use]
pub fn error_code(service: &Service, status: u16, code: &str) -> String {
    match service.name.as_str() {
        "ec2" if status >= 500 => format!("Server.{code}"),
        "ec2" => format!("Client.{code}"),
        // The query protocol's own name lacks what the SDKs call it.
        "iam"
            if !code.ends_with("Exception")
                && !matches!(code, "AccessDenied" | "ValidationError" | "Throttling") =>
        {
            format!("{code}Exception")
        }
        _ => code.to_owned(),
    }
}

/// With the first letter in lower case, and only the first: `DBInstance` becomes `dBInstance`.
fn lower(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

/// Puts a value at a dotted path, in the first element of every `items` on the way.
fn put(out: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        out.insert(path.to_owned(), value);
        return;
    };
    let below = out
        .entry(first)
        .or_insert_with(|| Value::Object(Map::new()));
    if first == "items" && !below.is_array() {
        *below = Value::Array(vec![Value::Object(Map::new())]);
    }
    let below = match below {
        Value::Array(all) => match all.first_mut() {
            Some(first) => first,
            None => return,
        },
        other => other,
    };
    if let Value::Object(below) = below {
        put(below, rest, value);
    }
}

/// Inserts JSON at a dotted path wherever the path's parent is, in every element of lists on the way.
fn fill(at: &mut Value, path: &str, json: &str) {
    match at {
        Value::Array(all) => all.iter_mut().for_each(|one| fill(one, path, json)),
        Value::Object(members) => match path.split_once('.') {
            Some((first, rest)) => {
                if let Some(below) = members.get_mut(first) {
                    fill(below, rest, json);
                }
            }
            None => {
                members
                    .entry(path)
                    .or_insert_with(|| serde_json::from_str(json).unwrap_or(Value::Null));
            }
        },
        _ => {}
    }
}

/// Adds what is recorded of a request though it was not given.
fn always(service: &Service, operation: &str, out: &mut Map<String, Value>) {
    for rule in rules(service, operation) {
        let Rule::Always(path, json) = rule else {
            continue;
        };
        let mut parts = path.split('.');
        let there = parts
            .next()
            .and_then(|first| out.get(first))
            .and_then(|first| parts.try_fold(first, |at, key| at.get(key)))
            .is_some();
        if !there {
            put(out, path, serde_json::from_str(json).unwrap_or(Value::Null));
        }
    }
}

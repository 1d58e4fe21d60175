//! What services and calls are called in records.

use super::exceptions::{Rule, rules};
use crate::model::Service;

/// The newest API date that Lambda appends to its event names.
const LAMBDA_NEWEST_DATED: &str = "20200630";

/// `ec2.amazonaws.com` and the like.
#[must_use]
pub fn event_source(service: &Service) -> String {
    let prefix = match service.signing_name.as_str() {
        "email" => "ses",
        other => other,
    };
    format!("{prefix}.amazonaws.com")
}

/// The name a call has in records, which is not always the operation's.
#[must_use]
pub fn event_name(service: &Service, operation: &str) -> String {
    let own = rules(service, operation).find_map(|rule| match rule {
        Rule::Event(name) => Some((*name).to_owned()),
        _ => None,
    });
    own.unwrap_or_else(|| match service.name.as_str() {
        "lambda" => lambda(service, operation),
        _ => operation.to_owned(),
    })
}

/// Lambda appends the date of the API version in the operation's path.
fn lambda(service: &Service, operation: &str) -> String {
    let date: Option<String> = service.operations.get(operation).and_then(|known| {
        let first = known
            .http
            .request_uri
            .trim_start_matches('/')
            .split('/')
            .next()?;
        Some(first.chars().filter(char::is_ascii_digit).collect())
    });
    match date {
        Some(date) if date.len() == 8 && date.as_str() <= LAMBDA_NEWEST_DATED => {
            format!("{operation}{date}")
        }
        _ => operation.to_owned(),
    }
}

/// An event's name without the API date that Lambda and `CloudFront` append: `AddPermission20150331v2`,
/// `CreateDistribution2020_05_31`.
pub(super) fn undated(event: &str) -> &str {
    let start = event.find("20").unwrap_or(event.len());
    let (name, date) = event.split_at_checked(start).unwrap_or((event, ""));
    let digits = date
        .split('v')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit);
    if digits.count() == 8 { name } else { event }
}

//! Where records depart from the rules: one table, each row with the record that shows it.

pub(crate) use super::rows::ROWS;
use crate::model::Service;

/// How it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Seen in this record of `tests/corpus/cloudtrail-dev.jsonl`.
    Seen(&'static str),
    /// Stated in AWS's user guides.
    Documented,
    /// Follows from a similar operation that was seen.
    Inferred,
}

/// What is different. Member names are the API's: bare for an operation's own input or output, `Shape.Member`
/// below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The record's `eventName`.
    Event(&'static str),
    /// A member of the input has another name, or a dotted path.
    Asked(&'static str, &'static str),
    /// A member of the output has another name.
    Answered(&'static str, &'static str),
    /// A list in older EC2 form: its recorded name and what a bare element is called.
    Items(&'static str, &'static str, &'static str),
    /// A list in older EC2 form that is a plain array after all.
    Array(&'static str, &'static str),
    /// Recorded though not given, with this JSON.
    Always(&'static str, &'static str),
    /// The output has `_return: true` beside its own members.
    Returns,
    /// A member that is not recorded.
    Omitted(&'static str),
    /// A member recorded as this text.
    Masked(&'static str, &'static str),
    /// Not a management event.
    DataEvent,
    /// Member names keep their capitals.
    KeepsCapitals,
    /// The answer is not recorded.
    NoAnswer,
    /// A structure whose members are recorded beside it, at the top.
    Merged(&'static str),
    /// An output's only structure is recorded without its name.
    Unwrapped,
    /// Recorded in the answer though not given, with this JSON, wherever the path's parent is.
    Answers(&'static str, &'static str),
    /// A list of an older EC2 answer whose elements are under another word than `items`.
    ItemWord(&'static str, &'static str),
    /// The body's members are recorded under `<operation>Input`.
    BodyUnder,
    /// Sensitive members are left out in place of being masked.
    OmitsSensitive,
    /// A member that names a function by its ARN is recorded with the ARN's parts as `fullyQualifiedArn` too.
    FunctionArn(&'static str),
}

/// A row: the service by botocore's name, the operation or `*`, what is different, and how it is known.
pub(crate) type Row = (&'static str, &'static str, Rule, Known);

/// The rules of an operation, its own before those of its service.
pub(crate) fn rules<'a>(
    service: &'a Service,
    operation: &'a str,
) -> impl Iterator<Item = &'static Rule> + 'a {
    let of = move |name: &'a str| {
        ROWS.iter()
            .filter(move |row| row.0 == service.name && row.1 == name)
            .map(|row| &row.2)
    };
    of(operation).chain(of("*"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_row_names_a_record_of_its_service() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/corpus/cloudtrail-dev.jsonl"
        );
        let text = std::fs::read_to_string(path).expect("the corpus");
        let mut records = HashMap::new();
        for line in text.lines() {
            let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let id = line["id"].as_str().expect("an id").to_owned();
            records.insert(id, line["event"].take());
        }
        for (service, operation, rule, known) in ROWS {
            let Known::Seen(id) = known else { continue };
            let event = records.get(*id).unwrap_or_else(|| panic!("no record {id}"));
            let source = event["eventSource"].as_str().expect("a source");
            let prefix = match *service {
                "opensearch" => "es",
                other => other,
            };
            assert!(source.starts_with(prefix), "{id} is of {source}");
            let name = event["eventName"].as_str().expect("a name");
            let own = match rule {
                Rule::Event(name) => name,
                _ => operation,
            };
            assert!(*own == "*" || name.starts_with(own), "{id} is of {name}");
        }
    }
}

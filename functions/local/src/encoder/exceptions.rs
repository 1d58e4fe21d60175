//! Where records depart from the rules: one table, each row with the record that shows it.

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
    /// The name of a newer EC2 request's wrapper.
    Wrapper(&'static str),
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

use Known::{Documented, Inferred, Seen};
use Rule::{Always, Array, DataEvent, Items, Returns};

/// The table.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    // EC2, security groups.
    ("ec2", "AuthorizeSecurityGroupIngress", Always("ipPermissions", "{}"), Seen("SG-FLAT")),
    ("ec2", "AuthorizeSecurityGroupEgress", Always("ipPermissions", "{}"), Inferred),
    ("ec2", "RevokeSecurityGroupIngress", Always("ipPermissions", "{}"), Seen("SG-FLAT")),
    ("ec2", "RevokeSecurityGroupEgress", Always("ipPermissions", "{}"), Inferred),
    ("ec2", "*", Items("IpPermissions", "ipPermissions", ""), Seen("SG-NESTED")),
    ("ec2", "*", Items("IpPermission.UserIdGroupPairs", "groups", ""), Seen("SG-NESTED")),
    ("ec2", "*", Items("IpPermission.IpRanges", "ipRanges", ""), Seen("SG-NESTED")),
    ("ec2", "*", Items("IpPermission.Ipv6Ranges", "ipv6Ranges", ""), Seen("SG-NESTED")),
    ("ec2", "*", Items("IpPermission.PrefixListIds", "prefixListIds", ""), Seen("SG-NESTED")),
    ("ec2", "CreateSecurityGroup", Returns, Seen("SG-CREATE")),
    ("ec2", "*", Items("SecurityGroupRuleIds", "securityGroupRuleIds", "securityGroupRuleId"), Inferred),
    ("ec2", "*", Items("TagSpecifications", "tagSpecificationSet", ""), Seen("SG-CREATE")),
    ("ec2", "*", Array("TagSpecification.Tags", "tags"), Seen("SG-CREATE")),
    // Data events.
    ("dynamodb", "PutItem", DataEvent, Documented),
    ("dynamodb", "UpdateItem", DataEvent, Documented),
    ("dynamodb", "DeleteItem", DataEvent, Documented),
    ("dynamodb", "BatchWriteItem", DataEvent, Documented),
    ("dynamodb", "TransactWriteItems", DataEvent, Documented),
    ("dynamodb", "ExecuteStatement", DataEvent, Documented),
    ("dynamodb", "BatchExecuteStatement", DataEvent, Documented),
    ("dynamodb", "ExecuteTransaction", DataEvent, Documented),
    ("lambda", "Invoke", DataEvent, Documented),
    ("lambda", "InvokeAsync", DataEvent, Documented),
    ("lambda", "InvokeWithResponseStream", DataEvent, Documented),
    ("sqs", "SendMessage", DataEvent, Documented),
    ("sqs", "SendMessageBatch", DataEvent, Documented),
    ("sqs", "ReceiveMessage", DataEvent, Documented),
    ("sqs", "DeleteMessage", DataEvent, Documented),
    ("sqs", "DeleteMessageBatch", DataEvent, Documented),
    ("sqs", "ChangeMessageVisibility", DataEvent, Documented),
    ("sqs", "ChangeMessageVisibilityBatch", DataEvent, Documented),
    ("sns", "Publish", DataEvent, Documented),
    ("sns", "PublishBatch", DataEvent, Documented),
    ("logs", "PutLogEvents", DataEvent, Documented),
    ("cloudwatch", "PutMetricData", DataEvent, Documented),
    ("events", "PutEvents", DataEvent, Documented),
];

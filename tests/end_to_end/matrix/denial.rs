//! Denials in AWS's own words: IAM User Guide, "Troubleshoot access denied error messages"; EC2
//! API Reference, "Error codes", which puts an encoded message behind them; S3 writes the resource
//! in quotes.

use undrift_local::FaultAction;

use super::place::Place;

/// What denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denier {
    /// The organisation's service control policy.
    Organisation,
    /// The role has no such right.
    Role,
    /// The resource's own policy.
    Resource,
}

/// Services whose resources have policies of their own.
const WITH_POLICIES: [&str; 3] = ["dynamodb", "s3", "sqs"];

impl Denier {
    /// Those that can deny a call.
    pub(super) fn of(place: &Place) -> Vec<Self> {
        let mut all = vec![Self::Organisation, Self::Role];
        let whole_account = place.name.of == "account" && place.name.service == "s3";
        if WITH_POLICIES.contains(&place.name.service.as_str()) && !whole_account {
            all.push(Self::Resource);
        }
        all
    }

    /// What people must be told of it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Organisation => "service control policy",
            Self::Role => "identity-based policy",
            Self::Resource => "resource-based policy",
        }
    }

    /// The service's refusal of a call.
    pub(super) fn refusal(self, place: &Place) -> FaultAction {
        let action = place.action();
        let service = place.name.service.as_str();
        let because = match self {
            Self::Organisation => "with an explicit deny in a service control policy".to_owned(),
            Self::Role => format!("because no identity-based policy allows the {action} action"),
            Self::Resource => "with an explicit deny in a resource-based policy".to_owned(),
        };
        let caller =
            format!("arn:aws:sts::123456789012:assumed-role/undrift-{service}/undrift-{service}");
        let resource = format!("arn:aws:{service}:::the-resource");
        let said = |resource: &str| {
            format!(
                "User: {caller} is not authorized to perform: {action} on resource: {resource} {because}"
            )
        };
        let (status, code, message) = match service {
            "ec2" => {
                let before = "You are not authorized to perform this operation.";
                let encoded =
                    "4GIOHlTkIaWHQD0Q0m6XSnuUMCm-abcdefghijklmn-abcdefghijklmn".repeat(12);
                let said = said(&resource);
                let message =
                    format!("{before} {said}. Encoded authorization failure message: {encoded}");
                (403, "UnauthorizedOperation", message)
            }
            "s3" => (403, "AccessDenied", said(&format!("\"{resource}\""))),
            "iam" => (403, "AccessDenied", said(&resource)),
            _ => (400, "AccessDeniedException", said(&resource)),
        };
        FaultAction::Refused(status, code.to_owned(), message)
    }
}

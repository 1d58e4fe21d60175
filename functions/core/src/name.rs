//! AWS's names, as types: an account is not a region is not an ARN.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that is not what its type promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub struct NameError {
    value: String,
    expected: &'static str,
}

impl NameError {
    fn new(value: &str, expected: &'static str) -> Self {
        // Names come from untrusted records: what is echoed is bounded.
        Self {
            value: value.chars().take(80).collect(),
            expected,
        }
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $expected:literal, $pattern:literal, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(
            feature = "schema",
            derive(schemars::JsonSchema),
            schemars(extend(
                "pattern" = $pattern,
                "patternErrorMessage" = concat!("this is not ", $expected)
            ))
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and keeps the name.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError::new(text, $expected))
                }
            }

            /// The name as AWS writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    )*};
}

fn printable(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
}

// The pattern says the same as the check, for editors; `functions/documents` tests that they agree.
names! {
    /// A 12-digit AWS account id.
    AccountId, "a 12-digit account id", "^[0-9]{12}$", |t| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit());
    /// A region's code. Open: anonymised and future regions are regions too.
    Region, "a region code", "^[a-z0-9-]{1,64}$", |t| t.len() <= 64 && !t.is_empty()
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    /// An Amazon Resource Name.
    Arn, "an ARN, such as arn:aws:iam::111122223333:role/deploy", r"^arn:([^:\u0000-\u001f\u007f-\u009f]*:){4}[^\u0000-\u001f\u007f-\u009f]*$", |t| t.starts_with("arn:") && t.len() <= 2048 && t.splitn(6, ':').count() == 6
        && !t.chars().any(char::is_control);
    /// CloudTrail's `eventID` of a record, or the id of a request made by Undrift itself.
    EventId, "an event id", r"^[^#\u0000-\u001f\u007f-\u009f]{1,128}$", |t| printable(t, 128) && !t.contains('#');
    /// CloudTrail's `eventSource`, such as `ec2.amazonaws.com`.
    EventSource, "an event source", r"^[^.\u0000-\u001f\u007f-\u009f]*\.[^\u0000-\u001f\u007f-\u009f]*$", |t| printable(t, 128) && t.contains('.');
    /// CloudTrail's `eventName` without the API date some services append.
    EventName, "an event name", "^[A-Za-z0-9_]{1,128}$", |t| t.len() <= 128 && !t.is_empty()
        && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    /// A type of resource, such as `ec2/security-group`.
    KindId, "a kind (`service/type`)", "^[^/]+/[^/]+$", |t| t.len() <= 64
        && t.split_once('/').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty() && !b.contains('/'));
    /// The id of a policy document, such as `ec2-security-group-open-admin-ports`.
    PolicyId, "a policy id (lower case, digits, hyphens)", "^[a-z0-9-]{1,100}$", |t| t.len() <= 100 && !t.is_empty()
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    /// AWS's own id of a resource within its account and region (`sg-…`, a bucket's name, a role's name).
    ResourceId, "a resource id", r"^[^#\u0000-\u001f\u007f-\u009f]{1,1024}$", |t| printable(t, 1024) && !t.contains('#');
}

impl EventName {
    /// Reads an `eventName` and drops an API date at its end
    /// (`AddPermission20150331v2` → `AddPermission`, `CreateFunction2020_05_31` → `CreateFunction`).
    pub fn parse_dated(text: &str) -> Result<Self, NameError> {
        let name = Self::parse(text)?;
        Ok(Self(strip_date(&name.0).to_owned()))
    }
}

fn strip_date(name: &str) -> &str {
    let core = match name.rsplit_once('v') {
        Some((head, version))
            if !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) =>
        {
            head
        }
        _ => name,
    };
    let head = core.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let digits = core
        .get(head.len()..)
        .unwrap_or_default()
        .bytes()
        .filter(u8::is_ascii_digit)
        .count();
    if digits == 8 && !head.is_empty() {
        head
    } else {
        name
    }
}

impl EventSource {
    /// The service's short name: `ec2` of `ec2.amazonaws.com`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }
}

impl KindId {
    /// The service's part: `ec2` of `ec2/security-group`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }
}

impl Arn {
    /// The account the ARN names, if it names one.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        self.0
            .split(':')
            .nth(4)
            .and_then(|a| AccountId::parse(a).ok())
    }

    /// The part behind the last `/`, or behind the last `:` where there is none.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.rsplit(['/', ':']).next().unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_behind_event_names_are_dropped_and_nothing_else() {
        for (raw, name) in [
            ("AddPermission20150331v2", "AddPermission"),
            ("CreateFunction20150331", "CreateFunction"),
            ("CreateFunction2020_05_31", "CreateFunction"),
            ("CreateFunctionUrlConfig", "CreateFunctionUrlConfig"),
            ("GetBucketV2", "GetBucketV2"),
            ("PutBucketReplication1", "PutBucketReplication1"),
            ("20150331", "20150331"),
        ] {
            assert_eq!(EventName::parse_dated(raw).unwrap().as_str(), name, "{raw}");
        }
    }

    #[test]
    fn names_refuse_what_they_are_not() {
        assert!(AccountId::parse("12345678901").is_err());
        assert!(AccountId::parse("12345678901a").is_err());
        assert!(Arn::parse("arn:aws:iam::1").is_err());
        assert!(Region::parse("ca-northsouth-2r").is_ok());
        assert!(Region::parse("EU West").is_err());
        assert!(ResourceId::parse("sg-1#claim").is_err());
        assert!(KindId::parse("ec2").is_err());
    }
}

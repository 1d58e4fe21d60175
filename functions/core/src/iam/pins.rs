//! What a condition keeps out: by the letter of AWS's documentation, and in fact.
//!
//! By the letter a policy isn't public where it grants access to fixed values of certain keys only
//! (S3 User Guide, "The meaning of public"). In fact a test keeps strangers out where nobody who
//! isn't named can fulfil it. The two differ, and both are asked.

use ipnet::IpNet;

use super::document::{Test, Version};
use super::keys::{Tells, limits, tells};
use super::operator::{Base, range};
use super::pattern::{Part, Pattern, fields, is_open};
use super::provider;
use super::{Item, Situation};
use crate::net::{Ipv4Set, Ipv6Set};

/// IPv4 addresses of which more than so many are the public: S3's documentation takes what is
/// wider than a /8 for it. Of IPv6: what is wider than a /32.
const PUBLIC_V4: u128 = 1 << 24;
const PUBLIC_V6: u128 = 1 << 96;

/// A test as it stands on an `Allow`, or its opposite as it stands on a `Deny`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pin<'t> {
    test: &'t Test,
    /// Whoever lacks the key is let through by it.
    absent: bool,
    /// It stands on a `Deny`.
    denies: bool,
    version: Version,
}

impl<'t> Pin<'t> {
    /// A test on an `Allow`. `there`: another test beside it says that the key is there.
    pub(super) fn of_allow(test: &'t Test, there: bool, version: Version) -> Option<Self> {
        let operator = test.operator;
        // Of an empty list of values nothing is asked as AWS documents it.
        let asks = !operator.negated && operator.base != Base::Null && !test.values.is_empty();
        asks.then(|| Self {
            test,
            absent: operator.holds_absent(&test.values) && !there,
            denies: false,
            version,
        })
    }

    /// A test on a `Deny`: whom it doesn't hold of isn't denied.
    pub(super) fn of_deny(test: &'t Test, version: Version) -> Option<Self> {
        let operator = test.operator;
        let no = |v: &String| v.eq_ignore_ascii_case("false");
        let flag = matches!(
            test.key.as_str(),
            "aws:principalisawsservice"
                | "aws:viaawsservice"
                | "elasticfilesystem:accessedviamounttarget"
        ) && operator.base == Base::Bool
            && test.values.iter().all(no);
        let asks = (operator.negated || flag) && !test.values.is_empty();
        asks.then(|| Self {
            test,
            absent: !operator.holds_absent(&test.values),
            denies: true,
            version,
        })
    }

    /// By the letter: one of the documented keys, with fixed values.
    pub(super) fn is_fixed(self, situation: &Situation) -> bool {
        let key = self.test.key.as_str();
        // Whom a service calls for is spared: AWS's own examples of perimeters do so, though a
        // stranger too may have a service call.
        if self.denies && key == "aws:viaawsservice" {
            return true;
        }
        // Of claims AWS only documents that they must say whose.
        if is_provider_key(key, situation) {
            let base = self.test.operator.base;
            let odd = |v: &String| base != Base::Like && is_open(v);
            return self.keeps_out(situation) && !self.test.values.iter().any(odd);
        }
        if self.absent || !limits(key, &situation.service) {
            return false;
        }
        let values = &self.test.values;
        let text = matches!(
            self.test.operator.base,
            Base::Equals | Base::EqualsIgnoreCase | Base::Like | Base::Arn
        );
        match tells(key) {
            Tells::Address => {
                self.test.operator.base == Base::Ip
                    && values
                        .iter()
                        .all(|v| range(v).is_some_and(|r| !is_public(&r)))
            }
            Tells::OfService | Tells::Mounted => {
                self.test.operator.base == Base::Bool && self.is_wanted()
            }
            Tells::Arn if key == "s3:dataaccesspointarn" => {
                // The name of the access point may be left open, its account not.
                text && values.iter().all(|v| {
                    let account = v.split(':').nth(4).unwrap_or_default();
                    !account.is_empty() && !is_open(account)
                })
            }
            _ => text && !values.iter().any(|v| is_open(v)),
        }
    }

    /// It asks for what limits: on a `Deny` for its opposite.
    fn is_wanted(self) -> bool {
        let wanted = if self.denies { "false" } else { "true" };
        self.test
            .values
            .iter()
            .all(|v| v.eq_ignore_ascii_case(wanted))
    }

    /// In fact: nobody but whom it names can fulfil it. `false` says nothing.
    pub(super) fn keeps_out(self, situation: &Situation) -> bool {
        if self.absent {
            return false;
        }
        let key = self.test.key.as_str();
        let values = &self.test.values;
        match tells(key) {
            Tells::Address => {
                let known = values.iter().all(|v| range(v).is_some());
                self.test.operator.base == Base::Ip && known && wide(values).is_none()
            }
            Tells::OfService | Tells::Mounted => {
                self.test.operator.base == Base::Bool && self.is_wanted()
            }
            _ => values.iter().all(|v| self.names(v, situation)),
        }
    }

    /// A value names somebody: no stranger can have it.
    fn names(self, value: &str, situation: &Situation) -> bool {
        let key = self.test.key.as_str();
        if self.version != Version::Old && value.contains("${") {
            // Who belongs to the resource's own account or organization is no stranger.
            return matches!(
                value.to_ascii_lowercase().as_str(),
                "${aws:resourceorgid}" | "${aws:resourceaccount}"
            ) && matches!(tells(key), Tells::Org | Tells::Account)
                && matches!(self.test.operator.base, Base::Equals | Base::Like);
        }
        let base = self.test.operator.base;
        let pattern = match base {
            Base::Like => Pattern::of(value),
            Base::Equals | Base::EqualsIgnoreCase => Pattern::literal(value),
            Base::Arn => return tells(key) == Tells::Arn && names_arn(value),
            _ => return false,
        };
        let head = pattern.head();
        match tells(key) {
            // Whoever comes without credentials has this id (IAM User Guide, "Principal key
            // values"); others' are AWS's to give.
            Tells::UserId => {
                let id = head.split(':').next().unwrap_or_default();
                let whole = pattern.is_fixed() || head.contains(':');
                whole && !id.eq_ignore_ascii_case("anonymous") && !id.is_empty()
            }
            Tells::Account | Tells::Org | Tells::Network | Tells::ServiceName => pattern.is_fixed(),
            Tells::OrgPath => pattern.is_fixed() || head.contains('/'),
            Tells::Arn => {
                let account = head.split(':').nth(4).unwrap_or_default();
                let after = head.split(':').count() > 5;
                // Where a `*` may stand for several fields, only what has no colons in its name
                // tells whose it is.
                let whole = base == Base::Like
                    && key == "aws:sourcearn"
                    && names_arn(value)
                    && ["s3", "sns", "sqs", "events"]
                        .contains(&fields(value).get(2).copied().unwrap_or_default());
                pattern.is_fixed() || (after && !account.is_empty()) || whole
            }
            Tells::Anybody if is_provider_key(key, situation) => provider::names(key, &pattern),
            Tells::Anybody
            | Tells::Unknown
            | Tells::Address
            | Tells::OfService
            | Tells::Mounted => false,
        }
    }

    /// Whom it names.
    pub(super) fn items(self, situation: &Situation) -> Vec<Item> {
        let key = self.test.key.as_str();
        let values = self.test.values.iter();
        let own = |v: &String| v.to_ascii_lowercase().starts_with("${aws:resource");
        let item = |value: &String| {
            if own(value) {
                return Item::Own;
            }
            match tells(key) {
                Tells::Account => Item::Account(value.clone()),
                Tells::Arn => match value.split(':').nth(4) {
                    Some(account) if !account.is_empty() => Item::Account(account.to_owned()),
                    _ => Item::Thing(value.clone()),
                },
                Tells::Org => Item::Org(value.clone()),
                Tells::OrgPath => Item::OrgPath(value.clone()),
                Tells::Network => Item::Network(value.clone()),
                Tells::Address => Item::Address(value.clone()),
                Tells::OfService => Item::Service("any service of AWS's".to_owned()),
                Tells::Mounted => Item::Thing("the file system's own network".to_owned()),
                Tells::ServiceName => Item::Service(value.clone()),
                Tells::Anybody if is_provider_key(key, situation) => {
                    Item::Provider(format!("{key} {value}"))
                }
                Tells::UserId | Tells::Anybody | Tells::Unknown => Item::Thing(value.clone()),
            }
        };
        values.map(item).collect()
    }

    /// It says which way a call takes, whoever calls.
    pub(super) fn is_of_path(self) -> bool {
        self.test.key.starts_with("s3:dataaccesspoint")
    }

    /// It says of which account or ARN a caller itself is, not on whose behalf a service calls.
    pub(super) fn is_of_caller(self) -> bool {
        matches!(
            self.test.key.as_str(),
            "aws:principalaccount" | "aws:principalarn" | "kms:calleraccount"
        )
    }
}

fn is_provider_key(key: &str, situation: &Situation) -> bool {
    situation.is_trust && provider::has_key(key)
}

/// A pattern of ARNs, compared field by field, that names an account or one bucket.
pub(super) fn names_arn(value: &str) -> bool {
    if !is_open(value) {
        return true;
    }
    let fields = fields(value);
    let field = |n: usize| fields.get(n).copied().unwrap_or_default();
    // A bucket's name is one of a kind; its ARN has no account.
    let none = |n: usize| matches!(field(n), "" | "*");
    let thing = field(5);
    let bucket = field(2) == "s3" && none(3) && none(4) && !thing.is_empty();
    let bucket = bucket && !is_open(thing) && !thing.contains(['/', ':']);
    let account = field(4);
    bucket || !account.is_empty() && !is_open(account)
}

/// S3 takes the range for public by itself; what is private it excepts.
fn is_public(range: &IpNet) -> bool {
    let private = match range {
        IpNet::V4(v4) => v4.network().is_private() && v4.broadcast().is_private(),
        IpNet::V6(v6) => v6.network().is_unique_local() && v6.broadcast().is_unique_local(),
    };
    let widest = match range {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 32,
    };
    !private && range.prefix_len() < widest
}

/// The addresses of ranges that are on the internet, if they are more, together, than any one
/// holder has. `None`: they aren't, or one of them is no range.
pub(super) fn wide(values: &[String]) -> Option<(Ipv4Set, Ipv6Set)> {
    let ranges: Vec<IpNet> = values.iter().map(|v| range(v)).collect::<Option<_>>()?;
    let v4 = ranges.iter().filter_map(|r| match r {
        IpNet::V4(v4) => Some(*v4),
        IpNet::V6(_) => None,
    });
    let v6 = ranges.iter().filter_map(|r| match r {
        IpNet::V6(v6) => Some(*v6),
        IpNet::V4(_) => None,
    });
    let (v4, v6) = (Ipv4Set::of_all(v4).public(), Ipv6Set::of_all(v6).public());
    (v4.count() > PUBLIC_V4 || v6.count() > PUBLIC_V6).then_some((v4, v6))
}

/// The part of a pattern up to a delimiter is fixed.
pub(super) fn fixed_up_to(pattern: &Pattern, delimiter: u8, after: usize) -> bool {
    let fixed = pattern.0.iter().take_while(|p| matches!(p, Part::Is(_)));
    let fixed: Vec<u8> = fixed
        .filter_map(|p| match p {
            Part::Is(byte) => Some(*byte),
            _ => None,
        })
        .collect();
    let rest = fixed.get(after..).unwrap_or_default();
    rest.iter()
        .position(|b| *b == delimiter)
        .is_some_and(|n| n > 0)
}

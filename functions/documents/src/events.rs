//! Event patterns: which events the functions must be sent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use undrift_core::kind::Kinds;
use undrift_core::policy::Policy;

/// The longest pattern that EventBridge takes, in characters (EventBridge User Guide, "Event
/// pattern"; a quota that can be raised).
const LONGEST: usize = 2048;

/// One EventBridge pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// `ec2`, or `ec2-2` where one pattern can't hold all events of the service's function.
    pub name: String,
    /// The service whose function the events are for.
    pub service: String,
    /// The pattern.
    pub pattern: Value,
}

impl Pattern {
    /// As it is written to a file, which `aws events put-rule` takes as it is.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", self.pattern)
    }
}

/// The patterns for the functions of the policies' kinds: every event that a policy lists, and
/// every other that alters such a resource, since observed images are kept current by them. With
/// them, what makes the [`SWEEP`] begin.
#[must_use]
pub fn patterns(policies: &[Policy], kinds: Kinds<'_>) -> Vec<Pattern> {
    let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for policy in policies {
        let service = policy.kind.service();
        let mut want = |source: &str, name: &str| {
            let key = (service.to_owned(), source.to_owned());
            wanted.entry(key).or_default().insert(name.to_owned());
        };
        for (source, names) in &policy.on {
            for name in names {
                want(source.as_str(), name.as_str());
            }
        }
        for events in kinds.get(&policy.kind).iter().flat_map(|k| k.events()) {
            for name in events.names {
                want(events.source, name);
            }
        }
    }
    let mut patterns: Vec<Pattern> = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for ((service, source), names) in wanted {
        for part in split(&source, names.into_iter().collect()) {
            let count = counts.entry(service.clone()).or_default();
            *count += 1;
            patterns.push(Pattern {
                name: match count {
                    1 => service.clone(),
                    n => format!("{service}-{n}"),
                },
                service: service.clone(),
                pattern: part,
            });
        }
    }
    patterns.push(Pattern {
        name: SWEEP.to_owned(),
        service: SWEEP.to_owned(),
        pattern: pattern("cloudtrail.amazonaws.com", &["StartLogging".to_owned()]),
    });
    patterns
}

/// The function that looks at everything: when a trail logs again, what happened meanwhile was told
/// by no event.
pub const SWEEP: &str = "sweep";

/// Patterns for some events of one source, each short enough: halved until it is.
fn split(source: &str, mut names: Vec<String>) -> Vec<Value> {
    let whole = pattern(source, &names);
    if names.len() < 2 || format!("{whole:#}\n").chars().count() < LONGEST {
        return vec![whole];
    }
    let rest = names.split_off(names.len() / 2);
    [split(source, names), split(source, rest)].concat()
}

/// `source` begins with `aws.`, which nobody but AWS can send (`PutEvents` refuses it).
fn pattern(source: &str, names: &[String]) -> Value {
    let service = source.split('.').next().unwrap_or(source);
    json!({
        "source": [format!("aws.{service}")],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": [source], "eventName": names},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_patterns_are_split_and_nothing_is_lost() {
        let names: Vec<String> = (0..200).map(|n| format!("SomeEventNumber{n:03}")).collect();
        let parts = split("ec2.amazonaws.com", names.clone());
        assert!(parts.len() > 1);
        let mut found = Vec::new();
        for part in &parts {
            assert!(format!("{part:#}\n").len() < LONGEST);
            assert_eq!(part["source"], json!(["aws.ec2"]));
            let list = part["detail"]["eventName"].as_array().unwrap();
            found.extend(list.iter().map(|n| n.as_str().unwrap().to_owned()));
        }
        assert_eq!(found, names);
    }
}

//! Random histories of a group, against a model that knows all that the records leave out: what
//! replay calls violated is, what it calls compliant is not.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{authorized, created, modified, record, replay_records, revoked};

/// What rules may let in: halves of an /8 that are public only together, everybody, nobody.
const SOURCES: [&str; 6] = [
    "20.0.0.0/9",
    "20.128.0.0/9",
    "21.0.0.0/9",
    "0.0.0.0/0",
    "10.0.0.0/8",
    "81.2.69.160/32",
];

#[derive(Debug, Clone)]
enum Do {
    Authorize { source: usize, shows_id: bool },
    Modify { rule: usize, source: usize },
    RevokeById { rule: usize },
    RevokeByValue { rule: usize },
}

fn any_step() -> impl Strategy<Value = Do> {
    let source = 0..SOURCES.len();
    prop_oneof![
        4 => (source.clone(), prop::bool::weighted(0.6))
            .prop_map(|(source, shows_id)| Do::Authorize { source, shows_id }),
        2 => (0..4_usize, source).prop_map(|(rule, source)| Do::Modify { rule, source }),
        1 => (0..4_usize).prop_map(|rule| Do::RevokeById { rule }),
        1 => (0..4_usize).prop_map(|rule| Do::RevokeByValue { rule }),
    ]
}

fn step_hides(step: &Do) -> bool {
    matches!(
        step,
        Do::Authorize {
            shows_id: false,
            ..
        }
    )
}

/// What a set of sources lets in, in halves of an /8.
fn halves(rules: &BTreeMap<String, usize>) -> usize {
    let mut sources: Vec<usize> = rules.values().copied().collect();
    sources.sort_unstable();
    sources.dedup();
    let of = |source: &usize| match source {
        0..=2 => 1,
        3 => 400,
        _ => 0,
    };
    sources.iter().map(of).sum()
}

/// The group as it really is, and the records of what happened to it.
#[derive(Default)]
struct Model {
    rules: BTreeMap<String, usize>,
    records: Vec<Value>,
    /// Each event, and whether its change broke the policy.
    truth: Vec<(String, bool)>,
}

impl Model {
    fn take(&mut self, step: &Do, second: u32, seen: bool) {
        let id = format!("e-{second}");
        let known = |rule: usize| {
            let all: Vec<&String> = self.rules.keys().collect();
            (!all.is_empty()).then(|| all[rule % all.len()].clone())
        };
        let (record, brought) = match step {
            Do::Authorize { source, shows_id } => {
                if self.rules.values().any(|s| s == source) {
                    return;
                }
                let rule = format!("sgr-{second}");
                let mut record = authorized(&id, second, &rule, 22, SOURCES[*source]);
                if !shows_id {
                    record["responseElements"] = json!({"_return": true});
                }
                self.rules.insert(rule.clone(), *source);
                (record, Some(rule))
            }
            Do::Modify { rule, source } => {
                let Some(rule) = known(*rule) else { return };
                let others = self.rules.iter().any(|(r, s)| *r != rule && s == source);
                if others {
                    return;
                }
                let was = self.rules.insert(rule.clone(), *source);
                let record = modified(&id, second, &rule, 22, SOURCES[*source]);
                (record, (was != Some(*source)).then_some(rule))
            }
            Do::RevokeById { rule } => {
                let Some(rule) = known(*rule) else { return };
                self.rules.remove(&rule);
                (revoked(&id, second, &[&rule]), None)
            }
            Do::RevokeByValue { rule } => {
                let Some(rule) = known(*rule) else { return };
                let source = self.rules.remove(&rule).unwrap();
                let request = json!({"groupId": "sg-1", "cidrIp": SOURCES[source], "ipProtocol": "tcp",
                    "fromPort": 22, "toPort": 22, "ipPermissions": {}});
                let answer = json!({"_return": true});
                (
                    record(&id, second, "RevokeSecurityGroupIngress", request, answer),
                    None,
                )
            }
        };
        if !seen {
            return;
        }
        self.records.push(record);
        let is_wide = |rule: &String| self.rules[rule] <= 3;
        let broke = brought.as_ref().is_some_and(is_wide) && halves(&self.rules) >= 2;
        if !matches!(step, Do::RevokeById { .. } | Do::RevokeByValue { .. }) {
            self.truth.push((id, broke));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_verdict_is_wrong(
        steps in prop::collection::vec(any_step(), 1..14),
        unseen in 0..5_usize,
        from_the_start in any::<bool>(),
        reversed in any::<bool>(),
    ) {
        let mut model = Model::default();
        if from_the_start {
            model.records.push(created("made", 1));
        }
        for (second, (index, step)) in (10..).zip(steps.iter().enumerate()) {
            // Logs begin somewhere; what stood there by then, they don't show.
            model.take(step, second, from_the_start || index >= unseen);
        }
        if reversed {
            model.records.reverse();
        }
        let heard = replay_records(&model.records);
        for (id, broke) in &model.truth {
            let verdict = heard.verdict(id, "admin-ports");
            let right = matches!(
                (verdict, broke),
                ("violated", true) | ("compliant", false) | ("undecided", _)
            );
            let whole = from_the_start && steps.iter().all(|step| !step_hides(step));
            prop_assert!(!whole || verdict != "undecided", "{id} is undecided, and all is known");
            prop_assert!(right, "{id} is {verdict}, and broke the policy: {broke}\n{:#?}", model.records);
        }
    }
}

//! What a run came to, for a person who decides whether to switch a policy on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use undrift_core::change::Actor;
use undrift_core::decide::Decision;
use undrift_core::judge::Verdict;
use undrift_core::name::PolicyId;

use crate::court::Part;
use crate::replay::Judged;

/// How many names any list keeps: records of anybody's making can hold any number.
const MOST: usize = 20_000;
/// How many people are kept of those who make or take away one element.
const PEOPLE: usize = 20;

/// What came of one policy, in changes of resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfPolicy {
    /// Nothing that was brought is wrong.
    pub compliant: u64,
    /// Something is.
    pub violated: u64,
    /// It can't be told.
    pub undecided: u64,
    /// Violated, and would have been reverted.
    pub act: u64,
    /// Would have been proposed, undecided ones included.
    pub propose: u64,
}

/// What came of one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfActor {
    /// Changes that broke a policy.
    pub violated: u64,
    /// Of these, those that would have been reverted.
    pub act: u64,
}

/// Changes that automation made, by its own account of itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pipeline {
    /// The role or user.
    pub actor: String,
    /// What it says it is (`userAgent`, `invokedBy`): shown, not trusted.
    pub tool: &'static str,
}

/// One element that was made wrong more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Flapping {
    /// How often it was made.
    pub opened: u64,
    /// How often it was taken away.
    pub closed: u64,
    /// Who made it.
    pub openers: BTreeSet<String>,
    /// Who took it away.
    pub closers: BTreeSet<String>,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// By policy.
    pub policies: BTreeMap<PolicyId, OfPolicy>,
    /// By the actor's role or user.
    pub actors: BTreeMap<String, OfActor>,
    /// Changes by automation that would have been reverted.
    pub pipelines: BTreeMap<Pipeline, u64>,
    /// Changes that would have been reverted or proposed, by day.
    pub days: BTreeMap<String, OfActor>,
    /// Records with a violation.
    pub violated: u64,
    /// Records with something that can't be told and nothing wrong.
    pub undecided: u64,
    /// The times of the oldest and the youngest record that a policy listens to.
    pub span: Option<(Timestamp, Timestamp)>,
    /// By resource and element. Those made once are in it too.
    elements: BTreeMap<(String, String), Flapping>,
}

impl Summary {
    /// Takes one record in.
    pub fn add(&mut self, judged: &Judged) {
        let Some(change) = &judged.change else { return };
        let actor = change.actor.key();
        for part in &judged.parts {
            self.follow(part, actor);
        }
        if judged.outcomes.is_empty() {
            return;
        }
        if let Some(time) = judged.head.time {
            let (first, last) = self.span.unwrap_or((time, time));
            self.span = Some((first.min(time), last.max(time)));
        }
        let (mut violated, mut undecided, mut act) = (false, false, false);
        for outcome in &judged.outcomes {
            let policy = self.policies.entry(outcome.policy.clone()).or_default();
            match outcome.verdict {
                Verdict::Compliant => policy.compliant += 1,
                Verdict::Violated => policy.violated += 1,
                Verdict::Undecided(_) => policy.undecided += 1,
            }
            match outcome.decision {
                Decision::Act => policy.act += 1,
                Decision::Propose(_) => policy.propose += 1,
                Decision::Leave(_) => {}
            }
            violated |= outcome.verdict == Verdict::Violated;
            undecided |= matches!(outcome.verdict, Verdict::Undecided(_));
            act |= outcome.decision == Decision::Act;
        }
        self.undecided += u64::from(undecided && !violated);
        if !violated {
            return;
        }
        self.violated += 1;
        let count = |of: &mut OfActor| {
            of.violated += 1;
            of.act += u64::from(act);
        };
        let of_actor = bounded(&mut self.actors, actor.to_owned());
        of_actor.into_iter().for_each(count);
        if let Some(time) = judged.head.time {
            let day: String = time.to_string().chars().take_while(|c| *c != 'T').collect();
            bounded(&mut self.days, day).into_iter().for_each(count);
        }
        if let (true, Some(tool)) = (act, automation(&change.actor)) {
            let actor = actor.to_owned();
            if let Some(n) = bounded(&mut self.pipelines, Pipeline { actor, tool }) {
                *n += 1;
            }
        }
    }

    fn follow(&mut self, part: &Part, actor: &str) {
        for element in &part.brought {
            let name = (part.resource.clone(), element.clone());
            if let Some(flapping) = bounded(&mut self.elements, name) {
                flapping.opened += 1;
                flapping.openers = with(std::mem::take(&mut flapping.openers), actor);
            }
        }
        for element in &part.taken {
            let name = (part.resource.clone(), element.clone());
            // What was never wrong may come and go.
            if let Some(flapping) = self.elements.get_mut(&name) {
                flapping.closed += 1;
                flapping.closers = with(std::mem::take(&mut flapping.closers), actor);
            }
        }
    }

    /// Elements that were made wrong more than once, by resource and element, the most frequent
    /// first: a revert would have been undone again by the next run of whoever makes them.
    #[must_use]
    pub fn flapping(&self) -> Vec<(&str, &str, &Flapping)> {
        let again = self.elements.iter().filter(|(_, f)| f.opened > 1);
        let mut all: Vec<_> = again
            .map(|((resource, element), f)| (resource.as_str(), element.as_str(), f))
            .collect();
        all.sort_by_key(|(_, _, f)| std::cmp::Reverse(f.opened));
        all
    }

    /// Changes with a violation on an average day, and the day with most of them. Days without
    /// any count, from the first record's to the last's.
    #[must_use]
    pub fn noise(&self) -> Option<(f64, &str, u64)> {
        let (first, last) = self.span?;
        let days = (last.as_second() / 86_400) - (first.as_second() / 86_400) + 1;
        let (day, most) = self.days.iter().max_by_key(|(_, d)| d.violated)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of days")]
        let average = self.violated as f64 / days as f64;
        Some((average, day, most.violated))
    }
}

/// A few people, and one more.
fn with(mut people: BTreeSet<String>, actor: &str) -> BTreeSet<String> {
    if people.len() < PEOPLE {
        people.insert(actor.to_owned());
    }
    people
}

/// The entry of a name, while there is room for new ones.
fn bounded<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, name: K) -> Option<&mut V> {
    if map.len() >= MOST && !map.contains_key(&name) {
        return None;
    }
    Some(map.entry(name).or_default())
}

/// The tool that made a change, where it says to be one that runs by itself.
fn automation(actor: &Actor) -> Option<&'static str> {
    const TOOLS: [(&str, &str); 11] = [
        ("opentofu", "OpenTofu"),
        ("terraform", "Terraform"),
        ("pulumi", "Pulumi"),
        ("aws-cdk", "CDK"),
        ("cdk/", "CDK"),
        ("cloudformation", "CloudFormation"),
        ("ansible", "Ansible"),
        ("crossplane", "Crossplane"),
        ("k8s", "Kubernetes"),
        ("kubernetes", "Kubernetes"),
        ("c7n", "Cloud Custodian"),
    ];
    let says = [&actor.invoked_by, &actor.user_agent, &actor.source_ip];
    let says: Vec<String> = says
        .into_iter()
        .flatten()
        .map(|t| t.to_lowercase())
        .collect();
    let tool = TOOLS
        .iter()
        .find(|(sign, _)| says.iter().any(|t| t.contains(sign)));
    let service = || {
        let by = actor.invoked_by.as_deref()?;
        let console = ["signin.amazonaws.com", "AWS Internal"].contains(&by);
        (!console).then_some("an AWS service")
    };
    tool.map(|(_, tool)| *tool).or_else(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automation_is_told_by_what_it_says() {
        let with = |agent: &str, invoked: Option<&str>| {
            automation(&Actor {
                user_agent: Some(agent.to_owned()),
                invoked_by: invoked.map(str::to_owned),
                ..Actor::default()
            })
        };
        let terraform =
            "APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) aws-sdk-go-v2";
        assert_eq!(with(terraform, None), Some("Terraform"));
        assert_eq!(
            with("x", Some("cloudformation.amazonaws.com")),
            Some("CloudFormation")
        );
        assert_eq!(
            with("x", Some("autoscaling.amazonaws.com")),
            Some("an AWS service")
        );
        assert_eq!(
            with("signin.amazonaws.com", Some("signin.amazonaws.com")),
            None
        );
        assert_eq!(with("aws-cli/2.15.0", None), None);
    }
}

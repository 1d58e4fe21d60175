//! The nine questions that a report on an incident asks.

use jiff::Timestamp;

use super::{Answer, Cause, OutcomeKind, Record};
use crate::judge::Verdict;
use crate::plan::{Plan, Write};

impl Record {
    /// The nine questions, answered from the record alone.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        let broken = || {
            self.assessments
                .iter()
                .filter(|a| a.verdict == Verdict::Violated)
        };
        let resource = &self.key.resource;
        let policies: Vec<String> = broken()
            .map(|a| {
                let numbers: Vec<String> = a
                    .references
                    .iter()
                    .map(|(standard, n)| format!("{standard} {}", n.join(", ")))
                    .collect();
                if numbers.is_empty() {
                    a.policy.to_string()
                } else {
                    format!("{} ({})", a.policy, numbers.join("; "))
                }
            })
            .collect();
        // Policies share sentences.
        let mut prevent: Vec<&str> = Vec::new();
        for sentence in broken()
            .filter_map(|a| a.prevent.as_deref())
            .flat_map(|text| text.split_inclusive(". "))
            .map(str::trim)
        {
            if !prevent.contains(&sentence) {
                prevent.push(sentence);
            }
        }
        let when = |t: Option<Timestamp>| t.map_or("not yet".to_owned(), time);
        vec![
            Answer {
                question: "What resource was affected?",
                answer: format!(
                    "{resource} in account {}, {}",
                    resource.account, resource.region
                ),
            },
            Answer {
                question: "What was changed, from and to?",
                answer: self.change_in_words(),
            },
            Answer {
                question: "Who did it, and through what?",
                answer: self.who(),
            },
            Answer {
                question: "Which policy and standards did it break?",
                answer: or(policies.join("; "), "none"),
            },
            Answer {
                question: "When did it happen?",
                answer: match self.cause {
                    Cause::Sweep { since: None } => "before Undrift first saw it".to_owned(),
                    Cause::Sweep { since: Some(since) } => {
                        format!("after {}, before it was seen", time(since))
                    }
                    _ => when(self.happened()),
                },
            },
            Answer {
                question: "When was it seen?",
                answer: when(self.stages.seen),
            },
            Answer {
                question: "When was it reverted, and when verified?",
                answer: self.reverted_when(),
            },
            Answer {
                question: "Who or what reverted it?",
                answer: self.reverted_by(),
            },
            Answer {
                question: "What keeps it from coming back?",
                answer: or(
                    prevent.join(" "),
                    "nothing is set up yet beyond this revert",
                ),
            },
        ]
    }

    fn change_in_words(&self) -> String {
        let lines: Vec<String> = match &self.plan {
            Some(plan) => plan.writes.iter().map(line).collect(),
            None => self
                .assessments
                .iter()
                .flat_map(|a| &a.evidence)
                .map(|e| format!("{} ({}): to {}", e.path.facet, e.path.key, e.shown))
                .collect(),
        };
        or(lines.join("; "), "nothing that a policy finds wrong")
    }

    fn who(&self) -> String {
        match &self.cause {
            Cause::Undo { by, reason, .. } => format!("{by}, by `undrift undo`: {reason}"),
            Cause::Approval { of, .. } => format!("whoever record {of} names"),
            Cause::Sweep { .. } => "not known: no event tells; the sweep found it".to_owned(),
            Cause::Change(change) => {
                let actor = &change.actor;
                let arn = actor
                    .arn
                    .as_ref()
                    .map_or_else(|| actor.identity_type.clone(), ToString::to_string);
                let agent = actor.user_agent.as_deref().unwrap_or("an unnamed client");
                let from = actor
                    .source_ip
                    .as_deref()
                    .unwrap_or("an unrecorded address");
                format!("{arn}, by {} with {agent} from {from}", change.name)
            }
        }
    }

    fn reverted_when(&self) -> String {
        match (self.stages.applied, self.stages.verified) {
            (Some(applied), Some(verified)) => {
                let after = self.open_for().map_or(String::new(), |ms| {
                    format!(", {} after the call", seconds(ms))
                });
                format!("{}{after}; verified {}", time(applied), time(verified))
            }
            (Some(applied), None) => format!("{}; not verified yet", time(applied)),
            _ => format!(
                "not reverted ({}): {}",
                self.outcome.kind.word(),
                self.outcome.reason
            ),
        }
    }

    fn reverted_by(&self) -> String {
        let approved = match &self.cause {
            Cause::Approval { by, reason, .. } => format!(", approved by {by}: {reason}"),
            _ => String::new(),
        };
        match self.outcome.kind {
            OutcomeKind::Reverted | OutcomeKind::Pending | OutcomeKind::Undone => {
                let requests: Vec<&str> = self
                    .sent
                    .iter()
                    .filter_map(|s| s.request_id.as_deref())
                    .collect();
                format!(
                    "Undrift {} ({}, {}), request {}{approved}",
                    self.worker.version,
                    self.worker.function,
                    self.worker.role,
                    or(requests.join(", "), "none")
                )
            }
            _ => "nobody".to_owned(),
        }
    }

    /// Milliseconds from the API call to the exposure's end. CloudTrail dates calls to the
    /// second, so this can be up to a second too long.
    #[must_use]
    pub fn open_for(&self) -> Option<i64> {
        // How long what it is about was open, says the record that was approved.
        if let Cause::Approval { .. } = self.cause {
            return None;
        }
        let from = self.happened()?;
        let until = self.stages.applied?;
        Some((until.as_millisecond() - from.as_millisecond()).max(0))
    }
}

/// Milliseconds as people read them.
#[must_use]
pub(crate) fn seconds(milliseconds: i64) -> String {
    format!("{}.{} s", milliseconds / 1000, (milliseconds % 1000) / 100)
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

/// A plan goes from what the change made to what was before it: read backwards it is the change.
fn line(write: &Write) -> String {
    let show = |e: &Option<String>| e.clone().unwrap_or_else(|| "nothing".to_owned());
    format!(
        "{} ({}): from {} to {}",
        write.path.facet,
        write.path.key,
        show(&write.shown.to),
        show(&write.shown.from)
    )
}

/// A time as people read it: to the millisecond.
fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Plan {
    /// The plan as a diff, a line per element: `-` what goes, `+` what comes.
    #[must_use]
    pub fn diff(&self) -> Vec<String> {
        let side = |sign: char, write: &Write, words: &String| {
            format!("{sign} {}: {words} ({})", write.path.facet, write.path.key)
        };
        self.writes
            .iter()
            .flat_map(|w| {
                let gone = w.shown.from.as_ref().map(|e| side('-', w, e));
                let back = w.shown.to.as_ref().map(|e| side('+', w, e));
                gone.into_iter().chain(back)
            })
            .collect()
    }
}

//! A recorded change in words: what it was, what it touched, what each policy says, what would be
//! done.

use undrift_core::change::Change;
use undrift_core::decide::Decision;
use undrift_core::judge::Verdict;
use undrift_core::kind::{Before, Effect, Kind, Kinds, Target, Touch};
use undrift_core::plan::WriteBy;
use undrift_documents::Documents;
use undrift_replay::{Head, Judged, Outcome, Part};

use super::{Section, mode, sentence};

/// Everything about one record, by question. `documents`: the tree's, with the modes that are in
/// force.
pub(crate) fn event(judged: &Judged, documents: &Documents, kinds: Kinds<'_>) -> Vec<Section> {
    let Some(change) = &judged.change else {
        let mut says = happened(&judged.head);
        let why = judged.why.as_deref().unwrap_or("it alters nothing");
        says.push(format!("Nothing is done about it: {why}."));
        return vec![Section::new("What happened", says)];
    };
    let mut says = happened(&judged.head);
    says.extend(shows(change));
    let mut sections = vec![Section::new("What happened", says)];
    let touched = if judged.parts.is_empty() {
        vec![format!(
            "That can't be told: {}.",
            judged
                .why
                .as_deref()
                .unwrap_or("the record doesn't show it")
        )]
    } else {
        let parts = judged.parts.iter();
        parts.flat_map(|part| touched(part, kinds)).collect()
    };
    sections.push(Section::new("What it touched", touched));
    if judged.outcomes.is_empty() {
        let says = vec![
            "Nothing: none listens to this call. What it shows is kept, and later changes are judged \
             against it."
                .to_owned(),
        ];
        sections.push(Section::new("What the policies say", says));
        return sections;
    }
    let mut ids: Vec<&str> = judged.outcomes.iter().map(|o| o.policy.as_str()).collect();
    ids.dedup();
    let mut says = vec![format!(
        "To {} of {} listen {}.",
        change.name,
        change.source,
        ids.join(", ")
    )];
    says.extend(judged.outcomes.iter().flat_map(said));
    sections.push(Section::new("What the policies say", says));
    let done = judged
        .parts
        .iter()
        .flat_map(|p| done(p, judged.parts.len() > 1));
    let mut done: Vec<String> = done.collect();
    if done.is_empty() {
        done.push("Nothing is written: people are told, and look for themselves.".to_owned());
    }
    sections.push(Section::new("What would be done", done));
    let far = far(judged, change, documents);
    if !far.is_empty() {
        sections.push(Section::new("How far it may go as things are", far));
    }
    sections
}

fn happened(head: &Head) -> Vec<String> {
    let actor = &head.actor;
    let name = head.name.as_deref().unwrap_or("a call without a name");
    let time = head
        .time
        .map_or("at a time it doesn't show".to_owned(), |t| {
            format!("at {t}")
        });
    let mut says = vec![format!("{} called {name} {time}.", actor.short())];
    let known = [
        actor.arn.as_ref().map(|a| format!("as {a}")),
        actor.source_ip.as_ref().map(|ip| format!("from {ip}")),
        actor.user_agent.as_ref().map(|a| format!("with {a}")),
        actor.invoked_by.as_ref().map(|by| format!("through {by}")),
    ];
    let known: Vec<String> = known.into_iter().flatten().collect();
    if !known.is_empty() {
        says.push(format!(
            "The record says: {}. Only the role or user is trusted; the rest is shown.",
            known.join(", ")
        ));
    }
    says
}

fn shows(change: &Change) -> Vec<String> {
    let mut says = vec!["It has no errorCode: the call succeeded.".to_owned()];
    if change.cut {
        says.push(
            "Part of the record is left out for its size: nothing is concluded from what is missing."
                .to_owned(),
        );
    }
    for unknown in &change.assumed {
        says.push(format!(
            "It shows no readable `{}`: it can be judged, but would not be acted on.",
            unknown.member()
        ));
    }
    says
}

fn touched(part: &Part, kinds: Kinds<'_>) -> Vec<String> {
    let mut says = vec![format!("{} ({})", part.resource, part.kind)];
    let kind = kinds.get(&part.kind);
    match &part.effect {
        Effect::Created(Some(image)) => {
            let known = image.facets.iter().map(|(facet, elements)| {
                let elements = elements.values();
                let shown =
                    elements.map(|e| kind.map_or_else(String::new, |k| k.describe(facet, e)));
                let shown: Vec<String> = shown.collect();
                match shown.as_slice() {
                    [] => format!("nothing in its {facet}"),
                    _ => format!("{facet} {}", shown.join(", ")),
                }
            });
            let known: Vec<String> = known.collect();
            says.push(format!("  It came into being, with {}.", known.join("; ")));
        }
        Effect::Created(None) => says.push("  It came into being.".to_owned()),
        Effect::Deleted => says.push("  It was deleted.".to_owned()),
        Effect::Unclear(why) => says.push(format!("  What was done to it can't be told: {why}.")),
        Effect::Edited(touches) if touches.is_empty() => {
            says.push("  Nothing that any policy judges.".to_owned());
        }
        Effect::Replaced(image) => {
            for (facet, elements) in &image.facets {
                let shown = elements.values();
                let shown: Vec<String> = shown
                    .map(|e| kind.map_or_else(String::new, |k| k.describe(facet, e)))
                    .collect();
                says.push(match shown.as_slice() {
                    [] => format!("  Its {facet} was taken away as a whole."),
                    _ => format!(
                        "  Its {facet} was replaced as a whole by: {}.",
                        shown.join("; ")
                    ),
                });
            }
        }
        Effect::Edited(touches) => {
            let kind = kind.into_iter();
            says.extend(kind.flat_map(|kind| touches.iter().map(|t| touch(kind, t))));
        }
    }
    says
}

fn touch(kind: &dyn Kind, touch: &Touch) -> String {
    let facets: Vec<&str> = touch.facets.iter().map(|f| f.0.as_str()).collect();
    let shown = |e| {
        let facet = touch.facets.first();
        facet.map_or_else(String::new, |facet| kind.describe(facet, e))
    };
    let key = match &touch.target {
        Target::Key(key) => format!(" ({key})"),
        Target::Like(_) => String::new(),
    };
    let facet = facets.join(" or ");
    match (&touch.after, &touch.before, &touch.target) {
        (Some(e), Before::Absent, _) => format!(
            "  + {facet}: {}{key}. It is new: the call fails where it is there already.",
            shown(e)
        ),
        (Some(e), Before::Was(was), _) => {
            format!("  ~ {facet}: {}{key}. It was {}.", shown(e), shown(was))
        }
        (Some(e), Before::Existed, _) => format!(
            "  ~ {facet}: {}{key}. The record doesn't show what it was before.",
            shown(e)
        ),
        (Some(e), Before::Unknown, _) => format!(
            "  + {facet}: {}{key}. The record doesn't show whether it was there before.",
            shown(e)
        ),
        (None, Before::Was(e), _) | (None, _, Target::Like(e)) => {
            format!("  - {facet}: {}{key}. It was taken away.", shown(e))
        }
        (None, _, Target::Key(key)) => format!("  - {facet}: {key}. It was taken away."),
    }
}

fn said(outcome: &Outcome) -> Vec<String> {
    let policy = &outcome.policy;
    let mut says = Vec::new();
    match &outcome.verdict {
        Verdict::Compliant => {
            says.push(format!(
                "{policy}: compliant. Nothing that the change brought breaks it."
            ));
        }
        Verdict::Violated => says.push(format!("{policy}: violated.")),
        Verdict::Undecided(why) => says.push(format!("{policy}: undecided, since {why}.")),
    }
    for evidence in &outcome.evidence {
        let may = match outcome.verdict {
            Verdict::Undecided(_) => "may be wrong",
            _ => "is wrong",
        };
        says.push(format!("  {} {may}: {}.", evidence.shown, evidence.why));
    }
    says
}

fn done(part: &Part, several: bool) -> Vec<String> {
    let acts = part.outcomes.iter().any(|o| o.decision == Decision::Act);
    let mut says = Vec::new();
    if several {
        says.push(format!("{}:", part.resource));
    }
    let mut reasons: Vec<String> = Vec::new();
    for outcome in &part.outcomes {
        let reason = match &outcome.decision {
            Decision::Act => continue,
            Decision::Propose(why) => format!("It is only proposed: {why}."),
            Decision::Leave(why) => format!("It is left: {why}."),
        };
        // What one policy leaves, another one may act on.
        if !acts && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    if acts {
        let writes = || part.plan.iter().flat_map(|p| &p.writes);
        says.push(
            if writes().any(|w| w.by == WriteBy::Set) {
                "What was there before isn't known, or the resource is new; the policy says what to set instead:"
            } else if writes().any(|w| w.by == WriteBy::Remove) {
                "Whether it was there before isn't known; the policy says to take it away all the same:"
            } else if writes().all(|w| w.to.is_none()) {
                "This wasn't there before the change, and is taken away again:"
            } else {
                "What stood there before the change is put back:"
            }
            .to_owned(),
        );
    }
    says.extend(reasons);
    let Some(plan) = part.plan.as_ref().filter(|p| !p.writes.is_empty()) else {
        return says;
    };
    for write in &plan.writes {
        says.extend(write.shown.from.as_ref().map(|e| format!("  - {e}")));
        says.extend(write.shown.to.as_ref().map(|e| format!("  + {e}")));
    }
    says.push(
        match plan.steps.len() {
            1 => "By this call:",
            _ => "By these calls, in this order:",
        }
        .to_owned(),
    );
    says.extend(plan.steps.iter().map(|s| format!("  {}", s.call)));
    says.push(
        "Everything else in it stays as it is. Before it is written the resource is read; what has \
         changed by then is not overwritten. `undrift undo` puts the change back in force."
            .to_owned(),
    );
    says
}

/// What the modes in force make of it, where something is wrong.
fn far(judged: &Judged, change: &Change, documents: &Documents) -> Vec<String> {
    let wrong = judged
        .outcomes
        .iter()
        .filter(|o| o.verdict == Verdict::Violated);
    let mut says = Vec::new();
    for outcome in wrong {
        let policies = documents.policies.iter();
        let Some(document) = policies.into_iter().find(|d| d.policy.id == outcome.policy) else {
            continue;
        };
        let mode = documents.settings.mode(&document.policy, &change.account);
        let line = format!(
            "{}: {} in account {}, so {}.",
            outcome.policy,
            mode::word(mode),
            change.account,
            mode::does(mode)
        );
        if !says.contains(&line) {
            says.push(line);
        }
    }
    if !says.is_empty() {
        says.push(sentence(
            "`undrift explain POLICY` shows how a mode comes about",
        ));
    }
    says
}

//! A policy in words: what it catches, how it judges, what is done, who is told.

use std::collections::BTreeSet;

use serde_json::Value;
use undrift_core::kind::{FacetName, Kind, Kinds, Need};
use undrift_core::name::{AccountId, Arn, EventName};
use undrift_core::policy::{Exemption, Needs, Policy, Remedy, Scope, Settings, Severity};
use undrift_documents::{CaseResult, Document, Documents};

use super::{Section, mode, sentence};

/// Everything about one policy, by question. `documents`: its deployment's.
pub(crate) fn policy(document: &Document, documents: &Documents, kinds: Kinds<'_>) -> Vec<Section> {
    let policy = &document.policy;
    let settings = &documents.settings;
    let mut sections = vec![Section::new("What it catches", catches(policy))];
    if let Some(kind) = kinds.get(&policy.kind) {
        sections.push(Section::new(
            "How it judges",
            judges(policy, settings, kind),
        ));
    }
    sections.push(Section::new("What is done about it", done(policy, kinds)));
    sections.push(Section::new("How far it may go", far(policy, settings)));
    let exempt = exemptions(policy, &documents.exemptions.0);
    sections.push(Section::new("What is exempt", exempt));
    sections.push(Section::new("Who is told", told(policy, settings)));
    if let Some(kind) = kinds.get(&policy.kind) {
        sections.push(Section::new("Which rights it needs", rights(kind)));
    }
    if let Some(prevent) = &policy.prevent {
        let says = vec![sentence(prevent)];
        sections.push(Section::new("What keeps it from coming back", says));
    }
    let references = policy.references.iter();
    let references: Vec<String> = references
        .map(|(standard, numbers)| format!("{standard:<18} {}", numbers.join(", ")))
        .collect();
    if !references.is_empty() {
        sections.push(Section::new("Which standards ask for it", references));
    }
    let cases = document.run_cases(kinds);
    sections.push(Section::new(
        "What its own cases show",
        cases.iter().map(case).collect(),
    ));
    sections
}

fn catches(policy: &Policy) -> Vec<String> {
    let mut says = vec![
        sentence(&policy.title),
        sentence(&policy.why),
        format!(
            "It looks at a resource of the kind {} after one of these calls:",
            policy.kind
        ),
    ];
    for (source, names) in &policy.on {
        let names: Vec<&str> = names.iter().map(EventName::as_str).collect();
        says.push(format!("  {source}: {}", names.join(", ")));
    }
    says.push("A call that failed, was a dry run or only read is never acted on.".to_owned());
    says
}

fn judges(policy: &Policy, settings: &Settings, kind: &dyn Kind) -> Vec<String> {
    let source = policy.violation.trim();
    let mut says: Vec<String> =
        vec!["Its expression gives the elements that are wrong:".to_owned()];
    says.extend(source.lines().map(|l| format!("  {l}")));
    for facet in kind.facets() {
        let name = format!("state.{facet}");
        if source.contains(&name) {
            let schema = kind.element_schema(&FacetName::from(*facet));
            let members = schema.get("properties").and_then(Value::as_object);
            let members = members.into_iter().flatten();
            let members: Vec<&str> = members.map(|(name, _)| name.as_str()).collect();
            let each = if members.is_empty() {
                String::new()
            } else {
                format!("; each has some of {}", members.join(", "))
            };
            says.push(format!(
                "{name}: the resource's {facet} after the change{each}"
            ));
        }
    }
    let replaced = settings.params.get(&policy.id);
    for (name, own) in &policy.params {
        says.push(match replaced.and_then(|r| r.get(name)) {
            Some(value) => format!(
                "params.{name}: {} from settings.yaml, instead of the document's {}",
                value_in_words(value),
                value_in_words(own)
            ),
            None => format!("params.{name}: {}, the document's own", value_in_words(own)),
        });
    }
    if source.contains("net.open") {
        says.extend(NET_OPEN.iter().map(|&s| s.to_owned()));
    }
    says.push(
        "An empty list is compliant. Where it can't be told (a prefix list that can't be read, many narrow \
         rules that are the internet only together), the \
         policy is undecided: nothing is written, and people are told."
            .to_owned(),
    );
    says
}

/// What `net.open` does, with its numbers: a test holds them against the function.
const NET_OPEN: &[&str] = &[
    "net.open: the rules that let the internet reach params.ports, less params.except; addresses in \
     params.own don't count",
    "  A port is public if all rules together let in 16,777,216 public IPv4 addresses (as many as \
     a /8) or 2^96 IPv6 addresses (a /32).",
    "  On a public port, a rule is wrong if it alone lets in 65,536 of them (a /16; IPv6: a /40): an \
     office's address in an open group is not what opened it.",
    "  Private, shared, link-local, documentation and multicast addresses are not public.",
];

fn value_in_words(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(value_in_words).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn done(policy: &Policy, kinds: Kinds<'_>) -> Vec<String> {
    let mut says = vec![
        "Only what the change itself brought is acted on. What was wrong before is reported and \
         left to its own change; everything else is left as it is."
            .to_owned(),
    ];
    says.push(match policy.remedy {
        Remedy::Restore => "restore: what was there before the change is put back; an element that \
                            is new is taken away, one that was altered gets its earlier value. Where \
                            what was before isn't known, it is only proposed."
            .to_owned(),
        Remedy::Remove => "remove: the wrong elements are taken away, also where what was before \
                           isn't known."
            .to_owned(),
        Remedy::Contain => "contain: the wrong elements are made harmless, and nothing of them is \
                            lost: a key is deactivated, logging is switched on."
            .to_owned(),
    });
    if let (false, Some(kind)) = (policy.set.is_empty(), kinds.get(&policy.kind)) {
        let all = policy.set.iter().flat_map(|(facet, stated)| {
            let facet = FacetName(facet.clone());
            stated.iter().map(move |e| kind.describe(&facet, e))
        });
        says.push(format!(
            "Where what was before isn't known, or the resource is new, this is set instead: {}.",
            all.collect::<Vec<_>>().join(", ")
        ));
    }
    if policy.needs == Some(Needs::ExactBefore) {
        says.push(
            "exact_before: unless what was before is certain, it is only proposed.".to_owned(),
        );
    }
    says.push("Every revert can be undone with `undrift undo`.".to_owned());
    says
}

fn far(policy: &Policy, settings: &Settings) -> Vec<String> {
    let mut says = mode::steps(policy, settings);
    let roles: Vec<&str> = settings
        .approved_pipelines
        .iter()
        .map(Arn::as_str)
        .collect();
    if !roles.is_empty() {
        says.push(format!(
            "What an approved pipeline did is only proposed: {}.",
            roles.join(", ")
        ));
    }
    says
}

fn exemptions(policy: &Policy, all: &[Exemption]) -> Vec<String> {
    let mut says: Vec<String> = all
        .iter()
        .filter(|e| e.covers.policy.as_ref().is_none_or(|p| *p == policy.id))
        .map(|e| {
            let ticket = e
                .ticket
                .as_ref()
                .map_or(String::new(), |t| format!(", {t}"));
            let Exemption {
                id,
                until,
                reason,
                by,
                ..
            } = e;
            let covers = covers(&e.covers);
            format!("{id}: {covers} until {until}, granted by {by}{ticket}: {reason}")
        })
        .collect();
    if says.is_empty() {
        says.push("Nothing: exemptions.yaml names neither it nor all policies.".to_owned());
    }
    says
}

/// What an exemption of this policy covers.
fn covers(scope: &Scope) -> String {
    let part = |what: &str, value: Option<String>| value.map(|v| format!("{what} {v}"));
    let element = scope.element.as_ref().map(|(facet, e)| {
        let element = undrift_core::kind::one_line(e);
        format!("{facet} ({element})")
    });
    let parts = [
        part("account", scope.account.as_ref().map(ToString::to_string)),
        part("resource", scope.resource.as_ref().map(ToString::to_string)),
        part("actor", scope.actor.as_ref().map(ToString::to_string)),
        element,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return "everything that it finds".to_owned();
    }
    parts.join(", ")
}

fn told(policy: &Policy, settings: &Settings) -> Vec<String> {
    if settings.notices.is_empty() {
        return vec!["Every channel of the deployment: settings.yaml has no `notices`.".to_owned()];
    }
    let takes = |severity: Option<Severity>| severity.is_none_or(|least| policy.severity >= least);
    let mut says = Vec::new();
    for route in &settings.notices {
        let named = route.policies.as_ref();
        if !takes(route.severity) || named.is_some_and(|n| !n.contains(&policy.id)) {
            continue;
        }
        let channels: BTreeSet<String> = route.channels.iter().map(ToString::to_string).collect();
        let channels: Vec<String> = channels.into_iter().collect();
        let accounts = route.accounts.as_ref().map_or(String::new(), |accounts| {
            let ids: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
            format!(", in account {}", ids.join(", "))
        });
        says.push(format!("{}{accounts}", channels.join(", ")));
    }
    if says.is_empty() {
        says.push(
            "Nobody: no entry of `notices` in settings.yaml takes it. Its records are kept."
                .to_owned(),
        );
    }
    says
}

fn rights(kind: &dyn Kind) -> Vec<String> {
    let of = |need: Need| {
        let actions: BTreeSet<&str> = kind
            .rights()
            .iter()
            .filter(|r| r.need == need)
            .map(|r| r.action)
            .collect();
        actions.into_iter().collect::<Vec<_>>().join(", ")
    };
    vec![
        format!("to look            {}", of(Need::Read)),
        format!("to revert          {}", of(Need::Revert)),
        format!(
            "to undo            {}, in a role of its own",
            of(Need::Undo)
        ),
    ]
}

fn case(result: &CaseResult) -> String {
    if result.held() {
        format!("ok     {}", result.it)
    } else {
        format!("fails  {}: {}", result.it, result.failures.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use undrift_core::net::{Params, Reach, open};

    #[test]
    fn the_numbers_are_the_functions_own() {
        let params: Params = serde_json::from_value(json!({"ports": [22]})).unwrap();
        let found = |sources: &[&str]| -> Vec<usize> {
            let rule = |source| json!({"protocol": "tcp", "from": 22, "to": 22, "source": source});
            let rules: Vec<Reach> = sources
                .iter()
                .map(|s| Reach::of_rule(&rule(*s)).unwrap())
                .collect();
            open(&rules, &params).iter().map(|f| f.rule).collect()
        };
        assert_eq!(found(&["8.0.0.0/8"]), [0]);
        assert_eq!(found(&["8.0.0.0/9"]), [0; 0]);
        assert_eq!(found(&["2600::/32"]), [0]);
        assert_eq!(found(&["2600::/33"]), [0; 0]);
        assert_eq!(found(&["8.0.0.0/8", "81.2.0.0/16", "81.3.0.0/17"]), [0, 1]);
        assert_eq!(found(&["2600::/32", "2700::/40", "2701::/41"]), [0, 1]);
        assert_eq!(found(&["10.0.0.0/8"]), [0; 0]);
    }
}

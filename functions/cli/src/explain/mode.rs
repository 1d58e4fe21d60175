//! How a policy's mode comes about: each list that has a say, and the least active of them.

use undrift_core::name::AccountId;
use undrift_core::policy::{Mode, ModeList, Policy, Settings};

/// A mode's name in documents.
pub(super) fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Approve => "approve",
        Mode::Revert => "revert",
    }
}

/// What a mode does about what is wrong.
pub(super) fn does(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "it is recorded and people are told",
        Mode::Approve => "the revert is prepared and waits for a person",
        Mode::Revert => "it is reverted at once",
    }
}

/// The steps to the mode, and the modes of accounts that are named.
pub(super) fn steps(policy: &Policy, settings: &Settings) -> Vec<String> {
    let mut says = vec![format!(
        "the document       {}: the most that it may do",
        word(policy.mode)
    )];
    says.push(match settings.deployment {
        Some(mode) => format!(
            "the deployment     {}: `deployment` in settings.yaml",
            word(mode)
        ),
        None => "the deployment     observe: `deployment` isn't set in settings.yaml, so it only \
                 observes"
            .to_owned(),
    });
    says.push(
        match (
            settings.policies.named.get(&policy.id),
            settings.policies.default,
        ) {
            (Some(mode), _) => format!(
                "this policy        {}: `policies` in settings.yaml",
                word(*mode)
            ),
            (None, Some(mode)) => format!(
                "this policy        {}: the default of `policies` in settings.yaml",
                word(mode)
            ),
            (None, None) => "this policy        no limit: settings.yaml doesn't name it".to_owned(),
        },
    );
    says.push(account(&settings.accounts));
    let effective = settings.mode_elsewhere(policy);
    says.push(format!(
        "The least active of them counts: {}. So {}.",
        word(effective),
        does(effective)
    ));
    for named in settings.accounts.named.keys() {
        let mode = settings.mode(policy, named);
        if mode != effective {
            says.push(format!(
                "In account {named}: {}. So {}.",
                word(mode),
                does(mode)
            ));
        }
    }
    says
}

fn account(list: &ModeList<AccountId>) -> String {
    let named: Vec<String> = list
        .named
        .iter()
        .map(|(id, mode)| format!("{} in {id}", word(*mode)))
        .collect();
    let rest = match list.default {
        Some(mode) => format!("{} by default", word(mode)),
        None if named.is_empty() => "no limit: settings.yaml names none".to_owned(),
        None => "no limit in others".to_owned(),
    };
    let all: Vec<String> = named.into_iter().chain([rest]).collect();
    format!("the account        {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        serde_json::from_value(serde_json::json!({
            "schema": "policy/v1", "id": "p", "title": "t", "severity": "high", "why": "w",
            "kind": "ec2/security-group", "on": {}, "violation": "[]", "remedy": "restore",
            "mode": "revert",
        }))
        .unwrap()
    }

    #[test]
    fn every_list_is_named_and_the_least_active_counts() {
        let settings = |text| serde_json::from_str::<Settings>(text).unwrap();
        for (text, ends) in [
            ("{}", "observe. So it is recorded"),
            (r#"{"deployment": "revert"}"#, "revert. So it is reverted"),
            (
                r#"{"deployment": "revert", "policies": {"p": "approve"}}"#,
                "approve. So the revert",
            ),
            (
                r#"{"deployment": "revert", "accounts": {"default": "observe", "111122223333": "revert"}}"#,
                "In account 111122223333: revert.",
            ),
        ] {
            let said = steps(&policy(), &settings(text)).join("\n");
            assert!(said.contains(ends), "{text}\n{said}");
        }
    }
}

//! The list of all policies, and which numbers of which standards they cover, in Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use undrift_core::notice::word;
use undrift_core::policy::{Policy, Remedy};

/// What the generated part of a file begins and ends with.
const BEGIN: &str = "<!-- made by `undrift policies --write` -->";
const END: &str = "<!-- end -->";

/// The generated part: every policy, then every standard.
#[must_use]
pub fn catalogue(policies: &[Policy]) -> String {
    let mut text =
        String::from("| policy | catches | severity | mode | remedy |\n|---|---|---|---|---|\n");
    let mut sorted: Vec<&Policy> = policies.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    for policy in &sorted {
        let file = format!("{}/{}.yaml", policy.kind.service(), policy.id);
        let mode = format!("{:?}", policy.mode).to_lowercase();
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "| [`{}`]({file}) | {} | {} | {mode} | {} |",
            policy.id,
            cell(&policy.title),
            word(policy.severity),
            remedy(policy)
        );
    }
    text.push_str("\n| standard | number | policies |\n|---|---|---|\n");
    for (standard, numbers) in covered(&sorted) {
        for (number, by) in numbers {
            let by: Vec<String> = by.iter().map(|id| format!("`{id}`")).collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                name(standard),
                cell(number.0),
                by.join(", ")
            );
        }
    }
    text
}

/// A file's text with the generated part put anew; `None`: the file has no place for it.
#[must_use]
pub fn placed(text: &str, policies: &[Policy]) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let part = catalogue(policies);
    Some(format!("{before}{BEGIN}\n\n{part}\n{END}{after}"))
}

/// A number of a standard, in the order of people: `EC2.9` before `EC2.13`.
#[derive(PartialEq, Eq)]
struct Number<'n>(&'n str);

impl Number<'_> {
    fn parts(&self) -> Vec<Result<u64, &str>> {
        let parts = self.0.split(['.', '-', '(', ')']);
        parts
            .map(|part| part.parse::<u64>().map_err(|_| part))
            .collect()
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts()).then(self.0.cmp(other.0))
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

type Covered<'p> = BTreeMap<&'p str, BTreeMap<Number<'p>, BTreeSet<&'p str>>>;

fn covered<'p>(policies: &[&'p Policy]) -> Covered<'p> {
    let mut covered = Covered::new();
    for policy in policies {
        for (standard, numbers) in &policy.references {
            for number in numbers {
                let by = covered.entry(standard.as_str()).or_default();
                let by = by.entry(Number(number)).or_default();
                by.insert(policy.id.as_str());
            }
        }
    }
    covered
}

/// A standard as people call it.
fn name(standard: &str) -> String {
    match standard {
        "fsbp" => "AWS FSBP".to_owned(),
        "nist_800_53_r5" => "NIST 800-53 r5".to_owned(),
        "hipaa" => "HIPAA".to_owned(),
        "pci_dss_v4" => "PCI DSS 4".to_owned(),
        other => match other.strip_prefix("cis_") {
            Some(version) => format!("CIS AWS Foundations {}", version.replace('_', ".")),
            None => other.to_owned(),
        },
    }
}

fn remedy(policy: &Policy) -> &'static str {
    match policy.remedy {
        Remedy::Restore if !policy.set.is_empty() => "restore, or set",
        Remedy::Restore => "restore",
        Remedy::Remove => "remove",
        Remedy::Contain => "contain",
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_order_of_people() {
        let mut numbers = ["EC2.13", "EC2.9", "5.3", "5.10", "AC-4", "AC-17(2)"].map(Number);
        numbers.sort();
        let sorted: Vec<&str> = numbers.iter().map(|n| n.0).collect();
        assert_eq!(
            sorted,
            ["5.3", "5.10", "AC-4", "AC-17(2)", "EC2.9", "EC2.13"]
        );
    }

    #[test]
    fn the_rest_of_the_file_stays_as_it_is() {
        let text = format!("# A\n{BEGIN}\nold\n{END}\n# B\n");
        let placed = placed(&text, &[]).unwrap();
        assert!(
            placed.starts_with("# A\n") && placed.ends_with("\n# B\n"),
            "{placed}"
        );
        assert!(!placed.contains("old"));
        assert_eq!(super::placed(&placed, &[]).unwrap(), placed);
        assert_eq!(super::placed("# A\n", &[]), None);
    }
}

//! Act, propose, or leave: for each element that is wrong, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::judge::{Assessment, Evidence, Verdict};
use crate::kind::{ElementPath, Kind, ResourceRef};
use crate::name::{Arn, PolicyId};
use crate::policy::{Bundle, Exemptions, Finding, Mode, Settings};

/// What is to be done about one element, or about a whole change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision", content = "why")]
pub enum Decision {
    /// Leave it as it is.
    Leave(Why),
    /// Prepare the plan, and let a person decide.
    Propose(Why),
    /// Put back what was there.
    Act,
}

/// Why something is left or only proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No policy that listens to the event finds anything that the change brought.
    Compliant,
    /// No policy listens to the event; it only kept the observed image current.
    NotJudged,
    /// An exemption covers it.
    Exempt {
        /// The exemption's id.
        exemption: String,
        /// Its end.
        until: Timestamp,
    },
    /// The mode in force is `observe`.
    Observing,
    /// The mode in force is `approve`.
    NeedsApproval,
    /// The pause switch is on.
    Paused,
    /// An approved pipeline made the change: its source must be mended, or it comes back.
    ApprovedPipeline(Arn),
    /// Whoever is kept for emergencies made the change.
    BreakGlass(Arn),
    /// The resource is one that nobody but a person changes back.
    Protected(String),
    /// It is a call of our own, with a record behind it.
    OwnCall,
    /// A policy can't tell whether it is wrong.
    Undecided(String),
    /// What was there before isn't known with certainty.
    BeforeUnknown(String),
    /// The plan would not make it better.
    PlanIllegal(String),
    /// The sweep found it, and no event tells who did it.
    NoEvent,
    /// It was so when the resource was first seen.
    FirstSeen,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Compliant => f.write_str("nothing that this change brought breaks a policy"),
            Self::NotJudged => f.write_str("no policy listens to this event"),
            Self::Exempt { exemption, until } => {
                write!(f, "exemption `{exemption}` covers it until {until:.0}")
            }
            Self::Observing => f.write_str("the mode in force is observe"),
            Self::NeedsApproval => f.write_str("the mode in force is approve"),
            Self::Paused => f.write_str("Undrift is paused"),
            Self::ApprovedPipeline(role) => write!(
                f,
                "the approved pipeline {role} made it: mend it at its source"
            ),
            Self::BreakGlass(who) => write!(f, "{who}, kept for emergencies, made it"),
            Self::Protected(why) => write!(f, "only a person changes it back: {why}"),
            Self::OwnCall => f.write_str("it is a call of Undrift's own"),
            Self::Undecided(why) => write!(f, "it can't be told whether it is wrong: {why}"),
            Self::BeforeUnknown(why) => write!(f, "what was there before isn't certain: {why}"),
            Self::PlanIllegal(why) => write!(f, "no plan makes it better: {why}"),
            Self::NoEvent => f.write_str("the sweep found it, and no event tells who did it"),
            Self::FirstSeen => f.write_str("it was so when Undrift first saw the resource"),
        }
    }
}

/// What is known of the world when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'c> {
    /// The policies and settings in force.
    pub bundle: &'c Bundle,
    /// Every exemption known, from the file and from the table.
    pub exemptions: &'c Exemptions,
    /// The pause switch is on.
    pub paused: bool,
    /// Why only a person may change the resource back, where that is so ([`protected`]).
    pub protected: Option<&'c str>,
    /// The time.
    pub now: Timestamp,
}

/// Paths of roles that AWS's services and Identity Center manage.
/// Source: IAM User Guide, "Create a service-linked role"; Identity Center User Guide, "Referencing
/// permission sets in resource policies".
const RESERVED_PATHS: [&str; 2] = ["/aws-service-role/", "/aws-reserved/"];

/// Why only a person may change a user, role or group back: it is one that Undrift itself or an
/// emergency needs, or AWS's own. `path` is IAM's path of it, where it was read.
#[must_use]
pub fn protected(
    resource: &ResourceRef,
    path: Option<&str>,
    settings: &Settings,
    own: &[Arn],
) -> Option<String> {
    if let Some(reserved) = path.and_then(|p| RESERVED_PATHS.iter().find(|r| p.starts_with(**r))) {
        return Some(format!("its path {reserved} is AWS's own"));
    }
    // Names are unique in an account, whatever their path and case.
    let is_it = |arn: &&Arn| {
        let mut fields = arn.as_str().splitn(6, ':').skip(4);
        let account = fields.next() == Some(resource.account.as_str());
        let mut segments = fields.next().unwrap_or_default().split('/');
        let named = segments.next().zip(segments.next_back());
        let asked = resource.id.as_str().split_once('/');
        // A key's id begins with its user.
        let asked = match (asked, resource.kind.as_str()) {
            (Some((user, _)), "iam/access-key") => Some(("user", user)),
            (asked, _) => asked,
        };
        let same = named
            .zip(asked)
            .is_some_and(|((sort, name), (asked_sort, asked))| {
                sort == asked_sort && name.eq_ignore_ascii_case(asked)
            });
        account && resource.kind.service() == "iam" && same
    };
    if own.iter().any(|arn| is_it(&arn)) {
        return Some("it is a role of Undrift's own".to_owned());
    }
    let kept = settings.break_glass.iter().any(|arn| is_it(&arn));
    kept.then(|| "it is kept for emergencies (`break_glass` in settings)".to_owned())
}

/// The decision on one element that one policy finds wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// The policy.
    pub policy: PolicyId,
    /// The element.
    pub path: ElementPath,
    /// What is to be done about it.
    #[serde(flatten)]
    pub decision: Decision,
}

/// Rules on every piece of evidence of a change's assessments.
#[must_use]
pub fn rule(
    assessments: &[Assessment],
    kind: &dyn Kind,
    resource: &ResourceRef,
    change: &Change,
    now: Circumstances<'_>,
) -> Vec<Ruling> {
    let mut rulings = Vec::new();
    for assessment in assessments {
        for evidence in &assessment.evidence {
            rulings.push(Ruling {
                policy: assessment.policy.clone(),
                path: evidence.path.clone(),
                decision: on(assessment, evidence, kind, resource, change, now),
            });
        }
    }
    rulings
}

fn on(
    assessment: &Assessment,
    evidence: &Evidence,
    kind: &dyn Kind,
    resource: &ResourceRef,
    change: &Change,
    now: Circumstances<'_>,
) -> Decision {
    if let Some(why) = exempt(
        &assessment.policy,
        evidence,
        kind,
        resource,
        Some(change),
        now,
    ) {
        return Decision::Leave(why);
    }
    let settings = &now.bundle.settings;
    let policy = now
        .bundle
        .policies
        .iter()
        .find(|p| p.policy.id == assessment.policy);
    let mode = policy.map_or(Mode::Observe, |p| {
        settings.mode(&p.policy, &resource.account)
    });
    if mode == Mode::Observe {
        return Decision::Leave(Why::Observing);
    }
    let maker = |listed: &[Arn]| {
        let maker = change.actor.principal.as_ref();
        maker.filter(|p| listed.contains(p)).cloned()
    };
    let held = if now.paused {
        Some(Why::Paused)
    } else if let Some(why) = now.protected {
        Some(Why::Protected(why.to_owned()))
    } else if let Some(who) = maker(&settings.break_glass) {
        Some(Why::BreakGlass(who))
    } else if let Some(role) = maker(&settings.approved_pipelines) {
        Some(Why::ApprovedPipeline(role))
    } else {
        (mode == Mode::Approve).then_some(Why::NeedsApproval)
    };
    held.map_or(Decision::Act, Decision::Propose)
}

/// The exemption that covers a piece of evidence, as a reason.
#[must_use]
pub fn exempt(
    policy: &PolicyId,
    evidence: &Evidence,
    kind: &dyn Kind,
    resource: &ResourceRef,
    change: Option<&Change>,
    now: Circumstances<'_>,
) -> Option<Why> {
    let substance = kind.substance(&evidence.path.facet, &evidence.element);
    let finding = Finding {
        policy,
        resource,
        actor: change.and_then(|c| c.actor.principal.as_ref()),
        facet: &evidence.path.facet,
        substance: &substance,
    };
    now.exemptions
        .covering(finding, now.now)
        .map(|e| Why::Exempt {
            exemption: e.id.clone(),
            until: e.until,
        })
}

/// What is decided on a whole change: the most active ruling, or why there is none.
#[must_use]
pub fn overall(assessments: &[Assessment], rulings: &[Ruling]) -> Decision {
    let rank = |d: &Decision| match d {
        Decision::Leave(_) => 0,
        Decision::Propose(_) => 1,
        Decision::Act => 2,
    };
    if let Some(most) = rulings.iter().map(|r| &r.decision).max_by_key(|d| rank(d)) {
        return most.clone();
    }
    let untold = assessments.iter().find_map(|a| match &a.verdict {
        Verdict::Undecided(why) => Some(why.clone()),
        _ => None,
    });
    match untold {
        Some(why) => Decision::Propose(Why::Undecided(why)),
        None if assessments.is_empty() => Decision::Leave(Why::NotJudged),
        None => Decision::Leave(Why::Compliant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{AccountId, KindId, Region, ResourceId};

    fn identity(id: &str) -> ResourceRef {
        ResourceRef {
            account: AccountId::parse("111122223333").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            kind: KindId::parse("iam/identity").unwrap(),
            id: ResourceId::parse(id).unwrap(),
        }
    }

    #[test]
    fn what_nobody_but_a_person_changes_back() {
        let arn = |a: &str| Arn::parse(a).unwrap();
        let settings = Settings {
            break_glass: vec![arn("arn:aws:iam::111122223333:role/ops/emergency")],
            ..Settings::default()
        };
        let own = [arn("arn:aws:iam::111122223333:role/undrift-iam")];
        for (id, path, why) in [
            ("role/Undrift-iam", None, "Undrift's own"),
            ("role/emergency", Some("/ops/"), "kept for emergencies"),
            (
                "role/AWSServiceRoleForConfig",
                Some("/aws-service-role/config.amazonaws.com/"),
                "AWS's own",
            ),
            (
                "role/AWSReservedSSO_Admin_0123",
                Some("/aws-reserved/sso.amazonaws.com/"),
                "AWS's own",
            ),
            // By their path, not by their name: anybody may call a role so.
            ("role/AWSServiceRoleForConfig", Some("/"), ""),
            ("role/undrift-iam-2", Some("/"), ""),
            ("user/emergency", None, ""),
            ("role/ops", None, ""),
        ] {
            let told = protected(&identity(id), path, &settings, &own).unwrap_or_default();
            assert!(
                told.contains(why) && told.is_empty() == why.is_empty(),
                "{id}: {told}"
            );
        }
        let mut key = identity("emergency/AKIAIOSFODNN7EXAMPLE");
        key.kind = KindId::parse("iam/access-key").unwrap();
        let settings = Settings {
            break_glass: vec![arn("arn:aws:iam::111122223333:user/ops/emergency")],
            ..Settings::default()
        };
        assert!(protected(&key, None, &settings, &own).is_some());
        key.id = ResourceId::parse("maya/AKIAIOSFODNN7EXAMPLE").unwrap();
        assert_eq!(protected(&key, None, &settings, &own), None);
        let mut elsewhere = identity("role/emergency");
        elsewhere.account = AccountId::parse("444455556666").unwrap();
        assert_eq!(protected(&elsewhere, None, &settings, &own), None);
    }
}

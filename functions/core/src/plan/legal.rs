//! Whether a plan makes it better, and nothing worse.

use std::collections::BTreeSet;

use super::Write;
use super::make::{Mend, NoPlan};
use crate::change::Change;
use crate::decide::{Circumstances, Why, exempt};
use crate::judge::{Evidence, Viewed, findings};
use crate::kind::{ElementPath, Image, Kind, ResourceRef};
use crate::name::PolicyId;
use crate::policy::Mode;

pub(super) fn legal(
    kind: &dyn Kind,
    resource: &ResourceRef,
    live: &Image,
    desired: &Image,
    mend: &Mend,
    now: Circumstances<'_>,
) -> Result<(), NoPlan> {
    let all = |why: String| NoPlan::of_all(mend, why);
    let before = evidence(kind, resource, live, now).map_err(all)?;
    let after = evidence(kind, resource, desired, now).map_err(all)?;
    let on = |set: &BTreeSet<(PolicyId, ElementPath)>, path: &ElementPath| {
        set.iter().filter(|(_, p)| p == path).count()
    };
    let no_better = |p: &&ElementPath| on(&after, p) >= on(&before, p);
    let paths: Vec<ElementPath> = mend.wrong.keys().filter(no_better).cloned().collect();
    if let Some(path) = paths.first() {
        let why = format!("{path} was no better before the change than it is now");
        return Err(NoPlan {
            paths,
            why: Why::PlanIllegal(why),
        });
    }
    if let Some((policy, path)) = after.difference(&before).next() {
        return Err(all(format!("{path} would newly break {policy}")));
    }
    if after.len() >= before.len() {
        return Err(all("as much would be wrong as is now".to_owned()));
    }
    Ok(())
}

/// What was proposed still makes it better, and nothing worse, by the policies, modes and exemptions
/// of today. `change`: the one that was found wrong; `proposed`: what was wrong by it.
///
/// # Errors
///
/// Why not, in words.
pub fn still_mends(
    kind: &dyn Kind,
    (resource, change): (&ResourceRef, Option<&Change>),
    live: &Image,
    desired: &Image,
    proposed: &[ElementPath],
    now: Circumstances<'_>,
) -> Result<(), String> {
    let before = evidence_by(kind, (resource, change), live, now)?;
    let after = evidence_by(kind, (resource, change), desired, now)?;
    let active = |policy: &PolicyId| {
        let mut policies = now.bundle.policies.iter();
        let policy = policies.find(|p| p.policy.id == *policy);
        policy.is_some_and(|p| {
            let settings = &now.bundle.settings;
            settings.mode(&p.policy, &resource.account) != Mode::Observe
        })
    };
    let none = || "no policy of today finds it wrong, or an exemption covers it".to_owned();
    for path in proposed {
        let mut by = before.iter().filter(|(_, p)| p == path).peekable();
        if by.peek().is_none() {
            return Err(format!("{path}: {}", none()));
        }
        if !by.any(|(policy, _)| active(policy)) {
            return Err(format!("{path}: the mode in force is observe"));
        }
    }
    if let Some((policy, path)) = after.difference(&before).next() {
        return Err(format!("{path} would newly break {policy}"));
    }
    if after.len() >= before.len() {
        return Err(none());
    }
    Ok(())
}

/// All evidence in an image that no exemption covers, for every enabled policy of the kind.
pub(crate) fn evidence(
    kind: &dyn Kind,
    resource: &ResourceRef,
    image: &Image,
    now: Circumstances<'_>,
) -> Result<BTreeSet<(PolicyId, ElementPath)>, String> {
    evidence_by(kind, (resource, None), image, now)
}

/// As [`evidence`]; what is exempt for whoever made the change counts for none.
fn evidence_by(
    kind: &dyn Kind,
    (resource, change): (&ResourceRef, Option<&Change>),
    image: &Image,
    now: Circumstances<'_>,
) -> Result<BTreeSet<(PolicyId, ElementPath)>, String> {
    let mut all = BTreeSet::new();
    let view = Viewed::of(image, &resource.account);
    for policy in now.bundle.of_kind(&resource.kind) {
        let found = findings(policy, kind, &view);
        // Of what isn't shown nothing is written either.
        if let Some((None, why)) = found.untold.first()
            && !policy.hangs_on_hidden(kind, image)
        {
            return Err(format!("{}: {why}", policy.policy.id));
        }
        let counts =
            |e: &Evidence| exempt(&policy.policy.id, e, kind, resource, change, now).is_none();
        all.extend(
            found
                .wrong
                .into_iter()
                .filter(counts)
                .map(|e| (policy.policy.id.clone(), e.path)),
        );
    }
    Ok(all)
}

/// All enabled policies of the kind hold in an image, as far as it shows what they are about: it
/// may serve as a baseline.
#[must_use]
pub fn holds(
    kind: &dyn Kind,
    resource: &ResourceRef,
    image: &Image,
    now: Circumstances<'_>,
) -> bool {
    let view = Viewed::of(image, &resource.account);
    now.bundle.of_kind(&resource.kind).all(|policy| {
        let found = findings(policy, kind, &view);
        let hidden = policy.hangs_on_hidden(kind, image);
        let mut untold = found.untold.iter();
        found.wrong.is_empty() && untold.all(|(path, _)| path.is_none() && hidden)
    })
}

/// Leaves out of writes, all of which an image has, those that put something wrong, or of which a
/// policy can't tell whether it is.
pub(crate) fn keep_right(
    kind: &dyn Kind,
    resource: &ResourceRef,
    image: &Image,
    writes: &mut Vec<Write>,
    now: Circumstances<'_>,
) {
    let view = Viewed::of(image, &resource.account);
    for policy in now.bundle.of_kind(&resource.kind) {
        let found = findings(policy, kind, &view);
        writes.retain(|w| {
            let wrong = found.wrong.iter().any(|e| e.path == w.path);
            let untold = |(path, _): &(Option<ElementPath>, String)| match path {
                Some(path) => *path == w.path,
                None => !policy.hangs_on_hidden(kind, image),
            };
            w.to.is_none() || !(wrong || found.untold.iter().any(untold))
        });
    }
}

//! Caps: how much may be reverted within a time, by whom it was broken, by policy, by account.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use undrift_core::decide::Decision;
use undrift_core::name::PolicyId;
use undrift_core::policy::Severity;
use undrift_core::record::{Outcome, OutcomeKind};
use undrift_core::weigh::Weighed;

use crate::claim::Work;
use crate::close::Draft;
use crate::port::{CapKey, CapOf, Claim, Clock, Cloud, Journal, JournalError, Release, Switch};
use crate::way::{Attempt, Run, all};
use crate::{Disposition, Engine};

/// How long after its call what is over a cap, and severe, is reverted at the latest.
const SLOWED: SignedDuration = SignedDuration::from_secs(60);

impl<C: Cloud, J: Journal, S: Switch, T: Clock> Engine<'_, C, J, S, T> {
    /// Over a cap, what is severe is slowed down, so that people can look and pause, and is reverted
    /// all the same; the rest is proposed. `None`: it goes on.
    pub(crate) async fn capped(
        &self,
        run: &Run,
        draft: &Draft<'_>,
        work: &Work,
        (caps, spent): (&[CapKey], Result<Vec<u64>, JournalError>),
        free: &Claim,
    ) -> Option<Attempt> {
        let spent = match spent {
            Ok(counts) => counts,
            Err(e) => {
                tracing::error!(resource = %run.resource, error = %e, "nothing is written while the caps can't be counted");
                if let Err(end) = self.release(run, free).await {
                    return Some(end);
                }
                let retry = Disposition::retry(SignedDuration::from_secs(5), e.to_string());
                return Some(Attempt::Ended(all(&run.items, &retry)));
            }
        };
        let counts = caps.iter().zip(spent);
        let over = counts.filter(|(cap, n)| *n > self.limit(cap));
        let cap = over.map(|(cap, _)| cap).min()?;
        tracing::error!(alarm = "over a cap", resource = %run.resource, cap = %cap, "more is being reverted than the caps allow");
        // Who is over its own cap doesn't use up everybody else's.
        // What a crash left open was let through when it was claimed.
        if free.held.is_some() {
            return None;
        }
        // The oldest counts: what is done beside it doesn't put it off.
        let changes = draft.items.iter().zip(&draft.scales.changes);
        let severe = changes.filter(|(_, w)| worst(w) >= Some(Severity::High));
        let now = self.clock.now();
        let ages = severe.map(|(item, _)| now.duration_since(item.change.time));
        if let Some(age) = ages.max() {
            let rest = SLOWED - age;
            if !rest.is_positive() {
                return None;
            }
            self.refund(run, caps).await;
            if let Err(end) = self.release(run, free).await {
                return Some(end);
            }
            let why = format!("slowed down: more was reverted lately than the cap {cap} allows");
            return Some(Attempt::Ended(all(
                &run.items,
                &Disposition::retry(rest.min(SLOWED), why),
            )));
        }
        self.refund(run, caps).await;
        let mut close = crate::port::Close::of(run.resource.clone());
        let mut ends = Vec::new();
        for (record, index) in &work.records {
            let mut record = record.clone();
            if record.outcome.kind == OutcomeKind::Pending {
                let why = format!("more was reverted lately than the cap {cap} allows");
                record.outcome = Outcome::new(OutcomeKind::Proposed, why);
            }
            record.stages.closed = Some(self.clock.now());
            close.records.push(record);
            ends.extend(index.map(|i| (i, Disposition::Done)));
        }
        close.observed = crate::close::remembered(draft.looked, draft.observed.clone());
        close.release = Some(Release::of(&run.nonce, free.clone()));
        Some(self.put(run, close, ends).await)
    }

    /// Gives back what was spent on nothing: others would be held back by it.
    pub(crate) async fn refund(&self, run: &Run, caps: &[CapKey]) {
        if caps.is_empty() {
            return;
        }
        if let Err(e) = self.journal.refund(caps).await {
            tracing::warn!(resource = %run.resource, error = %e, "caps are counted as spent that are not");
        }
    }

    /// How often a cap may be spent within its time. One actor alone can't spend the account's.
    fn limit(&self, cap: &CapKey) -> u64 {
        match cap.of {
            CapOf::Actor(_) => self.cap_limit,
            CapOf::Policy(_) => self.cap_limit * 2,
            CapOf::Account(_) => self.cap_limit * 5,
        }
    }
}

/// The caps that acting spends: per actor, per policy, per account, the critical ones apart.
pub(crate) fn caps(draft: &Draft<'_>) -> Vec<CapKey> {
    let mut keys = BTreeSet::new();
    for (item, weighed) in draft.items.iter().zip(&draft.scales.changes) {
        if weighed.decision != Decision::Act {
            continue;
        }
        let policies = acted(weighed);
        let critical = worst(weighed) == Some(Severity::Critical);
        let actor = CapOf::Actor(item.change.actor.key().to_owned());
        let account = CapOf::Account(item.change.account.to_string());
        let policies = policies.iter().map(|p| CapOf::Policy(p.to_string()));
        let all = policies.chain([actor, account]);
        keys.extend(all.map(|of| CapKey { of, critical }));
    }
    keys.into_iter().collect()
}

/// The policies for which something is put back.
fn acted(weighed: &Weighed) -> BTreeSet<&PolicyId> {
    let acted = weighed.rulings.iter();
    let acted = acted.filter(|r| r.decision == Decision::Act);
    acted.map(|r| &r.policy).collect()
}

/// How bad the worst of what is put back is.
fn worst(weighed: &Weighed) -> Option<Severity> {
    let policies = acted(weighed);
    let assessed = weighed.assessments.iter();
    let found = assessed.filter(|a| policies.contains(&a.policy));
    found.map(|a| a.severity).max()
}

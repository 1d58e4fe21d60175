//! What the end must be. Written from the meaning of restore alone; nothing of how Undrift judges,
//! plans or reverts is used here.

use std::collections::{BTreeMap, BTreeSet};

use undrift_core::record::{OutcomeKind, Record};

use crate::aws::{By, Written};
use crate::scenario::{ANYBODY, FIRST, Ms, Subject, TRUSTED, WORLD, What};
use crate::sim::{SECOND, State, Us, us};

/// How long after each other writes may count as meeting.
const MEET: Us = 25 * SECOND;

/// What a policy says of a value.
fn is_bad(value: &str) -> bool {
    let world = |port: &str| value == format!("{port} {WORLD}");
    value == ANYBODY || ["22", "3389", "5432"].into_iter().any(world)
}

/// How many policies find it wrong.
fn level(value: &Option<String>) -> u32 {
    match value.as_deref() {
        Some(value) if value == format!("22 {WORLD}") => 2,
        Some(value) if is_bad(value) => 1,
        _ => 0,
    }
}

/// What is wrong at the end of a run.
pub(crate) fn wrong(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    let end = match state.scenario.subject {
        Subject::Group => rules(state),
        Subject::Document => statements(state),
    };
    wrong.extend(end);
    wrong.extend(bystanders(state));
    wrong.extend(records(state));
    wrong
}

fn event_of(state: &State, number: usize) -> String {
    let _ = state;
    format!("e{number}")
}

/// How the record of an edit's event ended.
fn outcome(state: &State, number: usize) -> Option<OutcomeKind> {
    let event = event_of(state, number);
    let mut rows = state.table.rows.iter();
    let found = rows.find(|(key, _)| key.event.as_str() == event);
    found
        .and_then(|(_, rows)| rows.last())
        .map(|r| r.outcome.kind)
}

/// People were told that something isn't as it should be.
fn is_told(state: &State, touching: impl Fn(usize) -> bool) -> bool {
    let mut edits = 0..state.scenario.edits.len();
    edits.any(|n| touching(n) && outcome(state, n) == Some(OutcomeKind::Conflict))
}

fn by_people(log: &[Written]) -> impl Iterator<Item = (usize, &Written)> {
    log.iter().filter_map(|w| match w.by {
        By::Person(n) => Some((n, w)),
        By::Undrift { .. } => None,
    })
}

/// Rules: each stands as the last one left it who made it something right.
fn rules(state: &State) -> Vec<String> {
    let log = &state.aws.log;
    let live = state.aws.values();
    let first: BTreeMap<String, String> = FIRST
        .iter()
        .enumerate()
        .map(|(n, (port, source))| (format!("sgr-{n}"), format!("{port} {source}")))
        .collect();
    let names: BTreeSet<&String> = first.keys().chain(log.iter().map(|w| &w.element)).collect();
    let mut wrong = Vec::new();
    for name in names {
        if name.starts_with("sgr-ours") {
            continue;
        }
        let mut standing = BTreeSet::from([first.get(name).cloned()]);
        let mut at_second = (i64::MIN, standing.clone(), false);
        let mut crowded = false;
        // What stood before the first of several wrong values in a row.
        let mut origin = standing.clone();
        let own: Vec<_> = by_people(log).filter(|(_, w)| w.element == *name).collect();
        for (at, (n, write)) in own.iter().enumerate() {
            let second = write.at.div_euclid(SECOND);
            if at_second.0 == second {
                crowded = true;
                at_second.2 = true;
            } else {
                at_second = (second, standing.clone(), false);
            }
            // What was there goes back if it is right, or at least less wrong. Which of one
            // second's changes came first, nobody can tell.
            let mut back = standing.clone();
            back.extend(at_second.1.iter().cloned());
            back.extend(origin.iter().cloned());
            // It was told before the next one was made.
            let edit = &state.scenario.edits[*n];
            let told = edit.told.iter().min().map_or(Us::MAX, |t| us(edit.at + t));
            let next = own.get(at + 1).map_or(Us::MAX, |(_, w)| w.at);
            // A late look may have shown them in another order.
            let unclear = at_second.2 && state.scenario.lag > 0;
            if level(&write.after) == 0 && told + 4 * SECOND < next && !unclear {
                origin.clear();
            }
            if level(&write.after) == 0 {
                origin.insert(write.after.clone());
            }
            back.retain(|v| level(v) < level(&write.after));
            if back.is_empty() {
                back.insert(write.after.clone());
            }
            standing = back;
        }
        let is = live.get(name).cloned();
        if standing.contains(&is) {
            continue;
        }
        // The same rule stood beside it.
        let beside = |v: &Option<String>| {
            let mut others = log.iter().filter(|w| w.element != *name);
            others.any(|w| v.is_some() && w.after == *v)
        };
        if is.is_none() && standing.iter().any(beside) {
            continue;
        }
        let touching = |n: usize| by_people(log).any(|(m, w)| m == n && w.element == *name);
        if is_told(state, touching) {
            continue;
        }
        let asked = by_people(log).filter(|(_, w)| w.element == *name && w.after == is);
        let mut asked = asked.map(|(n, _)| outcome(state, n));
        let proposed = |o: Option<OutcomeKind>| {
            matches!(o, Some(OutcomeKind::Proposed | OutcomeKind::Undecided))
        };
        // What was there before is only told when a person was asked already.
        let told_at = |n: usize| {
            let edit = &state.scenario.edits[n];
            edit.told.iter().min().map(|told| edit.at + told)
        };
        let all = by_people(log).filter(|(_, w)| w.element == *name);
        let all: Vec<_> = all.map(|(n, _)| told_at(n)).collect();
        let late = all.windows(2).any(|two| two[0] > two[1]);
        let late = late || !state.scenario.crashes.is_empty();
        if (crowded || late) && asked.any(proposed) {
            continue;
        }
        wrong.push(format!(
            "{name} is {is:?}, and should be one of {standing:?}"
        ));
    }
    wrong
}

/// Statements: nobody unknown is let in; what the last document had stays; what a wrong document
/// took away is back.
fn statements(state: &State) -> Vec<String> {
    let live: BTreeSet<String> = state.aws.values().into_values().collect();
    let log = &state.aws.log;
    let mut wrong = Vec::new();
    let told = is_told(state, |_| true);
    // What stood before each put: one that changes nothing leaves nothing in the log.
    let stood = |at: Us| {
        let mut now: BTreeSet<String> = TRUSTED.map(str::to_owned).into();
        for write in log.iter().filter(|w| w.at < at) {
            if write.before.is_some() {
                now.remove(&write.element);
            }
            if write.after.is_some() {
                now.insert(write.element.clone());
            }
        }
        now
    };
    let mut puts: Vec<(usize, Us, BTreeSet<String>, BTreeSet<String>)> = Vec::new();
    for (n, edit) in state.scenario.edits.iter().enumerate() {
        if let (What::Put(who), true) = (&edit.what, state.aws.events.contains_key(&n)) {
            let at = us(edit.at);
            puts.push((n, at, stood(at), who.iter().cloned().collect()));
        }
    }
    if live.contains(ANYBODY) {
        let mut who = puts.iter().map(|(n, ..)| outcome(state, *n));
        let crowded = |i: usize| {
            puts.get(i.wrapping_sub(1))
                .zip(puts.get(i))
                .is_some_and(|(a, b)| a.1.div_euclid(SECOND) == b.1.div_euclid(SECOND))
        };
        let proposed =
            who.any(|o| matches!(o, Some(OutcomeKind::Proposed | OutcomeKind::Undecided)));
        if !told && !(proposed && (0..puts.len()).any(crowded)) {
            wrong.push("anybody gets in".to_owned());
        }
    }
    let Some((_, at, before, last)) = puts.last() else {
        return wrong;
    };
    let ever: BTreeSet<&String> = puts
        .iter()
        .flat_map(|(_, _, b, d)| b.iter().chain(d))
        .collect();
    for who in &live {
        if !ever.contains(who) {
            wrong.push(format!("{who} is let in whom nobody named"));
        }
    }
    if told {
        return wrong;
    }
    for who in last.iter().filter(|w| *w != ANYBODY) {
        if !live.contains(who) {
            wrong.push(format!(
                "{who} was let in by the last document and isn't any more"
            ));
        }
    }
    let alone = puts
        .iter()
        .rev()
        .nth(1)
        .is_none_or(|(_, earlier, ..)| earlier.div_euclid(SECOND) != at.div_euclid(SECOND));
    // Each earlier one was told in time, and dealt with: after a lease, where its holder died.
    let lease = if state.scenario.crashes.is_empty() {
        0
    } else {
        30
    };
    let known = |n: usize| {
        let edit = &state.scenario.edits[n];
        let told = edit.told.iter().min().copied().unwrap_or(Ms::MAX);
        us(edit.at.saturating_add(told)) + (15 + lease) * SECOND < *at
    };
    let mut earlier = puts.iter().rev().skip(1);
    let quiet = !before.contains(ANYBODY) && alone && earlier.all(|(n, ..)| known(*n));
    for who in before.difference(last) {
        let is = live.contains(who);
        if quiet && last.contains(ANYBODY) && !is {
            wrong.push(format!(
                "{who} was taken out by a wrong document and isn't back"
            ));
        }
        if quiet && !last.contains(ANYBODY) && is {
            wrong.push(format!(
                "{who} was taken out by a document that was right, and is back"
            ));
        }
    }
    wrong
}

/// Nothing that was right was written over, but within the one round trip that stays open.
fn bystanders(state: &State) -> Vec<String> {
    let log = &state.aws.log;
    let lag = us(state.scenario.lag);
    let mut wrong = Vec::new();
    for (index, write) in log.iter().enumerate() {
        let By::Undrift {
            looked, claimed, ..
        } = write.by
        else {
            continue;
        };
        let Some(before) = &write.before else {
            continue;
        };
        let last = log.iter().take(index).rev();
        let mut last = last.filter(|w| w.element == write.element);
        let last = last.next();
        if is_bad(before) {
            if last.is_none() {
                wrong.push(format!(
                    "{}, always {before}, was written over",
                    write.element
                ));
            }
            continue;
        }
        // A call that names one rule only needs no second look.
        let window = match state.scenario.subject {
            Subject::Group if write.after.is_none() => looked,
            _ => claimed,
        };
        let raced = last.is_some_and(|w| matches!(w.by, By::Person(_)) && w.at >= window - lag);
        // What Undrift brought back in the moment in which a person took it away goes again.
        let ours = last.is_some_and(|w| matches!(w.by, By::Undrift { .. }));
        let mut people = by_people(log).filter(|(_, w)| w.element == write.element);
        let back = people.any(|(_, w)| {
            let lately = ours || write.at - w.at < MEET;
            lately && w.at <= write.at && w.after == write.after
        });
        if !raced && !back {
            wrong.push(format!(
                "{} was {before}, which is right, and became {:?} at {}",
                write.element,
                write.after,
                write.at / 1000
            ));
        }
    }
    wrong
}

/// One closed record for each change; what it says is so.
fn records(state: &State) -> Vec<String> {
    let mut wrong = Vec::new();
    if state.table.claim.as_ref().is_some_and(|c| c.held.is_some()) {
        wrong.push("a claim is held for ever".to_owned());
    }
    for (key, rows) in &state.table.rows {
        let mut revisions = rows.iter().map(|r| r.revision);
        if !(1..).zip(revisions.by_ref()).all(|(n, r)| n == r) {
            wrong.push(format!("{}: its revisions aren't in a row", key.event));
        }
        let open = |k: OutcomeKind| k == OutcomeKind::Pending;
        let (last, earlier) = rows.split_last().unwrap();
        if open(last.outcome.kind) {
            wrong.push(format!("{}: its record is never closed", key.event));
        }
        // One that was right and was written over all the same has another story to tell.
        let reopened = last.outcome.kind == OutcomeKind::Conflict;
        // What is only proposed waits for a person, or for what a late event tells.
        let waits = |k: OutcomeKind| matches!(k, OutcomeKind::Proposed | OutcomeKind::Undecided);
        let closed = |r: &Record| !open(r.outcome.kind) && !waits(r.outcome.kind) && !r.is_unseen();
        if earlier.iter().any(closed) && !reopened {
            wrong.push(format!("{}: it was closed twice", key.event));
        }
        if key.event.as_str().starts_with("own") {
            wrong.push(format!("{}: a call of our own has a record", key.event));
        }
    }
    for n in state.aws.events.keys() {
        let judged = !matches!(state.scenario.edits[*n].what, What::Revoke(_));
        let told = !state.scenario.edits[*n].told.is_empty();
        match outcome(state, *n) {
            None if judged && told => wrong.push(format!("e{n} has no record")),
            Some(kind) => {
                // What several made was taken back once, and is another's record.
                let others = state.aws.events.keys().filter(|m| *m != n);
                let elsewhere = others
                    .filter(|m| outcome(state, **m) == Some(OutcomeKind::Reverted))
                    .any(|m| {
                        made(state, *m)
                            .intersection(&made(state, *n))
                            .next()
                            .is_some()
                    });
                let back = is_taken_back(state, *n);
                wrong.extend(truth(state, *n, (kind, elsewhere, back)));
            }
            None => {}
        }
    }
    wrong
}

/// A record says that it was reverted where it was, and only there.
fn truth(
    state: &State,
    n: usize,
    (kind, elsewhere, back): (OutcomeKind, bool, bool),
) -> Option<String> {
    let log = &state.aws.log;
    let own = |w: &&Written| w.by == By::Person(n);
    let mut reverts = Vec::new();
    for (index, made) in log.iter().enumerate().filter(|(_, w)| own(w)) {
        let later = log.iter().skip(index + 1);
        if let Some(next) = later.clone().find(|w| w.element == made.element)
            && matches!(next.by, By::Undrift { .. })
        {
            let near = |at: Us| at - next.at < MEET * 10 && at >= next.at;
            let mut later = later.clone();
            let again = later
                .any(|w| matches!(w.by, By::Person(_)) && near(w.at) && w.element == made.element);
            // A document that is put says something of all that is in it and isn't.
            let mut edits = state.scenario.edits.iter();
            let put = edits.any(|e| matches!(e.what, What::Put(_)) && near(us(e.at)));
            let again = again || put;
            let bad = made.after.as_deref().is_some_and(is_bad);
            reverts.push((bad, again));
        }
    }
    match kind {
        OutcomeKind::Reverted if !back => {
            Some(format!("e{n} is told as reverted, and nothing of it was"))
        }
        OutcomeKind::Reverted | OutcomeKind::Conflict => None,
        OutcomeKind::ClosedByOthers | OutcomeKind::Left if elsewhere => None,
        _ => {
            let untold = reverts.iter().any(|(bad, again)| *bad && !again);
            untold.then(|| format!("e{n} was reverted, and is told as {}", kind.word()))
        }
    }
}

/// Something that an edit made was taken away by Undrift, whoever may have made the same since.
fn is_taken_back(state: &State, n: usize) -> bool {
    let log = &state.aws.log;
    let at = |w: &&Written| w.by == By::Person(n);
    let since = log.iter().find(at).map_or(0, |w| w.at);
    let made = made(state, n);
    // A person may have been faster by less than a round trip.
    let people = log
        .iter()
        .filter(|w| matches!(w.by, By::Person(m) if m != n));
    let dead = if state.scenario.crashes.is_empty() {
        0
    } else {
        200 * SECOND
    };
    let mut people = people.filter(|w| w.at >= since && w.at - since < MEET + dead);
    let met = people.any(|w| {
        let was = w.before.clone().unwrap_or_default();
        is_bad(&was) && made.contains(&(w.element.clone(), was))
    });
    let mut ours = log.iter().filter(|w| matches!(w.by, By::Undrift { .. }));
    met || ours.any(|w| {
        let was = w.before.clone().unwrap_or_default();
        w.at >= since && made.contains(&(w.element.clone(), was))
    })
}

/// What stood when an edit was done, as it wrote it.
fn made(state: &State, n: usize) -> BTreeSet<(String, String)> {
    if let What::Put(who) = &state.scenario.edits[n].what {
        return who.iter().map(|w| (w.clone(), w.clone())).collect();
    }
    if let What::Modify(rule, value) = &state.scenario.edits[n].what {
        let value = format!("{} {}", value.0, value.1);
        return BTreeSet::from([(format!("sgr-{rule}"), value)]);
    }
    let own = state.aws.log.iter().filter(|w| w.by == By::Person(n));
    own.filter_map(|w| Some((w.element.clone(), w.after.clone()?)))
        .collect()
}

//! The records that others published: each decodes, and is judged as a person would.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use undrift_core::change::{Change, Decoded, Ignored, decode};
use undrift_core::judge::Verdict;
use undrift_core::kind::{Before, Effect, Kind, Lookup, Target, Touch, Touched};
use undrift_core::route::route;
use undrift_documents::kinds;
use undrift_tests::verdicts::{Expected, corpus, rows};

use crate::support::{lines, replay_records};

#[test]
fn every_record_decodes() {
    let corpus = corpus();
    assert_eq!(corpus.len(), 646);
    let mut came = BTreeMap::new();
    for (id, record) in corpus {
        let code = record["errorCode"].as_str().unwrap_or_default().to_owned();
        let decoded = decode(record).unwrap_or_else(|e| panic!("{id}: {e}"));
        let what = match &decoded {
            Decoded::Change(change) if change.assumed.is_empty() => "change",
            Decoded::Change(_) => "change, something assumed",
            Decoded::Ignored(Ignored::Failed(_)) => "failed",
            Decoded::Ignored(Ignored::DryRun) => "dry run",
            Decoded::Ignored(Ignored::ReadOnly) => "reads",
            Decoded::Ignored(Ignored::NotACall(_)) => "no call",
        };
        *came.entry(what).or_insert(0) += 1;
        let failed = matches!(what, "failed" | "dry run");
        assert_eq!(failed, !code.is_empty(), "{id}: {what}, with `{code}`");
    }
    let counted = BTreeMap::from(COUNTED);
    assert_eq!(came, counted);
}

/// What the records say, counted by another program from their text.
const COUNTED: [(&str, i32); 5] = [
    ("change", 531),
    ("change, something assumed", 41),
    ("dry run", 2),
    ("failed", 64),
    ("no call", 8),
];

/// What a change did, in the words of the table.
fn did(kind: &dyn Kind, change: &Change) -> (String, Vec<String>) {
    let touched = kind.touched(change).unwrap();
    let id = |t: &Touched| match &t.resource {
        Lookup::Id(id) => id.to_string(),
        Lookup::Name(name) => panic!("no id: {name}"),
    };
    let ids: Vec<String> = touched.iter().map(id).collect();
    let one = |touch: &Touch| {
        let facet = &touch.facets[0];
        let element = match (&touch.after, &touch.before, &touch.target) {
            (Some(e), _, _) | (None, Before::Was(e), _) | (None, _, Target::Like(e)) => e.clone(),
            (None, _, Target::Key(key)) => match kind.element(facet, &json!({"with": key})) {
                Ok((_, element)) => element,
                Err(_) => return format!("- {facet} {key}"),
            },
        };
        let sign = match (&touch.after, touch.facets.len()) {
            (None, _) => '-',
            (Some(_), 1) => '+',
            (Some(_), _) => '~',
        };
        format!("{sign} {}", kind.describe(facet, &element))
    };
    let did = |t: &Touched| match &t.effect {
        Effect::Created(_) => vec!["created".to_owned()],
        Effect::Deleted => vec!["deleted".to_owned()],
        Effect::Replaced(image) if image.elements().next().is_none() => {
            let facets = image.facets.keys();
            facets.map(|f| format!("- all of {f}")).collect()
        }
        effect @ (Effect::Edited(_) | Effect::Replaced(_)) => {
            effect.touches().iter().map(one).collect()
        }
        Effect::Unclear(_) => vec!["unclear".to_owned()],
    };
    let mut all: Vec<Vec<String>> = touched.iter().map(did).collect();
    all.dedup();
    let mut all = all.concat();
    // In which order elements are kept says nothing.
    all.sort();
    (ids.join(" "), all)
}

#[test]
fn every_record_of_a_known_kind_is_routed_to_what_it_shows() {
    let rows: BTreeMap<String, _> = rows().into_iter().map(|r| (r.id.clone(), r)).collect();
    let mut seen = BTreeSet::new();
    for (id, record) in corpus() {
        let name = record["eventName"].as_str().unwrap().to_owned();
        let source = record["eventSource"].as_str().unwrap().to_owned();
        let of_kinds = kinds().0.iter().flat_map(|k| k.events());
        let mut of_kinds = of_kinds.filter(|e| e.source == source);
        let is_known = of_kinds.any(|e| e.names.contains(&name.as_str()));
        let Some(row) = rows.get(&id) else {
            assert!(!is_known, "{id} ({name}) needs a row in verdicts.tsv");
            continue;
        };
        assert!(is_known, "{id} ({name}) is of no kind");
        seen.insert(id.clone());
        let decoded = decode(record).unwrap();
        if row.expected == Expected::Failed {
            assert!(matches!(decoded, Decoded::Ignored(_)), "{id}");
            continue;
        }
        let Decoded::Change(change) = decoded else {
            panic!("{id} is no change");
        };
        let (resource, did) = match route(&change, kinds()) {
            Ok(routed) => did(kinds().get(&routed[0].kind).unwrap(), &change),
            Err(_) => (String::new(), vec!["names nothing".to_owned()]),
        };
        let mut wanted = row.did.clone();
        wanted.sort();
        assert_eq!((resource, did), (row.resource.clone(), wanted), "{id}");
    }
    assert_eq!(seen.len(), rows.len(), "a row is about no record");
}

#[test]
fn every_record_is_judged_as_a_person_would() {
    let rows: BTreeMap<String, _> = rows().into_iter().map(|r| (r.id.clone(), r)).collect();
    // Alone, so that no record's verdict leans on another's.
    for (id, mut record) in corpus() {
        record["eventID"] = id.clone().into();
        let heard = replay_records(&[record]);
        assert!(heard.faults.is_empty(), "{id}: {:?}", heard.faults);
        assert_eq!(heard.counts.records, 1, "{id}");
        let row = rows
            .get(&id)
            .map(|r| (r.expected, &r.policies, &r.resource));
        let judged = heard.judged.iter().find(|j| !j.outcomes.is_empty());
        let judged_as = [Expected::Violated, Expected::Compliant, Expected::Undecided];
        let row = row.filter(|(expected, ..)| judged_as.contains(expected));
        let (Some((expected, policies, resource)), Some(judged)) = (row, judged) else {
            assert!(judged.is_none() && row.is_none(), "{id}: {judged:?}");
            continue;
        };
        let (mut violated, mut undecided) = (Vec::new(), false);
        for outcome in &judged.outcomes {
            let shown = outcome.resource.as_deref().unwrap_or_default();
            // A record may be about several.
            assert!(resource.split(' ').any(|r| shown.ends_with(r)), "{id}");
            match &outcome.verdict {
                Verdict::Violated => violated.push(outcome.policy.to_string()),
                Verdict::Compliant => {}
                Verdict::Undecided(_) => undecided = true,
            }
        }
        violated.dedup();
        let came = match (violated.is_empty(), undecided) {
            (false, _) => Expected::Violated,
            (true, true) => Expected::Undecided,
            (true, false) => Expected::Compliant,
        };
        assert_eq!((&violated, came), (policies, expected), "{id}");
    }
}

/// Records that are no violation once others of the corpus are known, since they name the same
/// resource.
const OVERTAKEN: [(&str, &str); 2] = [
    (
        "panther-analysis-0a7dbb34f3",
        "the trail was made in the same second, and didn't log yet",
    ),
    (
        "panther-analysis-ce659e3457",
        "another policy was put in the same second: either may stand",
    ),
];

#[test]
fn the_corpus_as_one_history_flags_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = corpus()
        .into_iter()
        .map(|(id, mut record)| {
            record["eventID"] = id.into();
            record
        })
        .collect();
    let heard = crate::support::replay(&[lines(folder.path(), &records)], true);
    assert!(heard.faults.is_empty(), "{:?}", heard.faults);
    assert_eq!((heard.judged.len(), heard.counts.records), (646, 646));
    let rows = rows();
    let of = |expected| {
        let rows = rows.iter().filter(move |r| r.expected == expected);
        rows.map(|r| r.id.as_str()).collect::<BTreeSet<_>>()
    };
    let violated = |j: &&undrift_replay::Judged| {
        let mut outcomes = j.outcomes.iter();
        outcomes.any(|o| o.verdict == Verdict::Violated)
    };
    let flagged = heard.judged.iter().filter(violated);
    let flagged: BTreeSet<&str> = flagged.map(|j| j.head.id.as_deref().unwrap()).collect();
    let mut wanted = of(Expected::Violated);
    for (id, why) in OVERTAKEN {
        assert!(wanted.remove(id), "{id}: {why}");
    }
    let differ: Vec<_> = flagged.symmetric_difference(&wanted).collect();
    assert!(differ.is_empty(), "{differ:?}");
    let routed: BTreeSet<&str> = heard.routed().into_iter().collect();
    let judged = &of(Expected::Violated) | &of(Expected::Compliant);
    assert_eq!(routed, &judged | &of(Expected::Undecided));
}

//! What was before is right or unknown, in whatever order events come; and expressions never panic.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    reason = "tests"
)]
use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use undrift_core::kind::*;
use undrift_core::name::*;
use undrift_ec2::SecurityGroup;

static ACCOUNT: LazyLock<AccountId> = LazyLock::new(|| AccountId::parse("111122223333").unwrap());

fn facet() -> FacetName {
    FacetName::from("ingress")
}

fn substance(r: &Value) -> Value {
    SecurityGroup.substance(&facet(), r)
}

use undrift_core::observe::{History, SeenChange};

#[derive(Debug, Clone)]
enum Op {
    Add(u8, u8),
    Modify(u8, u8),
    Drop(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u8..4, 0u8..5).prop_map(|(a, b)| Op::Add(a, b)),
        (0u8..4, 0u8..5).prop_map(|(a, b)| Op::Modify(a, b)),
        (0u8..4).prop_map(Op::Drop)
    ]
}

fn value(key: &str, v: u8) -> Value {
    json!({"id": key, "protocol": "tcp", "from": 22, "to": 22, "source": format!("10.{v}.{}.0/24", key.as_bytes()[4])})
}

fn at(s: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_700_000_000 + s).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn before_is_right_or_unknown(ops in prop::collection::vec(op(), 1..9), order in any::<u64>(), late in any::<bool>(), gap in 1i64..20) {
        let key = |k: u8| format!("sgr-{k}");
        let mut state: BTreeMap<String, Value> = BTreeMap::new();
        let mut truth = vec![(0i64, state.clone())]; // state before second t
        let mut events = vec![SeenChange::new(EventId::parse("c").unwrap(), at(0), Effect::Created(Some({ let mut i = Image::default(); i.facets.insert(facet(), BTreeMap::new()); i })))];
        let mut t = 0;
        for o in &ops {
            let (k, before, after) = match o {
                Op::Add(k, v) if !state.contains_key(&key(*k)) => (key(*k), Before::Absent, Some(value(&key(*k), *v))),
                Op::Modify(k, v) if state.contains_key(&key(*k)) => (key(*k), Before::Existed, Some(value(&key(*k), *v))),
                Op::Drop(k) if state.contains_key(&key(*k)) => (key(*k), Before::Was(state[&key(*k)].clone()), None),
                _ => continue,
            };
            t += gap;
            truth.push((t, state.clone()));
            match &after { Some(a) => { state.insert(k.clone(), a.clone()); } None => { state.remove(&k); } }
            events.push(SeenChange::new(EventId::parse(&format!("e{t}")).unwrap(), at(t), Effect::Edited(vec![Touch { facets: vec![facet()], target: Target::Key(ElementKey(k)), before, after }])));
        }
        truth.push((t + 100, state.clone()));
        let as_image = |s: &BTreeMap<String, Value>| { let mut i = Image::default(); i.facets.insert(facet(), s.iter().map(|(k, v)| (ElementKey(k.clone()), v.clone())).collect()); i };
        // shuffle
        let mut x = order | 1;
        let mut shuffled = events.clone();
        for i in (1..shuffled.len()).rev() { x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); shuffled.swap(i, (x >> 33) as usize % (i + 1)); }
        let mut h = History::default();
        // Either everything comes late, or reads happen as time goes by.
        for (i, e) in shuffled.iter().enumerate() {
            let now = if late { t + 50 + i as i64 } else { (e.time.as_second() - 1_700_000_000) + 5 * i as i64 };
            let live = truth.iter().rev().find(|(s, _)| *s < now).map(|_| ()).map(|()| {
                // state at `now`: all ops with time < now applied
                let idx = truth.iter().skip(1).take_while(|(s, _)| *s < now).count();
                truth[(idx + 1).min(truth.len() - 1)].1.clone()
            }).unwrap_or_default();
            if let Some(n) = h.follow(&SecurityGroup, &as_image(&live), at(now + 1), std::slice::from_ref(e)) { h = n; }
        }
        for (s, was) in truth.iter().skip(1) {
            if let Some(p) = h.before(&SecurityGroup, at(*s), &facet()) {
                for (path, e) in p.image.elements() {
                    prop_assert_eq!(was.get(&path.key.0).map(substance), Some(substance(e)), "before {}: {:#?}", s, h);
                }
                if p.whole { prop_assert_eq!(p.image.facets[&facet()].len(), was.len(), "before {} whole: {:#?}", s, h); }
            }
        }
    }
}

#[test]
fn cel_never_panics() {
    use undrift_core::expression::Expression;
    let pieces = [
        "net.open",
        "state",
        ".ingress",
        "params",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"\\u",
        "'\\400'",
        "\"\\U00110000\"",
        "b'\\xff'",
        "9223372036854775808",
        "-9223372036854775808",
        "0x",
        "1e999",
        "1u",
        "18446744073709551616u",
        "?",
        ":",
        "&&",
        "||",
        "!",
        "has(",
        "state.ingress",
        ".map(x, ",
        ".filter(x, ",
        ".exists(x, x)",
        ".all(",
        "x",
        "\"\\",
        "r\"",
        "'''",
        "\u{0}",
        "é",
        ".matches('",
        "%",
        "/0",
        "/ 0",
        "* 9223372036854775807",
        "in",
        "null",
        "true",
        ".size()",
        ".?a",
        "[?",
        "`a`",
        "timestamp('",
        "duration('",
        "\n",
        "//",
    ];
    let mut x = 12345u64;
    let params = json!({"ports": [22]}).as_object().unwrap().clone();
    let mut bad = Vec::new();
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..20000 {
        let mut s = String::new();
        for _ in 0..(x >> 40) % 9 + 1 {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            s.push_str(pieces[(x >> 33) as usize % pieces.len()]);
        }
        x = x
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let src = s.clone();
        let p = params.clone();
        let mut img = Image::default();
        img.facets.insert(
            facet(),
            [(ElementKey("sgr-1".into()), value("sgr-1", 1))].into(),
        );
        let r = std::panic::catch_unwind(move || {
            if let Ok(e) = Expression::compile(&src, &SecurityGroup, &p) {
                let _ = e.evaluate(&undrift_core::judge::Viewed::of(&img, &ACCOUNT));
            }
        });
        if r.is_err() {
            bad.push(s);
        }
    }
    let _ = std::panic::take_hook();
    assert!(
        bad.is_empty(),
        "{} panics, e.g. {:?}",
        bad.len(),
        &bad[..bad.len().min(5)]
    );
}

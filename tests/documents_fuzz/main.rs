//! Hostile documents, expressions and resources, for as long as is wanted.
//!
//! 60 seconds in all by default, a third for each test; `UNDRIFT_FUZZ_SECONDS` sets another time,
//! `UNDRIFT_SEED` repeats a run. Nothing may panic, hang, or overflow a stack of 2 MB.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    reason = "tests"
)]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};
use undrift_core::expression::Expression;
use undrift_core::judge::Viewed;
use undrift_core::kind::{ElementKey, FacetName, Image};
use undrift_core::name::AccountId;
use undrift_core::net::{self, Params, Reach};
use undrift_documents::{kinds, load, load_paths};
use undrift_tests::fuzz::{Dice, Fuzz};
use undrift_tests::sandbox::root;

static ACCOUNT: LazyLock<AccountId> = LazyLock::new(|| AccountId::parse("111122223333").unwrap());

/// A third of the time for each test.
fn fuzz(what: &'static str, one: impl Fn(&mut Dice) + Send + 'static) {
    let fuzz = Fuzz {
        what,
        share: 3,
        longest: Duration::from_secs(5),
        least: 100,
    };
    fuzz.run(move |dice, _| one(dice));
}

/// Something like CEL.
fn source(dice: &mut Dice, depth: usize) -> String {
    const LEAVES: &[&str] = &[
        "state",
        "state.ingress",
        "state.egress",
        "params",
        "params.ports",
        "r",
        "r.source",
        "r.from",
        "s",
        "1",
        "-1",
        "0",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "1e308",
        "'0.0.0.0/0'",
        "\"\"",
        "b'x'",
        "true",
        "null",
        "[]",
        "net",
        "net.open",
        "'\\u0000'",
        "0xffffffffffffffffu",
        "state.ingress[0]",
        "timestamp('x')",
        "{}",
        "int(r.from)",
    ];
    if depth == 0 || dice.roll(5) == 0 {
        return dice.pick(LEAVES).to_owned();
    }
    let mut part = || source(dice, depth - 1);
    let (a, b, c) = (part(), part(), part());
    match dice.roll(14) {
        0 => format!("{a}.filter(r, {b})"),
        1 => format!("{a}.exists(s, {b})"),
        2 => format!("{a}.map(r, {b})"),
        3 => format!("{a}.all(r, {b})"),
        4 => format!("net.open({a}, params)"),
        5 => format!("({a} ? {b} : {c})"),
        6 => format!(
            "({a} {} {b})",
            dice.pick(&["&&", "||", "==", "!=", "<", "in", "+", "-", "*", "/", "%"])
        ),
        7 => format!("[{a}, {b}]"),
        8 => format!("{a}[{b}]"),
        9 => format!(
            "{}({a})",
            dice.pick(&["size", "has", "!", "-", "string", "int", "double", "type"])
        ),
        10 => format!(
            "{a}.{}",
            dice.pick(&["source", "from", "protocol", "nobody", "size()", "entries"])
        ),
        11 => format!(
            "{a}.{}({b})",
            dice.pick(&["contains", "startsWith", "endsWith", "matches"])
        ),
        12 => format!("{{{a}: {b}}}"),
        _ => format!("state.ingress.filter(r, {a} == {b})"),
    }
}

/// A text that was spoilt somewhere.
fn spoilt(dice: &mut Dice, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len() + 1);
        match dice.roll(5) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            2 => bytes.insert(at, dice.roll(256) as u8),
            3 => {
                let again: Vec<u8> = bytes.iter().skip(at).take(dice.roll(60)).copied().collect();
                bytes.splice(at..at, again);
            }
            _ => {
                let with = dice.pick(&[
                    "&a ", "*a", "<<: *a\n", "\t", "\u{feff}", "- ", ": ", "{", "[[[[", "!!x ",
                    "%", "|\n", "\n---\n", "\u{0}",
                ]);
                bytes.splice(at..at, with.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn odd(dice: &mut Dice, depth: usize) -> Value {
    match dice.roll(if depth == 0 { 7 } else { 9 }) {
        0 => json!(null),
        1 => json!(dice.roll(70_000) as i64 - 2000),
        2 => json!("x".repeat(dice.roll(3000))),
        3 => json!(dice.pick(&[
            "tcp",
            "-1",
            "6",
            "icmp",
            "0.0.0.0/0",
            "::/0",
            "1.2.3.4/0",
            "pl-1",
            "sg-1",
            "",
            "\u{202e}"
        ])),
        4 => json!(1e300),
        5 => json!(u64::MAX),
        6 => json!(dice.roll(2) == 0),
        7 => (0..dice.roll(4)).map(|_| odd(dice, depth - 1)).collect(),
        _ => (0..dice.roll(4))
            .map(|_| {
                (
                    dice.pick(&[
                        "protocol", "from", "to", "source", "entries", "@key", "@facet", "x",
                    ])
                    .to_owned(),
                    odd(dice, depth - 1),
                )
            })
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn rule(dice: &mut Dice) -> Value {
    let mut rule = json!({
        "protocol": dice.pick(&["tcp", "udp", "-1", "icmp", "47"]), "from": dice.roll(65_536), "to": dice.roll(65_536),
        "source": format!("{}.{}.0.0/{}", dice.roll(256), dice.roll(256), dice.roll(33)),
    });
    if dice.roll(3) == 0 {
        let member = dice.pick(&["protocol", "from", "to", "source", "entries", "id", "x"]);
        rule[member] = odd(dice, 3);
    }
    if dice.roll(20) == 0 {
        odd(dice, 4)
    } else {
        rule
    }
}

fn image(dice: &mut Dice) -> Image {
    let mut image = Image::default();
    let most = if dice.roll(10) == 0 { 1000 } else { 8 };
    for facet in ["ingress", "egress"].into_iter().take(dice.roll(3)) {
        let elements = image.facets.entry(FacetName::from(facet)).or_default();
        for n in 0..dice.roll(most) {
            elements.insert(ElementKey(format!("sgr-{n}")), rule(dice));
        }
    }
    image
}

/// How many expressions were right, and how many of these gave evidence on some resource.
static RIGHT: AtomicU64 = AtomicU64::new(0);
static JUDGED: AtomicU64 = AtomicU64::new(0);

#[test]
fn expressions_and_resources() {
    fuzz("expressions and resources", |dice| {
        let depth = 1 + dice.roll(6);
        let mut source = source(dice, depth);
        match dice.roll(12) {
            0 => source = spoilt(dice, &source),
            1 => {
                source = dice
                    .pick(&["(", "[", "!", "-", "r.", "1+"])
                    .repeat(1 + dice.roll(1500))
            }
            2 => {
                source = (0..dice.roll(300))
                    .map(|_| char::from(dice.roll(128) as u8))
                    .collect()
            }
            _ => {}
        }
        let kind = kinds().0[0];
        let params = json!({"ports": [22], "own": []});
        if let Ok(expression) = Expression::compile(&source, kind, params.as_object().unwrap()) {
            let image = image(dice);
            RIGHT.fetch_add(1, Ordering::Relaxed);
            if expression.evaluate(&Viewed::of(&image, &ACCOUNT)).is_ok() {
                JUDGED.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let (right, judged) = (
        RIGHT.load(Ordering::Relaxed),
        JUDGED.load(Ordering::Relaxed),
    );
    println!("{right} expressions were right, {judged} gave a verdict");
    assert!(judged > 10, "too few expressions come to anything");
}

#[test]
fn rules_and_params() {
    fuzz("rules and params", |dice| {
        let rules: Vec<Reach> = (0..dice.roll(40))
            .filter_map(|_| Reach::of_rule(&rule(dice)).ok())
            .collect();
        let mut params = json!({"ports": [dice.roll(65_536), format!("{}-{}", dice.roll(300), dice.roll(65_536))]});
        if dice.roll(3) == 0 {
            params[dice.pick(&["ports", "except", "own"])] = odd(dice, 2);
        }
        if let Ok(params) = serde_json::from_value::<Params>(params) {
            let found = net::open(&rules, &params);
            assert!(found.iter().all(|f| f.rule < rules.len()));
        }
    });
}

#[test]
fn documents() {
    let root = root().join("policies");
    let shipped = load(&root).unwrap();
    let texts: Vec<String> = shipped
        .policies
        .iter()
        .map(|d| std::fs::read_to_string(&d.file).unwrap())
        .collect();
    let settings = std::fs::read_to_string(root.join("settings.yaml"))
        .unwrap()
        .replace("# ", "");
    fuzz("documents", move |dice| {
        let folder = tempfile::tempdir().unwrap();
        let (name, text) = match dice.roll(4) {
            0 => (dice.pick(&["settings.yaml", "exemptions.yaml"]), &settings),
            n => (
                "ec2-security-group-open-admin-ports.yaml",
                &texts[n % texts.len()],
            ),
        };
        let file = folder.path().join(name);
        std::fs::write(&file, spoilt(dice, text)).unwrap();
        if let Err(errors) = load_paths(&[file], kinds()) {
            assert!(errors.iter().all(|e| !e.to_string().is_empty()));
        }
    });
}

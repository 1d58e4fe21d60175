//! Expressions on a real kind: names, the bound on work, and `net.open` with and without CEL.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "tests"
)]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use undrift_core::expression::{EvaluationError, Expression, ExpressionError};
use undrift_core::judge::Viewed;
use undrift_core::kind::{FacetName, Image, Kind};
use undrift_core::name::AccountId;

static ACCOUNT: LazyLock<AccountId> = LazyLock::new(|| AccountId::parse("111122223333").unwrap());

fn kind() -> &'static dyn Kind {
    undrift_ec2::kinds()[0]
}

fn params() -> Map<String, Value> {
    let params = json!({"ports": [22, 3389], "own": []});
    params.as_object().unwrap().clone()
}

fn compile(source: &str) -> Result<Expression, ExpressionError> {
    Expression::compile(source, kind(), &params())
}

fn image(rules: Vec<Value>) -> Image {
    let mut image = Image::default();
    let facet = FacetName::from("ingress");
    let elements = image.facets.entry(facet.clone()).or_default();
    for rule in rules {
        let (key, element) = kind().element(&facet, &rule).unwrap();
        elements.insert(key, element);
    }
    image.facets.entry(FacetName::from("egress")).or_default();
    image
}

#[test]
fn every_name_is_checked_also_where_evaluation_would_not_come() {
    for (source, says) in [
        ("state.ingres", "`state.ingres` is unknown"),
        ("true || state.ingres == []", "`state.ingres` is unknown"),
        ("false && nobody", "`nobody` is unknown"),
        (
            "true ? state.ingress : state.nothing",
            "`state.nothing` is unknown",
        ),
        (
            "state.ingress.filter(r, r.protocoll == 'tcp')",
            "`r.protocoll` is unknown",
        ),
        (
            "state.ingress.filter(r, true || r.protocoll == 'tcp')",
            "`r.protocoll` is unknown",
        ),
        (
            "state.ingress.filter(r, has(r.sorce))",
            "`r.sorce` is unknown",
        ),
        (
            "state.ingress.filter(r, state.egress.exists(s, s.sorce == r.source))",
            "`s.sorce` is unknown",
        ),
        (
            "state.ingress.filter(r, r.to > 1).filter(s, s.form > 1)",
            "`s.form` is unknown",
        ),
        (
            "(state.ingress + state.ingress).filter(r, r.form > 1)",
            "`r.form` is unknown",
        ),
        (
            "net.open(state.ingress, params).filter(r, r.form > 1)",
            "`r.form` is unknown",
        ),
        ("state.ingress[0].form == 1 ? [] : []", "`form` is unknown"),
        ("state['ingres']", "`state.ingres` is unknown"),
        ("params.prots == 1 ? [] : []", "`params.prots` is unknown"),
        ("net.opne(state.ingress, params)", "`net.opne` is unknown"),
        (
            "net.open(state.ingress)",
            "`net.open` takes rules and params",
        ),
        (
            "net.open(params, state.ingress)",
            "`net.open` takes `params`",
        ),
        ("net.open('x', params)", "`net.open` takes a list of rules"),
        (
            "state.ingress.filter(r, r.source.startswith('10.'))",
            "`startswith` is unknown",
        ),
        (
            "state.ingress.filter(r, r.source.startsWith('1', '2'))",
            "`startsWith` takes one argument",
        ),
        (
            "state.ingress.filter(r, r.source.matches('(a+)+$'))",
            "`matches` is unknown",
        ),
        (
            "state.ingress.source == '0.0.0.0/0' ? [] : []",
            "asks a list for a member",
        ),
        (
            "state.ingress == '0.0.0.0/0' ? [] : []",
            "compares a whole list",
        ),
        (
            "state.ingress.filter(state, true)",
            "`state` has a meaning already",
        ),
        (
            "[1].map(a, [2].map(b, [3].map(c, c)))",
            "stand in each other",
        ),
        ("state.filter(r, true)", "go through a list"),
        ("{'a': 1}", "`{…}` is unknown"),
        (
            "state.ingress[params.ports[0]].nobody",
            "`nobody` is unknown",
        ),
        (
            "state.ingress.filter(r, r[r.source] == 1)",
            "names a member by what is only known later",
        ),
    ] {
        let error = compile(source).unwrap_err().to_string();
        assert!(error.contains(says), "{source}: {error}");
    }
    for source in [
        "net.open(state.ingress, params)",
        "state.ingress.filter(r, r.protocol == '-1')",
        "state.ingress.filter(r, has(r.description) && r.description.contains('x') && size(r.source) > 3)",
        "net.open(state.ingress.filter(r, r.protocol == 'tcp'), params).filter(r, r.from < 1024)",
        "state.ingress.exists(r, r.protocol == '-1') ? state.ingress.filter(r, r.source == '0.0.0.0/0') : []",
        "state.ingress.filter(r, r.from in params.ports)",
        "[]",
    ] {
        assert!(compile(source).is_ok(), "{source}: {:?}", compile(source));
    }
}

#[test]
fn no_document_and_no_resource_makes_an_evaluation_long() {
    let long = "x".repeat(1000);
    let rules: Vec<Value> = (0..1000)
        .map(|n: u32| {
            json!({"id": format!("sgr-{n}"), "protocol": "tcp", "from": 22, "to": 22,
                "source": format!("{}.{}.0.0/16", 1 + n / 250, n % 250), "description": long})
        })
        .collect();
    let image = image(rules);
    let doubled = |n| (0..n).fold("state.ingress".to_owned(), |s, _| format!("({s} + {s})"));
    for (source, fits) in [
        ("net.open(state.ingress, params)".to_owned(), true),
        (
            "state.ingress.filter(r, state.ingress.exists(s, s.source == r.source))".to_owned(),
            false,
        ),
        ("state.ingress.map(r, state.ingress)".to_owned(), false),
        (doubled(6), false),
        (
            "state.ingress.map(r, r.description + r.description)".to_owned(),
            true,
        ),
    ] {
        let expression = compile(&source).unwrap_or_else(|e| panic!("{source}: {e}"));
        let start = Instant::now();
        let said = expression.evaluate(&Viewed::of(&image, &ACCOUNT));
        // In a build without optimisation, on a busy machine.
        assert!(start.elapsed() < Duration::from_secs(5), "{source}");
        let is_refused = matches!(said, Err(EvaluationError::TooMuch { .. }));
        assert_eq!(is_refused, !fits, "{source}");
    }
}

#[test]
fn many_narrow_rules_that_are_the_internet_together_are_never_fine() {
    let narrow = |count: u32| {
        let rules = (0..count).map(|n| {
            let block = format!("{}.{}.{}.0/17", 11 + n / 512, (n / 2) % 256, 128 * (n % 2));
            json!({"protocol": "tcp", "from": 22, "to": 22, "source": block})
        });
        image(rules.collect())
    };
    let expression = compile("net.open(state.ingress, params)").unwrap();
    let few = narrow(200);
    assert_eq!(
        expression.evaluate(&Viewed::of(&few, &ACCOUNT)).unwrap(),
        []
    );
    let many = narrow(600);
    let found = expression.evaluate(&Viewed::of(&many, &ACCOUNT)).unwrap();
    assert_eq!(found.len(), 600);
    let why = found[0].why.as_ref().unwrap_err();
    assert!(why.contains("reach tcp/22 with 600 rules"), "{why}");
}

#[test]
fn what_is_too_much_to_judge_is_undecided() {
    let rules = (0..2001).map(|n| {
        json!({"id": format!("sgr-{n}"), "protocol": "tcp", "from": 22, "to": 22, "source": "0.0.0.0/0"})
    });
    let image = image(rules.collect());
    let expression = compile("net.open(state.ingress, params)").unwrap();
    let found = expression.evaluate(&Viewed::of(&image, &ACCOUNT)).unwrap();
    assert!(found.len() == 2001 && found.iter().all(|f| f.why.is_err()));
}

#[test]
fn reasons_name_the_rules() {
    let halves = image(vec![
        json!({"id": "sgr-1", "protocol": "tcp", "from": 22, "to": 22, "source": "0.0.0.0/1"}),
        json!({"id": "sgr-2", "protocol": "tcp", "from": 20, "to": 30, "source": "128.0.0.0/1"}),
        json!({"id": "sgr-3", "protocol": "tcp", "from": 22, "to": 22, "source": "81.2.69.160/32"}),
    ]);
    let expression = compile("net.open(state.ingress, params)").unwrap();
    let found = expression.evaluate(&Viewed::of(&halves, &ACCOUNT)).unwrap();
    let said: Vec<&str> = found.iter().map(|f| f.why.as_deref().unwrap()).collect();
    let expected = "lets 3,702,258,688 IPv4 addresses of the internet reach tcp/22, through sgr-1 and \
                    sgr-2 taken together";
    assert_eq!(said, [expected, expected]);
}

fn rule() -> impl Strategy<Value = Value> {
    let protocol = prop_oneof![
        Just("tcp"),
        Just("udp"),
        Just("-1"),
        Just("icmp"),
        Just("47")
    ];
    let source = prop_oneof![
        Just("0.0.0.0/0"),
        Just("0.0.0.0/1"),
        Just("128.0.0.0/1"),
        Just("10.0.0.0/8"),
        Just("81.2.69.160/32"),
        Just("::/0"),
        Just("2000::/3"),
        Just("sg-1"),
        Just("pl-1"),
        Just("8.0.0.0/7"),
    ];
    (protocol, 0u16..30, 0u16..10, source).prop_map(|(protocol, from, more, source)| {
        json!({"protocol": protocol, "from": from, "to": from + more, "source": source})
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn net_open_says_the_same_with_and_without_cel(rules in prop::collection::vec(rule(), 0..8)) {
        let image = image(rules);
        let view = Viewed::of(&image, &ACCOUNT);
        let expression = compile("net.open(state.ingress, params)").unwrap();
        prop_assert_eq!(expression.evaluate(&view), expression.evaluate_by_cel(&view));
    }
}

#[test]
fn a_thousand_rules_whose_ports_all_differ_are_judged() {
    let rules = (0..1000u32).map(|n| {
        json!({"id": format!("sgr-{n}"), "protocol": "tcp", "from": n, "to": 65_535 - n,
            "source": format!("{}.0.0.0/{}", n % 224, 1 + n % 8)})
    });
    let image = image(rules.collect());
    let any = json!({"ports": "any", "own": ["8.0.0.0/8"]});
    let source = "net.open(state.ingress, params)";
    let expression = Expression::compile(source, kind(), any.as_object().unwrap()).unwrap();
    let found = expression.evaluate(&Viewed::of(&image, &ACCOUNT)).unwrap();
    assert!(
        found.len() > 900 && found.iter().all(|f| f.why.is_ok()),
        "{}",
        found.len()
    );
}

#[test]
fn what_is_asked_of_something_else_than_elements_is_never_fine() {
    let rule = json!({"protocol": "tcp", "from": 22, "to": 22, "source": "10.0.0.0/8"});
    let image = image(vec![rule]);
    let asked = Map::new();
    let source = "iam.admin(state.ingress.map(r, r.source), params)";
    let expression = Expression::compile(source, kind(), &asked).unwrap();
    let said = expression.evaluate(&Viewed::of(&image, &ACCOUNT));
    assert!(matches!(said, Err(EvaluationError::Stopped(_))), "{said:?}");
}

//! How long one event's judgement takes, against how many policies: `cargo bench -p undrift-documents`.
//!
//! Prints medians and their ratio to parsing the same event, measured in the same run.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use undrift_core::change::{Change, Decoded, decode};
use undrift_core::judge::{Viewed, assess, findings, locate};
use undrift_core::kind::{Effect, FacetName, Image, Touch};
use undrift_core::name::{EventName, PolicyId};
use undrift_core::observe::History;
use undrift_core::policy::{Bundle, Exemptions, Policy, Settings};
use undrift_core::route::route;
use undrift_documents::{kinds, load};

/// The event: SSH from the whole internet, in a group of forty rules.
fn event() -> String {
    let rule = json!({"groupOwnerId": "123456789012", "groupId": "sg-1", "securityGroupRuleId": "sgr-0",
        "isEgress": false, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"});
    json!({
        "eventVersion": "1.11", "eventID": "11111111-2222-4333-8444-555555555555",
        "eventTime": "2026-01-24T03:45:49Z", "eventSource": "ec2.amazonaws.com",
        "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": "eu-central-1",
        "recipientAccountId": "123456789012", "readOnly": false, "eventType": "AwsApiCall",
        "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.17.0 md/awscrt#0.20.11 ua/2.0",
        "requestID": "99999999-8888-4777-8666-555555555555",
        "managementEvent": true, "eventCategory": "Management",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROAEXAMPLE:maya",
            "arn": "arn:aws:sts::123456789012:assumed-role/Dev/maya", "accountId": "123456789012",
            "sessionContext": {"attributes": {"mfaAuthenticated": "false"}, "sessionIssuer":
                {"type": "Role", "arn": "arn:aws:iam::123456789012:role/Dev", "userName": "Dev"}}},
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "ec2.eu-central-1.amazonaws.com"},
        "requestParameters": {"groupId": "sg-1", "ipPermissions": {"items": [{"ipProtocol": "tcp",
            "fromPort": 22, "toPort": 22, "groups": {}, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
            "ipv6Ranges": {}, "prefixListIds": {}}]}},
        "responseElements": {"requestId": "99999999-8888-4777-8666-555555555555", "_return": true,
            "securityGroupRuleSet": {"items": [rule]}}
    })
    .to_string()
}

fn parse(text: &str) -> Change {
    let record: Value = serde_json::from_str(text).unwrap();
    match decode(record).unwrap() {
        Decoded::Change(change) => *change,
        Decoded::Ignored(_) => panic!("a change"),
    }
}

/// The group as it is after the event.
fn live() -> Image {
    let kinds = kinds();
    let kind = kinds.0[0];
    let facet = FacetName::from("ingress");
    let mut image = Image::default();
    let rule = |n: usize, port: usize, source: String| json!({"id": format!("sgr-{n}"), "protocol": "tcp", "from": port, "to": port, "source": source});
    let mut rules = vec![
        rule(0, 22, "0.0.0.0/0".into()),
        rule(1, 443, "0.0.0.0/0".into()),
    ];
    rules.extend((2..10).map(|n| rule(n, 5000 + n, format!("10.{n}.0.0/16"))));
    let elements = image.facets.entry(facet.clone()).or_default();
    for rule in rules {
        let (key, element) = kind.element(&facet, &rule).unwrap();
        elements.insert(key, element);
    }
    image.facets.entry(FacetName::from("egress")).or_default();
    image
}

/// As many policies, of which `listening` listen to the event.
fn bundle(all: usize, listening: usize) -> Bundle {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    let shipped = load(root.as_ref()).unwrap().enabled();
    let policies: Vec<Policy> = (0..all)
        .map(|n| {
            let mut policy = shipped[n % shipped.len()].clone();
            policy.id = PolicyId::parse(&format!("policy-{n}")).unwrap();
            if n >= listening {
                let other = EventName::parse(&format!("OtherCall{n}")).unwrap();
                policy
                    .on
                    .values_mut()
                    .for_each(|names| *names = vec![other.clone()]);
            }
            policy
        })
        .collect();
    Bundle::of(
        &policies,
        &Settings::default(),
        &Exemptions::default(),
        kinds(),
    )
    .unwrap()
}

fn judge(bundle: &Bundle, change: &Change, live: &Image) -> usize {
    let kinds = kinds();
    let routed = route(change, kinds).unwrap();
    let mut violated = 0;
    for routed in &routed {
        let kind = kinds.get(&routed.kind).unwrap();
        let none: &[Touch] = &[];
        let touches = match &routed.effect {
            Effect::Edited(touches) => touches.as_slice(),
            _ => none,
        };
        let located = locate(kind, live, &[(change.time, touches)], &History::default()).unwrap();
        let brought: Vec<_> = located.iter().collect();
        let viewed = Viewed::of(live, &change.account);
        for policy in bundle
            .listening(change)
            .filter(|p| p.policy.kind == routed.kind)
        {
            let found = findings(policy, kind, &viewed);
            violated += assess(policy, &found, &brought).evidence.len();
        }
    }
    violated
}

/// The median time of one call, of a thousand after a warm-up.
fn median(mut work: impl FnMut()) -> Duration {
    (0..200).for_each(|_| work());
    let mut times: Vec<Duration> = (0..1000)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// A thousand rules, whose ports all differ.
fn large() -> Image {
    let facet = FacetName::from("ingress");
    let mut image = Image::default();
    let elements = image.facets.entry(facet.clone()).or_default();
    for n in 0..1000 {
        let rule = json!({"id": format!("sgr-{n}"), "protocol": "tcp", "from": n, "to": 65_535 - n,
            "source": format!("{}.0.0.0/{}", n % 224, 1 + n % 8)});
        let (key, element) = kinds().0[0].element(&facet, &rule).unwrap();
        elements.insert(key, element);
    }
    image
}

fn main() {
    let text = event();
    let change = parse(&text);
    let live = live();
    let parsing = median(|| {
        black_box(parse(black_box(&text)));
    });
    let micros = |t: Duration| t.as_secs_f64() * 1e6;
    println!(
        "parse one event                       {:8.1} µs",
        micros(parsing)
    );
    for (all, listening) in [(200, 5), (5, 5), (2000, 5), (200, 1), (200, 10), (200, 0)] {
        let bundle = bundle(all, listening);
        let found = judge(&bundle, &change, &live);
        assert_eq!(found > 0, listening > 0);
        let time = median(|| {
            black_box(judge(
                black_box(&bundle),
                black_box(&change),
                black_box(&live),
            ));
        });
        println!(
            "judge it, {all:4} policies, {listening:2} listen    {:8.1} µs  {:5.2} × parsing",
            micros(time),
            time.as_secs_f64() / parsing.as_secs_f64()
        );
    }
    let (bundle, large) = (bundle(1, 1), large());
    let start = Instant::now();
    black_box(judge(&bundle, &change, &large));
    println!(
        "a thousand rules whose ports all differ {:6.0} ms, once",
        start.elapsed().as_secs_f64() * 1e3
    );
}

//! A hundred random groups and changes: after each, the group is what the rules of restore say.
//! The oracle knows only the rules' words: which sources are the internet, which ports may be
//! open to it, and what stood where before.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use undrift_local::Client;
use undrift_tests::groups::{authorize, live, make, modify};
use undrift_tests::sandbox::{Sandbox, next_second};

const CASES: usize = 100;

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    protocol: &'static str,
    from: i64,
    to: i64,
    cidr: &'static str,
}

#[derive(Debug, Clone)]
enum Change {
    Authorize(Vec<Rule>),
    /// The rule of that index (modulo) becomes this, its source's family kept.
    Modify(usize, Rule),
}

#[derive(Debug, Clone)]
struct Case {
    /// Undrift saw the group from its creation on.
    known: bool,
    rules: Vec<Rule>,
    change: Change,
}

/// Whether the internet gets in where it must not: the shipped policies let it reach tcp 80 and
/// 443 alone, and leave ICMP aside.
fn is_wrong(rule: &Rule) -> bool {
    let internet = ["0.0.0.0/0", "::/0", "2000::/3", "0.0.0.0/1", "8.0.0.0/7"].contains(&rule.cidr);
    let web = rule.protocol == "tcp" && rule.from == rule.to && [80, 443].contains(&rule.from);
    internet && !web && rule.protocol != "icmp"
}

fn rule() -> impl Strategy<Value = Rule> {
    let ports = prop_oneof![
        Just(("tcp", 22, 22)),
        Just(("tcp", 443, 443)),
        Just(("tcp", 80, 80)),
        Just(("tcp", 80, 443)),
        // From 1: the emulator takes a port 0 for none when a rule is modified.
        Just(("tcp", 1, 65535)),
        Just(("tcp", 8080, 8090)),
        Just(("udp", 53, 53)),
        Just(("tcp", 5432, 5432)),
        Just(("icmp", 8, 0)),
        Just(("-1", -1, -1)),
    ];
    let sources = prop_oneof![
        Just("0.0.0.0/0"),
        Just("0.0.0.0/0"),
        Just("::/0"),
        Just("2000::/3"),
        Just("0.0.0.0/1"),
        Just("8.0.0.0/7"),
        Just("10.0.0.0/8"),
        Just("192.168.0.0/16"),
        Just("81.2.69.160/32"),
        Just("fd00::/8"),
        Just("2a00:1450:4001::/48"),
    ];
    (ports, sources).prop_map(|((protocol, from, to), cidr)| Rule {
        protocol,
        from,
        to,
        cidr,
    })
}

fn distinct(rules: Vec<Rule>) -> Vec<Rule> {
    let mut seen: Vec<Rule> = Vec::new();
    for rule in rules {
        if !seen.contains(&rule) {
            seen.push(rule);
        }
    }
    seen
}

fn case() -> impl Strategy<Value = Case> {
    let change = prop_oneof![
        prop::collection::vec(rule(), 1..5).prop_map(Change::Authorize),
        (0..8usize, rule()).prop_map(|(i, r)| Change::Modify(i, r)),
    ];
    (any::<bool>(), prop::collection::vec(rule(), 0..6), change).prop_map(
        |(known, rules, change)| {
            let mut rules = distinct(rules);
            if known {
                // What Undrift sees being made and finds wrong would not be there at the start.
                rules.retain(|r| !is_wrong(r));
            }
            let change = match change {
                Change::Authorize(new) => {
                    let mut new = distinct(new);
                    new.retain(|r| !rules.contains(r));
                    Change::Authorize(new)
                }
                modify @ Change::Modify(..) => modify,
            };
            Case {
                known,
                rules,
                change,
            }
        },
    )
}

fn permission(rule: &Rule) -> Value {
    let mut p = json!({"IpProtocol": rule.protocol});
    if rule.protocol != "-1" {
        p["FromPort"] = json!(rule.from);
        p["ToPort"] = json!(rule.to);
    }
    let described = "made for a test";
    if rule.cidr.contains(':') {
        p["Ipv6Ranges"] = json!([{"CidrIpv6": rule.cidr, "Description": described}]);
    } else {
        p["IpRanges"] = json!([{"CidrIp": rule.cidr, "Description": described}]);
    }
    p
}

/// A live ingress rule, without its id.
fn seen(rule: &Value) -> String {
    let cidr = rule["CidrIpv4"].as_str().or(rule["CidrIpv6"].as_str());
    let ports = match rule["IpProtocol"].as_str() {
        Some("-1") => String::new(),
        _ => format!("{}-{}", rule["FromPort"], rule["ToPort"]),
    };
    format!("{} {ports} {}", rule["IpProtocol"], cidr.unwrap_or("?"))
}

fn expected(rule: &Rule) -> String {
    let ports = match rule.protocol {
        "-1" => String::new(),
        _ => format!("{}-{}", rule.from, rule.to),
    };
    format!("\"{}\" {ports} {}", rule.protocol, rule.cidr)
}

/// What must be there after the change, by the rules of restore; `None`: nothing was changed.
fn oracle(case: &Case) -> Option<Vec<Rule>> {
    let mut rules = case.rules.clone();
    match &case.change {
        Change::Authorize(new) if new.is_empty() => return None,
        Change::Authorize(new) => rules.extend(new.iter().filter(|r| !is_wrong(r)).cloned()),
        Change::Modify(index, to) => {
            let index = index.checked_rem(rules.len())?;
            let from = rules[index].clone();
            // A rule can't change its source's family, and the emulator modifies IPv4 sources alone.
            let ipv6 = |r: &Rule| r.cidr.contains(':');
            if ipv6(&from) || ipv6(to) || rules.contains(to) {
                return None;
            }
            // Without an image from before, what it was isn't certain: it is only proposed.
            let restored = is_wrong(to) && case.known;
            if !restored {
                rules[index] = to.clone();
            }
        }
    }
    Some(rules)
}

struct Prepared {
    case: Case,
    group: String,
    ids: Vec<String>,
    before: BTreeMap<String, Value>,
}

async fn ingress(client: &Client, group: &str) -> BTreeMap<String, Value> {
    let rules = live(client, group).await.into_iter();
    rules
        .filter(|r| r["IsEgress"] != json!(true))
        .map(|r| (r["SecurityGroupRuleId"].as_str().unwrap().to_owned(), r))
        .collect()
}

#[tokio::test]
async fn a_hundred_random_groups_and_changes_come_to_what_restore_says() {
    let seed: u64 = match std::env::var("UNDRIFT_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos()),
    };
    println!("seed: UNDRIFT_SEED={seed}");
    let mut bytes = [0u8; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);

    let sandbox = Sandbox::start().await;
    let (admin, maya) = (sandbox.account.admin(), sandbox.user("maya").await);
    let vpc = sandbox.vpc().await;
    let mut prepared = Vec::new();
    for index in 0..CASES {
        let case = case().new_tree(&mut runner).unwrap().current();
        let maker = if case.known { &maya } else { &admin };
        let group = make(maker, &format!("random-{index}"), &vpc).await;
        let mut ids = Vec::new();
        for rule in &case.rules {
            ids.extend(authorize(maker, &group, json!([permission(rule)])).await);
        }
        prepared.push((case, group, ids));
    }
    sandbox.settle().await;
    next_second().await;
    let mut cases = Vec::new();
    for (case, group, ids) in prepared {
        let before = ingress(&admin, &group).await;
        assert_eq!(before.len(), case.rules.len(), "the start of {case:?}");
        let p = Prepared {
            case,
            group,
            ids,
            before,
        };
        change(&maya, &p).await;
        cases.push(p);
    }
    let records = sandbox.records().await;
    let mut acted = 0;
    for p in &cases {
        let Some(rules) = oracle(&p.case) else {
            continue;
        };
        acted += usize::from(rules != p.case.rules);
        let after = ingress(&admin, &p.group).await;
        let mut is: Vec<String> = after.values().map(seen).collect();
        let mut should: Vec<String> = rules.iter().map(expected).collect();
        is.sort();
        should.sort();
        let told: Vec<_> = records
            .iter()
            .filter(|r| r.key.resource.id.as_str() == p.group)
            .map(|r| (r.happened(), &r.outcome, &r.plan))
            .collect();
        assert_eq!(is, should, "UNDRIFT_SEED={seed} {:?} {told:#?}", p.case);
        // Bystanders are what they were in every member, their ids and descriptions too.
        let edited = match &p.case.change {
            Change::Modify(index, _) if rules != p.case.rules => p.ids.get(index % p.ids.len()),
            _ => None,
        };
        for (id, rule) in p.before.iter().filter(|(id, _)| Some(*id) != edited) {
            assert_eq!(
                after.get(id),
                Some(rule),
                "UNDRIFT_SEED={seed} {:?}",
                p.case
            );
        }
    }
    assert!(acted > 10, "the cases do too little: UNDRIFT_SEED={seed}");
}

async fn change(maya: &Client, p: &Prepared) {
    match (&p.case.change, oracle(&p.case)) {
        (_, None) => {}
        (Change::Authorize(new), _) => {
            let permissions: Vec<Value> = new.iter().map(permission).collect();
            authorize(maya, &p.group, json!(permissions)).await;
        }
        (Change::Modify(index, to), _) => {
            let mut rule = json!({"IpProtocol": to.protocol, "FromPort": to.from, "ToPort": to.to,
                "Description": "changed"});
            let member = if to.cidr.contains(':') {
                "CidrIpv6"
            } else {
                "CidrIpv4"
            };
            rule[member] = json!(to.cidr);
            modify(maya, &p.group, &p.ids[index % p.ids.len()], rule).await;
        }
    }
}

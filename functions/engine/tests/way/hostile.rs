//! Records, tags and rules that are shaped so that an exposure would stay open.

use serde_json::Value;
use serde_json::json;
use undrift_engine::Disposition;
use undrift_engine::port::Claim;

use crate::world::{World, authorized, change, known, modified, tick};

const WORLD: &str = "0.0.0.0/0";

fn coerced(event: &str, at: i64, rule: Value) -> undrift_core::change::Change {
    let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {
        "SecurityGroupRuleId": "sgr-1", "tag": 1, "SecurityGroupRule": rule}}});
    change(event, at, "ModifySecurityGroupRules", request, Value::Null)
}

/// The body of a claim as the journal packs it (aws/src/journal/body.rs); its limit is 300 KB.
fn packed(claim: &Claim) -> usize {
    use std::io::Write;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&serde_json::to_vec(claim).unwrap()).unwrap();
    gz.finish().unwrap().len()
}

#[tokio::test]
async fn the_restored_value_stands_under_another_id() {
    let world = known().await;
    tick(&world, 10);
    world.put("sgr-1", 22, WORLD);
    world.put("sgr-2", 22, "10.0.0.0/8");
    world
        .deliver(&[modified("m", 105, "sgr-1", 22, WORLD)])
        .await;
    assert!(
        !world.rules().contains(&"22 0.0.0.0/0".to_owned()),
        "{:?}",
        world.record("m").outcome
    );
}

#[tokio::test]
async fn only_the_response_is_omitted_for_its_size() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let request = json!({"groupId": "sg-1", "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22,
        "toPort": 22, "ipRanges": {"items": [{"cidrIp": WORLD}]}}]}});
    let omitted =
        json!({"omitted": true, "originalSize": 110_000, "reason": "responseElements too large"});
    world
        .deliver(&[change(
            "e",
            99,
            "AuthorizeSecurityGroupIngress",
            request,
            omitted,
        )])
        .await;
    assert!(world.rules().is_empty(), "{:?}", world.record("e").outcome);
}

#[tokio::test]
async fn numbers_coerced_as_in_wrapped_requests() {
    for rule in [
        json!({"IpProtocol": 6.0, "FromPort": 22, "ToPort": 22, "CidrIpv4": WORLD}),
        json!({"IpProtocol": "tcp", "FromPort": 22.0, "ToPort": 22.0, "CidrIpv4": WORLD}),
    ] {
        let world = known().await;
        tick(&world, 10);
        world.put("sgr-1", 22, WORLD);
        let ends = world.deliver(&[coerced("m", 105, rule.clone())]).await;
        let rows = world.rows.lock().unwrap().len();
        assert_eq!(
            world.rules(),
            ["22 10.0.0.0/8"],
            "{rule}: {ends:?}, {rows} records in all (1 is of `a`)"
        );
    }
}

#[tokio::test]
async fn a_record_its_kind_cannot_read_leaves_a_trace() {
    let world = World::with(&[("sgr-ssh", 22, WORLD)]);
    let mut e = authorized(
        "e",
        99,
        &[("sgr-ssh", 22, WORLD), ("sgr-odd", 23, "10.0.0.0/8")],
    );
    e.response["securityGroupRuleSet"]["items"][1]["ipProtocol"] = json!("new-protocol");
    let ends = world.deliver(&[e]).await;
    let rows = world.rows.lock().unwrap().len();
    assert!(
        rows == 1 || ends != [Disposition::Done],
        "acknowledged without a record; rules {:?}",
        world.rules()
    );
}

#[tokio::test]
async fn many_rules_and_one_that_cannot_be_mended() {
    // N rules by one call, each with ports of its own, and a modify of an unknown rule in the same batch.
    let n: u16 = std::env::var("N")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(250);
    let world = World::with(&[("sgr-x", 22, WORLD)]);
    let rules: Vec<(String, String)> = (0..n)
        .map(|i| {
            (
                format!("sgr-{i}"),
                format!("{}.{}.0.0/9", 11 + i % 100, 128 * (i / 100 % 2)),
            )
        })
        .collect();
    let mut items = Vec::new();
    world.edit(|f| for (i, (id, source)) in (0u16..).zip(&rules) {
        let (from, to) = (i % 22, 22 + i);
        f.insert(undrift_core::kind::ElementKey(id.clone()), json!({"id": id, "protocol": "tcp", "from": from, "to": to, "source": source}));
        items.push(json!({"groupId": "sg-1", "securityGroupRuleId": id, "isEgress": false, "ipProtocol": "tcp", "fromPort": from, "toPort": to, "cidrIpv4": source}));
    });
    let e = change(
        "e",
        98,
        "AuthorizeSecurityGroupIngress",
        json!({"groupId": "sg-1", "ipPermissions": {}}),
        json!({"securityGroupRuleSet": {"items": items}}),
    );
    let start = std::time::Instant::now();
    world
        .deliver(&[e, modified("m", 99, "sgr-x", 22, WORLD)])
        .await;
    let took = start.elapsed();
    eprintln!("N={n}: {took:?}, {} rules left", world.rules().len());
    assert!(
        took.as_secs() < 3,
        "{took:?} of pure computing with one policy"
    );
}

#[tokio::test]
async fn tags_do_not_make_a_claim_too_large_to_be_written() {
    let n: usize = std::env::var("N")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12);
    let rules: Vec<(String, u16, String)> = (0..n)
        .map(|i| (format!("sgr-{i}"), 22, format!("{}.0.0.0/8", 20 + i)))
        .collect();
    let shown: Vec<(&str, u16, &str)> = rules
        .iter()
        .map(|(a, b, c)| (a.as_str(), *b, c.as_str()))
        .collect();
    let world = World::with(&shown);
    // CreateTags: 50 tags of 128 + 256 characters on each rule, as AWS allows.
    let mut x = 1u64;
    let mut text = |n: usize| -> String {
        (0..n)
            .map(|_| {
                x = x
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                char::from(33 + ((x >> 40) % 90) as u8)
            })
            .collect()
    };
    world.edit(|f| {
        for r in f.values_mut() {
            r["tags"] = (0..50)
                .map(|_| (text(128), json!(text(256))))
                .collect::<serde_json::Map<_, _>>()
                .into();
        }
    });
    let sizes = std::sync::Arc::new(std::sync::Mutex::new(0));
    let seen = sizes.clone();
    world.faults.lock().unwrap().push(Box::new(move |w, _| {
        *seen.lock().unwrap() = packed(w.known.lock().unwrap().claim.as_ref().unwrap());
        None
    }));
    world.deliver(&[authorized("e", 99, &shown)]).await;
    let size = *sizes.lock().unwrap();
    eprintln!("{n} rules: {size} bytes");
    assert!(
        size < 300 * 1024,
        "{n} rules: the claim packs to {size} bytes: the journal refuses it, nothing is ever reverted"
    );
}

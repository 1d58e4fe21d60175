//! Rounds and calls until closed, counted at the wire. A round is a set of requests none of which
//! waits for another's answer. The golden files are rewritten with `UNDRIFT_BLESS=1`.

use std::fmt::Write as _;

use serde_json::json;
use undrift_core::record::{OutcomeKind, Record};
use undrift_tests::groups::{authorize, ipv4, make, modify};
use undrift_tests::sandbox::{Sandbox, next_second, root, text};

/// What each call takes longer: calls of one round then overlap on any machine.
const ROUND_TRIP: std::time::Duration = std::time::Duration::from_millis(250);

/// The function's own calls since the log was cleared, round by round, until the exposure is
/// closed (or to the end, where nothing is to be closed).
fn rounds(sandbox: &Sandbox) -> String {
    let mut calls = sandbox.account.wire().entries();
    let own = |c: Option<&str>| c.is_some_and(|c| c.contains(":assumed-role/undrift-ec2/"));
    calls.retain(|c| own(c.caller.as_deref()));
    calls.sort_by_key(|c| c.started);
    let mut rounds: Vec<(u64, Vec<String>)> = Vec::new();
    for call in &calls {
        let name = format!("{}:{}", call.service, call.operation);
        match rounds.last_mut() {
            // Whatever began after an answer of the round may have waited for it.
            Some((answered, names)) if call.started < *answered => {
                *answered = (*answered).min(call.ended);
                names.push(name);
            }
            _ => rounds.push((call.ended, vec![name])),
        }
    }
    let mut out = String::new();
    for (index, (_, mut names)) in rounds.into_iter().enumerate() {
        names.sort();
        let mut counted: Vec<String> = Vec::new();
        for name in &names {
            let n = names.iter().filter(|other| *other == name).count();
            let line = if n == 1 {
                name.clone()
            } else {
                format!("{n}× {name}")
            };
            if !counted.contains(&line) {
                counted.push(line);
            }
        }
        writeln!(out, "round {}: {}", index + 1, counted.join(", ")).unwrap();
        if closes(&names) {
            break;
        }
    }
    out
}

/// The exposure is gone with this round.
fn closes(names: &[String]) -> bool {
    names
        .iter()
        .any(|n| n.contains("Revoke") || n.contains("ModifySecurityGroupRules"))
}

fn golden(name: &str, is: &str) {
    let path = root().join("tests/golden").join(name);
    if std::env::var_os("UNDRIFT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, is).unwrap();
    }
    let should = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(is, should, "{}", path.display());
}

fn reverted(group: &str) -> impl Fn(&Record) -> bool {
    let group = group.to_owned();
    move |r| r.key.resource.id.as_str() == group && r.outcome.kind == OutcomeKind::Reverted
}

#[tokio::test]
async fn a_group_is_closed_in_three_rounds() {
    let sandbox = Sandbox::start().await;
    let maya = sandbox.user("maya").await;
    let vpc = sandbox.vpc().await;
    let group = make(&maya, "rounds", &vpc).await;
    let office = json!([ipv4("tcp", 22, 22, "81.2.69.160/32")]);
    let rule = authorize(&maya, &group, office).await.remove(0);
    sandbox.settle().await;
    next_second().await;

    sandbox.account.faults().set_latency(ROUND_TRIP, ROUND_TRIP);
    sandbox.account.wire().clear();
    authorize(&maya, &group, json!([ipv4("tcp", 22, 22, "0.0.0.0/0")])).await;
    sandbox.record(reverted(&group)).await;
    sandbox.settle().await;
    golden("rounds-revoke.txt", &rounds(&sandbox));

    sandbox.account.wire().clear();
    let wide = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"});
    modify(&maya, &group, &rule, wide).await;
    sandbox.settle().await;
    golden("rounds-modify.txt", &rounds(&sandbox));

    sandbox.account.faults().set_latency(ROUND_TRIP, ROUND_TRIP);
    sandbox.account.wire().clear();
    authorize(&maya, &group, json!([ipv4("tcp", 443, 443, "0.0.0.0/0")])).await;
    sandbox.settle().await;
    golden("rounds-compliant.txt", &rounds(&sandbox));

    let list = json!({"PrefixListName": "everybody", "MaxEntries": 5, "AddressFamily": "IPv4",
        "Entries": [{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]});
    let list = maya
        .call("ec2", "CreateManagedPrefixList", list)
        .await
        .unwrap();
    let list = text(&list, "/PrefixList/PrefixListId");
    let by_list = make(&maya, "by-list", &vpc).await;
    sandbox.settle().await;
    sandbox.account.wire().clear();
    let permission = json!([{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "PrefixListIds": [{"PrefixListId": list}]}]);
    authorize(&maya, &by_list, permission).await;
    sandbox.record(reverted(&by_list)).await;
    sandbox.settle().await;
    golden("rounds-prefix-list.txt", &rounds(&sandbox));
}

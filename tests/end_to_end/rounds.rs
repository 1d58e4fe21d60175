//! Rounds and calls until a group is closed, counted at the wire.

use serde_json::json;
use undrift_core::record::{OutcomeKind, Record};
use undrift_tests::groups::{authorize, ipv4, make, modify};
use undrift_tests::rounds::{ROUND_TRIP, counted, golden};
use undrift_tests::sandbox::{Sandbox, next_second, text};

/// The function's own calls since the log was cleared, until the exposure is closed (or to the
/// end, where nothing is to be closed).
fn rounds(sandbox: &Sandbox) -> String {
    let wire = sandbox.account.wire().entries();
    let closing = ["RevokeSecurityGroupIngress", "ModifySecurityGroupRules"];
    let own = wire.iter().filter(|c| {
        let caller = c.caller.as_deref();
        caller.is_some_and(|c| c.contains(":assumed-role/undrift-ec2/"))
    });
    let sent = own.map(|c| c.operation.clone());
    let sent: Vec<String> = sent.filter(|o| closing.contains(&o.as_str())).collect();
    counted(sandbox, "undrift-ec2", &sent)
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

    let faults = sandbox.account.faults();
    faults.set_latency(ROUND_TRIP, ROUND_TRIP);
    let wire = sandbox.account.wire();
    golden("rounds-revoke.txt", async || {
        wire.clear();
        authorize(&maya, &group, json!([ipv4("tcp", 22, 22, "0.0.0.0/0")])).await;
        sandbox.record(reverted(&group)).await;
        sandbox.settle().await;
        rounds(&sandbox)
    })
    .await;

    golden("rounds-modify.txt", async || {
        wire.clear();
        let wide =
            json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"});
        modify(&maya, &group, &rule, wide).await;
        sandbox.settle().await;
        rounds(&sandbox)
    })
    .await;

    let mut tries = 0;
    golden("rounds-compliant.txt", async || {
        tries += 1;
        let fine = make(&maya, &format!("fine-{tries}"), &vpc).await;
        sandbox.settle().await;
        wire.clear();
        authorize(&maya, &fine, json!([ipv4("tcp", 443, 443, "0.0.0.0/0")])).await;
        sandbox.settle().await;
        rounds(&sandbox)
    })
    .await;

    let list = json!({"PrefixListName": "everybody", "MaxEntries": 5, "AddressFamily": "IPv4",
        "Entries": [{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]});
    let list = maya
        .call("ec2", "CreateManagedPrefixList", list)
        .await
        .unwrap();
    let list = text(&list, "/PrefixList/PrefixListId");
    let permission = json!([{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "PrefixListIds": [{"PrefixListId": list}]}]);
    let mut tries = 0;
    golden("rounds-prefix-list.txt", async || {
        tries += 1;
        let by_list = make(&maya, &format!("by-list-{tries}"), &vpc).await;
        sandbox.settle().await;
        wire.clear();
        authorize(&maya, &by_list, permission.clone()).await;
        sandbox.record(reverted(&by_list)).await;
        sandbox.settle().await;
        rounds(&sandbox)
    })
    .await;
}

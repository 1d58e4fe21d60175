//! What the emulator does otherwise than AWS, where controls depend on it. A new version of moto that closes a gap
//! fails here, and the gap can be struck off.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod support;

use serde_json::{Value, json};
use support::{account, security_group};
use undrift_local::Client;

fn cidrs(answer: &Value) -> Vec<&str> {
    let entries = answer["Entries"].as_array().expect("entries");
    entries
        .iter()
        .filter_map(|entry| entry["Cidr"].as_str())
        .collect()
}

async fn ec2(client: &Client, operation: &str, input: Value) -> Value {
    client.call("ec2", operation, input).await.expect(operation)
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix_lists_keep_their_versions() {
    let account = account().await;
    let client = account.client_for_user("ana").await.expect("a user");
    let input = json!({ "PrefixListName": "offices", "MaxEntries": 5, "AddressFamily": "IPv4",
        "Entries": [{ "Cidr": "10.0.0.0/8", "Description": "d" }, { "Cidr": "0.0.0.0/0" }] });
    let made = ec2(&client, "CreateManagedPrefixList", input).await;
    let id = made["PrefixList"]["PrefixListId"].as_str().expect("an id");
    let entries = ec2(
        &client,
        "GetManagedPrefixListEntries",
        json!({ "PrefixListId": id }),
    )
    .await;
    assert_eq!(cidrs(&entries), ["10.0.0.0/8", "0.0.0.0/0"]);
    for filter in [
        ("prefix-list-id", id),
        ("prefix-list-name", "offices"),
        ("owner-id", "123456789012"),
    ] {
        let input = json!({ "Filters": [{ "Name": filter.0, "Values": [filter.1] }] });
        let found = ec2(&client, "DescribeManagedPrefixLists", input).await;
        assert_eq!(found["PrefixLists"][0]["PrefixListId"], id, "{filter:?}");
        assert_eq!(
            found["PrefixLists"].as_array().map(Vec::len),
            Some(1),
            "{filter:?}"
        );
    }
    let change = json!({ "PrefixListId": id, "CurrentVersion": 1,
        "AddEntries": [{ "Cidr": "11.0.0.0/8" }], "RemoveEntries": [{ "Cidr": "0.0.0.0/0" }] });
    let changed = ec2(&client, "ModifyManagedPrefixList", change.clone()).await;
    assert_eq!(changed["PrefixList"]["Version"], 2);
    let version = json!({ "PrefixListId": id, "TargetVersion": 1 });
    let before = ec2(&client, "GetManagedPrefixListEntries", version).await;
    assert_eq!(cidrs(&before), ["10.0.0.0/8", "0.0.0.0/0"]);
    let now = ec2(
        &client,
        "GetManagedPrefixListEntries",
        json!({ "PrefixListId": id }),
    )
    .await;
    assert_eq!(cidrs(&now), ["10.0.0.0/8", "11.0.0.0/8"]);

    // AWS: PrefixListVersionMismatch.
    let stale = ec2(&client, "ModifyManagedPrefixList", change).await;
    assert_eq!(stale["PrefixList"]["Version"], 3);
    // AWS: InvalidPrefixListID.NotFound.
    let missing = json!({ "PrefixListId": "pl-00000000000000000" });
    let missing = ec2(&client, "GetManagedPrefixListEntries", missing).await;
    assert!(cidrs(&missing).is_empty());
    // AWS: one entry and a NextToken.
    let page = json!({ "PrefixListId": id, "MaxResults": 1 });
    let page = ec2(&client, "GetManagedPrefixListEntries", page).await;
    assert_eq!((cidrs(&page).len(), page.get("NextToken")), (2, None));
    // AWS: restores it.
    let restore = json!({ "PrefixListId": id, "PreviousVersion": 1, "CurrentVersion": 3 });
    let refused = client
        .call("ec2", "RestoreManagedPrefixListVersion", restore)
        .await;
    assert_eq!(refused.expect_err("not there").status, 500);
    account.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_security_group_rules_come_at_once() {
    let account = account().await;
    let client = account.client_for_user("ana").await.expect("a user");
    let ranges = |group: usize, count: usize| -> Vec<Value> {
        (0..count)
            .map(|at| json!({ "CidrIp": format!("10.{group}.{at}.0/24") }))
            .collect()
    };
    let ssh = |group: &str, ranges: Vec<Value>| json!({ "GroupId": group, "IpPermissions": [{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ranges }] });
    let mut groups = Vec::new();
    for at in 0..20 {
        let group = security_group(&account, &format!("many-{at}")).await;
        ec2(
            &client,
            "AuthorizeSecurityGroupIngress",
            ssh(&group, ranges(at, 55)),
        )
        .await;
        groups.push(group);
    }
    let input = json!({ "Filters": [{ "Name": "group-id", "Values": groups }] });
    let all = ec2(&client, "DescribeSecurityGroupRules", input.clone()).await;
    // 55 of ingress and one of egress each.
    assert_eq!(
        all["SecurityGroupRules"].as_array().map(Vec::len),
        Some(20 * 56)
    );
    // AWS: at most 1000, and a NextToken.
    let mut page = input;
    page["MaxResults"] = json!(100);
    let page = ec2(&client, "DescribeSecurityGroupRules", page).await;
    assert_eq!(
        page["SecurityGroupRules"].as_array().map(Vec::len),
        Some(20 * 56)
    );
    assert_eq!(page.get("NextToken"), None);
    // The limit of 60 is AWS's default; moto's has no setting.
    let more = ssh(&groups[0], ranges(99, 6));
    let refused = client
        .call("ec2", "AuthorizeSecurityGroupIngress", more)
        .await;
    assert_eq!(
        refused.expect_err("too many").code,
        "RulesPerSecurityGroupLimitExceeded"
    );
    // AWS: InvalidParameterValue.
    let unknown = json!({ "Filters": [{ "Name": "cidr", "Values": ["0.0.0.0/0"] }] });
    let unknown = client
        .call("ec2", "DescribeSecurityGroupRules", unknown)
        .await;
    assert_eq!(unknown.expect_err("an error of its own").status, 500);
    account.stop().await;
}

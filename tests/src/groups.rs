//! Security groups, as people make and change them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use undrift_local::Client;

use crate::sandbox::text;

/// Makes an empty group in a VPC.
pub async fn make(client: &Client, name: &str, vpc: &str) -> String {
    let input = json!({"GroupName": name, "Description": "for a test", "VpcId": vpc});
    let made = client
        .call("ec2", "CreateSecurityGroup", input)
        .await
        .unwrap();
    text(&made, "/GroupId")
}

/// Authorizes permissions as the API takes them; gives the new rules' ids.
pub async fn authorize(client: &Client, group: &str, permissions: Value) -> Vec<String> {
    let input = json!({"GroupId": group, "IpPermissions": permissions});
    let answer = client
        .call("ec2", "AuthorizeSecurityGroupIngress", input)
        .await
        .unwrap();
    ids(&answer["SecurityGroupRules"])
}

/// A permission with one IPv4 block.
#[must_use]
pub fn ipv4(protocol: &str, from: i64, to: i64, cidr: &str) -> Value {
    json!({"IpProtocol": protocol, "FromPort": from, "ToPort": to, "IpRanges": [{"CidrIp": cidr}]})
}

#[must_use]
pub fn ids(rules: &Value) -> Vec<String> {
    let rules = rules.as_array().into_iter().flatten();
    rules.map(|r| text(r, "/SecurityGroupRuleId")).collect()
}

/// Changes one rule to another range and source.
pub async fn modify(client: &Client, group: &str, rule: &str, to: Value) {
    let rules = json!([{"SecurityGroupRuleId": rule, "SecurityGroupRule": to}]);
    let input = json!({"GroupId": group, "SecurityGroupRules": rules});
    client
        .call("ec2", "ModifySecurityGroupRules", input)
        .await
        .unwrap();
}

/// The live rules of a group, all members, by id.
pub async fn live(client: &Client, group: &str) -> Vec<Value> {
    let input = json!({"Filters": [{"Name": "group-id", "Values": [group]}], "MaxResults": 1000});
    let answer = client
        .call("ec2", "DescribeSecurityGroupRules", input)
        .await
        .unwrap();
    let mut rules = answer["SecurityGroupRules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    rules.sort_by_key(|r| r["SecurityGroupRuleId"].as_str().map(str::to_owned));
    rules
}

/// The ingress rules as `protocol ports source`, for comparing.
pub async fn open(client: &Client, group: &str) -> BTreeSet<String> {
    let rules = live(client, group).await;
    let ingress = rules.iter().filter(|r| r["IsEgress"] != json!(true));
    ingress.map(line).collect()
}

fn line(rule: &Value) -> String {
    let source = ["CidrIpv4", "CidrIpv6", "PrefixListId"]
        .iter()
        .find_map(|m| rule[*m].as_str())
        .or_else(|| rule["ReferencedGroupInfo"]["GroupId"].as_str())
        .unwrap_or("?");
    let protocol = rule["IpProtocol"].as_str().unwrap_or("?");
    match protocol {
        "-1" => format!("all {source}"),
        _ => format!(
            "{protocol} {}-{} {source}",
            rule["FromPort"], rule["ToPort"]
        ),
    }
}

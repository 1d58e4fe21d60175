//! The security-group records that others published, through the function's real binary. The
//! resources they speak of are made in the local account, and their ids put into the records.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use undrift_core::record::{OutcomeKind, Record};
use undrift_local::Client;
use undrift_tests::groups::{live, make};
use undrift_tests::sandbox::Sandbox;
use undrift_tests::verdicts::{Expected, Row, corpus, rows};

/// Every record of the corpus about security groups of EC2.
fn records() -> BTreeMap<String, Value> {
    let mut records = corpus();
    records.retain(|_, event| {
        let name = event["eventName"].as_str().unwrap();
        event["eventSource"] == "ec2.amazonaws.com" && name.contains("SecurityGroup")
    });
    records
}

/// The members of a list as records write it.
fn items(list: &Value) -> Vec<Value> {
    let items = list.get("items").unwrap_or(list);
    items.as_array().cloned().unwrap_or_default()
}

/// The ingress rules a record's request speaks of, as permissions of the API.
fn permissions(request: &Value) -> Vec<Value> {
    let number = |v: &Value| v.as_i64().or_else(|| v.as_str()?.parse().ok());
    let permission = |p: &Value, v4: Vec<Value>, v6: Vec<Value>| {
        let mut out = json!({"IpProtocol": p["ipProtocol"]});
        if let (Some(from), Some(to)) = (number(&p["fromPort"]), number(&p["toPort"])) {
            out["FromPort"] = json!(from);
            out["ToPort"] = json!(to);
        }
        if !v4.is_empty() {
            out["IpRanges"] = json!(v4);
        }
        if !v6.is_empty() {
            out["Ipv6Ranges"] = json!(v6);
        }
        out
    };
    let mut all: Vec<Value> = items(&request["ipPermissions"])
        .iter()
        .map(|p| {
            let v4 = items(&p["ipRanges"]);
            let v6 = items(&p["ipv6Ranges"]);
            permission(
                p,
                v4.iter().map(|r| json!({"CidrIp": r["cidrIp"]})).collect(),
                v6.iter()
                    .map(|r| json!({"CidrIpv6": r["cidrIpv6"]}))
                    .collect(),
            )
        })
        .collect();
    if request["cidrIp"].is_string() {
        all.push(permission(
            request,
            vec![json!({"CidrIp": request["cidrIp"]})],
            Vec::new(),
        ));
    }
    all
}

/// Makes what a record speaks of and puts the ids into it; gives the group.
async fn make_real(admin: &Client, vpc: &str, id: &str, event: &mut Value) -> String {
    let group = make(admin, id, vpc).await;
    let text = event.to_string();
    let mut ids = BTreeMap::new();
    let request = &event["requestParameters"];
    let old = [
        &request["groupId"],
        &request["ModifySecurityGroupRulesRequest"]["GroupId"],
        &event["responseElements"]["groupId"],
    ];
    if let Some(old) = old.iter().find_map(|v| v.as_str()) {
        ids.insert(old.to_owned(), group.clone());
    }
    let name = event["eventName"].as_str().unwrap();
    if name == "AuthorizeSecurityGroupIngress" {
        let input = json!({"GroupId": group, "IpPermissions": permissions(request)});
        let made = admin.call("ec2", name, input).await.unwrap();
        let made = made["SecurityGroupRules"].as_array().unwrap().clone();
        let shown = items(&event["responseElements"]["securityGroupRuleSet"]);
        for (shown, made) in shown.iter().zip(&made) {
            let id = |v: &Value| v.as_str().unwrap().to_owned();
            ids.insert(
                id(&shown["securityGroupRuleId"]),
                id(&made["SecurityGroupRuleId"]),
            );
        }
    }
    if name == "ModifySecurityGroupRules" {
        let wanted = &request["ModifySecurityGroupRulesRequest"]["SecurityGroupRule"];
        let rule = &wanted["SecurityGroupRule"];
        let permission = json!({"IpProtocol": rule["IpProtocol"], "FromPort": rule["FromPort"],
            "ToPort": rule["ToPort"], "IpRanges": [{"CidrIp": rule["CidrIpv4"]}]});
        let input = json!({"GroupId": group, "IpPermissions": [permission]});
        let made = admin
            .call("ec2", "AuthorizeSecurityGroupIngress", input)
            .await
            .unwrap();
        ids.insert(
            wanted["SecurityGroupRuleId"].as_str().unwrap().to_owned(),
            made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let mut text = text;
    for (old, new) in &ids {
        text = text.replace(&format!("\"{old}\""), &format!("\"{new}\""));
    }
    *event = serde_json::from_str(&text).unwrap();
    group
}

#[tokio::test]
async fn published_records_are_judged_as_a_person_would_and_reverted_exactly() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.account.admin();
    let vpc = sandbox.vpc().await;
    let corpus = records();
    let rows: Vec<Row> = rows()
        .into_iter()
        .filter(|r| corpus.contains_key(&r.id))
        .collect();
    assert_eq!(corpus.len(), rows.len(), "a record has no verdict");
    let mut groups = BTreeMap::new();
    let neighbour = json!([{"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443,
        "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]);
    for (id, mut event) in corpus {
        let group = make_real(&admin, &vpc, &id, &mut event).await;
        undrift_tests::groups::authorize(&admin, &group, neighbour.clone()).await;
        event["recipientAccountId"] = json!(sandbox.account.account_id());
        event["awsRegion"] = json!("eu-central-1");
        event["eventID"] = json!(id);
        let envelope = json!({
            "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
            "account": sandbox.account.account_id(), "time": event["eventTime"], "region": "eu-central-1",
            "resources": [], "detail": event
        });
        let before = live(&admin, &group).await;
        sandbox.account.deliver(sandbox.queue(), &envelope);
        groups.insert(id, (group, before));
    }
    let records = sandbox.records().await;
    for Row { id, expected, .. } in &rows {
        let (group, before) = &groups[id];
        let after = live(&admin, group).await;
        let record: Option<&Record> = records.iter().find(|r| r.key.event.as_str() == id);
        match expected {
            Expected::Violated => {
                let record = record.unwrap_or_else(|| panic!("{id} has no record"));
                assert_eq!(
                    record.outcome.kind,
                    OutcomeKind::Reverted,
                    "{id}: {}",
                    record.outcome.reason
                );
                let plan = record.plan.as_ref().unwrap();
                assert_eq!(plan.steps.len(), 1, "{id}");
                assert_eq!(plan.steps[0].call.operation, "RevokeSecurityGroupIngress");
                assert_eq!(after.len() + 1, before.len(), "{id}: exactly one rule goes");
                assert!(after.iter().all(|r| before.contains(r)), "{id}");
            }
            Expected::Compliant => {
                let record = record.unwrap_or_else(|| panic!("{id} has no record"));
                assert_eq!(
                    record.outcome.kind,
                    OutcomeKind::Left,
                    "{id}: {}",
                    record.outcome.reason
                );
                assert_eq!(&after, before, "{id}");
            }
            Expected::Undecided => panic!("{id}: no record about groups is undecided"),
            Expected::Failed | Expected::NotJudged => {
                assert!(record.is_none(), "{id} has a record: {record:?}");
                assert_eq!(&after, before, "{id}");
            }
        }
    }
}

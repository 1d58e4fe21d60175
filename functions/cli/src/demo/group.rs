//! The security group of the demo, as people call the API for it.

use serde_json::{Value, json};
use undrift_local::{ApiError, Client};
use undrift_stack::StackError;

/// A security group, and somebody to read it with.
pub(super) struct Group {
    /// Its id.
    pub(super) id: String,
    reader: Client,
}

impl Group {
    /// Makes an empty group in the default VPC.
    pub(super) async fn make(by: &Client, reader: Client, name: &str) -> Result<Self, StackError> {
        let input = json!({"GroupName": name, "Description": "the web shop"});
        let made = by.call("ec2", "CreateSecurityGroup", input).await?;
        let id = made.get("GroupId").and_then(Value::as_str);
        Ok(Self {
            id: id.unwrap_or_default().to_owned(),
            reader,
        })
    }

    /// Adds rules: `AuthorizeSecurityGroupIngress` with this input; gives the first new rule's id.
    pub(super) async fn authorize(
        &self,
        by: &Client,
        mut input: Value,
    ) -> Result<String, ApiError> {
        if let Some(members) = input.as_object_mut() {
            members.insert("GroupId".to_owned(), json!(self.id));
        }
        let answer = by
            .call("ec2", "AuthorizeSecurityGroupIngress", input)
            .await?;
        let id = answer.pointer("/SecurityGroupRules/0/SecurityGroupRuleId");
        Ok(id.and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Takes a rule away by its id.
    pub(super) async fn revoke(&self, by: &Client, rule: &str) -> Result<(), ApiError> {
        let input = json!({"GroupId": self.id, "SecurityGroupRuleIds": [rule]});
        by.call("ec2", "RevokeSecurityGroupIngress", input).await?;
        Ok(())
    }

    /// Changes a rule.
    pub(super) async fn modify(&self, by: &Client, rule: &str, to: Value) -> Result<(), ApiError> {
        let rules = json!([{"SecurityGroupRuleId": rule, "SecurityGroupRule": to}]);
        let input = json!({"GroupId": self.id, "SecurityGroupRules": rules});
        by.call("ec2", "ModifySecurityGroupRules", input).await?;
        Ok(())
    }

    /// Its ingress rules as they are in the account, every member, in the order of their ids.
    pub(super) async fn rules(&self) -> Result<Vec<Value>, ApiError> {
        let input = json!({"Filters": [{"Name": "group-id", "Values": [self.id]}]});
        let answer = self
            .reader
            .call("ec2", "DescribeSecurityGroupRules", input)
            .await?;
        let mut rules: Vec<Value> = answer
            .get("SecurityGroupRules")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|r| r.get("IsEgress") != Some(&json!(true)))
            .cloned()
            .collect();
        rules.sort_by_key(|r| r.get("SecurityGroupRuleId").map(ToString::to_string));
        Ok(rules)
    }
}

/// A rule in a few words.
pub(super) fn words(rule: &Value) -> String {
    let text = |member: &str| rule.get(member).and_then(Value::as_str);
    let source = text("CidrIpv4")
        .or_else(|| text("CidrIpv6"))
        .or_else(|| {
            rule.pointer("/ReferencedGroupInfo/GroupId")
                .and_then(Value::as_str)
        })
        .unwrap_or("?");
    let port = |member: &str| rule.get(member).and_then(Value::as_i64).unwrap_or(-1);
    let ports = match (
        text("IpProtocol").unwrap_or("?"),
        port("FromPort"),
        port("ToPort"),
    ) {
        ("-1", _, _) => "everything".to_owned(),
        (protocol, from, to) if from == to => format!("{protocol}/{from}"),
        (protocol, from, to) => format!("{protocol}/{from}-{to}"),
    };
    let note = text("Description").map_or(String::new(), |d| format!("  ({d})"));
    format!("{ports} from {source}{note}")
}

//! Security groups through the SDK: reading them, and sending the calls of a plan.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, Tag, TagSpecification, UserIdGroupPair,
};
use ipnet::IpNet;
use serde_json::Value;
use undrift_aws::client::{AnswerDate, LISTED, classify, listed, malformed};
use undrift_core::kind::{Call, Facet, FacetName, Image, ResourceRef};
use undrift_core::name::ResourceId;
use undrift_engine::port::{CallError, ErrorClass, Listed, Seen, Sent};

use super::rule::{Rule, Source};
use super::{EGRESS, INGRESS};

/// The most rules a page may have (EC2 API Reference, `DescribeSecurityGroupRules`).
const PAGE: i32 = 1000;

/// The live group: its rules by id, prefix lists with their entries.
pub(crate) async fn read(client: &Client, group: &ResourceRef) -> Result<Seen, CallError> {
    let dated = AnswerDate::default();
    let rules = rules(client, group, &dated).await?;
    if rules.is_empty() && !exists(client, group, &dated).await? {
        return Ok(Seen {
            image: None,
            path: None,
            at: dated.at(),
        });
    }
    let mut image = Image::default();
    for facet in [INGRESS, EGRESS] {
        image.facets.insert(FacetName::from(facet), Facet::new());
    }
    let mut lists: BTreeMap<String, Option<Vec<IpNet>>> = BTreeMap::new();
    for rule in rules {
        let facet = if rule.is_egress() == Some(true) {
            EGRESS
        } else {
            INGRESS
        };
        let mut parsed = parsed(&rule)
            .map_err(|why| malformed("ec2:DescribeSecurityGroupRules", &group.to_string(), &why))?;
        if let Source::PrefixList { id, entries } = &mut parsed.source
            && facet == INGRESS
        {
            if !lists.contains_key(id) {
                lists.insert(id.clone(), list_entries(client, id, &dated).await?);
            }
            *entries = lists.get(id).cloned().flatten();
        }
        image
            .facets
            .entry(FacetName::from(facet))
            .or_default()
            .insert(parsed.key(), parsed.element());
    }
    Ok(Seen {
        image: Some(image),
        path: None,
        at: dated.at(),
    })
}

async fn rules(
    client: &Client,
    group: &ResourceRef,
    dated: &AnswerDate,
) -> Result<Vec<SecurityGroupRule>, CallError> {
    let mut rules = Vec::new();
    let mut token = None;
    loop {
        let page = client
            .describe_security_group_rules()
            .filters(filter("group-id", group.id.as_str()))
            .max_results(PAGE)
            .set_next_token(token)
            .customize()
            .interceptor(dated.clone())
            .send()
            .await
            .map_err(|e| classify(&e, "ec2:DescribeSecurityGroupRules", &group.to_string()))?;
        rules.extend_from_slice(page.security_group_rules());
        token = page
            .next_token()
            .filter(|t| !t.is_empty())
            .map(str::to_owned);
        if token.is_none() {
            return Ok(rules);
        }
    }
}

async fn exists(
    client: &Client,
    group: &ResourceRef,
    dated: &AnswerDate,
) -> Result<bool, CallError> {
    let answer = client
        .describe_security_groups()
        .filters(filter("group-id", group.id.as_str()))
        .customize()
        .interceptor(dated.clone())
        .send()
        .await
        .map_err(|e| classify(&e, "ec2:DescribeSecurityGroups", &group.to_string()))?;
    Ok(!answer.security_groups().is_empty())
}

/// A prefix list's entries; `None` where we may not read them (somebody else's list).
async fn list_entries(
    client: &Client,
    id: &str,
    dated: &AnswerDate,
) -> Result<Option<Vec<IpNet>>, CallError> {
    let mut entries = Vec::new();
    let mut token = None;
    loop {
        let page = client
            .get_managed_prefix_list_entries()
            .prefix_list_id(id)
            .set_next_token(token)
            .customize()
            .interceptor(dated.clone())
            .send()
            .await
            .map_err(|e| classify(&e, "ec2:GetManagedPrefixListEntries", id));
        let page = match page {
            Ok(page) => page,
            Err(e) if matches!(e.class, ErrorClass::Denied | ErrorClass::Missing) => {
                tracing::warn!(list = id, error = %e, "a prefix list can't be read; its rules stay undecided");
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        for entry in page.entries() {
            let block: Option<IpNet> = entry.cidr().and_then(|c| c.parse().ok());
            let block = block.ok_or_else(|| {
                malformed(
                    "ec2:GetManagedPrefixListEntries",
                    id,
                    "an entry is no block",
                )
            })?;
            entries.push(block.trunc());
        }
        token = page
            .next_token()
            .filter(|t| !t.is_empty())
            .map(str::to_owned);
        if token.is_none() {
            return Ok(Some(entries));
        }
    }
}

/// The id of the group of a name in the default VPC: EC2 takes names nowhere else.
pub(crate) async fn resolve(client: &Client, name: &str) -> Result<Option<ResourceId>, CallError> {
    let operation = "ec2:DescribeSecurityGroups";
    let answer = client
        .describe_security_groups()
        .group_names(name)
        .send()
        .await
        .map_err(|e| classify(&e, operation, name));
    let answer = match answer {
        Ok(answer) => answer,
        Err(e) if e.class == ErrorClass::Missing => return Ok(None),
        Err(e) => return Err(e),
    };
    let ids: BTreeSet<&str> = answer
        .security_groups()
        .iter()
        .filter_map(|g| g.group_id())
        .collect();
    match ids.first() {
        None => Ok(None),
        Some(id) if ids.len() == 1 => ResourceId::parse(id)
            .map(Some)
            .map_err(|e| malformed(operation, name, &e.to_string())),
        Some(_) => Err(malformed(operation, name, "several groups have that name")),
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn parsed(rule: &SecurityGroupRule) -> Result<Rule, String> {
    let source = rule
        .cidr_ipv4()
        .or_else(|| rule.cidr_ipv6())
        .or_else(|| rule.prefix_list_id());
    let source = match (source, rule.referenced_group_info()) {
        (Some(source), _) => Source::parse(source)?,
        (None, Some(group)) => {
            let own = group.user_id().is_none() || group.user_id() == rule.group_owner_id();
            Source::Group {
                id: group.group_id().unwrap_or_default().to_owned(),
                account: group.user_id().filter(|_| !own).map(str::to_owned),
            }
        }
        (None, None) => return Err("a rule has no source".to_owned()),
    };
    let mut parsed = Rule::new(
        rule.ip_protocol().unwrap_or_default(),
        rule.from_port(),
        rule.to_port(),
        source,
        rule.description().map(str::to_owned),
        rule.tags()
            .iter()
            .filter_map(|t| {
                Some((
                    t.key()?.to_owned(),
                    t.value().unwrap_or_default().to_owned(),
                ))
            })
            .collect(),
    )?;
    parsed.id = rule.security_group_rule_id().map(str::to_owned);
    Ok(parsed)
}

/// Sends one call of a plan.
pub(crate) async fn send(client: &Client, call: &Call) -> Result<Sent, CallError> {
    let group = text(&call.input, "GroupId");
    let resource = group.clone().unwrap_or_default();
    let operation = format!("ec2:{}", call.operation);
    let failed = |e: &dyn std::fmt::Display| malformed(&operation, &resource, &e.to_string());
    macro_rules! sent {
        ($request:expr) => {{
            use aws_sdk_ec2::operation::RequestId as _;
            let answer = $request
                .send()
                .await
                .map_err(|e| classify(&e, &operation, &resource))?;
            Ok(Sent {
                request_id: answer.request_id().map(str::to_owned),
            })
        }};
    }
    let permissions = permissions(&call.input);
    let ids = strings(&call.input, "SecurityGroupRuleIds");
    match call.operation.as_str() {
        "RevokeSecurityGroupIngress" => sent!(
            client
                .revoke_security_group_ingress()
                .set_group_id(group)
                .set_security_group_rule_ids(ids)
                .set_ip_permissions(permissions)
        ),
        "RevokeSecurityGroupEgress" => sent!(
            client
                .revoke_security_group_egress()
                .set_group_id(group)
                .set_security_group_rule_ids(ids)
                .set_ip_permissions(permissions)
        ),
        "AuthorizeSecurityGroupIngress" => sent!(
            client
                .authorize_security_group_ingress()
                .set_group_id(group)
                .set_ip_permissions(permissions)
                .set_tag_specifications(tags(&call.input))
        ),
        "AuthorizeSecurityGroupEgress" => sent!(
            client
                .authorize_security_group_egress()
                .set_group_id(group)
                .set_ip_permissions(permissions)
                .set_tag_specifications(tags(&call.input))
        ),
        "ModifySecurityGroupRules" => sent!(
            client
                .modify_security_group_rules()
                .set_group_id(group)
                .set_security_group_rules(Some(updates(&call.input)))
        ),
        _ => Err(failed(&"it is no call of this kind")),
    }
}

fn permissions(input: &Value) -> Option<Vec<IpPermission>> {
    let list = input.get("IpPermissions")?.as_array()?;
    Some(list.iter().map(permission).collect())
}

fn permission(p: &Value) -> IpPermission {
    let blocks = |list: &str| p.get(list).and_then(Value::as_array).into_iter().flatten();
    let mut built = IpPermission::builder()
        .set_ip_protocol(text(p, "IpProtocol"))
        .set_from_port(port(p, "FromPort"))
        .set_to_port(port(p, "ToPort"));
    for b in blocks("IpRanges") {
        let range = IpRange::builder().set_cidr_ip(text(b, "CidrIp"));
        built = built.ip_ranges(range.set_description(text(b, "Description")).build());
    }
    for b in blocks("Ipv6Ranges") {
        let range = Ipv6Range::builder().set_cidr_ipv6(text(b, "CidrIpv6"));
        built = built.ipv6_ranges(range.set_description(text(b, "Description")).build());
    }
    for b in blocks("PrefixListIds") {
        let list = PrefixListId::builder().set_prefix_list_id(text(b, "PrefixListId"));
        built = built.prefix_list_ids(list.set_description(text(b, "Description")).build());
    }
    for b in blocks("UserIdGroupPairs") {
        let pair = UserIdGroupPair::builder()
            .set_group_id(text(b, "GroupId"))
            .set_user_id(text(b, "UserId"));
        built = built.user_id_group_pairs(pair.set_description(text(b, "Description")).build());
    }
    built.build()
}

fn updates(input: &Value) -> Vec<SecurityGroupRuleUpdate> {
    let rules = input.get("SecurityGroupRules").and_then(Value::as_array);
    let update = |u: &Value| {
        let r = u.get("SecurityGroupRule").unwrap_or(&Value::Null);
        let rule = SecurityGroupRuleRequest::builder()
            .set_ip_protocol(text(r, "IpProtocol"))
            .set_from_port(port(r, "FromPort"))
            .set_to_port(port(r, "ToPort"))
            .set_cidr_ipv4(text(r, "CidrIpv4"))
            .set_cidr_ipv6(text(r, "CidrIpv6"))
            .set_prefix_list_id(text(r, "PrefixListId"))
            .set_referenced_group_id(text(r, "ReferencedGroupId"))
            .set_description(text(r, "Description"));
        SecurityGroupRuleUpdate::builder()
            .set_security_group_rule_id(text(u, "SecurityGroupRuleId"))
            .security_group_rule(rule.build())
            .build()
    };
    rules.into_iter().flatten().map(update).collect()
}

fn tags(input: &Value) -> Option<Vec<TagSpecification>> {
    let list = input.pointer("/TagSpecifications/0/Tags")?.as_array()?;
    let tags = list.iter().map(|t| {
        Tag::builder()
            .set_key(text(t, "Key"))
            .set_value(text(t, "Value"))
            .build()
    });
    Some(vec![
        TagSpecification::builder()
            .resource_type(ResourceType::SecurityGroupRule)
            .set_tags(Some(tags.collect()))
            .build(),
    ])
}

fn strings(input: &Value, member: &str) -> Option<Vec<String>> {
    let list = input.get(member)?.as_array()?;
    Some(
        list.iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
    )
}

fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member)?.as_str().map(str::to_owned)
}

fn port(value: &Value, member: &str) -> Option<i32> {
    value
        .get(member)?
        .as_i64()
        .and_then(|n| i32::try_from(n).ok())
}

/// A page of the account's groups.
pub(crate) async fn list(client: &Client, from: Option<&str>) -> Result<Listed, CallError> {
    let operation = "ec2:DescribeSecurityGroups";
    let page = client
        .describe_security_groups()
        .max_results(LISTED)
        .set_next_token(from.map(str::to_owned))
        .send()
        .await
        .map_err(|e| classify(&e, operation, "all security groups"))?;
    let ids = page
        .security_groups()
        .iter()
        .map(aws_sdk_ec2::types::SecurityGroup::group_id);
    listed(operation, ids, page.next_token())
}

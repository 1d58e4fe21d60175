//! What CloudTrail records show of security groups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use undrift_core::change::Change;
use undrift_core::kind::{
    Before, Effect, ElementKey, Facet, FacetName, Image, KindError, Lookup, Target, Touch, Touched,
};
use undrift_core::name::ResourceId;

use super::rule::{Rule, Source};
use super::{EGRESS, INGRESS};
use undrift_core::kind::written::{first_of, integer, items, member, scalar, text};

/// The groups a record touched.
pub(super) fn touched(change: &Change) -> Result<Vec<Touched>, KindError> {
    let name = change.name.as_str();
    let facet = if name.ends_with("Egress") {
        EGRESS
    } else {
        INGRESS
    };
    let resource = group(change)?;
    let effect = match name {
        "CreateSecurityGroup" => Ok(created()),
        "DeleteSecurityGroup" => Ok(Effect::Deleted),
        "ModifySecurityGroupRules" => modified(change),
        _ if name.starts_with("Authorize") => authorized(change, facet),
        _ if name.starts_with("Revoke") => revoked(change, facet),
        // Descriptions: what the rules let through stays; the image is simply read anew.
        _ => Ok(Effect::Edited(Vec::new())),
    };
    // A rule that can't be read must show, as undecided, and not be taken for none.
    let effect = effect.unwrap_or_else(|e| Effect::Unclear(e.to_string()));
    Ok(vec![Touched { resource, effect }])
}

/// The group's id, from the request, the response, or the rules in the response; else its name.
fn group(change: &Change) -> Result<Lookup, KindError> {
    let request = request(change);
    // What can't be read here is told when the rules are.
    let rules = response_rules(change).unwrap_or_default();
    let id = text(request, &["groupId"])
        .or_else(|| text(response(change), &["groupId"]))
        .or_else(|| rules.iter().find_map(|r| text(r, &["groupId"])));
    if let Some(id) = id {
        return ResourceId::parse(&id)
            .map(Lookup::Id)
            .map_err(|e| KindError::Malformed {
                what: "groupId".into(),
                why: e.to_string(),
            });
    }
    text(request, &["groupName"])
        .map(Lookup::Name)
        .ok_or(KindError::NotShown {
            event: change.name.to_string(),
            what: "group",
        })
}

/// A new group lets nothing in (EC2 API Reference, `CreateSecurityGroup`); its one egress rule's id
/// isn't in the record.
fn created() -> Effect {
    Effect::Created(Some(Image::of([(INGRESS, Facet::new())])))
}

/// Authorize fails if any of its rules exists: success proves that they were absent.
fn authorized(change: &Change, facet: &str) -> Result<Effect, KindError> {
    let mut rules = Vec::new();
    for shown in few(response_rules(change)?)? {
        rules.push(response_rule(shown)?);
    }
    let mut known: BTreeSet<String> = rules.iter().map(|r| r.substance().to_string()).collect();
    // The response has one rule per source; what it leaves out is found by what it is.
    for asked in request_rules(request(change))? {
        if known.insert(asked.substance().to_string()) {
            rules.push(asked);
        }
    }
    let touches = rules.iter().map(|rule| Touch {
        facets: vec![FacetName::from(facet)],
        target: target(rule),
        before: Before::Absent,
        after: Some(rule.element()),
    });
    Ok(shown_or_unclear(touches.collect()))
}

fn revoked(change: &Change, facet: &str) -> Result<Effect, KindError> {
    let touch = |target, before| Touch {
        facets: vec![FacetName::from(facet)],
        target,
        before,
        after: None,
    };
    let shown = few(response_rules(change)?)?;
    if !shown.is_empty() {
        let mut touches = Vec::new();
        for rule in shown.iter().map(response_rule) {
            let rule = rule?;
            touches.push(touch(target(&rule), Before::Was(rule.element())));
        }
        return Ok(Effect::Edited(touches));
    }
    let ids = [
        "securityGroupRuleIds",
        "securityGroupRuleIdSet",
        "securityGroupRuleId",
    ];
    let mut touches = Vec::new();
    for item in few(items(first_of(request(change), &ids))?)? {
        let id = item.as_str().map(str::to_owned);
        let id = id.or_else(|| text(item, &["securityGroupRuleId", "content"]));
        let id = id.ok_or_else(|| malformed("it has no id".to_owned()))?;
        touches.push(touch(Target::Key(ElementKey(id)), Before::Unknown));
    }
    for rule in request_rules(request(change))? {
        touches.push(touch(
            Target::Like(rule.element()),
            Before::Was(rule.element()),
        ));
    }
    Ok(shown_or_unclear(touches))
}

/// The record of a modify has the new values only, and not which direction a rule is of.
fn modified(change: &Change) -> Result<Effect, KindError> {
    let list = ["securityGroupRule", "securityGroupRules"];
    let mut touches = Vec::new();
    for item in few(items(first_of(request(change), &list))?)? {
        let id = text(item, &["securityGroupRuleId"]);
        let rule = member(item, "securityGroupRule");
        let rule = rule.ok_or_else(|| malformed("it has no new values".to_owned()))?;
        let mut rule = api_rule(rule)?;
        rule.id = Some(id.ok_or_else(|| malformed("it has no id".to_owned()))?);
        touches.push(Touch {
            facets: vec![FacetName::from(INGRESS), FacetName::from(EGRESS)],
            target: target(&rule),
            before: Before::Existed,
            after: Some(rule.element()),
        });
    }
    Ok(shown_or_unclear(touches))
}

fn shown_or_unclear(touches: Vec<Touch>) -> Effect {
    if touches.is_empty() {
        Effect::Unclear("the record shows no rule".to_owned())
    } else {
        Effect::Edited(touches)
    }
}

fn target(rule: &Rule) -> Target {
    match &rule.id {
        Some(id) => Target::Key(ElementKey(id.clone())),
        None => Target::Like(rule.element()),
    }
}

fn response_rules(change: &Change) -> Result<&[Value], KindError> {
    let lists = ["securityGroupRuleSet", "revokedSecurityGroupRuleSet"];
    items(first_of(response(change), &lists))
}

/// A rule of a response: `SecurityGroupRule` with its first letters lowered.
fn response_rule(rule: &Value) -> Result<Rule, KindError> {
    let tags = items(member(rule, "tagSet"))?
        .iter()
        .filter_map(|t| Some((text(t, &["key"])?, text(t, &["value"])?)))
        .collect();
    let source = text(rule, &["cidrIpv4"])
        .or_else(|| text(rule, &["cidrIpv6"]))
        .or_else(|| text(rule, &["prefixListId"]));
    let source = match source {
        Some(source) => Source::parse(&source).map_err(malformed)?,
        None => group_source(rule, "referencedGroupId")
            .or_else(|| {
                let info = member(rule, "referencedGroupInfo")?;
                group_source(info, "groupId")
            })
            .ok_or_else(|| malformed("it has no source".to_owned()))?,
    };
    let mut parsed = Rule::new(
        &text(rule, &["ipProtocol"]).unwrap_or_default(),
        port(rule, "fromPort")?,
        port(rule, "toPort")?,
        source,
        text(rule, &["description"]),
        tags,
    )
    .map_err(malformed)?;
    parsed.id = text(rule, &["securityGroupRuleId"]);
    Ok(parsed)
}

/// A `SecurityGroupRuleRequest`, in the API's own or in lowered member names.
fn api_rule(rule: &Value) -> Result<Rule, KindError> {
    let source = text(rule, &["cidrIpv4"])
        .or_else(|| text(rule, &["cidrIpv6"]))
        .or_else(|| text(rule, &["prefixListId"]))
        .or_else(|| text(rule, &["referencedGroupId"]))
        .ok_or_else(|| malformed("it has no source".to_owned()))?;
    Rule::new(
        &text(rule, &["ipProtocol"]).unwrap_or_default(),
        port(rule, "fromPort")?,
        port(rule, "toPort")?,
        Source::parse(&source).map_err(malformed)?,
        text(rule, &["description"]),
        BTreeMap::new(),
    )
    .map_err(malformed)
}

/// How many rules a call may be about: no group has more (Amazon VPC User Guide, "Amazon VPC
/// quotas": 1,000 rules on an interface, all its groups together).
const MOST: usize = 1_000;

/// The same list, unless it is longer than any group's.
fn few<T>(list: &[T]) -> Result<&[T], KindError> {
    if list.len() > MOST {
        return Err(malformed(format!("it is about {} rules", list.len())));
    }
    Ok(list)
}

/// The lists of a permission, and what names the source in each.
const SOURCES: &[(&str, &str)] = &[
    ("ipRanges", "cidrIp"),
    ("ipv6Ranges", "cidrIpv6"),
    ("prefixListIds", "prefixListId"),
    ("groups", "groupId"),
];

/// The rules of a request: `ipPermissions`, or the flat form that shorthand calls are recorded in.
fn request_rules(request: &Value) -> Result<Vec<Rule>, KindError> {
    let mut rules = Vec::new();
    for permission in items(member(request, "ipPermissions"))? {
        let mut sources = 0;
        for (list, named) in SOURCES {
            for item in items(member(permission, list))? {
                sources += 1;
                let source = match text(item, &[*named]) {
                    Some(_) if *list == "groups" => group_source(item, named),
                    // A default VPC's group may be given by name. Its id is in the answer, if
                    // anywhere; the internet isn't behind it.
                    None if text(item, &["groupName"]).is_some() => continue,
                    Some(source) => Some(Source::parse(&source).map_err(malformed)?),
                    None => None,
                };
                let source = source.ok_or_else(|| malformed(format!("it has no {named}")))?;
                rules.push(permitted(permission, source, text(item, &["description"]))?);
                few(&rules)?;
            }
        }
        if sources == 0 {
            return Err(malformed("it has no source".to_owned()));
        }
    }
    for flat in ["cidrIp", "cidrIpv6"] {
        let source = match member(request, flat) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) if text.is_empty() => continue,
            Some(source) => scalar(source).unwrap_or_default(),
        };
        let source = Source::parse(&source).map_err(malformed)?;
        rules.push(permitted(request, source, None)?);
    }
    Ok(rules)
}

fn permitted(
    permission: &Value,
    source: Source,
    description: Option<String>,
) -> Result<Rule, KindError> {
    Rule::new(
        &text(permission, &["ipProtocol"]).unwrap_or_default(),
        port(permission, "fromPort")?,
        port(permission, "toPort")?,
        source,
        description,
        BTreeMap::new(),
    )
    .map_err(malformed)
}

fn group_source(pair: &Value, name: &str) -> Option<Source> {
    Some(Source::Group {
        id: text(pair, &[name])?,
        account: text(pair, &["userId"]),
    })
}

fn malformed(why: String) -> KindError {
    KindError::Malformed {
        what: "a rule of the record".to_owned(),
        why,
    }
}

/// A port, absent where the protocol has none.
fn port(rule: &Value, name: &str) -> Result<Option<i32>, KindError> {
    match member(rule, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(value) => integer(value)
            .map(Some)
            .ok_or_else(|| malformed("a port in it is no number".to_owned())),
    }
}

/// The request; in newer calls it is one member of the record's, its names in capitals.
fn request(change: &Change) -> &Value {
    let wrapper = format!("{}Request", change.name);
    change.request.get(wrapper).unwrap_or(&change.request)
}

/// The answer, which may be wrapped as the request is.
fn response(change: &Change) -> &Value {
    let wrapper = format!("{}Response", change.name);
    change.response.get(wrapper).unwrap_or(&change.response)
}

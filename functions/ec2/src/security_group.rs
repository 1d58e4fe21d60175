//! `ec2/security-group`: which traffic may reach an interface.
//!
//! *Restores* ingress rules that a change added (revoked by rule id) or widened (modified back).
//! *Leaves alone* every other rule, egress included, and all descriptions and tags.
//! *Undo* authorizes revoked rules again with their descriptions and tags: they get new rule ids.
//! *Safety*: revoking doesn't cut connections that are already tracked (EC2 User Guide,
//! "Security group connection tracking").

#[cfg(feature = "aws")]
pub(crate) mod live;
mod record;
mod rule;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{
    Call, Element, ElementKey, ElementPath, FacetName, Image, Kind, KindError, KindEvents, Need,
    ResourceRef, Right, Step, Touched,
};
use undrift_core::name::{AccountId, KindId};

use rule::Rule;

pub(crate) const KIND: &str = "ec2/security-group";
pub(crate) const INGRESS: &str = "ingress";
pub(crate) const EGRESS: &str = "egress";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct SecurityGroup;

impl Kind for SecurityGroup {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "ec2.amazonaws.com",
            names: &[
                "AuthorizeSecurityGroupEgress",
                "AuthorizeSecurityGroupIngress",
                "CreateSecurityGroup",
                "DeleteSecurityGroup",
                "ModifySecurityGroupRules",
                "RevokeSecurityGroupEgress",
                "RevokeSecurityGroupIngress",
                "UpdateSecurityGroupRuleDescriptionsEgress",
                "UpdateSecurityGroupRuleDescriptionsIngress",
            ],
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[INGRESS, EGRESS]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        record::touched(change)
    }

    /// No other account's principal can change a security group (EC2 knows no resource policies):
    /// the caller's account is the owner.
    fn owner(&self, change: &Change) -> Option<AccountId> {
        change
            .owner
            .clone()
            .or_else(|| change.actor.account.clone())
    }

    fn arn(&self) -> &'static str {
        "arn:${Partition}:ec2:${Region}:${Account}:security-group/${Id}"
    }

    fn is_unnamed(&self, key: &ElementKey) -> bool {
        !is_rule_id(key)
    }

    fn unseen(&self, _: &FacetName) -> Vec<Element> {
        ["0.0.0.0/0", "::/0"]
            .map(|source| json!({"protocol": "-1", "source": source}))
            .to_vec()
    }

    fn element(
        &self,
        facet: &FacetName,
        written: &Value,
    ) -> Result<(ElementKey, Element), KindError> {
        let rule = Rule::of_element(written).map_err(|why| KindError::Malformed {
            what: format!("a rule of {facet}"),
            why,
        })?;
        Ok((rule.key(), rule.element()))
    }

    fn element_schema(&self, facet: &FacetName) -> Value {
        rule::schema(facet)
    }

    fn substance(&self, _: &FacetName, element: &Element) -> Value {
        Rule::of_element(element).map_or_else(|_| element.clone(), |rule| rule.substance())
    }

    fn written(&self, facet: &FacetName, element: &Element) -> Value {
        let mut written = self.substance(facet, element);
        if let (Some(members), Some(text)) = (written.as_object_mut(), element.get("description")) {
            members.insert("description".to_owned(), text.clone());
        }
        written
    }

    fn remembered(&self, _: &FacetName, element: &Element) -> Element {
        let mut element = element.clone();
        // Fifty tags of 400 characters fit on each rule; none decides anything.
        if let Some(members) = element.as_object_mut() {
            members.remove("tags");
        }
        element
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let mut steps = Vec::new();
        for (facet, direction) in [(INGRESS, "Ingress"), (EGRESS, "Egress")] {
            let facet = FacetName::from(facet);
            let Some(wanted) = to.facets.get(&facet) else {
                continue;
            };
            let empty = BTreeMap::new();
            let now = from.facets.get(&facet).unwrap_or(&empty);
            let mut delta = Delta::default();
            // EC2 refuses two rules of one content: what stands under another key stands.
            let stays = |substance: &Value, but: &ElementKey| {
                now.iter().any(|(k, e)| {
                    k != but
                        && self.substance(&facet, e) == *substance
                        && wanted
                            .get(k)
                            .is_some_and(|w| self.substance(&facet, w) == *substance)
                })
            };
            for (key, element) in now {
                match wanted.get(key) {
                    None => delta.gone.push((key, parse(&facet, element)?)),
                    Some(w) if self.written(&facet, w) == self.written(&facet, element) => {}
                    Some(w) => {
                        let (is, to) = (self.substance(&facet, element), self.substance(&facet, w));
                        if is != to && stays(&to, key) {
                            delta.gone.push((key, parse(&facet, element)?));
                        } else {
                            let rules = (parse(&facet, element)?, parse(&facet, w)?);
                            delta.other.push((key, rules.0, rules.1));
                        }
                    }
                }
            }
            for (key, element) in wanted.iter().filter(|(key, _)| !now.contains_key(*key)) {
                if !stays(&self.substance(&facet, element), key) {
                    delta.new.push((key, parse(&facet, element)?));
                }
            }
            delta.steps(resource, &facet, direction, &mut steps)?;
        }
        Ok(steps)
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, _: &FacetName, element: &Element) -> String {
        Rule::of_element(element).map_or_else(
            |_| undrift_core::kind::one_line(element),
            |rule| rule.to_string(),
        )
    }
}

const GROUP: &str = "arn:${Partition}:ec2:${Region}:${Account}:security-group/*";
const RULE: &str = "arn:${Partition}:ec2:${Region}:${Account}:security-group-rule/*";
const LIST: &str = "arn:${Partition}:ec2:${Region}:*:prefix-list/*";

const RIGHTS: &[Right] = &[
    // EC2's Describe actions know no resources (Service Authorization Reference).
    Right::new("ec2:DescribeSecurityGroupRules", "*", Need::Read),
    Right::new("ec2:DescribeSecurityGroups", "*", Need::Read),
    Right::new("ec2:GetManagedPrefixListEntries", LIST, Need::Read),
    Right::new("ec2:RevokeSecurityGroupIngress", GROUP, Need::Revert),
    Right::new("ec2:RevokeSecurityGroupIngress", RULE, Need::Revert),
    Right::new("ec2:ModifySecurityGroupRules", GROUP, Need::Revert),
    Right::new("ec2:ModifySecurityGroupRules", RULE, Need::Revert),
    Right::new("ec2:AuthorizeSecurityGroupIngress", GROUP, Need::Undo),
    Right::new("ec2:AuthorizeSecurityGroupIngress", RULE, Need::Undo),
    Right::new("ec2:ModifySecurityGroupRules", GROUP, Need::Undo),
    Right::new("ec2:ModifySecurityGroupRules", RULE, Need::Undo),
    Right::new("ec2:CreateTags", RULE, Need::Undo),
];

fn parse(facet: &FacetName, element: &Element) -> Result<Rule, KindError> {
    Rule::of_element(element).map_err(|why| KindError::Malformed {
        what: format!("a rule of {facet}"),
        why,
    })
}

/// What differs between two images of one facet.
#[derive(Default)]
struct Delta<'k> {
    gone: Vec<(&'k ElementKey, Rule)>,
    other: Vec<(&'k ElementKey, Rule, Rule)>,
    new: Vec<(&'k ElementKey, Rule)>,
}

impl Delta<'_> {
    fn steps(
        &self,
        group: &ResourceRef,
        facet: &FacetName,
        direction: &str,
        steps: &mut Vec<Step>,
    ) -> Result<(), KindError> {
        let path = |key: &ElementKey| ElementPath {
            facet: facet.clone(),
            key: key.clone(),
        };
        let mut step = |operation: String, input: Value, writes: Vec<ElementPath>, commutes| {
            let (service, call) = ("ec2".to_owned(), operation);
            steps.push(Step {
                call: Call {
                    service,
                    operation: call,
                    input,
                },
                writes,
                commutes,
            });
        };
        let (by_id, by_value): (Vec<_>, Vec<_>) =
            self.gone.iter().partition(|(key, _)| is_rule_id(key));
        if !by_id.is_empty() {
            let ids: Vec<&str> = by_id.iter().map(|(key, _)| key.0.as_str()).collect();
            step(
                format!("RevokeSecurityGroup{direction}"),
                json!({"GroupId": group.id, "SecurityGroupRuleIds": ids}),
                by_id.iter().map(|(key, _)| path(key)).collect(),
                true,
            );
        }
        if !by_value.is_empty() {
            let permissions: Vec<Value> = by_value.iter().map(|(_, r)| r.permission()).collect();
            step(
                format!("RevokeSecurityGroup{direction}"),
                json!({"GroupId": group.id, "IpPermissions": permissions}),
                by_value.iter().map(|(key, _)| path(key)).collect(),
                true,
            );
        }
        if !self.other.is_empty() {
            let mut rules = Vec::new();
            for (key, from, to) in &self.other {
                if !from.source.is_same_kind(&to.source) {
                    return Err(KindError::NoWay(format!(
                        "rule {key} has another kind of source now, which ModifySecurityGroupRules can't change"
                    )));
                }
                rules.push(
                    json!({"SecurityGroupRuleId": key, "SecurityGroupRule": to.modification()}),
                );
            }
            step(
                "ModifySecurityGroupRules".to_owned(),
                json!({"GroupId": group.id, "SecurityGroupRules": rules}),
                self.other.iter().map(|(key, _, _)| path(key)).collect(),
                false,
            );
        }
        // A call tags all its rules alike: rules with different tags go in different calls.
        let mut by_tags: BTreeMap<&BTreeMap<String, String>, Vec<&(&ElementKey, Rule)>> =
            BTreeMap::new();
        for new in &self.new {
            by_tags.entry(&new.1.tags).or_default().push(new);
        }
        for (tags, rules) in by_tags {
            let permissions: Vec<Value> = rules.iter().map(|(_, r)| r.permission()).collect();
            let tags: Vec<Value> = tags
                .iter()
                .map(|(k, v)| json!({"Key": k, "Value": v}))
                .collect();
            let input = if tags.is_empty() {
                json!({"GroupId": group.id, "IpPermissions": permissions})
            } else {
                json!({"GroupId": group.id, "IpPermissions": permissions,
                    "TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": tags}]})
            };
            step(
                format!("AuthorizeSecurityGroup{direction}"),
                input,
                rules.iter().map(|(key, _)| path(key)).collect(),
                false,
            );
        }
        Ok(())
    }
}

fn is_rule_id(key: &ElementKey) -> bool {
    key.0.starts_with("sgr-")
}

//! Users, roles and groups through the SDK: reading them, and sending the calls of a plan.

mod list;
mod send;

use aws_sdk_iam::Client;
use futures_util::future::{join, join3, try_join_all};
use serde_json::Value;
use undrift_aws::client::{AnswerDate, classify, found, malformed};
use undrift_core::kind::{Element, Facet, FacetName, Image, ResourceRef, document};
use undrift_engine::port::{CallError, Seen};

use super::{ATTACHED, GROUPS, INLINE, Sort, TRUST, attached, group, inline};
use crate::managed_policy::live::in_force;
use crate::text::decoded;

pub(crate) use list::list;
pub(crate) use send::send;

/// What one may do, and who may be it. Documents of inline and of a customer's managed policies
/// are read in a second and third round, since the lists before them name what to read.
pub(crate) async fn read(client: &Client, identity: &ResourceRef) -> Result<Seen, CallError> {
    let dated = AnswerDate::default();
    let shown = identity.to_string();
    let (sort, name) = Sort::of(identity.id.as_str())
        .ok_or_else(|| malformed("read", &shown, "it is no user, role or group"))?;
    let reading = Reading {
        client,
        dated: &dated,
        shown: &shown,
    };
    let (policies, groups, trust) = join3(
        reading.policies(sort, name),
        reading.groups(sort, name),
        reading.trust(sort, name),
    )
    .await;
    let (Some((managed, inline)), Some(groups), Some(trust)) = (policies?, groups?, trust?) else {
        return Ok(Seen {
            image: None,
            path: None,
            at: dated.at(),
        });
    };
    let mut image = Image::of([(ATTACHED, managed), (INLINE, inline), (GROUPS, groups)]);
    let facet = FacetName::from(TRUST);
    let statements = match trust.text {
        None => Facet::new(),
        Some(text) => {
            let said = document::parse(&text);
            let said = said.map_err(|e| malformed("iam:GetRole", &shown, &e.to_string()))?;
            image.texts.insert(facet.clone(), text);
            said
        }
    };
    image.facets.insert(facet, statements);
    Ok(Seen {
        image: Some(image),
        path: trust.path,
        at: dated.at(),
    })
}

/// What only roles have.
#[derive(Default)]
struct Trust {
    text: Option<String>,
    path: Option<String>,
}

struct Reading<'r> {
    client: &'r Client,
    dated: &'r AnswerDate,
    shown: &'r str,
}

/// Sends a call, its answer dated; `None`: what it is about doesn't exist.
macro_rules! answer {
    ($reading:expr, $call:expr, $operation:expr) => {{
        let answer = $call.customize().interceptor($reading.dated.clone()).send();
        let answer = answer
            .await
            .map_err(|e| classify(&e, $operation, $reading.shown));
        found(answer)?
    }};
}

/// All pages of a list of names; `None`: whose list it is doesn't exist.
macro_rules! pages {
    ($reading:expr, $call:expr, $operation:expr, $list:ident) => {{
        let mut all = Vec::new();
        let mut marker = None;
        loop {
            let call = $call.set_marker(marker.take());
            let Some(page) = answer!($reading, call, $operation) else {
                return Ok(None);
            };
            all.extend_from_slice(page.$list());
            marker = page.marker().map(str::to_owned);
            if !page.is_truncated() || marker.is_none() {
                break all;
            }
        }
    }};
}

impl Reading<'_> {
    /// Managed and inline policies.
    async fn policies(&self, sort: Sort, name: &str) -> Result<Option<(Facet, Facet)>, CallError> {
        let (managed, inline) = join(self.managed(sort, name), self.inline(sort, name)).await;
        Ok(managed?.zip(inline?))
    }

    async fn managed(&self, sort: Sort, name: &str) -> Result<Option<Facet>, CallError> {
        let policies = match sort {
            Sort::User => {
                let call = || self.client.list_attached_user_policies().user_name(name);
                pages!(
                    self,
                    call(),
                    "iam:ListAttachedUserPolicies",
                    attached_policies
                )
            }
            Sort::Role => {
                let call = || self.client.list_attached_role_policies().role_name(name);
                pages!(
                    self,
                    call(),
                    "iam:ListAttachedRolePolicies",
                    attached_policies
                )
            }
            Sort::Group => {
                let call = || self.client.list_attached_group_policies().group_name(name);
                pages!(
                    self,
                    call(),
                    "iam:ListAttachedGroupPolicies",
                    attached_policies
                )
            }
        };
        let read = policies
            .iter()
            .filter_map(|p| p.policy_arn())
            .map(|arn| async move {
                // AWS's own are known by their names.
                let text = if arn.split(':').nth(4) == Some("aws") {
                    None
                } else {
                    in_force(self.client, arn, self.dated).await?
                };
                Ok::<_, CallError>(attached(arn, text.as_deref()))
            });
        Ok(Some(try_join_all(read).await?.into_iter().collect()))
    }

    async fn inline(&self, sort: Sort, name: &str) -> Result<Option<Facet>, CallError> {
        let names = match sort {
            Sort::User => {
                let call = || self.client.list_user_policies().user_name(name);
                pages!(self, call(), "iam:ListUserPolicies", policy_names)
            }
            Sort::Role => {
                let call = || self.client.list_role_policies().role_name(name);
                pages!(self, call(), "iam:ListRolePolicies", policy_names)
            }
            Sort::Group => {
                let call = || self.client.list_group_policies().group_name(name);
                pages!(self, call(), "iam:ListGroupPolicies", policy_names)
            }
        };
        let read = names.iter().map(|policy| async move {
            let text = self.text(sort, name, policy).await?;
            Ok::<_, CallError>(text.map(|text| inline(policy, &decoded(&text))))
        });
        Ok(Some(
            try_join_all(read).await?.into_iter().flatten().collect(),
        ))
    }

    async fn text(
        &self,
        sort: Sort,
        name: &str,
        policy: &str,
    ) -> Result<Option<String>, CallError> {
        Ok(match sort {
            Sort::User => {
                let call = self
                    .client
                    .get_user_policy()
                    .user_name(name)
                    .policy_name(policy);
                answer!(self, call, "iam:GetUserPolicy").map(|a| a.policy_document)
            }
            Sort::Role => {
                let call = self
                    .client
                    .get_role_policy()
                    .role_name(name)
                    .policy_name(policy);
                answer!(self, call, "iam:GetRolePolicy").map(|a| a.policy_document)
            }
            Sort::Group => {
                let call = self
                    .client
                    .get_group_policy()
                    .group_name(name)
                    .policy_name(policy);
                answer!(self, call, "iam:GetGroupPolicy").map(|a| a.policy_document)
            }
        })
    }

    /// The groups of a user, each with its policies; nobody else is in groups.
    async fn groups(&self, sort: Sort, name: &str) -> Result<Option<Facet>, CallError> {
        if sort != Sort::User {
            return Ok(Some(Facet::new()));
        }
        let call = || self.client.list_groups_for_user().user_name(name);
        let groups = pages!(self, call(), "iam:ListGroupsForUser", groups);
        let read = groups.iter().map(|one| async move {
            let name = one.group_name();
            let policies = self.policies(Sort::Group, name).await?;
            let (managed, inline) = policies.unwrap_or_default();
            let policies: Vec<Element> =
                managed.into_values().chain(inline.into_values()).collect();
            Ok::<_, CallError>(group(name, Some(policies)))
        });
        Ok(Some(try_join_all(read).await?.into_iter().collect()))
    }

    /// A role's trust policy and its path; of others neither is asked for.
    async fn trust(&self, sort: Sort, name: &str) -> Result<Option<Trust>, CallError> {
        if sort != Sort::Role {
            return Ok(Some(Trust::default()));
        }
        let call = self.client.get_role().role_name(name);
        let answer = answer!(self, call, "iam:GetRole");
        let role = answer.and_then(|a| a.role);
        Ok(role.map(|r| Trust {
            text: r.assume_role_policy_document.map(|text| decoded(&text)),
            path: Some(r.path),
        }))
    }
}

/// A member of a call's input.
fn text(input: &Value, member: &str) -> Option<String> {
    input.get(member).and_then(Value::as_str).map(str::to_owned)
}

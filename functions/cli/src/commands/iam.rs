//! `undrift iam`

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use undrift_core::kind::{Kinds, Need, Right};
use undrift_core::policy::Policy;
use undrift_documents::kinds;

use crate::ending::{Ending, Failure};
use crate::shell::Shell;
use crate::tree;

/// Show the least rights on resources that the enabled policies' functions need, and all the janitor's
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The account that resources are in [default: the template's pseudo parameter]
    #[arg(long)]
    account: Option<String>,
    /// The region that resources are in [default: likewise]
    #[arg(long)]
    region: Option<String>,
    /// The partition that resources are in [default: likewise]
    #[arg(long)]
    partition: Option<String>,
}

/// A role and what it needs. Reverting never needs what undoing does: undoing opens again.
const ROLES: [(&str, &[Need]); 2] = [
    ("revert", &[Need::Read, Need::List, Need::Revert]),
    ("undo", &[Need::Read, Need::Undo]),
];

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let policies = tree::documents()?.enabled();
        let rights = rights(&policies, kinds());
        for (service, rights) in &rights {
            for (role, needs) in ROLES {
                say(shell, service, role, &self.policy(rights, needs))?;
            }
        }
        if !rights.is_empty() {
            let services: Vec<&str> = rights.keys().map(String::as_str).collect();
            say(shell, "janitor", "janitor", &self.janitor(&services))?;
        }
        Ok(Ending::Fine)
    }

    /// What the janitor may: ask the functions that revert, move what lies on their queues, write
    /// records and remember messages. Claims, images and exemptions it can't write.
    fn janitor(&self, services: &[&str]) -> Value {
        let each = |service: &str, of: &dyn Fn(&str) -> String| -> Vec<String> {
            let own = "arn:${Partition}:";
            let arn = |name: &&str| format!("{own}{service}:${{Region}}:${{Account}}:{}", of(name));
            services.iter().map(|n| self.fill(&arn(n))).collect()
        };
        let table = self.fill("arn:${Partition}:dynamodb:${Region}:${Account}:table/undrift");
        let items = |action: &str, of: &str| {
            json!({"Effect": "Allow", "Action": [action], "Resource": [table], "Condition":
                {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [format!("{of}#*")]}}})
        };
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["lambda:InvokeFunction"],
                "Resource": each("lambda", &|s| format!("function:undrift-{s}"))},
            {"Effect": "Allow", "Action": ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage",
                "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                "Resource": each("sqs", &|s| format!("undrift-{s}-dead"))},
            {"Effect": "Allow", "Action": ["sqs:SendMessage"],
                "Resource": each("sqs", &|s| format!("undrift-{s}"))},
            {"Effect": "Allow", "Action": ["dynamodb:BatchGetItem", "dynamodb:GetItem"],
                "Resource": [table]},
            {"Effect": "Allow", "Action": ["dynamodb:Query"],
                "Resource": [table, format!("{table}/index/open")]},
            items("dynamodb:PutItem", "record"),
            items("dynamodb:UpdateItem", "rejected"),
        ]})
    }

    fn policy(&self, rights: &[Right], needs: &[Need]) -> Value {
        let mut by_resource: BTreeMap<(String, bool), BTreeSet<&str>> = BTreeMap::new();
        for right in rights.iter().filter(|r| needs.contains(&r.need)) {
            let on = (self.fill(right.resource), right.of_own_account);
            by_resource.entry(on).or_default().insert(right.action);
        }
        // Resources with the same actions share a statement.
        let mut by_actions: BTreeMap<(BTreeSet<&str>, bool), Vec<String>> = BTreeMap::new();
        for ((resource, own), actions) in by_resource {
            by_actions.entry((actions, own)).or_default().push(resource);
        }
        let statements: Vec<Value> = by_actions
            .into_iter()
            .map(|((actions, own), resources)| {
                let mut statement =
                    json!({"Effect": "Allow", "Action": actions, "Resource": resources});
                if let (Some(members), true) = (statement.as_object_mut(), own) {
                    let account = self.fill("${Account}");
                    let condition = json!({"StringEquals": {"aws:ResourceAccount": account}});
                    members.insert("Condition".to_owned(), condition);
                }
                statement
            })
            .collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    fn fill(&self, resource: &str) -> String {
        let or = |given: &Option<String>, pseudo: &str| {
            given
                .clone()
                .unwrap_or_else(|| format!("${{AWS::{pseudo}}}"))
        };
        resource
            .replace("${Partition}", &or(&self.partition, "Partition"))
            .replace("${Region}", &or(&self.region, "Region"))
            .replace("${Account}", &or(&self.account, "AccountId"))
    }
}

fn say(shell: &Shell, function: &str, role: &str, policy: &Value) -> Result<(), Failure> {
    if shell.is_json() {
        return shell.json(&json!({"function": function, "role": role, "policy": policy}));
    }
    shell.line(format!("{function} {role}\n{policy:#}"))
}

/// The rights of each function: of every kind of its service that a policy judges.
fn rights(policies: &[Policy], kinds: Kinds<'_>) -> BTreeMap<String, Vec<Right>> {
    let judged: BTreeSet<_> = policies.iter().map(|p| &p.kind).collect();
    let mut rights: BTreeMap<String, Vec<Right>> = BTreeMap::new();
    for kind in judged.into_iter().filter_map(|id| kinds.get(id)) {
        let all = rights.entry(kind.id().service().to_owned()).or_default();
        all.extend_from_slice(kind.rights());
    }
    rights
}

//! The janitor in the local account.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use undrift_documents::Documents;
use undrift_janitor::told::{Redriven, Tidied};
use undrift_local::{Account, FunctionSpec, Queue};

use crate::journal::ReadError;
use crate::stack::{Service, Stack, StackError};
use crate::table;

/// The role that sees to what no message brings back.
pub(crate) const JANITOR_ROLE: &str = "undrift-janitor";

/// How long it may take at once.
const TIMEOUT: std::time::Duration = std::time::Duration::from_mins(2);

/// With its time-out.
pub(crate) fn patient(mut spec: FunctionSpec) -> FunctionSpec {
    spec.timeout = TIMEOUT;
    spec
}

/// Its environment, and its bundle, of all services.
pub(crate) fn environment(
    account: &Account,
    documents: &Documents,
    services: &BTreeMap<String, Service>,
    own_roles: &[String],
) -> Result<Vec<(String, String)>, StackError> {
    let bundle = account.folder().join("bundle.json");
    std::fs::write(&bundle, documents.bundle(None))?;
    let pairs = |value: &dyn Fn(&Service) -> Option<String>| {
        let pairs = services.iter().filter_map(|(name, service)| {
            let value = value(service)?;
            Some(format!("{name}={value}"))
        });
        pairs.collect::<Vec<_>>().join(",")
    };
    let url = |queue: &Queue| account.queue_url(queue);
    let environment = [
        ("UNDRIFT_TABLE", table::TABLE.to_owned()),
        (
            "UNDRIFT_FUNCTIONS",
            pairs(&|s| Some(s.revert.name().to_owned())),
        ),
        ("UNDRIFT_QUEUES", pairs(&|s| Some(url(&s.queue)))),
        ("UNDRIFT_DEAD_QUEUES", pairs(&|s| s.queue.dead().map(url))),
        ("UNDRIFT_BUNDLE", bundle.display().to_string()),
        (
            "UNDRIFT_ROLE_ARN",
            format!("arn:aws:iam::{}:role/{JANITOR_ROLE}", account.account_id()),
        ),
        ("UNDRIFT_OWN_ROLES", own_roles.join(",")),
    ];
    Ok(environment.map(|(n, v)| (n.to_owned(), v)).to_vec())
}

impl Stack {
    /// Has the janitor look once, as its schedule does each minute.
    pub async fn janitor(&self) -> Result<Tidied, StackError> {
        let answer = self
            .janitor
            .invoke(&json!({"detail-type": "Scheduled Event"}))
            .await?;
        Ok(part(&answer, "janitor")?)
    }

    /// Has dead letters put back on their queues, as many as the janitor has time for.
    pub async fn redrive(&self) -> Result<Redriven, StackError> {
        Ok(redriven(&self.janitor.invoke(&redrive_request()).await?)?)
    }
}

pub(crate) fn redrive_request() -> Value {
    json!({"undrift": "redrive"})
}

pub(crate) fn redriven(answer: &Value) -> Result<Redriven, ReadError> {
    part(answer, "redriven")
}

fn part<T: serde::de::DeserializeOwned>(answer: &Value, member: &str) -> Result<T, ReadError> {
    let part = answer.get(member).unwrap_or(answer).clone();
    Ok(serde_json::from_value(part)?)
}

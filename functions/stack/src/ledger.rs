//! The records of a local account that somebody else started.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::asked::Asked;
use undrift_janitor::told::Redriven;
use undrift_local::{Client, Credentials, Models, Options, Venv};
use undrift_sweep::state::{Progress, State};

use crate::janitor::{JANITOR_ROLE, redrive_request, redriven};
use crate::journal;
use crate::stack::{PAUSE_PARAMETER, SWEEP_ROLE, StackError, revert_role, undo_role};

/// What Undrift wrote into a running local account, and the way to take a revert back.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
}

impl Ledger {
    /// Connects to a running local account, and sees that it answers.
    pub async fn connect(options: Options, endpoint: &str) -> Result<Self, StackError> {
        let folder = options.tree_root.join("tests/moto");
        let requirements = folder.join("requirements.txt");
        let venv = Venv::ensure(&options.target_dir, &requirements, &options.progress).await?;
        let models = Arc::new(Models::new(venv.models()?));
        let credentials = Credentials::new("undrift-operator", "local");
        let client = Client::new(models, endpoint, credentials, &options.region);
        let ledger = Self { client };
        ledger
            .client
            .call("sts", "GetCallerIdentity", json!({}))
            .await?;
        Ok(ledger)
    }

    pub(crate) fn through(client: Client) -> Self {
        Self { client }
    }

    /// The newest revision of every record, oldest event first.
    pub async fn records(&self) -> Result<Vec<Record>, StackError> {
        Ok(journal::latest(journal::revisions(&self.client).await?))
    }

    /// Every revision of every record.
    pub async fn revisions(&self) -> Result<Vec<Record>, StackError> {
        Ok(journal::revisions(&self.client).await?)
    }

    /// Asks the undo function to take a revert back.
    pub async fn undo(
        &self,
        record: &ChangeKey,
        by: &str,
        reason: &str,
    ) -> Result<Asked, StackError> {
        let function = undo_role(record.resource.kind.service());
        let request = undo_request(record, by, reason);
        Ok(understood(&self.invoke(&function, &request).await?)?)
    }

    /// Asks the function that reverts to carry out what a record proposes.
    pub async fn approve(
        &self,
        record: &ChangeKey,
        by: &str,
        reason: &str,
    ) -> Result<Asked, StackError> {
        let function = revert_role(record.resource.kind.service());
        let request = approve_request(record, by, reason);
        Ok(understood(&self.invoke(&function, &request).await?)?)
    }

    /// A function's answer to a request.
    async fn invoke(&self, function: &str, request: &Value) -> Result<Value, StackError> {
        let input =
            json!({"FunctionName": function, "Payload": STANDARD.encode(request.to_string())});
        let answer = self.client.call("lambda", "Invoke", input).await?;
        Ok(payload(&answer))
    }

    /// Turns the pause switch. The functions read it at most every 30 seconds.
    pub async fn switch(&self, paused: bool) -> Result<(), StackError> {
        let value = if paused { "paused" } else { "running" };
        let input = json!({
            "Name": PAUSE_PARAMETER, "Value": value, "Type": "String", "Overwrite": true
        });
        self.client.call("ssm", "PutParameter", input).await?;
        Ok(())
    }

    /// Asks the sweep to go on for a while. `state`: where a dry run stands.
    pub async fn sweep(
        &self,
        begin: bool,
        dry_run: bool,
        state: Option<&State>,
    ) -> Result<Progress, StackError> {
        let request = sweep_request(begin, dry_run, state);
        Ok(swept(&self.invoke(SWEEP_ROLE, &request).await?)?)
    }

    /// Asks the janitor to put dead letters back on their queues, for a while.
    pub async fn redrive(&self) -> Result<Redriven, StackError> {
        Ok(redriven(
            &self.invoke(JANITOR_ROLE, &redrive_request()).await?,
        )?)
    }
}

pub(crate) fn sweep_request(begin: bool, dry_run: bool, state: Option<&State>) -> Value {
    json!({"undrift": "sweep", "begin": begin, "dry_run": dry_run, "state": state})
}

pub(crate) fn swept(answer: &Value) -> Result<Progress, journal::ReadError> {
    let progress = answer
        .get("sweep")
        .cloned()
        .unwrap_or_else(|| answer.clone());
    Ok(serde_json::from_value(progress)?)
}

/// The request that takes a revert back: the same for one record however often it is asked.
pub(crate) fn undo_request(record: &ChangeKey, by: &str, reason: &str) -> Value {
    json!({
        "undrift": "undo", "id": format!("undo-{}", record.event),
        "record": record, "by": by, "reason": reason
    })
}

/// The request that has a proposal carried out: the same for one record however often it is asked.
pub(crate) fn approve_request(record: &ChangeKey, by: &str, reason: &str) -> Value {
    json!({
        "undrift": "approve", "id": format!("approve-{}", record.event),
        "record": record, "by": by, "reason": reason
    })
}

/// The function's answer, out of Lambda's (API models write blobs in base64).
fn payload(answer: &Value) -> Value {
    let text = answer.get("Payload").and_then(Value::as_str);
    let bytes = text.and_then(|t| STANDARD.decode(t).ok());
    bytes
        .and_then(|b| serde_json::from_slice(&b).ok())
        .unwrap_or_else(|| answer.clone())
}

pub(crate) fn understood(answer: &Value) -> Result<Asked, journal::ReadError> {
    if let Some(record) = answer.get("undone").or_else(|| answer.get("approved")) {
        let record = serde_json::from_value(record.clone())?;
        return Ok(Asked::Done(Box::new(record)));
    }
    if let Some(moved) = answer.get("moved") {
        return Ok(Asked::Moved(serde_json::from_value(moved.clone())?));
    }
    let why = answer.pointer("/error/message").and_then(Value::as_str);
    Ok(Asked::Refused(
        why.map_or_else(|| answer.to_string(), str::to_owned),
    ))
}

//! Undrift, put into the local account.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use undrift_core::policy::{Mode, Settings};
use undrift_core::record::{ChangeKey, Record};
use undrift_documents::Documents;
use undrift_local::{
    Account, ApiError, Client, Function, FunctionError, FunctionSpec, LocalError, LogSink, Queue,
    QueueOptions, Slack,
};

use crate::journal::ReadError;
use crate::ledger::{Ledger, Undone, understood, undo_request};
use crate::notices::Notices;
use crate::table;
use crate::{Binaries, BuildError};

/// The role that reverts.
pub const REVERT_ROLE: &str = "undrift-ec2";
/// The role that undoes: it may re-open what the other may only close.
pub const UNDO_ROLE: &str = "undrift-ec2-undo";
/// The role that tells people.
const NOTIFY_ROLE: &str = "undrift-notify";

/// How many messages a function takes at once.
const BATCH: usize = 10;
/// How long a message stays invisible while a function has it (the design's visibility time-out).
const VISIBILITY: std::time::Duration = std::time::Duration::from_mins(3);

/// What to put into the account.
pub struct Deployment {
    /// The tree's root: its `policies/` are deployed.
    pub root: PathBuf,
    /// The functions.
    pub binaries: Binaries,
    /// Changes to the settings; by default the deployment reverts.
    pub settings: Box<dyn FnOnce(&mut Settings) + Send>,
    /// Where the functions' log lines go, besides their logs.
    pub log: Option<LogSink>,
}

impl Deployment {
    /// The tree's policies, reverting.
    #[must_use]
    pub fn new(root: &Path, binaries: Binaries) -> Self {
        Self {
            root: root.to_owned(),
            binaries,
            settings: Box::new(|_| {}),
            log: None,
        }
    }
}

/// Why the stack could not be put there, or used.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The local account failed.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A call to it failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The functions could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The policies have errors.
    #[error("the policies can't be deployed:\n{0}")]
    Documents(String),
    /// The bundle could not be written.
    #[error("the bundle could not be written: {0}")]
    Bundle(#[from] std::io::Error),
    /// The journal could not be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A function failed.
    #[error(transparent)]
    Function(#[from] FunctionError),
}

/// Undrift in the local account.
pub struct Stack {
    admin: Client,
    /// The function that reverts.
    pub revert: Function,
    /// The function that undoes.
    pub undo: Function,
    /// The function that tells people.
    pub notify: Function,
    /// The queue that feeds the reverting function.
    pub queue: Queue,
    /// The workspace that notices are posted to.
    pub slack: Slack,
    inbox: String,
    /// The policies and settings that were deployed.
    pub documents: Documents,
}

impl Stack {
    /// Makes everything and starts the functions.
    pub async fn deploy(account: &Account, deployment: Deployment) -> Result<Self, StackError> {
        let mut documents =
            undrift_documents::load(&deployment.root.join("policies")).map_err(|errors| {
                let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                StackError::Documents(lines.join("\n"))
            })?;
        documents.settings.deployment = Some(Mode::Revert);
        (deployment.settings)(&mut documents.settings);
        let admin = account.admin();
        let notices = Notices::make(&admin, &mut documents.settings).await?;
        let bundle = account.folder().join("bundle.json");
        std::fs::write(&bundle, documents.bundle())?;

        let stream = table::table(&admin).await?;
        let queue = account.queue(
            REVERT_ROLE,
            QueueOptions {
                visibility: VISIBILITY,
                max_receives: Some(100),
            },
        );
        let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", account.account_id());
        let environment = |own: &str, duty: &str| {
            let env = [
                ("UNDRIFT_TABLE", table::TABLE.to_owned()),
                ("UNDRIFT_QUEUE_URL", account.queue_url(&queue)),
                ("UNDRIFT_BUNDLE", bundle.display().to_string()),
                ("UNDRIFT_ROLE_ARN", role(own)),
                (
                    "UNDRIFT_OWN_ROLES",
                    format!("{},{}", role(REVERT_ROLE), role(UNDO_ROLE)),
                ),
                ("UNDRIFT_PAUSE_PARAMETER", "/undrift/pause".to_owned()),
                ("UNDRIFT_DUTY", duty.to_owned()),
            ];
            env.map(|(name, value)| (name.to_owned(), value)).to_vec()
        };
        let spec = |name: &str, env: Vec<(String, String)>, concurrency: usize| {
            let package = name.strip_suffix("-undo").unwrap_or(name);
            let mut spec = FunctionSpec::new(name, deployment.binaries.get(package)?);
            spec.env = env;
            spec.concurrency = concurrency;
            spec.log.clone_from(&deployment.log);
            Ok::<_, BuildError>(spec)
        };
        let revert = spec(REVERT_ROLE, environment(REVERT_ROLE, "revert"), 2)?;
        let revert = account.run_function(revert).await?;
        let undo = spec(UNDO_ROLE, environment(UNDO_ROLE, "undo"), 1)?;
        let undo = account.run_function(undo).await?;
        let owed = account.queue(
            "undrift-owed",
            QueueOptions {
                visibility: VISIBILITY,
                max_receives: Some(1000),
            },
        );
        let mut told = notices.environment;
        told.push((
            "UNDRIFT_OWED_QUEUE_URL".to_owned(),
            account.queue_url(&owed),
        ));
        told.push(("UNDRIFT_BUNDLE".to_owned(), bundle.display().to_string()));
        let notify = account.run_function(spec(NOTIFY_ROLE, told, 2)?).await?;

        let kinds = undrift_documents::kinds();
        for rule in undrift_documents::events::patterns(&documents.enabled(), kinds) {
            account.add_rule(&rule.name, &rule.pattern, &queue)?;
        }
        account.map_queue(&queue, &revert, BATCH);
        let records = json!({
            "eventName": ["INSERT"],
            "dynamodb": {"NewImage": {"entity": {"S": ["record"]}}}
        });
        account.map_stream(&stream, &notify, Some(&records))?;
        account.map_queue(&owed, &notify, BATCH);
        Ok(Self {
            admin,
            revert,
            undo,
            notify,
            queue,
            slack: notices.slack,
            inbox: notices.inbox,
            documents,
        })
    }

    /// The newest revision of every record, oldest event first.
    pub async fn records(&self) -> Result<Vec<Record>, StackError> {
        Ledger::through(self.admin.clone()).records().await
    }

    /// Every revision of every record.
    pub async fn revisions(&self) -> Result<Vec<Record>, StackError> {
        Ledger::through(self.admin.clone()).revisions().await
    }

    /// Takes the notices that came since the last time: SNS's envelopes, each with `Subject`,
    /// `Message` and `MessageAttributes`.
    pub async fn take_notices(&self) -> Result<Vec<Value>, StackError> {
        let mut notices = Vec::new();
        loop {
            let answer = self
                .admin
                .call(
                    "sqs",
                    "ReceiveMessage",
                    json!({"QueueUrl": self.inbox, "MaxNumberOfMessages": 10}),
                )
                .await?;
            let messages = answer.get("Messages").and_then(Value::as_array);
            let Some(messages) = messages.filter(|m| !m.is_empty()) else {
                return Ok(notices);
            };
            for message in messages {
                let body = table::text(message, "/Body");
                notices.push(serde_json::from_str(&body).map_err(ReadError::Json)?);
                let receipt = table::text(message, "/ReceiptHandle");
                self.admin
                    .call(
                        "sqs",
                        "DeleteMessage",
                        json!({"QueueUrl": self.inbox, "ReceiptHandle": receipt}),
                    )
                    .await?;
            }
        }
    }

    /// Asks the undo function to take a revert back.
    pub async fn undo(
        &self,
        record: &ChangeKey,
        by: &str,
        reason: &str,
    ) -> Result<Undone, StackError> {
        let request = undo_request(record, by, reason);
        Ok(understood(&self.undo.invoke(&request).await?)?)
    }
}

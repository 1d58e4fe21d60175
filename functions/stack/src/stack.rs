//! Undrift, put into the local account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use undrift_core::policy::Mode;
use undrift_core::record::{ChangeKey, Record};
use undrift_documents::Documents;
use undrift_engine::asked::Asked;
use undrift_local::{
    Account, ApiError, Client, Function, FunctionError, FunctionSpec, LocalError, LogSink, Queue,
    QueueOptions, Slack,
};
use undrift_sweep::state::Progress;

use crate::janitor::{self, JANITOR_ROLE};
use crate::journal::ReadError;
use crate::ledger::{Ledger, approve_request, sweep_request, swept, understood, undo_request};
use crate::notices::Notices;
use crate::table;
use crate::{Binaries, BuildError};

/// The role that tells people.
const NOTIFY_ROLE: &str = "undrift-notify";

/// The role that has everything looked at.
pub(crate) const SWEEP_ROLE: &str = "undrift-sweep";

/// Services whose events CloudTrail records in one region only: elsewhere their functions would
/// wait for nothing (CloudTrail User Guide, "Global service events").
const GLOBAL: [(&str, &str); 1] = [("iam", "us-east-1")];

/// The SSM parameter that holds the pause switch.
pub(crate) const PAUSE_PARAMETER: &str = "/undrift/pause";

/// How many messages a function takes at once.
const BATCH: usize = 10;
/// How often a message is received before it is a dead letter (the design's `maxReceiveCount`).
const MAX_RECEIVES: u32 = 100;
/// How long a message stays invisible while a function has it (the design's visibility time-out).
const VISIBILITY: std::time::Duration = std::time::Duration::from_mins(3);

/// How long a function that reverts may take (the design's time-out).
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// How many invocations of a function that reverts run at once.
const CONCURRENCY: usize = 2;

/// What to put into the account.
pub struct Deployment {
    /// The tree's root: its `policies/` are deployed.
    pub root: PathBuf,
    /// The functions.
    pub binaries: Binaries,
    /// Changes to the tree's documents before they are deployed: none by default.
    pub documents: Box<dyn FnOnce(&mut Documents) + Send>,
    /// Where the functions' log lines go, besides their logs.
    pub log: Option<LogSink>,
    /// How long an event may take until the event history shows it. The local account's are there
    /// at once.
    pub history_lag: std::time::Duration,
    /// How often a message is received before it is a dead letter.
    pub max_receives: u32,
    /// How long a function that reverts may take: its lease on a resource ends with it.
    pub timeout: std::time::Duration,
    /// How long a message stays invisible while a function has it.
    pub visibility: std::time::Duration,
    /// How many invocations of a function that reverts may run at once.
    pub concurrency: usize,
    /// How many messages a function that reverts takes at once.
    pub batch: usize,
    /// People are told.
    pub tells: bool,
}

impl Deployment {
    /// The tree's policies, reverting.
    #[must_use]
    pub fn new(root: &Path, binaries: Binaries) -> Self {
        Self {
            root: root.to_owned(),
            binaries,
            documents: Box::new(|_| {}),
            log: None,
            history_lag: std::time::Duration::ZERO,
            max_receives: MAX_RECEIVES,
            timeout: TIMEOUT,
            visibility: VISIBILITY,
            concurrency: CONCURRENCY,
            batch: BATCH,
            tells: true,
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

/// What works for one AWS service.
pub struct Service {
    /// The function that reverts.
    pub revert: Function,
    /// The function that undoes: it may re-open what the other may only close.
    pub undo: Function,
    /// The queue that feeds the reverting function.
    pub queue: Queue,
}

/// The function that reverts changes of a service, and its role.
pub(crate) fn revert_role(service: &str) -> String {
    format!("undrift-{service}")
}

/// The function that undoes reverts, and its role.
pub(crate) fn undo_role(service: &str) -> String {
    format!("undrift-{service}-undo")
}

fn queue_options(visibility: std::time::Duration, max_receives: u32) -> QueueOptions {
    QueueOptions {
        visibility,
        max_receives: Some(max_receives),
    }
}

/// The services that policies are about, as far as their events come in the region.
fn services(documents: &Documents, region: &str) -> BTreeSet<String> {
    let policies = documents.enabled();
    let named = policies.iter().map(|p| p.kind.service().to_owned());
    named
        .filter(|service| {
            let mut global = GLOBAL.iter();
            global.all(|(name, home)| name != service || region == *home)
        })
        .collect()
}

/// How long the sweep may take at once.
const SWEEP_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(2);

/// The environment of the function that has everything looked at.
fn sweeping<'s>(
    services: impl Iterator<Item = &'s String>,
    history_lag: std::time::Duration,
) -> Vec<(String, String)> {
    let functions: Vec<String> = services.map(|s| revert_role(s)).collect();
    let environment = [
        ("UNDRIFT_TABLE", table::TABLE.to_owned()),
        ("UNDRIFT_SWEEP_FUNCTIONS", functions.join(",")),
        (
            "UNDRIFT_HISTORY_LAG_SECONDS",
            history_lag.as_secs().to_string(),
        ),
    ];
    environment.map(|(n, v)| (n.to_owned(), v)).to_vec()
}

/// Has each function's events put on its queue.
fn add_rules(
    account: &Account,
    documents: &Documents,
    services: &BTreeMap<String, Service>,
    gaps: &Queue,
) -> Result<(), StackError> {
    let kinds = undrift_documents::kinds();
    for rule in undrift_documents::events::patterns(&documents.enabled(), kinds) {
        let service = services.get(&rule.service).map(|s| &s.queue);
        let gap = (rule.service == undrift_documents::events::SWEEP).then_some(gaps);
        if let Some(queue) = service.or(gap) {
            account.add_rule(&rule.name, &rule.pattern, queue)?;
        }
    }
    Ok(())
}

/// Has people told of every revision that is written.
fn map_records(account: &Account, stream: &str, notify: &Function) -> Result<(), LocalError> {
    let records = json!({
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"entity": {"S": ["record"]}}}
    });
    account.map_stream(stream, notify, Some(&records))
}

/// Undrift in the local account.
pub struct Stack {
    admin: Client,
    /// What works for each AWS service, by its name in policies' kinds.
    pub services: BTreeMap<String, Service>,
    /// The function that tells people.
    pub notify: Function,
    /// The function that has everything looked at.
    pub sweep: Function,
    /// The function that sees to what no message brings back.
    pub janitor: Function,
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
        (deployment.documents)(&mut documents);
        let admin = account.admin();
        let notices = Notices::make(&admin, &mut documents.settings).await?;
        let stream = table::table(&admin).await?;
        let named = services(&documents, account.region());
        let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", account.account_id());
        let own_roles: Vec<String> = named
            .iter()
            .flat_map(|s| [role(&revert_role(s)), role(&undo_role(s))])
            .collect();
        let spec = |name: &str, binary: &str, env: Vec<(String, String)>, concurrency: usize| {
            let mut spec = FunctionSpec::new(name, deployment.binaries.get(binary)?);
            spec.env = env;
            spec.concurrency = concurrency;
            spec.log.clone_from(&deployment.log);
            Ok::<_, BuildError>(spec)
        };
        let options = queue_options(deployment.visibility, deployment.max_receives);
        let mut services = BTreeMap::new();
        let mut settings = None;
        for name in named {
            let bundle = account.folder().join(format!("bundle-{name}.json"));
            std::fs::write(&bundle, documents.bundle(Some(&name)))?;
            let queue = account.queue(&revert_role(&name), options.clone());
            let environment = |own: &str, duty: &str| {
                let env = [
                    ("UNDRIFT_TABLE", table::TABLE.to_owned()),
                    ("UNDRIFT_QUEUE_URL", account.queue_url(&queue)),
                    ("UNDRIFT_BUNDLE", bundle.display().to_string()),
                    ("UNDRIFT_ROLE_ARN", role(own)),
                    ("UNDRIFT_OWN_ROLES", own_roles.join(",")),
                    ("UNDRIFT_PAUSE_PARAMETER", PAUSE_PARAMETER.to_owned()),
                    ("UNDRIFT_DUTY", duty.to_owned()),
                ];
                env.map(|(name, value)| (name.to_owned(), value)).to_vec()
            };
            let binary = revert_role(&name);
            let (revert, undo) = (revert_role(&name), undo_role(&name));
            let environment_of = environment(&revert, "revert");
            let mut revert = spec(&revert, &binary, environment_of, deployment.concurrency)?;
            revert.timeout = deployment.timeout;
            let revert = account.run_function(revert).await?;
            let undo = spec(&undo, &binary, environment(&undo, "undo"), 1)?;
            let undo = account.run_function(undo).await?;
            settings.get_or_insert(bundle);
            services.insert(
                name,
                Service {
                    revert,
                    undo,
                    queue,
                },
            );
        }
        let owed = account.queue("undrift-owed", queue_options(VISIBILITY, 1000));
        let mut told = notices.environment;
        told.push((
            "UNDRIFT_OWED_QUEUE_URL".to_owned(),
            account.queue_url(&owed),
        ));
        if let Some(bundle) = settings {
            told.push(("UNDRIFT_BUNDLE".to_owned(), bundle.display().to_string()));
        }
        let notify = spec(NOTIFY_ROLE, NOTIFY_ROLE, told, 2)?;
        let notify = account.run_function(notify).await?;

        let environment = sweeping(services.keys(), deployment.history_lag);
        let mut sweep = spec(SWEEP_ROLE, SWEEP_ROLE, environment, 1)?;
        sweep.timeout = SWEEP_TIMEOUT;
        let sweep = account.run_function(sweep).await?;
        let gaps = account.queue(SWEEP_ROLE, queue_options(VISIBILITY, MAX_RECEIVES));
        account.map_queue(&gaps, &sweep, 1);

        let environment = janitor::environment(account, &documents, &services, &own_roles)?;
        let janitor = spec(JANITOR_ROLE, JANITOR_ROLE, environment, 1)?;
        let janitor = account.run_function(janitor::patient(janitor)).await?;

        add_rules(account, &documents, &services, &gaps)?;
        for service in services.values() {
            account.map_queue(&service.queue, &service.revert, deployment.batch);
        }
        if deployment.tells {
            map_records(account, &stream, &notify)?;
        }
        account.map_queue(&owed, &notify, BATCH);
        Ok(Self {
            admin,
            services,
            notify,
            sweep,
            janitor,
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
    ) -> Result<Asked, StackError> {
        let name = record.resource.kind.service();
        let Some(service) = self.services.get(name) else {
            return Ok(Asked::Refused(format!("no function works for {name}")));
        };
        let request = undo_request(record, by, reason);
        Ok(understood(&service.undo.invoke(&request).await?)?)
    }

    /// Asks the function that reverts to carry out what a record proposes.
    pub async fn approve(
        &self,
        record: &ChangeKey,
        by: &str,
        reason: &str,
    ) -> Result<Asked, StackError> {
        let name = record.resource.kind.service();
        let Some(service) = self.services.get(name) else {
            return Ok(Asked::Refused(format!("no function works for {name}")));
        };
        let request = approve_request(record, by, reason);
        Ok(understood(&service.revert.invoke(&request).await?)?)
    }

    /// Turns the pause switch.
    pub async fn switch(&self, paused: bool) -> Result<(), StackError> {
        Ledger::through(self.admin.clone()).switch(paused).await
    }

    /// Sweeps once, to its end; what came of each invocation.
    pub async fn sweep(&self, dry_run: bool) -> Result<Vec<Progress>, StackError> {
        let mut all: Vec<Progress> = Vec::new();
        loop {
            let state = all.last().and_then(|p| p.state.as_ref());
            let request = sweep_request(all.is_empty(), dry_run, state);
            let progress = swept(&self.sweep.invoke(&request).await?)?;
            let finished = progress.finished && (progress.waiting == 0 || dry_run);
            all.push(progress);
            if finished {
                return Ok(all);
            }
        }
    }

    /// What the functions that revert said so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        let services = self.services.values();
        services.flat_map(|s| s.revert.log()).collect()
    }
}

//! The local account: everything together.

mod ending;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::client::{ApiError, Client, Credentials};
use crate::emulator::Emulator;
use crate::error::LocalError;
use crate::fault::Faults;
use crate::folder::Folder;
use crate::guard::Watched;
use crate::http;
use crate::identity::DEFAULT_ACCOUNT;
use crate::mapping;
use crate::model::Models;
use crate::pattern::Pattern;
use crate::queue::{Queue, QueueOptions};
use crate::runtime::{Function, FunctionSpec, Host};
use crate::stream::StreamMapping;
use crate::trail::{Serving, Trail};
use crate::venv::{Progress, Venv};
use crate::wire::Wire;

/// Services that moto loads before their first call. EC2 takes longer than all others together, and so comes last.
const PRELOADED: [&str; 7] = [
    "sts",
    "iam",
    "dynamodb",
    "dynamodbstreams",
    "sns",
    "sqs",
    "ec2",
];

/// How to start a local account.
#[derive(Clone)]
pub struct Options {
    /// The trail's port; none: any free one.
    pub port: Option<u16>,
    /// The region functions and clients are told.
    pub region: String,
    /// Where the Python environment is kept: cargo's target folder.
    pub target_dir: PathBuf,
    /// The root of the source tree, for `tests/moto`.
    pub tree_root: PathBuf,
    /// Told what takes long.
    pub progress: Progress,
}

impl Options {
    /// Any port, `us-east-1`, and silence.
    #[must_use]
    pub fn new(tree_root: impl Into<PathBuf>, target_dir: impl Into<PathBuf>) -> Self {
        Self {
            port: None,
            region: "us-east-1".to_owned(),
            target_dir: target_dir.into(),
            tree_root: tree_root.into(),
            progress: Arc::new(|_| {}),
        }
    }
}

/// A running local account. Dropping it ends all that belongs to it.
pub struct Account {
    region: String,
    models: Arc<Models>,
    venv: Venv,
    mappings: Mutex<Vec<JoinHandle<()>>>,
    streams: Mutex<Vec<StreamMapping>>,
    trail: Arc<Trail>,
    serving: Serving,
    folder: Folder,
    // Last, as all else speaks to it.
    emulator: Emulator,
}

impl Account {
    /// Starts moto and the trail before it: about half a second, the first time ever up to a minute more.
    pub async fn start(options: Options) -> Result<Self, LocalError> {
        let moto = options.tree_root.join("tests/moto");
        let port = options.port.unwrap_or(0);
        // Before what takes long; the trail sees to it again.
        http::listen(port).await?;
        let requirements = moto.join("requirements.txt");
        let venv = Venv::ensure(&options.target_dir, &requirements, &options.progress).await?;
        let models = Arc::new(Models::new(venv.models()?));
        let early = Arc::clone(&models);
        // EC2's model is large; reading it now spares the first call the wait.
        let reading = tokio::task::spawn_blocking(move || {
            for name in ["sts", "iam", "ec2", "dynamodb"] {
                let _ = early.service(name);
            }
        });
        let emulator = Emulator::start(&venv, &moto.join("serve.py"), &PRELOADED).await?;
        let folder = Folder::make(&emulator.guard())?;
        let upstream = format!("http://127.0.0.1:{}", emulator.port());
        let (trail, serving) = Trail::start(Arc::clone(&models), upstream, port).await?;
        // It fails only with a panic in reading, after which the models are read when needed.
        let _ = reading.await;
        Ok(Self {
            region: options.region,
            models,
            venv,
            mappings: Mutex::default(),
            streams: Mutex::default(),
            trail,
            serving,
            folder,
            emulator,
        })
    }

    /// Where clients call: the trail, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.serving.server.port())
    }

    /// Moto itself. Calls here leave no record.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.trail.upstream
    }

    /// The account's id.
    #[must_use]
    pub fn account_id(&self) -> &'static str {
        DEFAULT_ACCOUNT
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The API models.
    #[must_use]
    pub fn models(&self) -> &Arc<Models> {
        &self.models
    }

    /// The Python that moto runs in; boto3 is there too.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.venv.python()
    }

    /// A folder for files that are needed as long as the account runs. It is removed with the account, however that
    /// ends.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Removes a file when this process ends, however it does, if it still holds these words then.
    pub fn remove_at_end(&self, file: &Path, holding: &str) {
        self.emulator.guard().remove_file(file, holding);
    }

    /// From now on the process group `pid` ends when this process does, until the answer is dropped.
    pub(crate) fn watch(&self, pid: u32) -> Watched {
        self.emulator.guard().watch(pid)
    }

    /// A client past the trail, for setting things up and looking at them: it leaves no records.
    #[must_use]
    pub fn admin(&self) -> Client {
        Client::new(
            Arc::clone(&self.models),
            self.upstream(),
            Credentials::new("test", "test"),
            &self.region,
        )
    }

    /// A client through the trail, as an IAM user that is made if it is missing.
    pub async fn client_for_user(&self, name: &str) -> Result<Client, LocalError> {
        let admin = self.admin();
        existing(
            admin
                .call("iam", "CreateUser", json!({ "UserName": name }))
                .await,
        )?;
        let made = admin
            .call("iam", "CreateAccessKey", json!({ "UserName": name }))
            .await?;
        self.through_trail(&made, "/AccessKey").await
    }

    /// A client through the trail, as a session of a role that is made if it is missing. Role names are unique in
    /// the account; a session name has 2 characters or more.
    pub async fn client_for_role(&self, role: &str, session: &str) -> Result<Client, LocalError> {
        let made = self.assume(role, session).await?;
        self.through_trail(&made, "/Credentials").await
    }

    async fn assume(&self, role: &str, session: &str) -> Result<Value, LocalError> {
        let admin = self.admin();
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "Service": "lambda.amazonaws.com", "AWS": DEFAULT_ACCOUNT } }] });
        let role_input = json!({ "RoleName": role, "AssumeRolePolicyDocument": trust.to_string() });
        existing(admin.call("iam", "CreateRole", role_input).await)?;
        let arn = format!("arn:aws:iam::{DEFAULT_ACCOUNT}:role/{role}");
        Ok(admin
            .call(
                "sts",
                "AssumeRole",
                json!({ "RoleArn": arn, "RoleSessionName": session }),
            )
            .await?)
    }

    async fn through_trail(&self, made: &Value, at: &str) -> Result<Client, LocalError> {
        let credentials = read_credentials(made, at)?;
        // Resolved now, so that the first call's entry in the log knows its caller.
        self.trail.identities.resolve(&credentials.access_key).await;
        Ok(Client::new(
            Arc::clone(&self.models),
            &self.endpoint(),
            credentials,
            &self.region,
        ))
    }

    /// The queue of that name, made if it is missing, with its dead-letter queue; the options count
    /// only then.
    pub fn queue(&self, name: &str, options: QueueOptions) -> Queue {
        let mut queues = self
            .trail
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let arn = format!("arn:aws:sqs:{}:{DEFAULT_ACCOUNT}:{name}", self.region);
        let queue = queues
            .entry(name.to_owned())
            .or_insert_with(|| Queue::new(name, &arn, options))
            .clone();
        if let Some(dead) = queue.dead() {
            queues
                .entry(dead.name().to_owned())
                .or_insert_with(|| dead.clone());
        }
        queue
    }

    /// The URL under which SQS calls through the trail reach a queue.
    #[must_use]
    pub fn queue_url(&self, queue: &Queue) -> String {
        format!("{}/{DEFAULT_ACCOUNT}/{}", self.endpoint(), queue.name())
    }

    /// Puts every event that matches `pattern` on a queue. A rule of the same name is replaced.
    pub fn add_rule(&self, name: &str, pattern: &Value, queue: &Queue) -> Result<(), LocalError> {
        self.trail
            .bus
            .add(name, Pattern::new(pattern)?, queue.clone());
        Ok(())
    }

    /// Puts an event on a queue as it is, past the rules.
    pub fn deliver(&self, queue: &Queue, envelope: &Value) {
        queue.send(&envelope.to_string());
    }

    /// Puts an event on the bus as it is, for the rules to see.
    pub fn put_event(&self, envelope: &Value) {
        self.trail.bus.put(envelope);
    }

    /// Every event from now on, whether a rule matches or not.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Value> {
        self.trail.bus.subscribe()
    }

    /// Starts a function under its role. It calls AWS through the trail.
    pub async fn run_function(&self, spec: FunctionSpec) -> Result<Function, LocalError> {
        let made = self.assume(&spec.role, &spec.name).await?;
        let credentials = read_credentials(&made, "/Credentials")?;
        self.trail.identities.resolve(&credentials.access_key).await;
        let host = Host {
            region: self.region.clone(),
            account: DEFAULT_ACCOUNT.to_owned(),
            endpoint: self.endpoint(),
            credentials,
            activity: self.trail.activity.clone(),
            guard: self.emulator.guard(),
        };
        let name = spec.name.clone();
        let function = Function::start(spec, host).await?;
        let mut functions = self
            .trail
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        functions.insert(name, function.clone());
        Ok(function)
    }

    /// Invokes a function with a queue's messages, up to `batch_size` at once.
    pub fn map_queue(&self, queue: &Queue, function: &Function, batch_size: usize) {
        self.map_queue_with_window(queue, function, batch_size, Duration::ZERO);
    }

    /// As [`Self::map_queue`], waiting up to `window` for a batch to fill.
    pub fn map_queue_with_window(
        &self,
        queue: &Queue,
        function: &Function,
        batch_size: usize,
        window: Duration,
    ) {
        let pollers = mapping::map_queue(queue, function, batch_size, window);
        self.mappings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(pollers);
    }

    /// Invokes a function with a table's stream, from its beginning; `filter` is a pattern on the records, as in
    /// Lambda's filter criteria.
    pub fn map_stream(
        &self,
        stream_arn: &str,
        function: &Function,
        filter: Option<&Value>,
    ) -> Result<(), LocalError> {
        let filter = filter.map(Pattern::new).transpose()?;
        let activity = self.trail.activity.clone();
        let mapping =
            StreamMapping::start(self.admin(), stream_arn, function.clone(), filter, activity);
        self.streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(mapping);
        Ok(())
    }

    /// The log of calls through the trail.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.trail.wire
    }

    /// The failures and delays of calls through the trail.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.trail.faults
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.clear();
    }
}

fn existing(made: Result<Value, ApiError>) -> Result<(), ApiError> {
    match made {
        Err(error) if !error.code.starts_with("EntityAlreadyExists") => Err(error),
        _ => Ok(()),
    }
}

fn read_credentials(made: &Value, at: &str) -> Result<Credentials, LocalError> {
    let text = |name: &str| {
        made.pointer(&format!("{at}/{name}"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    match (text("AccessKeyId"), text("SecretAccessKey")) {
        (Some(access_key), Some(secret_key)) => Ok(Credentials {
            access_key,
            secret_key,
            session_token: text("SessionToken"),
        }),
        _ => Err(LocalError::EmulatorFailed {
            reason: format!("no credentials in {made}"),
        }),
    }
}

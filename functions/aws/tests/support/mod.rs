//! A local account with Undrift's table in it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType,
};
use tokio::runtime::{Builder, Runtime};
use undrift_aws::journal::DynamoJournal;
use undrift_aws::journal::keys::{LEASE, OPEN};
use undrift_engine::port::{Journal, Known};
use undrift_local::{Account, FaultAction, FaultRule, Options};

use crate::testing;

/// The one account of all tests; it ends with the process.
static ACCOUNT: LazyLock<(Runtime, Account)> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let tree = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    // Cargo's folder for tests' files stands in its target folder.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("..");
    let account = runtime.block_on(Account::start(Options::new(tree, target)));
    (runtime, account.unwrap())
});

/// Tells tests' tables and callers apart.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A table of its own in the account, and the journal in it.
pub(crate) struct Table {
    account: &'static Account,
    caller: String,
    pub(crate) name: String,
    pub(crate) config: SdkConfig,
    pub(crate) client: Client,
    pub(crate) journal: DynamoJournal,
}

impl Table {
    pub(crate) async fn new() -> Self {
        // Starting blocks, which a test's own runtime may not.
        let (_, account) = tokio::task::spawn_blocking(|| &*ACCOUNT).await.unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (name, caller) = (format!("undrift-{number}"), format!("AKIATEST{number:012}"));
        let credentials = Credentials::new(&caller, "secret", None, None, "test");
        let config = undrift_aws::client::load()
            .await
            .unwrap()
            .into_builder()
            .endpoint_url(account.endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        // The account's first call of a service loads it, which can take seconds.
        let patient = TimeoutConfig::builder()
            .connect_timeout(Duration::from_mins(1))
            .operation_attempt_timeout(Duration::from_mins(1))
            .build();
        let patient = aws_sdk_dynamodb::config::Builder::from(&config).timeout_config(patient);
        let client = Client::from_conf(patient.build());
        let attribute = |name: &str, of: ScalarAttributeType| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(of)
                .build()
                .unwrap()
        };
        let key = |name: &str, kind| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .unwrap()
        };
        let open = GlobalSecondaryIndex::builder()
            .index_name(OPEN)
            .key_schema(key(OPEN, KeyType::Hash))
            .key_schema(key(LEASE, KeyType::Range))
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::KeysOnly)
                    .build(),
            )
            .build()
            .unwrap();
        client
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk", ScalarAttributeType::S))
            .attribute_definitions(attribute("sk", ScalarAttributeType::S))
            .attribute_definitions(attribute(OPEN, ScalarAttributeType::S))
            .attribute_definitions(attribute(LEASE, ScalarAttributeType::N))
            .global_secondary_indexes(open)
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .send()
            .await
            .unwrap();
        let journal = DynamoJournal::new(&config, &name);
        journal.warm().await;
        Self {
            account,
            caller,
            name,
            config,
            client,
            journal,
        }
    }

    pub(crate) async fn known(&self) -> Known {
        let key = testing::key("e-1");
        let known = self.journal.know(&testing::resource(), &[key]).await;
        known.unwrap()
    }

    pub(crate) async fn item(&self, pk: &str, sk: &str) -> Option<HashMap<String, AttributeValue>> {
        let get = self.client.get_item().table_name(&self.name);
        let get = get
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()));
        get.send().await.unwrap().item
    }

    pub(crate) async fn put_parameter(&self, name: &str, value: &str) {
        let patient = TimeoutConfig::builder()
            .connect_timeout(Duration::from_mins(1))
            .operation_attempt_timeout(Duration::from_mins(1))
            .build();
        let patient = aws_sdk_ssm::config::Builder::from(&self.config).timeout_config(patient);
        aws_sdk_ssm::Client::from_conf(patient.build())
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(aws_sdk_ssm::types::ParameterType::String)
            .overwrite(true)
            .send()
            .await
            .unwrap();
    }

    /// Strikes the next call of an operation of `DynamoDB`.
    pub(crate) fn strike(&self, operation: &str, action: FaultAction) {
        self.strike_at("dynamodb", operation, action);
    }

    pub(crate) fn strike_at(&self, service: &str, operation: &str, action: FaultAction) {
        let rule = FaultRule {
            access_key: Some(self.caller.clone()),
            ..FaultRule::new(service, operation, 1, action)
        };
        self.account.faults().add(rule);
    }

    /// How many calls of `DynamoDB` were struck so far.
    pub(crate) fn struck(&self) -> usize {
        let struck = self.account.faults().struck();
        struck.iter().filter(|s| s.service == "dynamodb").count()
    }
}

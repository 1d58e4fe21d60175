//! A local account with Undrift deployed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use undrift_core::record::Record;
use undrift_local::{Account, Client, Options, Queue};
use undrift_stack::{Binaries, Deployment, Stack};

/// How long the account may take to come to rest: longer than a message that a function failed on
/// stays invisible.
pub const PATIENCE: Duration = Duration::from_mins(4);

static BINARIES: OnceCell<Binaries> = OnceCell::const_new();

/// The tree's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Where cargo builds.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The functions, built once per test run.
pub async fn binaries() -> Binaries {
    let build = || async { Binaries::build(&root()).await.unwrap() };
    BINARIES.get_or_init(build).await.clone()
}

pub struct Sandbox {
    pub account: Account,
    pub stack: Stack,
}

impl Sandbox {
    /// Reverting, with the tree's own policies.
    pub async fn start() -> Self {
        Self::deploy(Deployment::new(&root(), binaries().await)).await
    }

    pub async fn deploy(deployment: Deployment) -> Self {
        Self::deploy_in("eu-central-1", deployment).await
    }

    /// In a region of choice: global services' events come in one only.
    pub async fn deploy_in(region: &str, deployment: Deployment) -> Self {
        let mut options = Options::new(root(), target());
        region.clone_into(&mut options.region);
        let account = Account::start(options).await.unwrap();
        let stack = Stack::deploy(&account, deployment).await.unwrap();
        Self { account, stack }
    }

    /// The queue of EC2's function.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.stack.services["ec2"].queue
    }

    /// Somebody who changes things.
    pub async fn user(&self, name: &str) -> Client {
        self.account.client_for_user(name).await.unwrap()
    }

    pub async fn settle(&self) {
        if let Err(e) = self.account.settle(PATIENCE).await {
            panic!("{e}\n{}", self.stack.log().join("\n"));
        }
    }

    /// The records, once the account is at rest.
    pub async fn records(&self) -> Vec<Record> {
        self.settle().await;
        self.stack.records().await.unwrap()
    }

    /// The record of the change that a predicate picks, waiting for it.
    pub async fn record(&self, is_it: impl Fn(&Record) -> bool) -> Record {
        let start = Instant::now();
        loop {
            let records = self.stack.records().await.unwrap();
            if let Some(record) = records.into_iter().find(&is_it) {
                return record;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "no such record\n{}",
                self.stack.log().join("\n")
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The account's default VPC.
    pub async fn vpc(&self) -> String {
        let admin = self.account.admin();
        let vpcs = admin.call("ec2", "DescribeVpcs", json!({})).await.unwrap();
        vpcs["Vpcs"][0]["VpcId"].as_str().unwrap().to_owned()
    }
}

/// A text inside an answer.
#[must_use]
pub fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

/// Waits until the next second of the clock: CloudTrail dates calls to the second, and what was
/// before a change is known only from an earlier one.
pub async fn next_second() {
    tokio::time::sleep(Duration::from_millis(1050)).await;
}

//! Builds the functions from this tree.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use undrift_local::{Account, Group};

/// The packages that are functions, each with a binary of its name and a feature `aws`.
const FUNCTIONS: [&str; 7] = [
    "undrift-cloudtrail",
    "undrift-ec2",
    "undrift-iam",
    "undrift-janitor",
    "undrift-notify",
    "undrift-s3",
    "undrift-sweep",
];

/// The functions' binaries, by name.
#[derive(Debug, Clone)]
pub struct Binaries(BTreeMap<String, PathBuf>);

/// Why the functions could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be run.
    #[error("cargo could not be started to build the functions: {0}; install Rust from rustup.rs")]
    NoCargo(#[source] std::io::Error),
    /// Cargo failed, and said why itself.
    #[error("building the functions failed ({0}); cargo's own words are above")]
    Failed(std::process::ExitStatus),
    /// Cargo built, and didn't say where.
    #[error("cargo built no binary `{0}`")]
    NoBinary(String),
}

impl Binaries {
    /// Builds all functions in the dev profile, in one go: `aws-sdk-ec2` wants 8 GB, so never
    /// twice at once. The first time takes minutes. Dropping the future ends it.
    pub async fn build(root: &Path) -> Result<Self, BuildError> {
        Self::build_with(root, None, false).await
    }

    /// As [`Self::build`], ending with this process however that ends, as all that belongs to the account does; if
    /// quietly, cargo says nothing but errors.
    pub async fn build_within(
        root: &Path,
        account: &Account,
        quietly: bool,
    ) -> Result<Self, BuildError> {
        Self::build_with(root, Some(account), quietly).await
    }

    async fn build_with(
        root: &Path,
        account: Option<&Account>,
        quietly: bool,
    ) -> Result<Self, BuildError> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(root).args([
            "build",
            "--locked",
            "--message-format=json-render-diagnostics",
        ]);
        if quietly {
            command.arg("--quiet");
        }
        // The local account's crate is built along: it asks the same of tokio and hyper as the
        // functions' own tests do, so that both share one build of the SDK.
        for package in FUNCTIONS.iter().chain(&["undrift-local"]) {
            command.args(["--package", package]);
        }
        let features: Vec<String> = FUNCTIONS.iter().map(|f| format!("{f}/aws")).collect();
        command.args(["--features", &features.join(",")]);
        // A test run's own settings would make cargo build everything a second time.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG") || text.starts_with("CARGO_MANIFEST") {
                command.env_remove(&name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // On a terminal cargo draws its progress itself. Elsewhere its words are passed on: it would
        // fail if nobody read them any more.
        if !std::io::stderr().is_terminal() {
            command.stderr(Stdio::piped());
        }
        let mut cargo = Group::start(&mut command, account).map_err(BuildError::NoCargo)?;
        let words = cargo.stderr().map(|words| tokio::spawn(pass_on(words)));
        let mut found = BTreeMap::new();
        if let Some(stdout) = cargo.stdout() {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                found.extend(binary(&line));
            }
        }
        let status = cargo.wait().await.map_err(BuildError::NoCargo)?;
        if let Some(words) = words {
            // It ends with cargo; that it panicked would be told by itself.
            let _ = words.await;
        }
        if !status.success() {
            return Err(BuildError::Failed(status));
        }
        match FUNCTIONS.iter().find(|f| !found.contains_key(**f)) {
            Some(missing) => Err(BuildError::NoBinary((*missing).to_owned())),
            None => Ok(Self(found)),
        }
    }

    /// One function's binary.
    pub fn get(&self, function: &str) -> Result<&Path, BuildError> {
        self.0
            .get(function)
            .map(PathBuf::as_path)
            .ok_or_else(|| BuildError::NoBinary(function.to_owned()))
    }

    /// The same binaries, one of them replaced: to see what a test says of a function that does
    /// nothing.
    #[must_use]
    pub fn replace(mut self, function: &str, binary: PathBuf) -> Self {
        self.0.insert(function.to_owned(), binary);
        self
    }
}

/// Passes cargo's words on, for whoever still reads them.
async fn pass_on(words: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(words).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// The binary that a line of cargo's output names.
fn binary(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let path = message.get("executable")?.as_str()?;
    let name = message.pointer("/target/name")?.as_str()?;
    Some((name.to_owned(), PathBuf::from(path)))
}

//! The local account: started by one command, found by others.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use undrift_core::record::Record;
use undrift_local::{Account, Options};
use undrift_stack::{Binaries, Deployment, Ledger, Stack, StackError};

use crate::ending::Failure;
use crate::shell::Shell;
use crate::tree;

/// The region that the local account pretends to be in.
pub(crate) const REGION: &str = "eu-central-1";

/// What other terminals need to find a running local account.
#[derive(Debug, Serialize, Deserialize)]
struct Address {
    endpoint: String,
    region: String,
    process: u32,
}

/// The file with the address; gone with this.
#[derive(Debug)]
pub(crate) struct Published(PathBuf);

impl Drop for Published {
    fn drop(&mut self) {
        // If it can't be removed, whoever finds it finds nobody answering.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs async work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Output)?
        .block_on(work)
}

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn options(shell: &Shell, root: &Path, port: Option<u16>) -> Options {
    let mut options = Options::new(root, target(root));
    options.port = port;
    REGION.clone_into(&mut options.region);
    let quiet = shell.is_quiet();
    options.progress = std::sync::Arc::new(move |text| {
        if !quiet {
            anstream::eprintln!("{text}");
        }
    });
    options
}

/// Builds the functions, starts the account and deploys Undrift into it.
pub(crate) async fn start(
    shell: &Shell,
    port: Option<u16>,
    deployment: impl FnOnce(&mut Deployment),
) -> Result<(Account, Stack), Failure> {
    let root = tree::root()?;
    shell.note("building the functions (the first time takes some minutes)");
    let binaries = Binaries::build(&root).await.map_err(StackError::Build)?;
    let account = Account::start(options(shell, &root, port))
        .await
        .map_err(StackError::Local)?;
    let mut what = Deployment::new(&root, binaries);
    deployment(&mut what);
    let stack = Stack::deploy(&account, what).await?;
    Ok((account, stack))
}

/// Lets other terminals find the account.
pub(crate) fn publish(account: &Account) -> Result<Published, Failure> {
    let file = file()?;
    let address = Address {
        endpoint: account.endpoint(),
        region: REGION.to_owned(),
        process: std::process::id(),
    };
    let text = serde_json::to_string(&address).map_err(std::io::Error::from)?;
    std::fs::write(&file, text).map_err(Failure::file(&file))?;
    Ok(Published(file))
}

/// The records of the local account that another terminal runs.
pub(crate) async fn find(shell: &Shell) -> Result<Ledger, Failure> {
    let text = std::fs::read_to_string(file()?).map_err(|_| Failure::NoLocal)?;
    let address: Address = serde_json::from_str(&text).map_err(|_| Failure::NoLocal)?;
    let root = tree::root()?;
    let options = options(shell, &root, None);
    Ledger::connect(options, &address.endpoint)
        .await
        .map_err(|_| Failure::NoLocal)
}

/// Where the address stands: one local account per tree is found, unless told otherwise.
fn file() -> Result<PathBuf, Failure> {
    if let Some(file) = std::env::var_os("UNDRIFT_LOCAL_FILE") {
        return Ok(PathBuf::from(file));
    }
    Ok(target(&tree::root()?).join("undrift-local.json"))
}

/// The record that somebody names: by its event's id, its start, or `event/resource`.
pub(crate) fn named<'r>(records: &'r [Record], name: &str) -> Result<&'r Record, Failure> {
    let fits = |r: &&Record| {
        r.key.to_string() == name || (name.len() >= 4 && r.key.event.as_str().starts_with(name))
    };
    let found: Vec<&Record> = records.iter().filter(fits).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::Record(format!(
            "there is no record `{name}`; `undrift records --local` lists them"
        ))),
        several => Err(Failure::Record(format!(
            "{} records begin with `{name}`: give more of it",
            several.len()
        ))),
    }
}

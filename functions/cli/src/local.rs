//! The local account: started by one command, found by others.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

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

impl Address {
    fn read(file: &Path) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
    }

    /// Whether somebody listens there.
    fn answers(&self) -> bool {
        let socket = self.endpoint.strip_prefix("http://");
        let socket = socket.and_then(|s| s.parse::<SocketAddr>().ok());
        socket.is_some_and(|s| TcpStream::connect_timeout(&s, Duration::from_secs(1)).is_ok())
    }
}

/// The file with the address; gone with this.
#[derive(Debug)]
pub(crate) struct Published {
    file: PathBuf,
    text: String,
}

impl Published {
    /// Publishes the address again where nobody's is: after the end of another account of this tree, which had
    /// taken the file over.
    pub(crate) fn renew(&self) -> Result<(), Failure> {
        if self.file.exists() {
            return Ok(());
        }
        self.write()
    }

    /// Writes the file whole or not at all, since others may be reading it.
    fn write(&self) -> Result<(), Failure> {
        let draft = draft(&self.file);
        std::fs::write(&draft, &self.text).map_err(Failure::file(&draft))?;
        std::fs::rename(&draft, &self.file).map_err(Failure::file(&self.file))
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        // Another account of this tree may have taken it over.
        if std::fs::read_to_string(&self.file).is_ok_and(|text| text == self.text) {
            // If it can't be removed, whoever finds it finds nobody answering.
            let _ = std::fs::remove_file(&self.file);
        }
    }
}

/// The file as it is before it gets its name.
fn draft(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    PathBuf::from(name)
}

/// Runs async work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Output)?;
    let done = runtime.block_on(work);
    // What is still being read or awaited elsewhere is no reason to stay.
    runtime.shutdown_background();
    done
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
            // A note that nobody can read is no reason to stop.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    });
    options
}

/// Starts the account, builds the functions and deploys Undrift. The account comes first, as it is what ends all the
/// others if this process is killed.
pub(crate) async fn start(
    shell: &Shell,
    port: Option<u16>,
    deployment: impl FnOnce(&mut Deployment),
) -> Result<(Account, Stack), Failure> {
    let root = tree::root()?;
    let account = Account::start(options(shell, &root, port))
        .await
        .map_err(StackError::Local)?;
    shell.note("building the functions (the first time takes some minutes)");
    let binaries = Binaries::build_within(&root, &account, shell.is_quiet())
        .await
        .map_err(StackError::Build)?;
    let mut what = Deployment::new(&root, binaries);
    deployment(&mut what);
    let stack = Stack::deploy(&account, what).await?;
    Ok((account, stack))
}

/// Lets other terminals find the account.
pub(crate) fn publish(shell: &Shell, account: &Account) -> Result<Published, Failure> {
    let file = file()?;
    if let Some(other) = Address::read(&file).filter(Address::answers) {
        shell.note(format!(
            "{} runs already; --local finds this one from now on, as long as it runs",
            other.endpoint
        ));
    }
    let address = Address {
        endpoint: account.endpoint(),
        region: REGION.to_owned(),
        process: std::process::id(),
    };
    let text = serde_json::to_string(&address).map_err(std::io::Error::from)?;
    account.remove_at_end(&absolute(&draft(&file))?, &text);
    account.remove_at_end(&absolute(&file)?, &text);
    let published = Published { file, text };
    published.write()?;
    Ok(published)
}

/// The records of the local account that another terminal runs.
pub(crate) async fn find(shell: &Shell) -> Result<Ledger, Failure> {
    let address = Address::read(&file()?).ok_or(Failure::NoLocal)?;
    if !address.answers() {
        return Err(Failure::NoLocal);
    }
    let root = tree::root()?;
    let options = options(shell, &root, None);
    Ledger::connect(options, &address.endpoint)
        .await
        .map_err(|error| match error {
            StackError::Api(_) => Failure::NoLocal,
            other => Failure::Stack(other),
        })
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::file(path))
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

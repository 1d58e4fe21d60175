//! `undrift local` as a process, and what can be seen of processes from outside.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::sandbox::{root, target};

/// How long anything may take here.
pub const LONG: Duration = Duration::from_secs(30);

/// The command, built as `cargo undrift` builds it.
///
/// # Panics
/// If it can't be built.
#[must_use]
pub fn undrift() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--quiet", "--locked", "--package", "undrift-cli"])
        .status()
        .unwrap();
    assert!(built.success());
    target().join("debug/undrift")
}

/// A command without anybody's own AWS settings.
#[must_use]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .stdin(Stdio::null());
    command
}

/// Waits until something is so.
pub fn until<T>(what: &str, mut is_so: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = is_so() {
            return found;
        }
        assert!(start.elapsed() < LONG, "not in {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

/// Whoever prints must be read, or it stops.
fn read(from: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            kept.lock().unwrap().push(line);
        }
    });
    lines
}

/// A running `undrift local`; killed if the test fails.
pub struct Local {
    pub process: Child,
    /// Its temporary files and its address go here, and nobody else's.
    pub folder: Arc<TempDir>,
    out: Lines,
    err: Lines,
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder for [`Local::spawn`].
#[must_use]
pub fn folder() -> Arc<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tmp")).unwrap();
    Arc::new(folder)
}

/// The command that starts one.
#[must_use]
pub fn starting(undrift: &Path, folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = command(undrift);
    command
        .arg("local")
        .args(arguments)
        .env("UNDRIFT_LOCAL_FILE", folder.path().join("local.json"))
        .env("TMPDIR", folder.path().join("tmp"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Local {
    /// Starts one, without waiting for it.
    #[must_use]
    pub fn spawn(mut command: Command, folder: Arc<TempDir>) -> Self {
        let mut process = command.spawn().unwrap();
        Self {
            out: read(process.stdout.take().unwrap()),
            err: read(process.stderr.take().unwrap()),
            process,
            folder,
        }
    }

    /// Starts one, and waits until it serves.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        let folder = folder();
        let local = Self::spawn(starting(&undrift(), &folder, arguments), folder);
        local.endpoint();
        local
    }

    /// What it printed so far: the results.
    #[must_use]
    pub fn out(&self) -> Vec<String> {
        self.out.lock().unwrap().clone()
    }

    /// What it printed so far: the notes.
    #[must_use]
    pub fn err(&self) -> Vec<String> {
        self.err.lock().unwrap().clone()
    }

    /// Waits until it serves, and says where.
    #[expect(clippy::must_use_candidate, reason = "waiting is a use")]
    pub fn endpoint(&self) -> String {
        let ready = || {
            let out = self.out();
            let ready = out.iter().find_map(|l| l.strip_prefix("ready "));
            ready.map(str::to_owned)
        };
        let start = Instant::now();
        while ready().is_none() && start.elapsed() < Duration::from_mins(3) {
            std::thread::sleep(Duration::from_millis(5));
        }
        ready().unwrap_or_else(|| panic!("it doesn't come up: {:?}", self.err()))
    }

    /// The file that others find it by.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("local.json")
    }

    /// A command in a second terminal that finds it.
    #[must_use]
    pub fn beside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = command(program);
        command.env("UNDRIFT_LOCAL_FILE", self.file());
        command
    }

    /// `undrift` in a second terminal.
    #[must_use]
    pub fn undrift(&self, arguments: &[&str]) -> Output {
        self.beside(target().join("debug/undrift"))
            .args(arguments)
            .args(["--local", "--output", "json"])
            .output()
            .unwrap()
    }

    /// Its records.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let listed = self.undrift(&["records"]);
        assert!(listed.status.success(), "{listed:?}");
        let text = String::from_utf8(listed.stdout).unwrap();
        let lines = text.lines();
        lines.map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let mut kill = Command::new("kill");
        kill.args([&format!("-{name}"), &pid]);
        assert!(kill.status().unwrap().success());
    }

    pub fn wait(&mut self) -> ExitStatus {
        until("it ends", || self.process.try_wait().unwrap())
    }

    /// Ends it with a signal.
    pub fn end(&mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.wait()
    }

    /// The names of the files it left in the places that are its own.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        let names = |folder: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(folder).unwrap();
            entries
                .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
                .collect()
        };
        let mut left = names(&self.folder.path().join("tmp"));
        left.extend(names(self.folder.path()));
        left.retain(|n| n != "tmp");
        left
    }
}

/// A process that once was: its number and when it started, as numbers are given again.
pub type Seen = (u32, String);

fn fields(pid: u32) -> Option<(String, u32, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let parent = fields[1].parse().ok()?;
    Some((fields[0].to_owned(), parent, fields[19].to_owned()))
}

/// Whether a process still runs. What has ended and wasn't asked how doesn't. Linux alone.
#[must_use]
pub fn runs(process: &Seen) -> bool {
    fields(process.0).is_some_and(|(state, _, start)| state != "Z" && start == process.1)
}

/// All that a process started, and what these did in turn. Linux alone.
#[must_use]
pub fn below(pid: u32) -> BTreeSet<Seen> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<(u32, u32, String)> = entries
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter_map(|pid| {
            let (state, parent, start) = fields(pid)?;
            (state != "Z").then_some((pid, parent, start))
        })
        .collect();
    let mut found = BTreeSet::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for (pid, _, start) in all.iter().filter(|(_, p, _)| *p == parent) {
            if found.insert((*pid, start.clone())) {
                parents.push(*pid);
            }
        }
    }
    found
}

/// The addresses that a process listens on, as the kernel writes them: `0100007F:` is 127.0.0.1. Linux alone.
#[must_use]
pub fn listening(pid: u32) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let own: BTreeSet<String> = files
        .flatten()
        .filter_map(|f| Some(std::fs::read_link(f.path()).ok()?.to_str()?.to_owned()))
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let path = format!("/proc/{pid}/net/{table}");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let waits = fields[3] == "0A" || table.starts_with("udp");
            if waits && own.contains(&format!("socket:[{}]", fields[9])) {
                found.push(fields[1].to_owned());
            }
        }
    }
    found
}

/// Whether anybody listens there.
#[must_use]
pub fn answers(endpoint: &str) -> bool {
    std::net::TcpStream::connect(endpoint.trim_start_matches("http://")).is_ok()
}

//! Python virtual environments, such as the one that holds moto, made once per set of pinned requirements.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::error::LocalError;
use crate::group::Group;
use crate::ids;

/// How many of a failed command's last bytes are shown.
const OUTPUT_TAIL: usize = 2_000;

/// A callback for lines of progress, in words for a person.
pub type Progress = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

/// A ready virtual environment.
#[derive(Debug, Clone)]
pub struct Venv {
    root: PathBuf,
}

/// An environment in the making; what was made of it is removed if it does not come to be.
struct Building(PathBuf);

impl Drop for Building {
    fn drop(&mut self) {
        // The installer was killed just now, and may still write for a moment.
        for _ in 0..50 {
            if fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Venv {
    /// Finds or makes `<target_dir>/<name>-<hash>` for `requirements`, a pip file with hashes in a folder `<name>`.
    ///
    /// The first call takes 10 to 60 s and about 140 MB; later ones a few milliseconds. It is built beside its
    /// place and renamed, under a file lock, so that two processes and a kill in between do no harm. Nothing
    /// outside `target_dir` is written but pip's own cache. Dropping the future ends the work.
    pub async fn ensure(
        target_dir: &Path,
        requirements: &Path,
        progress: &Progress,
    ) -> Result<Self, LocalError> {
        let text = fs::read(requirements).map_err(LocalError::file(requirements))?;
        let version = python_version().await?;
        let mut hash = Sha256::new();
        hash.update(&text);
        hash.update(version.as_bytes());
        let digest = hash.finalize();
        let hash: String = ids::hex(digest).chars().take(12).collect();
        let folder = requirements.parent().and_then(Path::file_name);
        let what = folder.unwrap_or_default().to_string_lossy();
        let name = format!("{what}-{hash}");
        fs::create_dir_all(target_dir).map_err(LocalError::file(target_dir))?;
        let target_dir = fs::canonicalize(target_dir).map_err(LocalError::file(target_dir))?;
        let venv = Self {
            root: target_dir.join(&name),
        };
        if venv.python().exists() {
            return Ok(venv);
        }
        let _lock = locked(&target_dir.join(format!("{name}.lock"))).await?;
        if venv.python().exists() {
            return Ok(venv);
        }
        let building = target_dir.join(format!("{name}.building"));
        if building.exists() {
            fs::remove_dir_all(&building).map_err(LocalError::file(&building))?;
        }
        let building = Building(building);
        progress(&format!("making the Python environment for {what} (once)"));
        let mut make = Command::new("python3");
        make.args(["-m", "venv"]).arg(&building.0);
        run(make, &|_| {})
            .await
            .map_err(|output| LocalError::VenvFailed { output })?;
        let mut pip = Command::new(building.0.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(["--require-hashes", "--requirement"])
        .arg(requirements);
        let tell = |line: &str| {
            if let Some(package) = line.strip_prefix("Collecting ") {
                let package = package.split_whitespace().next().unwrap_or(package);
                progress(&format!("fetching {package}"));
            } else if line.starts_with("Installing collected packages") {
                progress("installing the packages");
            }
        };
        run(pip, &tell)
            .await
            .map_err(|output| LocalError::PipFailed {
                what: what.to_string(),
                output,
            })?;
        fs::rename(&building.0, &venv.root).map_err(LocalError::file(&venv.root))?;
        progress("the Python environment is ready");
        Ok(venv)
    }

    /// The environment's Python.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.root.join("bin/python")
    }

    /// A program of the environment, such as `aws`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// Botocore's `data` folder: the API models of every AWS service.
    pub fn models(&self) -> Result<PathBuf, LocalError> {
        let lib = self.root.join("lib");
        let entries = fs::read_dir(&lib).map_err(LocalError::file(&lib))?;
        entries
            .flatten()
            .map(|entry| entry.path().join("site-packages/botocore/data"))
            .find(|path| path.is_dir())
            .ok_or_else(|| LocalError::Model {
                service: "*".into(),
                reason: format!("no botocore below `{}`", lib.display()),
            })
    }
}

/// Waits for a file's lock, which ends with what is returned.
async fn locked(path: &Path) -> Result<File, LocalError> {
    let file = File::create(path).map_err(LocalError::file(path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(TryLockError::Error(error)) => return Err(LocalError::file(path)(error)),
        }
    }
}

/// `3.11` and the like, of the `python3` on the `PATH`.
async fn python_version() -> Result<String, LocalError> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|_| LocalError::PythonMissing)?;
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let number = |part: Option<&str>| part.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let mut parts = found.split('.');
    let (major, minor) = (number(parts.next()), number(parts.next()));
    if !output.status.success() || (major, minor) < (3, 10) {
        return Err(LocalError::PythonTooOld { found });
    }
    Ok(found)
}

/// Runs a command, handing its standard output over line by line; the error is the end of all it printed.
async fn run(mut command: Command, on_line: &(dyn Fn(&str) + Sync)) -> Result<(), String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = Group::start(&mut command, None).map_err(|error| error.to_string())?;
    let (stdout, stderr) = (group.stdout(), group.stderr());
    let output = async {
        let mut printed = String::new();
        if let Some(stdout) = stdout {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                on_line(&line);
                printed.push_str(&line);
                printed.push('\n');
            }
        }
        printed
    };
    let errors = async {
        let mut bytes = Vec::new();
        if let Some(mut stderr) = stderr {
            // What was read before an error is still shown.
            let _ = stderr.read_to_end(&mut bytes).await;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (mut printed, errors) = tokio::join!(output, errors);
    let status = group.wait().await.map_err(|error| error.to_string())?;
    printed.push_str(&errors);
    if status.success() {
        return Ok(());
    }
    let skip = printed.len().saturating_sub(OUTPUT_TAIL);
    Err(printed
        .char_indices()
        .filter(|(at, _)| *at >= skip)
        .map(|(_, letter)| letter)
        .collect())
}

//! The Python virtual environment that holds moto, made once per set of pinned requirements.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::error::LocalError;
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

impl Venv {
    /// Finds or makes `<target_dir>/moto-<hash>` for `requirements`, a pip file with hashes.
    ///
    /// The first call takes 10 to 60 s and about 140 MB; later ones a few milliseconds. It is built beside its
    /// place and renamed, under a file lock, so that two processes and a kill in between do no harm. Nothing
    /// outside `target_dir` is written but pip's own cache.
    pub fn ensure(
        target_dir: &Path,
        requirements: &Path,
        progress: &Progress,
    ) -> Result<Self, LocalError> {
        let text = fs::read(requirements).map_err(LocalError::file(requirements))?;
        let version = python_version()?;
        let mut hash = Sha256::new();
        hash.update(&text);
        hash.update(version.as_bytes());
        let digest = hash.finalize();
        let name: String = ids::hex(digest).chars().take(12).collect();
        fs::create_dir_all(target_dir).map_err(LocalError::file(target_dir))?;
        let target_dir = fs::canonicalize(target_dir).map_err(LocalError::file(target_dir))?;
        let root = target_dir.join(format!("moto-{name}"));
        let venv = Self { root };
        if venv.python().exists() {
            return Ok(venv);
        }
        let lock_path = target_dir.join(format!("moto-{name}.lock"));
        let lock = File::create(&lock_path).map_err(LocalError::file(&lock_path))?;
        lock.lock().map_err(LocalError::file(&lock_path))?;
        if venv.python().exists() {
            return Ok(venv);
        }
        let building = target_dir.join(format!("moto-{name}.building"));
        if building.exists() {
            fs::remove_dir_all(&building).map_err(LocalError::file(&building))?;
        }
        progress("making the Python environment of the local account (once)");
        let mut make = Command::new("python3");
        make.args(["-m", "venv"]).arg(&building);
        run(make, &|_| {}).map_err(|output| LocalError::VenvFailed { output })?;
        let mut pip = Command::new(building.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(["--require-hashes", "--requirement"])
        .arg(requirements);
        run(pip, &|line| {
            if let Some(package) = line.strip_prefix("Collecting ") {
                let package = package.split_whitespace().next().unwrap_or(package);
                progress(&format!("fetching {package}"));
            } else if line.starts_with("Installing collected packages") {
                progress("installing the packages");
            }
        })
        .map_err(|output| LocalError::PipFailed { output })?;
        fs::rename(&building, &venv.root).map_err(LocalError::file(&venv.root))?;
        progress("the Python environment is ready");
        Ok(venv)
    }

    /// The environment's Python.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.root.join("bin/python")
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

/// `3.11` and the like, of the `python3` on the `PATH`.
fn python_version() -> Result<String, LocalError> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        .stdin(Stdio::null())
        .output()
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
fn run(mut command: Command, on_line: &dyn Fn(&str)) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let stderr = child.stderr.take();
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut stderr) = stderr {
            // Bytes that are not UTF-8 end the copy; what was read so far is still shown.
            let _ = stderr.read_to_string(&mut text);
        }
        text
    });
    let mut printed = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            on_line(&line);
            printed.push_str(&line);
            printed.push('\n');
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    printed.push_str(&errors.join().unwrap_or_default());
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

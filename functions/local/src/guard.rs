//! What ends our processes when we cannot: moto's launcher, which sees our end by the pipe it reads.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// The pipe to the launcher. It lives as long as its last clone.
#[derive(Debug, Clone)]
pub(crate) struct Guard(Arc<Mutex<File>>);

impl Guard {
    pub(crate) fn new(pipe: File) -> Self {
        Self(Arc::new(Mutex::new(pipe)))
    }

    /// From now on the process group `pid` ends when this process does, however it does.
    pub(crate) fn watch(&self, pid: u32) -> Watched {
        self.tell(&format!("+{pid}"));
        Watched {
            guard: self.clone(),
            pid,
        }
    }

    /// From now on the folder is removed when this process ends.
    pub(crate) fn remove_folder(&self, path: &Path) {
        self.remove(path, &Value::Null);
    }

    /// From now on the file is removed when this process ends, if it still holds these words.
    pub(crate) fn remove_file(&self, path: &Path, holding: &str) {
        self.remove(path, &json!(holding));
    }

    fn remove(&self, path: &Path, holding: &Value) {
        // A path that is no text can't be told, and is left to whoever made it.
        if let Some(path) = path.to_str() {
            self.tell(&json!({ "remove": path, "holding": holding }).to_string());
        }
    }

    fn tell(&self, line: &str) {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The launcher is gone only when the account is being stopped, and then we end the processes ourselves.
        let _ = pipe.write_all(format!("{line}\n").as_bytes());
    }
}

/// A watched process group; no longer when this is dropped, as its number may be given to another.
#[derive(Debug)]
pub(crate) struct Watched {
    guard: Guard,
    pid: u32,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.guard.tell(&format!("-{}", self.pid));
    }
}

//! The account's own folder, for files that live as long as it does.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::LocalError;
use crate::guard::Guard;
use crate::ids;

/// A folder that nobody else may enter, removed with what is in it when this is dropped, and also when this process
/// ends in any other way.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn make(guard: &Guard) -> Result<Self, LocalError> {
        let name: String = ids::uuid().chars().filter(|c| *c != '-').take(12).collect();
        let path = std::env::temp_dir().join(format!("undrift-local-{name}"));
        // Told before it is made, so that there is no moment in which a kill leaves it.
        guard.remove_folder(&path);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(LocalError::file(&path))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed now, the launcher can't either.
        let _ = fs::remove_dir_all(&self.0);
    }
}

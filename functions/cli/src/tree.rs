//! The tree that a command works in, and its documents.

use std::path::{Path, PathBuf};

use undrift_documents::{Documents, kinds, load, load_paths};

use crate::ending::Failure;

/// The nearest folder, from the current one upwards, that holds a folder `policies`.
pub(crate) fn root() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().map_err(Failure::file("."))?;
    here.ancestors()
        .find(|dir| dir.join("policies").is_dir())
        .map(Path::to_owned)
        .ok_or(Failure::NoTree)
}

/// The tree's folder of documents, as people would type it here.
pub(crate) fn policies() -> Result<PathBuf, Failure> {
    Ok(shortened(&root()?.join("policies")))
}

/// The documents of the tree.
pub(crate) fn documents() -> Result<Documents, Failure> {
    load(&policies()?).map_err(Failure::Documents)
}

/// The documents named, or the tree's where none are.
pub(crate) fn documents_at(paths: &[PathBuf]) -> Result<Documents, Failure> {
    if paths.is_empty() {
        documents()
    } else {
        load_paths(paths, kinds()).map_err(Failure::Documents)
    }
}

/// A path as people would type it here.
fn shortened(path: &Path) -> PathBuf {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .map_or_else(|| path.to_owned(), Path::to_owned)
}

//! Which files are documents, and of what sort.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{DocumentError, Fault, Place};
use crate::yaml::LARGEST;

const SETTINGS: &str = "settings.yaml";
const EXEMPTIONS: &str = "exemptions.yaml";
/// The folder of generated JSON Schemas.
const SCHEMA: &str = "schema";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Policy,
    Settings,
    Exemptions,
}

/// A file and its text.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) role: Role,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn error(&self, fault: &Fault) -> DocumentError {
        DocumentError::of(&self.path, &self.text, fault)
    }
}

/// The files that were found, and what was wrong on the way.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) files: Vec<File>,
    pub(crate) errors: Vec<DocumentError>,
    /// A whole `policies/` folder is among them.
    pub(crate) whole: bool,
    /// The names of all policy files, readable or not.
    pub(crate) policies: Vec<String>,
}

/// The whole folder `policies/`.
pub(crate) fn tree(dir: &Path) -> Sources {
    let mut sources = Sources {
        whole: true,
        ..Sources::default()
    };
    for entry in sources.list(dir) {
        if entry.is_dir() {
            if name(&entry) != SCHEMA {
                sources.service(&entry);
            }
        } else if is_yaml(&entry) {
            match name(&entry) {
                SETTINGS => sources.take(entry, Role::Settings),
                EXEMPTIONS => sources.take(entry, Role::Exemptions),
                _ => sources.refuse(
                    &entry,
                    "policies lie in a folder named for their service, such as `ec2/`; move it there",
                ),
            }
        }
    }
    sources
}

/// One file of settings, whatever it is called.
pub(crate) fn settings(path: &Path) -> Sources {
    let mut sources = Sources::default();
    sources.take(path.to_owned(), Role::Settings);
    sources
}

/// Some files or folders.
pub(crate) fn among(paths: &[PathBuf]) -> Sources {
    let mut all = Sources::default();
    for path in paths {
        // The folder that holds `policies/` may be named for it.
        let inner = path.join("policies");
        let path = if inner.is_dir() { &inner } else { path };
        let is_whole = [SETTINGS, EXEMPTIONS].iter().any(|f| path.join(f).exists());
        if path.is_dir() && is_whole {
            let tree = tree(path);
            all.files.extend(tree.files);
            all.errors.extend(tree.errors);
            all.policies.extend(tree.policies);
            all.whole = true;
        } else if path.is_dir() {
            all.service(path);
        } else {
            let role = match name(path) {
                SETTINGS => Role::Settings,
                EXEMPTIONS => Role::Exemptions,
                _ => Role::Policy,
            };
            all.take(path.clone(), role);
        }
    }
    all
}

impl Sources {
    /// A folder of policies. Nothing lies deeper: a policy that is overlooked protects nobody.
    fn service(&mut self, dir: &Path) {
        for entry in self.list(dir) {
            if entry.is_dir() {
                self.refuse(
                    &entry,
                    "folders of policies have no folders in them; move its files up",
                );
            } else if is_yaml(&entry) {
                self.take(entry, Role::Policy);
            }
        }
    }

    fn list(&mut self, dir: &Path) -> Vec<PathBuf> {
        let read = fs::read_dir(dir).and_then(|all| {
            all.map(|e| e.map(|e| e.path()))
                .collect::<Result<Vec<_>, _>>()
        });
        match read {
            Ok(mut all) => {
                all.retain(|p| !name(p).starts_with('.'));
                all.sort();
                all
            }
            Err(why) => {
                self.errors.push(DocumentError::unreadable(dir, &why));
                Vec::new()
            }
        }
    }

    fn take(&mut self, path: PathBuf, role: Role) {
        if role == Role::Policy {
            let stem = path.file_stem().and_then(|s| s.to_str());
            self.policies.extend(stem.map(str::to_owned));
        }
        if path.extension().is_some_and(|e| e != "yaml") {
            self.refuse(&path, "documents are named `.yaml`; rename it");
            return;
        }
        match read(&path) {
            Ok(Ok(text)) => self.files.push(File { path, role, text }),
            Ok(Err(wrong)) => self.errors.push(DocumentError::of(&path, "", &wrong)),
            Err(why) => self.errors.push(DocumentError::unreadable(&path, &why)),
        }
    }

    fn refuse(&mut self, path: &Path, why: &str) {
        self.errors
            .push(DocumentError::of(path, "", &Fault::new(None, why)));
    }
}

/// Reads a text; the inner error is of the file itself.
fn read(path: &Path) -> std::io::Result<Result<String, Fault>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        // A pipe would be waited for.
        return Ok(Err(Fault::new(
            None,
            "it is no file; documents are plain files",
        )));
    }
    let size = metadata.len();
    if size > LARGEST {
        let why = format!("it has {size} bytes, and a document has at most {LARGEST}; split it");
        return Ok(Err(Fault::new(None, why)));
    }
    let bytes = fs::read(path)?;
    Ok(String::from_utf8(bytes).map_err(|e| {
        let right = e.utf8_error().valid_up_to();
        let right = String::from_utf8_lossy(e.as_bytes().get(..right).unwrap_or_default());
        let last = right.rsplit('\n').next().unwrap_or_default();
        let place = Place {
            line: right.matches('\n').count() + 1,
            column: last.chars().count() + 1,
            length: 1,
        };
        let why = "it is not UTF-8 text from here on; save the file as UTF-8";
        Fault::new(Some(place), why)
    }))
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
}

/// `.yml` too, so that it can be refused by name instead of being overlooked.
fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml")
}

//! `undrift events`

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use undrift_documents::events::{Pattern, patterns};
use undrift_documents::kinds;

use crate::ending::{Ending, Failure};
use crate::shell::{BAD, Shell};
use crate::tree;

/// Show the event patterns that the enabled policies need
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write them to infra/events/, one file each
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Only see whether infra/events/ holds them
    #[arg(long)]
    check: bool,
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let patterns = patterns(&tree::documents()?.enabled(), kinds());
        let dir = tree::root()?.join("infra/events");
        if self.write {
            return write(shell, &dir, &patterns);
        }
        if self.check {
            return check(shell, &dir, &patterns);
        }
        for Pattern { name, pattern, .. } in &patterns {
            if shell.is_json() {
                shell.json(&json!({"name": name, "pattern": pattern}))?;
            } else {
                shell.line(format!("{name}\n{pattern:#}"))?;
            }
        }
        Ok(Ending::Fine)
    }
}

fn write(shell: &Shell, dir: &Path, patterns: &[Pattern]) -> Result<Ending, Failure> {
    fs::create_dir_all(dir).map_err(Failure::file(dir))?;
    for stale in strangers(dir, patterns)? {
        fs::remove_file(&stale).map_err(Failure::file(&stale))?;
    }
    for pattern in patterns {
        let file = file(dir, pattern);
        fs::write(&file, pattern.text()).map_err(Failure::file(&file))?;
        shell.note(format!("wrote {}", file.display()));
    }
    Ok(Ending::Fine)
}

fn check(shell: &Shell, dir: &Path, patterns: &[Pattern]) -> Result<Ending, Failure> {
    let mut stale = strangers(dir, patterns)?;
    for pattern in patterns {
        let file = file(dir, pattern);
        if fs::read_to_string(&file).ok() != Some(pattern.text()) {
            stale.push(file);
        }
    }
    for file in &stale {
        if shell.is_json() {
            shell.json(&json!({"file": file}))?;
        } else {
            shell.line(file.display())?;
        }
    }
    if stale.is_empty() {
        return Ok(Ending::Fine);
    }
    shell.note(format!(
        "{BAD}outdated:{BAD:#} write them anew with `undrift events --write`"
    ));
    Ok(Ending::Found)
}

fn file(dir: &Path, pattern: &Pattern) -> PathBuf {
    dir.join(format!("{}.json", pattern.name))
}

/// Files of patterns that no longer are.
fn strangers(dir: &Path, patterns: &[Pattern]) -> Result<Vec<PathBuf>, Failure> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut all = fs::read_dir(dir)
        .and_then(|all| {
            all.map(|e| e.map(|e| e.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(Failure::file(dir))?;
    all.retain(|p| p.extension().is_some_and(|e| e == "json"));
    all.retain(|p| !patterns.iter().any(|pattern| file(dir, pattern) == *p));
    all.sort();
    Ok(all)
}

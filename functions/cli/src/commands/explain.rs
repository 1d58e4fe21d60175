//! `undrift explain`

use std::path::{Path, PathBuf};

use serde_json::json;
use undrift_core::policy::Bundle;
use undrift_documents::{Document, Documents, did_you_mean, kinds};

use crate::ending::{Ending, Failure};
use crate::explain;
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};
use crate::tree;

/// Say in words how a policy comes to its verdict, and what then happens
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A policy: its id or its file
    // Later also a file of events, and a record.
    #[arg(value_name = "POLICY")]
    subject: String,
}

/// What is to be explained.
enum Subject {
    /// A policy's id, or what can only have been meant as one.
    Policy(String),
    /// A policy's file.
    File(PathBuf),
    /// Events in a file.
    Events,
    /// What was done about one change.
    Record,
}

impl Subject {
    fn of(text: &str) -> Self {
        let path = Path::new(text);
        let extension = path.extension().and_then(|e| e.to_str());
        match extension {
            Some("yaml" | "yml") => Self::File(path.to_owned()),
            Some("json" | "jsonl" | "gz") => Self::Events,
            _ if path.is_file() => Self::Events,
            _ if is_record(text) => Self::Record,
            _ => Self::Policy(text.to_owned()),
        }
    }
}

/// A record is named by its event's id, a UUID, or by its beginning.
fn is_record(text: &str) -> bool {
    let first = text.split('-').next().unwrap_or_default();
    text.contains('#') || first.len() == 8 && first.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let later = |what: &str, instead: &str| {
            Err(Failure::Subject(format!(
                "{} is {what}, which can't be explained yet; {instead}",
                plain(&self.subject)
            )))
        };
        let (documents, index) = match Subject::of(&self.subject) {
            Subject::Policy(id) => of_id(&id)?,
            Subject::File(file) => of_file(&file)?,
            Subject::Events => {
                return later("a file of events", "name a policy by its id or its file");
            }
            Subject::Record => return later("a record", "`undrift show` shows what it holds"),
        };
        let Some(document) = documents.policies.get(index) else {
            return Ok(Ending::Fine);
        };
        whole(shell, document, &documents)?;
        Ok(Ending::Fine)
    }
}

/// The tree's documents, and the place of the policy of that id.
fn of_id(id: &str) -> Result<(Documents, usize), Failure> {
    let documents = tree::documents()?;
    let ids = documents.policies.iter().map(|d| d.policy.id.as_str());
    if let Some(index) = ids.clone().position(|known| known == id) {
        return Ok((documents, index));
    }
    let ids: Vec<&str> = ids.collect();
    let what = match did_you_mean(id, &ids) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", ids.join(", ")),
    };
    let id: String = plain(id).chars().take(100).collect();
    Err(Failure::Subject(format!(
        "no policy is called `{id}`; {what}"
    )))
}

/// The documents of a policy's file: of its tree where it is the current one's, else it alone.
fn of_file(file: &Path) -> Result<(Documents, usize), Failure> {
    let real = file.canonicalize().map_err(Failure::file(file))?;
    if tree::root().is_ok_and(|root| real.starts_with(root.join("policies"))) {
        let documents = tree::documents()?;
        let mut files = documents
            .policies
            .iter()
            .map(|d| d.file.canonicalize().ok());
        if let Some(index) = files.position(|f| f.as_ref() == Some(&real)) {
            return Ok((documents, index));
        }
    }
    let documents = tree::documents_at(&[file.to_owned()])?;
    if documents.policies.is_empty() {
        return Err(Failure::Subject(format!(
            "{} is no policy; `undrift check` reads settings and exemptions",
            file.display()
        )));
    }
    Ok((documents, 0))
}

fn whole(shell: &Shell, document: &Document, documents: &Documents) -> Result<(), Failure> {
    let policy = &document.policy;
    let bundle = Bundle::read(&documents.bundle(), kinds())?;
    let bundled = bundle.policies.iter().find(|p| p.policy.id == policy.id);
    let digest = bundled.map(|p| p.digest.as_str()).unwrap_or_default();
    let sections = explain::policy(document, documents, kinds());
    if shell.is_json() {
        return shell.json(&json!({
            "policy": policy.id,
            "file": document.file,
            "severity": policy.severity,
            "digest": digest,
            "bundle": bundle.digest,
            "sections": sections,
        }));
    }
    let severity = serde_json::to_value(policy.severity).map_err(std::io::Error::from)?;
    shell.line(format!(
        "{GOOD}{}{GOOD:#} ({}), {}",
        policy.id,
        severity.as_str().unwrap_or_default(),
        document.file.display()
    ))?;
    for section in sections {
        shell.line(format!("\n{FAINT}{}{FAINT:#}", section.about))?;
        for line in section.says {
            let line = plain(&line);
            if line.starts_with("fails ") {
                shell.line(format!("  {BAD}{line}{BAD:#}"))?;
            } else {
                shell.line(format!("  {line}"))?;
            }
        }
    }
    shell.line(format!("\n{FAINT}How records name it{FAINT:#}"))?;
    shell.line(format!("  policy {digest}\n  bundle {}", bundle.digest))
}

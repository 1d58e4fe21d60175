//! `undrift explain`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::json;
use undrift_core::iam::{DocumentKind, Line};
use undrift_core::policy::Bundle;
use undrift_documents::{Document, Documents, did_you_mean, kinds};
use undrift_replay::{Fault, Judged, Progress, Replay, Watch};

use crate::ending::{Ending, Failure, counted};
use crate::explain::{self, Section};
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};
use crate::tree;

/// Say in words how a verdict comes about, and what then happens
///
/// Of a policy: what it catches and how it judges. Of events in a file, in any of the forms that
/// `replay` reads: what each one did, what each policy says of it, and what would be done. Of an
/// AWS policy document in a file: what each statement and condition lets in or keeps out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A policy, by its id or its file, a file of events, or a file with a policy document of AWS's
    // Later also a record.
    #[arg(value_name = "POLICY|EVENT-FILE|DOCUMENT")]
    subject: String,
    /// Only the event of this id, where a file has several
    #[arg(long, value_name = "EVENT-ID")]
    event: Option<String>,
}

/// What is to be explained.
enum Subject {
    /// A policy's id, or what can only have been meant as one.
    Policy(String),
    /// A policy's file.
    File(PathBuf),
    /// Events in a file.
    Events(PathBuf),
    /// What was done about one change.
    Record,
}

impl Subject {
    fn of(text: &str) -> Self {
        let path = Path::new(text);
        let extension = path.extension().and_then(|e| e.to_str());
        match extension {
            Some("yaml" | "yml") => Self::File(path.to_owned()),
            Some("json" | "jsonl" | "ndjson" | "gz") => Self::Events(path.to_owned()),
            _ if path.is_file() || text == "-" => Self::Events(path.to_owned()),
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
            Subject::Events(file) => {
                return match document(&file) {
                    Some(line) => of_document(shell, &line),
                    None => events(shell, &file, self.event.as_deref()),
                };
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

/// How much of a file is looked at for a policy document; AWS's longest are 20 KB.
const LONGEST: u64 = 1 << 20;

/// A file's document, where it holds one.
fn document(file: &Path) -> Option<Line> {
    let size = std::fs::metadata(file).ok()?.len();
    let text = (size <= LONGEST).then(|| std::fs::read_to_string(file).ok())??;
    let line = Line::parse(&text, &Line::default()).ok()?;
    let kind = if line.names_nobody() {
        DocumentKind::Identity
    } else {
        line.kind
    };
    Some(Line { kind, ..line })
}

fn of_document(shell: &Shell, line: &Line) -> Result<Ending, Failure> {
    let sections = line.explain().map_err(Failure::Subject)?;
    let sections: Vec<Section> = sections
        .into_iter()
        .map(|(about, says)| Section { about, says })
        .collect();
    if shell.is_json() {
        shell.json(&json!({"verdict": line.judge().verdict, "sections": sections}))?;
    } else {
        print(shell, sections)?;
    }
    Ok(Ending::Fine)
}

/// Each event of a file. Its resources are followed through all events before it in the file.
fn events(shell: &Shell, file: &Path, only: Option<&str>) -> Result<Ending, Failure> {
    let documents = tree::documents()?;
    let reverting = documents.clone().reverting();
    let bundle = Bundle::read(&reverting.bundle(None), kinds())?;
    let replay = Replay {
        bundle: &bundle,
        kinds: kinds(),
        all: true,
        threads: 1,
    };
    let mut teller = Teller {
        shell,
        documents: &documents,
        only,
        told: 0,
        others: Vec::new(),
        more: 0,
        failed: None,
    };
    let counts = replay.run(&[file.to_owned()], &mut teller);
    // A file of a few events that concern nobody was named for them.
    let few = teller.told + teller.others.len() <= FEW && teller.more == 0;
    for judged in std::mem::take(&mut teller.others) {
        if few && teller.failed.is_none() {
            teller.tell(&judged);
        } else {
            teller.more += 1;
        }
    }
    if let Some(failure) = teller.failed {
        return Err(failure);
    }
    if let (Some(id), 0) = (only, teller.told) {
        let id: String = plain(id).chars().take(100).collect();
        return Err(Failure::Subject(format!(
            "{} holds no event `{id}`",
            file.display()
        )));
    }
    if teller.more > 0 {
        shell.note(format!(
            "{FAINT}and{FAINT:#} {} that no policy looks at and that alter nothing it follows",
            counted(teller.more, "event", "events")
        ));
    }
    Ok(if counts.faults > 0 || counts.files == 0 {
        Ending::Blind
    } else {
        Ending::Fine
    })
}

/// How many events that concern nobody are told of, where a file holds no others.
const FEW: usize = 3;

/// Explains events as they come.
struct Teller<'t> {
    shell: &'t Shell,
    documents: &'t Documents,
    only: Option<&'t str>,
    told: usize,
    others: Vec<Judged>,
    more: usize,
    failed: Option<Failure>,
}

impl Teller<'_> {
    fn tell(&mut self, judged: &Judged) {
        if self.told > 0 && !self.shell.is_json() {
            self.failed = self.shell.line("").err();
        }
        self.told += 1;
        let said = of_event(self.shell, judged, self.documents);
        self.failed = self.failed.take().or(said.err());
    }
}

impl Watch for Teller<'_> {
    fn judged(&mut self, judged: &Judged) -> ControlFlow<()> {
        match self.only {
            Some(id) if judged.head.id.as_deref() == Some(id) => self.tell(judged),
            Some(_) => {}
            None if judged.change.is_some() => self.tell(judged),
            None if self.others.len() < FEW => self.others.push(judged.clone()),
            None => self.more += 1,
        }
        if self.failed.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn fault(&mut self, fault: &Fault) {
        self.shell.note(format!(
            "{BAD}left out:{BAD:#} {}",
            plain(&fault.to_string())
        ));
    }

    fn progress(&mut self, _: Progress) {}
}

fn of_event(shell: &Shell, judged: &Judged, documents: &Documents) -> Result<(), Failure> {
    let head = &judged.head;
    let time = head.time.map(|t| t.to_string());
    let sections = explain::event(judged, documents, kinds());
    if shell.is_json() {
        return shell.json(&json!({
            "eventID": head.id,
            "eventName": head.name,
            "eventTime": time,
            "sections": sections,
        }));
    }
    shell.line(format!(
        "{GOOD}{}{GOOD:#} {} {FAINT}{}{FAINT:#}",
        plain(head.name.as_deref().unwrap_or("no name")),
        time.unwrap_or_default(),
        plain(head.id.as_deref().unwrap_or("no id"))
    ))?;
    print(shell, sections)
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
    let bundle = Bundle::read(&documents.bundle(None), kinds())?;
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
    print(shell, sections)?;
    shell.line(format!("\n{FAINT}How records name it{FAINT:#}"))?;
    shell.line(format!("  policy {digest}\n  bundle {}", bundle.digest))
}

fn print(shell: &Shell, sections: Vec<Section>) -> Result<(), Failure> {
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
    Ok(())
}

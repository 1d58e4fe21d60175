//! `undrift judge`

use std::io::{BufRead, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use undrift_core::iam::{Answer, DocumentKind, Line, Unread};

use crate::ending::{Ending, Failure};
use crate::shell::{BAD, FAINT, GOOD, Shell, plain};

/// Judge policy documents: who can get in, or who is an administrator
///
/// Reads one document, or many: one per line, each a document or an object with `policy` and, as
/// far as they are known, `id`, `kind`, `resource_type`, `account`, `trusted`, `boundary`. Needs no
/// account. Answers one line of JSON for each.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A resource's policy, or a role's trust policy: who gets in
    ResourcePolicy {
        /// The service of the resource, as actions have it, where a line doesn't say [default: what
        /// the actions say]
        #[arg(long = "type", value_name = "TYPE")]
        resource_type: Option<String>,
        /// Whose the resource is, where a line doesn't say
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// A file, or `-` for standard input
        #[arg(default_value = "-", value_name = "FILE")]
        file: PathBuf,
    },
    /// What a user, role or group may do: whether it is an administrator, or can become one
    IdentityPolicy {
        /// A file, or `-` for standard input
        #[arg(default_value = "-", value_name = "FILE")]
        file: PathBuf,
    },
}

/// How much of what isn't a whole document yet is kept. AWS's longest are 20 KB.
const LONGEST: usize = 1 << 20;

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let (file, otherwise) = match self.what {
            What::ResourcePolicy {
                resource_type,
                account,
                file,
            } => (
                file,
                Line {
                    resource_type,
                    account,
                    ..Line::default()
                },
            ),
            What::IdentityPolicy { file } => (
                file,
                Line {
                    kind: DocumentKind::Identity,
                    ..Line::default()
                },
            ),
        };
        let mut judge = Judge {
            shell,
            otherwise,
            out: BufWriter::new(std::io::stdout()),
            judged: 0,
            found: false,
            unread: 0,
        };
        let read = judge.all(open(&file)?);
        judge.out.flush()?;
        read?;
        if judge.judged == 0 && judge.unread == 0 {
            shell.note(format!(
                "{BAD}nothing to judge{BAD:#}: no document in {}",
                file.display()
            ));
            return Ok(Ending::Blind);
        }
        Ok(match (judge.unread, judge.found) {
            (0, false) => Ending::Fine,
            (0, true) => Ending::Found,
            _ => Ending::Blind,
        })
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let opened = std::fs::File::open(file).map_err(Failure::file(file))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// How many findings of a document a table shows: an administrator has every way there is.
const SHOWN: usize = 8;

struct Judge<'s> {
    shell: &'s Shell,
    /// What is so where a line doesn't say.
    otherwise: Line,
    out: BufWriter<std::io::Stdout>,
    judged: u64,
    found: bool,
    unread: u64,
}

impl Judge<'_> {
    fn all(&mut self, mut from: Box<dyn BufRead>) -> Result<(), Failure> {
        // A document that is written over several lines, as far as it has come.
        let mut begun = String::new();
        let mut number = 0_u64;
        loop {
            let mut bytes = Vec::new();
            let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX);
            if from.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
                break;
            }
            number += 1;
            let line = String::from_utf8_lossy(&bytes);
            if begun.is_empty() && line.trim().is_empty() {
                continue;
            }
            let alone = begun.is_empty();
            begun.push_str(&line);
            match Line::parse(&begun, &self.otherwise) {
                Ok(line) => {
                    begun.clear();
                    self.one(&line)?;
                }
                Err(Unread::Unfinished) if begun.len() < LONGEST => {}
                Err(e) => {
                    // It may be this line that is whole, and what came before it that isn't.
                    let whole = (!alone).then(|| Line::parse(&line, &self.otherwise));
                    begun.clear();
                    self.unread(number, &e)?;
                    if let Some(Ok(line)) = whole {
                        self.one(&line)?;
                    }
                }
            }
        }
        if !begun.trim().is_empty() {
            self.unread(number, &Unread::Unfinished)?;
        }
        Ok(())
    }

    fn one(&mut self, line: &Line) -> Result<(), Failure> {
        let answer = line.judge();
        self.judged += 1;
        let verdict = answer.verdict.as_str().unwrap_or_default();
        let fine = matches!(verdict, "not_public" | "not_admin");
        self.found |= !fine;
        if self.shell.is_json() {
            serde_json::to_writer(&mut self.out, &answer).map_err(std::io::Error::from)?;
            self.out.write_all(b"\n")?;
            return Ok(());
        }
        self.table(&answer, verdict, fine)
    }

    fn table(&self, answer: &Answer, verdict: &str, fine: bool) -> Result<(), Failure> {
        let id = match &answer.id {
            Value::Null => String::new(),
            Value::String(id) => plain(id),
            other => plain(&other.to_string()),
        };
        let style = if fine { GOOD } else { BAD };
        self.shell
            .line(format!("{style}{verdict:<13}{style:#} {id}"))?;
        if let Some(why) = answer.why.as_ref().filter(|_| !fine) {
            self.shell.line(format!("  {}", plain(why)))?;
        }
        for grant in answer.grants.iter().take(SHOWN) {
            let text =
                |name: &str| plain(grant.get(name).and_then(Value::as_str).unwrap_or_default());
            self.shell.line(format!(
                "  {FAINT}statement{FAINT:#} {}: {}",
                text("statement"),
                text("why")
            ))?;
        }
        let more = answer.grants.len().saturating_sub(SHOWN);
        if more > 0 {
            let line = format!("  {FAINT}… and {more} more (`--output json` has all){FAINT:#}");
            self.shell.line(line)?;
        }
        Ok(())
    }

    /// What can't be read is told in its place, so that no line of the input is without an answer.
    fn unread(&mut self, number: u64, why: &Unread) -> Result<(), Failure> {
        self.unread += 1;
        if self.shell.is_json() {
            let line = json!({"line": number, "verdict": "cannot_tell", "grants": [],
                "why": why.to_string()});
            serde_json::to_writer(&mut self.out, &line).map_err(std::io::Error::from)?;
            self.out.write_all(b"\n")?;
        }
        self.shell.note(format!(
            "{BAD}left out:{BAD:#} line {number}: {}",
            plain(&why.to_string())
        ));
        Ok(())
    }
}

//! `undrift init`

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use undrift_documents::kinds;
use undrift_documents::schema::Format;

use crate::ending::{Ending, Failure};
use crate::shell::{FAINT, GOOD, Shell};

/// Begin a folder of policies: settings, exemptions, a policy with every field explained
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to put it in
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// What is written besides the schemas. Each must be right in the company of the others.
const DOCUMENTS: [(&str, &str); 3] = [
    (
        "settings.yaml",
        include_str!("../../../../policies/settings.yaml"),
    ),
    (
        "exemptions.yaml",
        include_str!("../../../../policies/exemptions.yaml"),
    ),
    (
        "ec2/ec2-security-group-open-admin-ports.yaml",
        include_str!("../../scaffold/ec2-security-group-open-admin-ports.yaml"),
    ),
];

/// The policy that is explained first.
const FIRST: &str = "ec2-security-group-open-admin-ports";

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let dir = tidy(&self.dir.join("policies"));
        refuse_what_is_there(&dir)?;
        let documents = DOCUMENTS.map(|(file, text)| (dir.join(file), text.to_owned()));
        let schemas = Format::ALL.map(|f| (dir.join("schema").join(f.file()), f.text(kinds())));
        for (file, text) in documents.into_iter().chain(schemas) {
            write(&file, &text)?;
            if shell.is_json() {
                shell.json(&json!({"file": file}))?;
            } else {
                shell.line(format!("{GOOD}wrote{GOOD:#} {}", file.display()))?;
            }
        }
        shell.note(self.next_steps(&dir));
        Ok(Ending::Fine)
    }

    fn next_steps(&self, dir: &Path) -> String {
        let enter = if self.dir == Path::new(".") {
            String::new()
        } else {
            format!("  cd {}\n", self.dir.display())
        };
        let step = |command: &str, does: &str| format!("  {command:<24}{FAINT}{does}{FAINT:#}\n");
        format!(
            "\nNext:\n{enter}{}{}{}{}\nRead and edit {}: an editor with YAML support knows its \
             fields. Until `deployment` is set in settings.yaml, Undrift only observes.",
            step("undrift check", "are the documents right?"),
            step("undrift test", "do their own cases hold?"),
            step(
                "undrift explain ec2-…",
                "how a policy comes to its verdict, in words"
            )
            .replace("ec2-…", &format!("{FIRST}\n{:26}", "")),
            step("undrift bundle", "what the functions load"),
            dir.join("ec2").display(),
        )
    }
}

/// Without a leading `./`, as people would type it.
fn tidy(path: &Path) -> PathBuf {
    path.strip_prefix(".")
        .map_or_else(|_| path.to_owned(), Path::to_owned)
}

/// Nothing is overwritten, and nothing is mixed with what somebody has.
fn refuse_what_is_there(dir: &Path) -> Result<(), Failure> {
    let there = match fs::symlink_metadata(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Failure::file(dir)(e)),
        Ok(_) => dir,
    };
    let mut names = Vec::new();
    if there.is_dir() {
        for entry in fs::read_dir(dir).map_err(Failure::file(dir))? {
            let entry = entry.map_err(Failure::file(dir))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        if names.is_empty() {
            return Ok(());
        }
        names.sort();
    }
    Err(Failure::NotEmpty {
        path: dir.to_owned(),
        names,
    })
}

/// Writes a file that must not be there yet.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir).map_err(Failure::file(dir))?;
    }
    fs::File::create_new(file)
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .map_err(Failure::file(file))
}

//! `undrift schema`

use std::fs;

use clap::ValueEnum;
use serde_json::json;
use undrift_documents::kinds;
use undrift_documents::schema::Format;

use crate::ending::{Ending, Failure};
use crate::shell::{BAD, Shell};
use crate::tree;

/// Show the JSON Schemas of the documents, which editors read
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of which document [default: all]
    #[arg(value_enum)]
    document: Option<Document>,
    /// Write them to policies/schema/, one file each
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Only see whether policies/schema/ holds them
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Document {
    Policy,
    Settings,
    Exemptions,
}

impl From<Document> for Format {
    fn from(document: Document) -> Self {
        match document {
            Document::Policy => Self::Policy,
            Document::Settings => Self::Settings,
            Document::Exemptions => Self::Exemptions,
        }
    }
}

impl Args {
    pub(crate) fn run(self, shell: &Shell) -> Result<Ending, Failure> {
        let one: Option<Format> = self.document.map(Format::from);
        let formats = Format::ALL
            .into_iter()
            .filter(|f| one.is_none_or(|o| o == *f));
        if self.write || self.check {
            return self.files(shell, formats);
        }
        for format in formats {
            let schema = format.schema(kinds());
            // Of one document the schema itself, for a file; of all, each with its file's name.
            match (shell.is_json(), one) {
                (true, Some(_)) => shell.json(&schema)?,
                (true, None) => shell.json(&json!({"file": format.file(), "schema": schema}))?,
                (false, _) => shell.line(format.text(kinds()).trim_end())?,
            }
        }
        Ok(Ending::Fine)
    }

    fn files(
        &self,
        shell: &Shell,
        formats: impl Iterator<Item = Format>,
    ) -> Result<Ending, Failure> {
        let dir = tree::policies()?.join("schema");
        let mut ending = Ending::Fine;
        for format in formats {
            let file = dir.join(format.file());
            let text = format.text(kinds());
            if self.write {
                fs::create_dir_all(&dir).map_err(Failure::file(&dir))?;
                fs::write(&file, text).map_err(Failure::file(&file))?;
                shell.note(format!("wrote {}", file.display()));
            } else if fs::read_to_string(&file).ok() != Some(text) {
                ending = Ending::Found;
                if shell.is_json() {
                    shell.json(&json!({"file": file}))?;
                } else {
                    shell.line(file.display())?;
                }
            }
        }
        if ending == Ending::Found {
            shell.note(format!(
                "{BAD}outdated:{BAD:#} write them anew with `undrift schema --write`"
            ));
        }
        Ok(ending)
    }
}

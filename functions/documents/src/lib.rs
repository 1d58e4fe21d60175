//! Policy documents on disk: reads the YAML, says where it is wrong, runs the documents' own
//! cases, bundles it all for the functions. The functions themselves parse no YAML.
//!
//! ```text
//! policies/settings.yaml          the deployment's settings
//! policies/exemptions.yaml        the reviewed exemptions
//! policies/<service>/<id>.yaml    the policies
//! ```

mod cases;
pub mod catalogue;
mod check;
mod error;
pub mod events;
mod files;
mod json;
mod nearest;
mod notes;
mod read;
mod scalar;
pub mod schema;
mod shape;
mod yaml;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use undrift_core::kind::{Kind, Kinds};
use undrift_core::policy::{Bundle, Exemptions, Mode, ModeList, Policy, Settings};

pub use cases::{CaseResult, run_cases};
pub use error::DocumentError;
pub use nearest::did_you_mean;
pub use notes::Note;

use error::Fault;
use files::{File, Role, Sources};
use schema::Format;

/// A policy document and the file it came from.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file.
    pub file: PathBuf,
    /// The policy.
    pub policy: Policy,
    places: yaml::Node,
}

/// Every document of a deployment, checked.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// The policies, by id.
    pub policies: Vec<Document>,
    /// The settings.
    pub settings: Settings,
    /// The reviewed exemptions.
    pub exemptions: Exemptions,
    /// Their file, and the line of each.
    exemptions_at: Option<(PathBuf, Vec<Option<usize>>)>,
}

impl Documents {
    /// The policies alone.
    #[must_use]
    pub fn enabled(&self) -> Vec<Policy> {
        self.policies.iter().map(|d| d.policy.clone()).collect()
    }

    /// The same documents under the settings of another file, whatever it is called.
    pub fn under(mut self, settings_file: &Path) -> Result<Self, Vec<DocumentError>> {
        let sources = files::settings(settings_file);
        let mut errors = sources.errors;
        let known: Vec<String> = self
            .policies
            .iter()
            .map(|d| d.policy.id.to_string())
            .collect();
        for file in sources.files {
            let faults = settings(&file, Some(&known), kinds(), &mut self);
            errors.extend(faults.iter().map(|f| file.error(f)));
        }
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(errors)
        }
    }

    /// The same documents as if everything were to be reverted: no mode holds anything back.
    #[must_use]
    pub fn reverting(mut self) -> Self {
        for document in &mut self.policies {
            document.policy.mode = Mode::Revert;
        }
        self.settings.deployment = Some(Mode::Revert);
        self.settings.accounts = ModeList::default();
        self.settings.policies = ModeList::default();
        self
    }

    /// What a function loads: one canonical JSON text with its digest. `service`: with the
    /// policies of that AWS service's kinds alone, since its function knows no others.
    #[must_use]
    pub fn bundle(&self, service: Option<&str>) -> String {
        let mut policies = self.enabled();
        policies.retain(|p| service.is_none_or(|s| p.kind.service() == s));
        Bundle::write(&policies, &self.settings, &self.exemptions)
    }
}

/// Every kind of resource that any function knows.
#[must_use]
pub fn kinds() -> Kinds<'static> {
    static ALL: LazyLock<Vec<&'static dyn Kind>> = LazyLock::new(|| {
        [
            undrift_cloudtrail::kinds(),
            undrift_ec2::kinds(),
            undrift_iam::kinds(),
            undrift_s3::kinds(),
        ]
        .concat()
    });
    Kinds(&ALL)
}

/// Reads the folder `policies/`, whole, against the kinds that Undrift knows. Every error of
/// every file is reported, not only the first.
pub fn load(dir: &Path) -> Result<Documents, Vec<DocumentError>> {
    load_with(dir, kinds())
}

/// As [`load`], against other kinds.
pub fn load_with(dir: &Path, kinds: Kinds<'_>) -> Result<Documents, Vec<DocumentError>> {
    checked(files::tree(dir), kinds)
}

/// Reads some files or folders. References from settings and exemptions to policies are only
/// checked where a whole `policies/` folder is among them.
pub fn load_paths(paths: &[PathBuf], kinds: Kinds<'_>) -> Result<Documents, Vec<DocumentError>> {
    checked(files::among(paths), kinds)
}

fn checked(sources: Sources, kinds: Kinds<'_>) -> Result<Documents, Vec<DocumentError>> {
    let mut errors = sources.errors;
    let mut found = Documents::default();
    let mut rest = Vec::new();
    for file in sources.files {
        match file.role {
            Role::Policy => errors.extend(policy(file, sources.whole, kinds, &mut found)),
            Role::Settings | Role::Exemptions => rest.push(file),
        }
    }
    found.policies.sort_by(|a, b| a.policy.id.cmp(&b.policy.id));
    // Policies with errors count as known here: one mistake is reported once.
    let known = sources.whole.then_some(sources.policies);
    for file in rest {
        let faults = match file.role {
            Role::Settings => settings(&file, known.as_deref(), kinds, &mut found),
            _ => exemptions(&file, known.as_deref(), kinds, &mut found),
        };
        errors.extend(faults.iter().map(|f| file.error(f)));
    }
    if errors.is_empty() {
        Ok(found)
    } else {
        errors.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        Err(errors)
    }
}

fn policy(file: File, whole: bool, kinds: Kinds<'_>, to: &mut Documents) -> Vec<DocumentError> {
    let (policy, places, structure) = match read::document::<Policy>(&file.text, Format::Policy) {
        Ok(read) => read,
        Err(faults) => return faults.iter().map(|f| file.error(f)).collect(),
    };
    let content = check::policy(&policy, &places, &file.text, kinds);
    let mut faults = read::together(structure, content);
    faults.extend(check::file_name(&policy, &places, &file.path, whole));
    if let Some(twin) = to.policies.iter().find(|d| d.policy.id == policy.id) {
        faults.push(Fault::new(
            places.value(&[yaml::Step::In("id")]),
            format!("{} has this id already", twin.file.display()),
        ));
    }
    let errors = faults.iter().map(|f| file.error(f)).collect();
    to.policies.push(Document {
        file: file.path,
        policy,
        places,
    });
    errors
}

fn settings(
    file: &File,
    known: Option<&[String]>,
    kinds: Kinds<'_>,
    to: &mut Documents,
) -> Vec<Fault> {
    match read::document::<Settings>(&file.text, Format::Settings) {
        Ok((settings, places, structure)) => {
            to.settings = settings;
            let content = check::settings(
                &to.settings,
                &places,
                &file.text,
                known,
                &to.policies,
                kinds,
            );
            read::together(structure, content)
        }
        Err(faults) => faults,
    }
}

fn exemptions(
    file: &File,
    known: Option<&[String]>,
    kinds: Kinds<'_>,
    to: &mut Documents,
) -> Vec<Fault> {
    match read::document::<Exemptions>(&file.text, Format::Exemptions) {
        Ok((exemptions, places, structure)) => {
            to.exemptions = exemptions;
            let line = |index| places.value(&[yaml::Step::At(index)]).map(|p| p.line);
            let lines = (0..to.exemptions.0.len()).map(line).collect();
            to.exemptions_at = Some((file.path.clone(), lines));
            let content = check::exemptions(
                &mut to.exemptions,
                &places,
                &file.text,
                known,
                &to.policies,
                kinds,
            );
            read::together(structure, content)
        }
        Err(faults) => faults,
    }
}

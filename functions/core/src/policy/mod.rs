//! Policies: which changes, what is wrong, what to do about it.

mod bundle;
mod document;
mod exemption;
#[cfg(feature = "schema")]
pub mod schema;
mod settings;

pub use bundle::{Bundle, BundleError, BundledPolicy};
pub use document::{
    Case, Desired, Earlier, Expect, Mode, Needs, Policy, Remedy, SchemaVersion, Severity,
};
pub use exemption::{Exemption, ExemptionSource, Exemptions, Finding, Scope};
pub use settings::{ModeList, Settings};

//! What must hold of documents beyond their types.

mod cases;
mod elements;
mod exemptions;
mod expression;
mod policy;
mod settings;

pub(crate) use elements::image;
pub(crate) use exemptions::exemptions;
pub(crate) use policy::{file_name, policy};
pub(crate) use settings::settings;

use crate::nearest::did_you_mean;

/// `unknown … `name` of …; did you mean …?`, or what is known.
fn unknown(what: &str, name: &str, of: &str, known: &[&str]) -> String {
    let of = if of.is_empty() {
        String::new()
    } else {
        format!(" of {of}")
    };
    match (did_you_mean(name, known), known) {
        (Some(near), _) => format!("unknown {what} `{name}`{of}; did you mean `{near}`?"),
        (None, []) => format!("unknown {what} `{name}`{of}; there is none"),
        (None, _) => format!(
            "unknown {what} `{name}`{of}; known are {}",
            known.join(", ")
        ),
    }
}

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

/// `unknown …; did you mean …?`, or what is known.
fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match did_you_mean(name, known) {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{name}`; known are {}", known.join(", ")),
    }
}

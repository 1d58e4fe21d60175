//! Judges recorded history: what each policy says of each change, by what the records show and
//! what the ones before them showed. Nothing is asked of any account.
//!
//! The way of a record, and who has it in hand:
//!
//! | thread | module | does |
//! |---|---|---|
//! | readers, one per core | `reading` | takes file after file |
//! | | `files` | finds and inflates, bounded |
//! | | `split`, `skim` | cuts the stream into records; what concerns nobody is never parsed |
//! | | `record` | parses, decodes, tells what was touched |
//! | the caller's | `desk`, `order` | puts changes into the order of their time, sends them to judges |
//! | judges, one per core | `court` | follows each resource, judges each change |
//! | the caller's | `desk` | gives what was judged, in order |
//!
//! Memory is flat: what is held back to be ordered, the states that are followed, and one record
//! per reader all have limits.

mod court;
mod desk;
mod files;
mod order;
mod reading;
mod record;
mod replay;
mod skim;
mod split;
mod summary;

pub use court::{Outcome, Part};
pub use files::Source;
pub use record::Head;
pub use replay::{Counts, Fault, Judged, Progress, Replay, Watch};
pub use split::Place;
pub use summary::{Flapping, OfPolicy, Pipeline, Summary};

//! Which events of the catalogue of controls the encoder gives a shape that no real record has confirmed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

#[path = "shapes/corpus.rs"]
mod corpus;
mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use corpus::{call_of, entries, models, own, table};
use serde_json::json;

/// Set to write the list anew.
const REGENERATE: &str = "UNDRIFT_WRITE_INFERRED";

#[test]
fn the_list_of_inferred_shapes_is_current() {
    let models = models();
    let mut seen = BTreeSet::new();
    for entry in entries() {
        if matches!(entry.quality.as_str(), "captured" | "fixture")
            && let Some((service, operation)) = call_of(&models, &entry.event)
        {
            seen.insert((service.name.clone(), operation));
        }
    }
    let mut inferred = String::from(
        "# Events of the catalogue whose shape no record of AWS has confirmed: it follows from the API's model and the rules.\n",
    );
    let mut unknown = String::from(
        "# Events of the catalogue that are no call of a model: service events and sign-ins.\n",
    );
    for row in table("tests/catalogue-events.tsv") {
        let (source, name) = (&row[0], &row[1]);
        match call_of(
            &models,
            &json!({ "eventSource": source, "eventName": name }),
        ) {
            None => {
                let _ = writeln!(unknown, "{source} {name}");
            }
            Some((service, operation))
                if !seen.contains(&(service.name.clone(), operation.clone())) =>
            {
                let _ = writeln!(inferred, "{source} {name} = {}.{operation}", service.name);
            }
            Some(_) => {}
        }
    }
    let want = inferred + &unknown;
    let path = own("src/encoder/inferred.txt");
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(&path, &want).expect("written");
    }
    let have = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        have == want,
        "set {REGENERATE}=1 to write `{}` anew",
        path.display()
    );
}

//! The corpus's records and the calls they tell of.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use undrift_local::{Models, Progress, Service, Venv, encoder};

use crate::support;

pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) quality: String,
    pub(crate) event: Value,
}

pub(crate) fn own(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)
}

pub(crate) fn entries() -> Vec<Entry> {
    let path = support::tree_root().join("tests/corpus/cloudtrail-dev.jsonl");
    let text = std::fs::read_to_string(path).expect("the corpus");
    let read = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        Entry {
            id: line["id"].as_str().expect("an id").to_owned(),
            quality: line["quality"].as_str().expect("a quality").to_owned(),
            event: line["event"].take(),
        }
    };
    text.lines().map(read).collect()
}

pub(crate) fn models() -> Models {
    let silence: Progress = Arc::new(|_: &str| {});
    let (target, requirements) = (
        support::target_dir(),
        support::tree_root().join("tests/moto/requirements.txt"),
    );
    let venv = Venv::ensure(&target, &requirements, &silence);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    Models::new(
        runtime
            .block_on(venv)
            .expect("a Python environment")
            .models()
            .expect("models"),
    )
}

/// The call a record tells of; of services that share a source, the one whose API version it names.
pub(crate) fn call_of(models: &Models, event: &Value) -> Option<(Arc<Service>, String)> {
    let source = event["eventSource"].as_str()?;
    let name = event["eventName"].as_str()?;
    if event["eventType"] == "AwsServiceEvent" {
        return None;
    }
    let mut all: Vec<_> = models
        .recorded_as(source)
        .into_iter()
        .filter_map(|service| {
            Some((
                Arc::clone(&service),
                encoder::operations_named(&service, name)?,
            ))
        })
        .collect();
    let version = event["apiVersion"]
        .as_str()
        .unwrap_or_default()
        .replace('_', "-");
    all.sort_by_key(|(service, _)| service.api_version != version);
    all.into_iter().next()
}

/// The rows of a table of tab-separated fields.
pub(crate) fn table(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(own(file)).unwrap_or_default();
    let rows = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

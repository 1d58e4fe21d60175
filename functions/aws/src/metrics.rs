//! Metrics as lines of CloudWatch's embedded metric format (CloudWatch User Guide, "Embedded
//! metric format specification"): one JSON object per line of standard output.
//!
//! Dimensions are few and bounded (function, kind, outcome): each combination is a metric that
//! is paid for, and an ARN among them would be without end.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use undrift_core::name::KindId;
use undrift_core::record::{ChangeKey, Record};
use undrift_engine::port::{CapKey, Claim, Claimed, Close, Closed, Journal, JournalError, Known};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Undrift";

/// Where metrics go.
#[derive(Clone)]
pub struct Metrics {
    function: String,
    out: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of a function, a line each to `out`.
    pub fn new(function: &str, out: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            function: function.to_owned(),
            out: Arc::new(out),
        }
    }

    /// Metrics of a function, to standard output.
    #[must_use]
    pub fn to_stdout(function: &str) -> Self {
        Self::new(function, |line| {
            use std::io::Write;
            // Nobody can be told that standard output is gone.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })
    }

    /// `EventLag`, in milliseconds: from the API call (CloudTrail dates it to the second) until
    /// the function took its event.
    pub fn event_lag(&self, happened: Timestamp, now: Timestamp) {
        let lag = (now.as_millisecond() - happened.as_millisecond()).max(0);
        self.write(now, &[], &[("EventLag", "Milliseconds", lag)]);
    }

    /// `Rejected`: a message was not understood.
    pub fn rejected(&self, now: Timestamp) {
        self.write(now, &[], &[("Rejected", "Count", 1)]);
    }

    /// `Failures`: a batch or request ended in a panic or ran out of time.
    pub fn failed(&self, now: Timestamp) {
        self.write(now, &[], &[("Failures", "Count", 1)]);
    }

    /// `Records` by kind and outcome, and where calls were sent `TimeToClose` in milliseconds:
    /// from the API call until the exposure was gone.
    pub fn record(&self, record: &Record, now: Timestamp) {
        let kind: &KindId = &record.key.resource.kind;
        let outcome = match serde_json::to_value(record.outcome.kind) {
            Ok(Value::String(word)) => word,
            _ => "unknown".to_owned(),
        };
        let mut values = vec![("Records", "Count", 1)];
        if let Some(open) = record.open_for() {
            values.push(("TimeToClose", "Milliseconds", open));
        }
        self.write(
            now,
            &[("kind", kind.as_str()), ("outcome", &outcome)],
            &values,
        );
    }

    /// `Notices`: people were told on a channel.
    pub fn told(&self, channel: &str, now: Timestamp) {
        self.write(now, &[("channel", channel)], &[("Notices", "Count", 1)]);
    }

    fn write(&self, now: Timestamp, dimensions: &[(&str, &str)], values: &[(&str, &str, i64)]) {
        let function = ("function", self.function.as_str());
        let dimensions: Vec<_> = std::iter::once(&function).chain(dimensions).collect();
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<Value> = values
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [
                    {"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics}
                ],
            }),
        );
        for (name, value) in dimensions {
            line.insert((*name).to_owned(), json!(value));
        }
        for (name, _, value) in values {
            line.insert((*name).to_owned(), json!(value));
        }
        (self.out)(&Value::Object(line).to_string());
    }
}

/// A journal whose closed records are counted.
#[derive(Debug, Clone)]
pub struct Metered<J> {
    /// The journal itself.
    pub journal: J,
    /// Where the counts go.
    pub metrics: Metrics,
}

impl<J: Journal> Journal for Metered<J> {
    async fn know(
        &self,
        resource: &undrift_core::kind::ResourceRef,
        keys: &[ChangeKey],
    ) -> Result<Known, JournalError> {
        self.journal.know(resource, keys).await
    }

    async fn claim(
        &self,
        claim: &Claim,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Claimed, JournalError> {
        self.journal.claim(claim, expected, now).await
    }

    async fn spend(&self, caps: &[CapKey]) -> Result<Vec<u64>, JournalError> {
        self.journal.spend(caps).await
    }

    async fn refund(&self, caps: &[CapKey]) -> Result<(), JournalError> {
        self.journal.refund(caps).await
    }

    async fn close(&self, close: &Close) -> Result<Closed, JournalError> {
        let closed = self.journal.close(close).await?;
        let now = Timestamp::now();
        for record in &close.records {
            self.metrics.record(record, now);
        }
        Ok(closed)
    }

    async fn reject(&self, digest: &str, why: &str, beginning: &str) -> Result<(), JournalError> {
        self.journal.reject(digest, why, beginning).await
    }

    async fn record(&self, key: &ChangeKey) -> Result<Option<Record>, JournalError> {
        self.journal.record(key).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::sync::Mutex;

    fn lines(write: impl FnOnce(&Metrics)) -> Vec<Value> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&kept);
        let metrics = Metrics::new("undrift-ec2", move |line| {
            assert!(!line.contains('\n'));
            to.lock().unwrap().push(serde_json::from_str(line).unwrap());
        });
        write(&metrics);
        kept.lock().unwrap().clone()
    }

    /// What the specification demands of a line.
    fn check(line: &Value) {
        assert!(line["_aws"]["Timestamp"].is_i64());
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive["Namespace"], "Undrift");
            for set in directive["Dimensions"].as_array().unwrap() {
                for name in set.as_array().unwrap() {
                    let value = line[name.as_str().unwrap()].as_str().unwrap();
                    assert!((1..=1024).contains(&value.len()));
                }
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(line[metric["Name"].as_str().unwrap()].is_number());
                assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
            }
        }
    }

    #[test]
    fn lines_are_what_cloudwatch_reads() {
        let at = |t: &str| t.parse::<Timestamp>().unwrap();
        let now = at("2026-01-24T03:45:52.250Z");
        let lines = lines(|m| {
            m.event_lag(at("2026-01-24T03:45:49Z"), now);
            m.event_lag(at("2026-01-24T03:45:53Z"), now);
            m.rejected(now);
            m.record(&testing::record("e-1", 1), now);
            m.told("sns", now);
        });
        lines.iter().for_each(check);
        assert_eq!(lines[0]["EventLag"], 3250);
        assert_eq!(lines[1]["EventLag"], 0);
        assert_eq!(lines[2]["Rejected"], 1);
        assert_eq!(lines[3]["outcome"], "reverted");
        assert_eq!(lines[3]["kind"], "ec2/security-group");
        assert_eq!(lines[3]["TimeToClose"], 2000);
        assert_eq!(lines[3]["Records"], 1);
    }
}

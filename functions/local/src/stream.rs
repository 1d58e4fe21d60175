//! Event source mappings from `DynamoDB` streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::activity::Activity;
use crate::client::Client;
use crate::ids;
use crate::pattern::Pattern;
use crate::runtime::Function;

/// How often a stream is read.
const POLL: Duration = Duration::from_millis(25);

/// How many records a batch has at most: Lambda's default.
const BATCH: usize = 100;

/// Waits between tries of a failed batch: doubled from the first to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A stream that is being read.
#[derive(Debug)]
pub(crate) struct StreamMapping {
    /// Reads in a row that found nothing.
    pub(crate) empty_reads: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Drop for StreamMapping {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reader {
    client: Client,
    arn: String,
    region: String,
    function: Function,
    filter: Option<Pattern>,
    activity: Activity,
    empty_reads: Arc<AtomicU32>,
}

impl StreamMapping {
    /// Reads a stream from its beginning and hands its records to a function, in order, each batch until it
    /// succeeds. `client` goes straight to the emulator.
    pub(crate) fn start(
        client: Client,
        arn: &str,
        function: Function,
        filter: Option<Pattern>,
        activity: Activity,
    ) -> Self {
        let empty_reads = Arc::new(AtomicU32::new(0));
        let region = arn.split(':').nth(3).unwrap_or_default().to_owned();
        let reader = Reader {
            client,
            arn: arn.to_owned(),
            region,
            function,
            filter,
            activity,
            empty_reads: Arc::clone(&empty_reads),
        };
        Self {
            empty_reads,
            task: tokio::spawn(reader.read()),
        }
    }
}

impl Reader {
    async fn read(self) {
        let mut iterator = None;
        loop {
            let Some(current) = iterator.take() else {
                iterator = self.iterator().await;
                if iterator.is_none() {
                    tokio::time::sleep(POLL).await;
                }
                continue;
            };
            let asked = json!({ "ShardIterator": current, "Limit": BATCH });
            let Ok(answer) = self
                .client
                .call("dynamodbstreams", "GetRecords", asked)
                .await
            else {
                tokio::time::sleep(POLL).await;
                continue;
            };
            iterator = answer
                .get("NextShardIterator")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let records = answer
                .get("Records")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            if records.is_empty() {
                self.empty_reads.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(POLL).await;
                continue;
            }
            self.empty_reads.store(0, Ordering::SeqCst);
            let _running = self.activity.begin();
            let events: Vec<Value> = records.iter().map(|record| self.event(record)).collect();
            let wanted = events
                .into_iter()
                .filter(|event| {
                    self.filter
                        .as_ref()
                        .is_none_or(|filter| filter.matches(event))
                })
                .collect();
            self.deliver(wanted).await;
        }
    }

    /// An iterator at the beginning of the stream's first shard; moto has but one.
    async fn iterator(&self) -> Option<String> {
        let asked = json!({ "StreamArn": self.arn });
        let stream = self
            .client
            .call("dynamodbstreams", "DescribeStream", asked)
            .await
            .ok()?;
        let shard = stream
            .pointer("/StreamDescription/Shards/0/ShardId")?
            .as_str()?;
        let asked =
            json!({ "StreamArn": self.arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
        let answer = self
            .client
            .call("dynamodbstreams", "GetShardIterator", asked)
            .await
            .ok()?;
        answer.get("ShardIterator")?.as_str().map(str::to_owned)
    }

    /// A record as Lambda hands it to a function.
    fn event(&self, record: &Value) -> Value {
        let at = |pointer: &str| record.pointer(pointer).cloned();
        let mut change = serde_json::Map::new();
        for name in [
            "ApproximateCreationDateTime",
            "Keys",
            "NewImage",
            "OldImage",
            "SequenceNumber",
            "SizeBytes",
            "StreamViewType",
        ] {
            if let Some(value) = at(&format!("/dynamodb/{name}")).filter(|value| !value.is_null()) {
                change.insert(name.to_owned(), value);
            }
        }
        let id = at("/eventID").and_then(|id| id.as_str().map(|id| id.replace('-', "")));
        json!({
            "eventID": id.unwrap_or_else(|| ids::uuid().replace('-', "")),
            "eventName": at("/eventName"),
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": self.region,
            "dynamodb": change,
            "eventSourceARN": self.arn,
        })
    }

    /// Delivers a batch until all of it has succeeded. After a partial failure, what comes from the first failed
    /// record on is delivered again, as AWS documents for streams.
    async fn deliver(&self, mut records: Vec<Value>) {
        let mut wait = RETRY.0;
        while !records.is_empty() {
            if let Ok(answer) = self.function.invoke(&json!({ "Records": records })).await {
                let sequence = |record: &Value| record.pointer("/dynamodb/SequenceNumber").cloned();
                let first = records.iter().position(|record| {
                    let sequence = sequence(record);
                    let sequence = sequence
                        .as_ref()
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    crate::mapping::failed(&answer, sequence)
                });
                match first {
                    None => return,
                    Some(first) => drop(records.drain(..first)),
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY.1);
        }
    }
}

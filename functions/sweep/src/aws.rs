//! Lambda and CloudTrail as the sweep's world.

use std::time::Duration;

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use undrift_aws::client::{SdkConfig, classify};
use undrift_aws::invoke::{Functions, attempts};
use undrift_engine::port::CallError;
use undrift_engine::sweep::Missed;

use crate::slice::World;

/// `LookupEvents` may be called twice a second in an account and Region, by everybody together
/// (CloudTrail User Guide, "Quotas"): one and a half leaves some to people.
const PACE: Duration = Duration::from_millis(650);
/// How many pages of fifty events are read for one resource.
const PAGES: usize = 10;
/// How much of them is handed over, in bytes: an invocation takes 6 MB (Lambda Developer Guide,
/// "Quotas"), and texts in texts grow.
const LARGEST: usize = 2_000_000;
/// What was done just before the resource was last seen may be missing in what was seen.
const EARLIER: SignedDuration = SignedDuration::from_secs(10);

/// AWS.
#[derive(Debug)]
pub struct Aws {
    functions: Functions,
    trail: aws_sdk_cloudtrail::Client,
    looked: Mutex<Option<Instant>>,
}

impl Aws {
    /// One client each.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            functions: Functions::new(config),
            trail: aws_sdk_cloudtrail::Client::new(config),
            looked: Mutex::default(),
        }
    }

    /// Waits until the event history may be asked again.
    async fn pace(&self) {
        let mut looked = self.looked.lock().await;
        if let Some(last) = *looked {
            tokio::time::sleep_until(last + PACE).await;
        }
        *looked = Some(Instant::now());
    }

    /// The events under one attribute.
    async fn lookup(
        &self,
        attribute: LookupAttribute,
        missed: &Missed,
    ) -> Result<Vec<String>, CallError> {
        let since = missed.since - EARLIER;
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut token = None;
        for _ in 0..PAGES {
            let page = attempts(|| async {
                self.pace().await;
                self.trail
                    .lookup_events()
                    .lookup_attributes(attribute.clone())
                    .start_time(DateTime::from_secs(since.as_second()))
                    .max_results(50)
                    .set_next_token(token.clone())
                    .send()
                    .await
                    .map_err(|e| {
                        classify(&e, "cloudtrail:LookupEvents", &missed.resource.to_string())
                    })
            })
            .await?;
            let named = |e: &&aws_sdk_cloudtrail::types::Event| {
                let name = e.event_name();
                name.is_some_and(|name| missed.events.iter().any(|n| n.as_str() == name))
            };
            let events = page.events().iter().filter(named);
            for record in events.filter_map(|e| e.cloud_trail_event()) {
                // What failed altered nothing, and anybody can make much of it.
                if !failed(record) && bytes + record.len() <= LARGEST {
                    bytes += record.len();
                    records.push(record.to_owned());
                }
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        if token.is_some() {
            tracing::warn!(resource = %missed.resource, "the event history holds more than was read");
        }
        Ok(records)
    }
}

/// The record's own member tells; what somebody wrote in its request doesn't.
fn failed(record: &str) -> bool {
    let read = serde_json::from_str::<Value>(record);
    read.is_ok_and(|record| record.get("errorCode").is_some())
}

impl World for Aws {
    async fn ask(&self, function: &str, request: Value) -> Result<Value, String> {
        self.functions.ask(function, &request).await
    }

    async fn records(&self, missed: &Missed) -> Result<Vec<String>, String> {
        let by = |key: LookupAttributeKey, value: &str| {
            LookupAttribute::builder()
                .attribute_key(key)
                .attribute_value(value)
                .build()
                .map_err(|e| e.to_string())
        };
        if let Some(name) = &missed.name {
            let attribute = by(LookupAttributeKey::ResourceName, name)?;
            let records = self.lookup(attribute, missed).await;
            return records.map_err(|e| e.to_string());
        }
        let mut records = Vec::new();
        for name in &missed.events {
            let attribute = by(LookupAttributeKey::EventName, name.as_str())?;
            let found = self.lookup(attribute, missed).await;
            records.extend(found.map_err(|e| e.to_string())?);
        }
        Ok(records)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

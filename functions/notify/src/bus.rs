//! An event bus that gets every record, news or not.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use undrift_aws::client::classify;
use undrift_core::notice::event::{DETAIL_TYPE, SOURCE, detail};

use crate::channel::{Channel, Failure, Told};
use crate::sns::{failure, patient};

/// An event bus.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    name: String,
}

impl Bus {
    /// The bus of that name or ARN.
    #[must_use]
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self {
            client: Client::from_conf(
                aws_sdk_eventbridge::config::Builder::from(config)
                    .timeout_config(patient())
                    .build(),
            ),
            name,
        }
    }
}

impl Channel for Bus {
    fn name(&self) -> &'static str {
        "events"
    }

    fn takes(&self, _: &Told) -> bool {
        true
    }

    async fn send(&self, told: &Told) -> Result<String, Failure> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(detail(&told.record, told.times_today).to_string())
            .build();
        let put = self.client.put_events().entries(entry).send().await;
        let put = put.map_err(|e| failure(&classify(&e, "events:PutEvents", &self.name)))?;
        let mut entries = put.entries.unwrap_or_default().into_iter();
        match entries.next() {
            Some(entry) if entry.error_code.is_none() => Ok(entry.event_id.unwrap_or_default()),
            // The call succeeds where the entry doesn't.
            Some(entry) => Err(Failure::not(format!(
                "{}: {}",
                entry.error_code.unwrap_or_default(),
                entry.error_message.unwrap_or_default()
            ))),
            None => Err(Failure::Unknown(
                "the answer says nothing of the event".to_owned(),
            )),
        }
    }
}

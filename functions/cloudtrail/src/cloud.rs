//! AWS CloudTrail as the engine's cloud.

use aws_sdk_cloudtrail::Client;
use undrift_aws::client::malformed;
use undrift_core::kind::{Call, ResourceRef};
use undrift_core::name::{KindId, ResourceId};
use undrift_engine::port::{CallError, Cloud, Listed, Place, Seen, Sent};

use crate::trail;

/// CloudTrail through the SDK.
#[derive(Debug, Clone)]
pub struct CloudTrail {
    client: Client,
}

impl CloudTrail {
    /// One client for all events.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Cloud for CloudTrail {
    async fn resolve(&self, kind: &KindId, name: &str) -> Result<Option<ResourceId>, CallError> {
        Err(malformed(
            "resolve",
            name,
            &format!("{kind} has no other names"),
        ))
    }

    async fn read(&self, resource: &ResourceRef) -> Result<Seen, CallError> {
        trail::live::read(&self.client, resource).await
    }

    async fn list(&self, _: &KindId, place: &Place, _: Option<&str>) -> Result<Listed, CallError> {
        trail::live::list(&self.client, place).await
    }

    async fn send(&self, call: &Call) -> Result<Sent, CallError> {
        trail::live::send(&self.client, call).await
    }
}

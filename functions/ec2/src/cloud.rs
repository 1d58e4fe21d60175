//! Amazon EC2 as the engine's cloud: each kind's reads and calls, through one client.

use aws_sdk_ec2::Client;
use undrift_aws::client::malformed;
use undrift_core::kind::{Call, ResourceRef};
use undrift_core::name::{KindId, ResourceId};
use undrift_engine::port::{CallError, Cloud, Listed, Place, Seen, Sent};

use crate::{instance, security_group, sharing};

/// EC2 through the SDK.
#[derive(Debug, Clone)]
pub struct Ec2 {
    client: Client,
}

impl Ec2 {
    /// One client for all events: a client per event would open a connection per event.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Cloud for Ec2 {
    async fn resolve(&self, kind: &KindId, name: &str) -> Result<Option<ResourceId>, CallError> {
        match kind.as_str() {
            security_group::KIND => security_group::live::resolve(&self.client, name).await,
            other => Err(malformed("resolve", name, &format!("{other} has no names"))),
        }
    }

    async fn read(&self, resource: &ResourceRef) -> Result<Seen, CallError> {
        match resource.kind.as_str() {
            security_group::KIND => security_group::live::read(&self.client, resource).await,
            instance::KIND => instance::live::read(&self.client, resource).await,
            sharing::SNAPSHOT => sharing::live::read_snapshot(&self.client, resource).await,
            sharing::IMAGE => sharing::live::read_image(&self.client, resource).await,
            other => Err(malformed(
                "read",
                &resource.to_string(),
                &format!("{other} is no kind of EC2"),
            )),
        }
    }

    async fn list(
        &self,
        kind: &KindId,
        _: &Place,
        from: Option<&str>,
    ) -> Result<Listed, CallError> {
        match kind.as_str() {
            security_group::KIND => security_group::live::list(&self.client, from).await,
            instance::KIND => instance::live::list(&self.client, from).await,
            sharing::SNAPSHOT => sharing::live::list_snapshots(&self.client, from).await,
            sharing::IMAGE => sharing::live::list_images(&self.client, from).await,
            other => Err(malformed("list", other, "it is no kind of EC2")),
        }
    }

    async fn send(&self, call: &Call) -> Result<Sent, CallError> {
        if instance::live::CALLS.contains(&call.operation.as_str()) {
            return instance::live::send(&self.client, call).await;
        }
        if sharing::live::CALLS.contains(&call.operation.as_str()) {
            return sharing::live::send(&self.client, call).await;
        }
        security_group::live::send(&self.client, call).await
    }
}

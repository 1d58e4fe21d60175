//! AWS IAM as the engine's cloud: each kind's reads and calls, through one client.

use aws_sdk_iam::Client;
use undrift_aws::client::malformed;
use undrift_core::kind::{Call, ResourceRef};
use undrift_core::name::{KindId, ResourceId};
use undrift_engine::port::{CallError, Cloud, Listed, Place, Seen, Sent};

use crate::{access_key, identity, managed_policy};

/// IAM through the SDK.
#[derive(Debug, Clone)]
pub struct Iam {
    client: Client,
}

impl Iam {
    /// One client for all events.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Cloud for Iam {
    async fn resolve(&self, kind: &KindId, name: &str) -> Result<Option<ResourceId>, CallError> {
        let why = format!("{kind} has no other names");
        Err(malformed("resolve", name, &why))
    }

    async fn read(&self, resource: &ResourceRef) -> Result<Seen, CallError> {
        match resource.kind.as_str() {
            identity::KIND => identity::live::read(&self.client, resource).await,
            managed_policy::KIND => managed_policy::live::read(&self.client, resource).await,
            access_key::KIND => access_key::live::read(&self.client, resource).await,
            other => {
                let why = format!("{other} is no kind of IAM");
                Err(malformed("read", &resource.to_string(), &why))
            }
        }
    }

    async fn list(
        &self,
        kind: &KindId,
        _: &Place,
        from: Option<&str>,
    ) -> Result<Listed, CallError> {
        match kind.as_str() {
            identity::KIND => identity::live::list(&self.client, from).await,
            managed_policy::KIND => managed_policy::live::list(&self.client, from).await,
            access_key::KIND => access_key::live::list(&self.client, from).await,
            other => Err(malformed("list", other, "it is no kind of IAM")),
        }
    }

    async fn send(&self, call: &Call) -> Result<Sent, CallError> {
        let operation = call.operation.as_str();
        if managed_policy::live::CALLS.contains(&operation) {
            return managed_policy::live::send(&self.client, call).await;
        }
        if operation == "UpdateAccessKey" {
            return access_key::live::send(&self.client, call).await;
        }
        identity::live::send(&self.client, call).await
    }
}

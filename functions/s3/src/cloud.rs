//! Amazon S3 as the engine's cloud: buckets through one client, the account through another.

use aws_sdk_s3control::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use undrift_aws::client::{listed, malformed};
use undrift_core::kind::{Call, ResourceRef};
use undrift_core::name::{KindId, ResourceId};
use undrift_engine::port::{CallError, Cloud, Listed, Place, Seen, Sent};

use crate::{account_block, bucket};

/// S3 and S3 Control through the SDK.
#[derive(Debug, Clone)]
pub struct S3 {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) control: aws_sdk_s3control::Client,
}

impl S3 {
    /// One pair of clients for all events.
    #[must_use]
    pub fn new(config: &undrift_aws::client::SdkConfig) -> Self {
        // Elsewhere than at AWS, neither buckets nor accounts have host names of their own.
        let elsewhere = config.endpoint_url().map(str::to_owned);
        let s3 = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(elsewhere.is_some())
            .build();
        let mut control = aws_sdk_s3control::config::Builder::from(config);
        if let Some(url) = elsewhere {
            control = control.endpoint_resolver(Fixed(url));
        }
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            control: aws_sdk_s3control::Client::from_conf(control.build()),
        }
    }
}

/// One address for all accounts.
#[derive(Debug)]
struct Fixed(String);

impl ResolveEndpoint for Fixed {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}

impl Cloud for S3 {
    async fn resolve(&self, kind: &KindId, name: &str) -> Result<Option<ResourceId>, CallError> {
        let why = format!("{kind} has no other names");
        Err(malformed("resolve", name, &why))
    }

    async fn read(&self, resource: &ResourceRef) -> Result<Seen, CallError> {
        match resource.kind.as_str() {
            bucket::KIND => bucket::live::read(self, resource).await,
            _ => account_block::live::read(&self.control, resource).await,
        }
    }

    async fn list(
        &self,
        kind: &KindId,
        place: &Place,
        from: Option<&str>,
    ) -> Result<Listed, CallError> {
        match kind.as_str() {
            bucket::KIND => bucket::live::list_all(&self.s3, place, from).await,
            // There is one, and it is the account.
            _ => listed("list", [Some(place.account.as_str())], None),
        }
    }

    async fn send(&self, call: &Call) -> Result<Sent, CallError> {
        match call.service.as_str() {
            "s3" => bucket::live::send(&self.s3, call).await,
            _ => account_block::live::send(&self.control, call).await,
        }
    }
}

//! The Lambda function of AWS CloudTrail.

use undrift_aws::client;
use undrift_aws::config::Environment;
use undrift_aws::runtime::Error;
use undrift_aws::service::serve;
use undrift_cloudtrail::cloud::CloudTrail;
use undrift_core::kind::Kinds;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    undrift_aws::log::init("undrift-cloudtrail");
    let environment = Environment::load()?;
    let config = client::load().await?;
    let cloud = CloudTrail::new(aws_sdk_cloudtrail::Client::new(&config));
    let kinds = Kinds(undrift_cloudtrail::kinds());
    Box::pin(serve(cloud, kinds, environment, &config)).await
}

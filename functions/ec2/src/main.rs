//! The Lambda function of Amazon EC2.

use undrift_aws::client;
use undrift_aws::config::Environment;
use undrift_aws::runtime::Error;
use undrift_aws::service::serve;
use undrift_core::kind::Kinds;
use undrift_ec2::cloud::Ec2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    undrift_aws::log::init("undrift-ec2");
    let environment = Environment::load()?;
    let config = client::load().await?;
    let ec2 = Ec2::new(aws_sdk_ec2::Client::new(&config));
    let kinds = Kinds(undrift_ec2::kinds());
    Box::pin(serve(ec2, kinds, environment, &config)).await
}

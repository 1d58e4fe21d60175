//! The Lambda function of AWS IAM.

use undrift_aws::client;
use undrift_aws::config::Environment;
use undrift_aws::runtime::Error;
use undrift_aws::service::serve;
use undrift_core::kind::Kinds;
use undrift_iam::cloud::Iam;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    undrift_aws::log::init("undrift-iam");
    let environment = Environment::load()?;
    let config = client::load().await?;
    let iam = Iam::new(aws_sdk_iam::Client::new(&config));
    let kinds = Kinds(undrift_iam::kinds());
    Box::pin(serve(iam, kinds, environment, &config)).await
}

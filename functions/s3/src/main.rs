//! The Lambda function of Amazon S3.

use undrift_aws::client;
use undrift_aws::config::Environment;
use undrift_aws::runtime::Error;
use undrift_aws::service::serve;
use undrift_core::kind::Kinds;
use undrift_s3::cloud::S3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    undrift_aws::log::init("undrift-s3");
    let environment = Environment::load()?;
    let config = client::load().await?;
    let kinds = Kinds(undrift_s3::kinds());
    Box::pin(serve(S3::new(&config), kinds, environment, &config)).await
}

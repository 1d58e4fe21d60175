//! The Lambda function of the janitor.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use undrift_aws::client;
use undrift_aws::config::JanitorEnvironment;
use undrift_aws::journal::DynamoJournal;
use undrift_aws::runtime::{Error, run};
use undrift_core::change::Expected;
use undrift_core::kind::Kinds;
use undrift_core::policy::Bundle;
use undrift_core::record::Worker;
use undrift_janitor::Janitor;
use undrift_janitor::asked::Asked;
use undrift_janitor::aws::Aws;
use undrift_janitor::unhandled::{Clerk, kinds};

/// How long before the function is ended nothing more is begun: one answer of another function may
/// take that long.
const MARGIN: SignedDuration = SignedDuration::from_secs(40);
/// How long somebody who watches waits for an answer.
const WATCHED: SignedDuration = SignedDuration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    undrift_aws::log::init("undrift-janitor");
    let environment = JanitorEnvironment::load()?;
    let config = client::load().await?;
    let journal = DynamoJournal::new(&config, &environment.table);
    let aws = Aws::new(&config, &journal, &environment.services);
    let kinds = kinds();
    let clerk = clerk(&environment, Kinds(&kinds))?;
    let (environment, journal, aws, clerk) = (&environment, &journal, &aws, &clerk);
    run(|payload, invocation| async move {
        let asked = Asked::of(&payload)?;
        let place = Expected {
            account: invocation.account,
            region: environment.region.clone(),
        };
        let janitor = |until| Janitor {
            world: aws,
            journal,
            services: &environment.services,
            clerk,
            place: &place,
            until,
        };
        let until = invocation.limit - MARGIN;
        Ok::<Value, Error>(match asked {
            Asked::Tick => {
                let tidied = janitor(until).tidy().await;
                tracing::info!(
                    finished = tidied.finished,
                    handled = tidied.handled,
                    rejected = tidied.rejected,
                    recorded = tidied.recorded,
                    kept = tidied.kept,
                    troubles = tidied.troubles.len(),
                    "tidied up"
                );
                json!({"janitor": tidied})
            }
            Asked::Redrive => {
                let until = until.min(Timestamp::now() + WATCHED);
                json!({"redriven": janitor(until).redrive().await})
            }
        })
    })
    .await
}

/// Reads the policies of all services.
fn clerk<'k>(environment: &JanitorEnvironment, kinds: Kinds<'k>) -> Result<Clerk<'k>, Error> {
    let text = std::fs::read_to_string(&environment.bundle).map_err(|e| {
        format!("the bundle {} can't be read: {e}; build one of all services with `undrift bundle` and ship it beside the binary", environment.bundle.display())
    })?;
    let bundle = Bundle::read(&text, kinds)?;
    let worker = Worker {
        function: environment.function.clone(),
        role: environment.role.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bundle: bundle.digest.clone(),
    };
    Ok(Clerk {
        kinds,
        bundle,
        worker,
        own_roles: environment.own_roles.clone(),
    })
}

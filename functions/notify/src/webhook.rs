//! Slack's incoming webhook, for a start without a bot: a message per revision, never edited. A
//! revision is posted once, and once more only where an answer was lost: a webhook gives no way
//! to look.

use undrift_aws::config::safe_address;
use undrift_core::notice::route::{ChannelName, Route, goes_to};
use undrift_core::notice::slack;

use crate::channel::{Channel, Failure, Told};
use crate::http::Http;
use crate::secret::Secret;

/// An incoming webhook.
#[derive(Debug)]
pub struct Webhook {
    http: Http,
    address: Secret,
    routes: Vec<Route>,
}

impl Webhook {
    /// The webhook whose address is that secret.
    #[must_use]
    pub fn new(http: Http, address: Secret, routes: Vec<Route>) -> Self {
        Self {
            http,
            address,
            routes,
        }
    }
}

impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn takes(&self, told: &Told) -> bool {
        let notice = told.notice.as_ref();
        notice.is_some_and(|notice| goes_to(&self.routes, notice, &ChannelName::Webhook))
    }

    async fn send(&self, told: &Told) -> Result<String, Failure> {
        let Some(notice) = &told.notice else {
            return Err(Failure::not("it is no news"));
        };
        let address = self.address.get().await?;
        if !safe_address(address.show()) {
            return Err(Failure::not("the webhook's address is not https"));
        }
        let message = slack::message(notice);
        let answer = self.http.call(address.show(), None, Some(&message)).await?;
        match answer.status {
            200 => Ok(told.id()),
            429 => Err(Failure::Not {
                why: "Slack is throttling".to_owned(),
                wait: answer.wait,
            }),
            status @ 500.. => Err(Failure::Unknown(format!("Slack answered {status}"))),
            status => {
                self.address.forget().await;
                Err(Failure::not(format!("Slack refused it with {status}")))
            }
        }
    }
}

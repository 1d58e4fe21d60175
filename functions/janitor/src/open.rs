//! Work that a crash left open.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use undrift_aws::request::Fate;
use undrift_core::kind::ResourceRef;
use undrift_engine::port::Journal;

use crate::Janitor;
use crate::port::World;
use crate::told::Tidied;

/// How many resources are seen to together: a function reads and writes one in a second.
const TOGETHER: usize = 4;

impl<W: World, J: Journal> Janitor<'_, W, J> {
    /// Has every service's function finish what is open and under nobody's lease any more.
    pub(crate) async fn finish_open(&self, tidied: &mut Tidied) {
        let now = self.world.now();
        let mut open = match self.world.left_open(now).await {
            Ok(open) => open,
            Err(e) => return tidied.trouble("the index of what is open", e.to_string()),
        };
        // None that can't be finished now keeps the others from their turn for ever.
        let turn = usize::try_from(now.as_second()).unwrap_or_default();
        let turn = turn.checked_rem(open.len()).unwrap_or_default();
        open.rotate_left(turn);
        let asked = futures_util::stream::iter(open).map(|resource| async move {
            if self.time_is_up() {
                return None;
            }
            Some((self.resume(&resource).await, resource))
        });
        let mut asked = asked.buffer_unordered(TOGETHER);
        while let Some(answer) = asked.next().await {
            match answer {
                Some((Ok(()), resource)) => {
                    tracing::info!(resource = %resource, "what was left open is finished");
                    tidied.finished += 1;
                }
                Some((Err(why), resource)) => tidied.trouble(resource.to_string(), why),
                None => {}
            }
        }
    }

    async fn resume(&self, resource: &ResourceRef) -> Result<(), String> {
        let name = resource.kind.service();
        let mut services = self.services.iter();
        let service = services
            .find(|s| s.service == name)
            .ok_or_else(|| format!("no function works for {name}"))?;
        let request = json!({"undrift": "resume", "resource": resource});
        let answer = self.world.ask(&service.function, request).await?;
        match part(answer, "resumed")? {
            Fate::Done => Ok(()),
            Fate::Again { why, .. } | Fate::Failed(why) => Err(why),
        }
    }
}

/// The member of an answer that holds what was asked for; else the error it is.
pub(crate) fn part<T: serde::de::DeserializeOwned>(
    mut answer: Value,
    member: &str,
) -> Result<T, String> {
    if let Some(part) = answer.get_mut(member).map(Value::take) {
        return serde_json::from_value(part).map_err(|e| e.to_string());
    }
    let why = answer.pointer("/error/message").and_then(Value::as_str);
    Err(why.map_or_else(|| format!("it answered {answer}"), str::to_owned))
}

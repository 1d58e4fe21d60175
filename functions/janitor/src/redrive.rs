//! Putting dead letters back on their queues: each may come twice, none is lost.

use futures_util::future::join_all;
use undrift_aws::config::Served;
use undrift_engine::port::{CallError, Journal};

use crate::Janitor;
use crate::port::{Letter, World};
use crate::told::{Emptied, Redriven, name};

/// How long a message stays hidden while it is moved, in seconds.
const HIDDEN: u32 = 30;

impl<W: World, J: Journal> Janitor<'_, W, J> {
    /// Puts the dead letters of all services back on their queues, as many as there is time for.
    pub async fn redrive(&self) -> Redriven {
        let queues = self.services.iter().map(|service| self.empty(service));
        let (queues, finished): (Vec<Emptied>, Vec<bool>) =
            join_all(queues).await.into_iter().unzip();
        Redriven {
            queues,
            finished: finished.into_iter().all(|f| f),
        }
    }

    /// Puts one service's back; whether there is nothing left to do now.
    async fn empty(&self, service: &Served) -> (Emptied, bool) {
        let mut emptied = Emptied {
            queue: name(&service.dead),
            to: name(&service.queue),
            moved: 0,
            hidden: 0,
            failed: None,
        };
        let done = self.move_all(service, &mut emptied).await;
        let finished = match done {
            Ok(finished) => finished,
            Err(e) => {
                tracing::error!(queue = emptied.queue, error = %e, "dead letters could not be put back");
                emptied.failed = Some(e.to_string());
                true
            }
        };
        if emptied.moved > 0 {
            tracing::info!(
                queue = emptied.queue,
                moved = emptied.moved,
                "dead letters were put back"
            );
        }
        (emptied, finished)
    }

    async fn move_all(&self, service: &Served, emptied: &mut Emptied) -> Result<bool, CallError> {
        // Before any is received here: those that are moved would count, too.
        emptied.hidden = self.world.hidden(&service.dead).await?;
        let mut begun = false;
        // However short the time is, each invocation gets on.
        while !begun || !self.time_is_up() {
            begun = true;
            let letters = self.world.receive(&service.dead, HIDDEN).await?;
            if letters.is_empty() {
                return Ok(true);
            }
            let mut left = letters.as_slice();
            while let [letter, rest @ ..] = left {
                if let Err(e) = self.move_one(service, letter).await {
                    let shown = left
                        .iter()
                        .map(|l| self.world.show(&service.dead, &l.receipt));
                    // That they can't be shown says nothing new: they show by themselves.
                    let _ = join_all(shown).await;
                    return Err(e);
                }
                emptied.moved += 1;
                left = rest;
            }
        }
        Ok(false)
    }

    /// Sent first, then deleted: whatever happens in between, it is there.
    async fn move_one(&self, service: &Served, letter: &Letter) -> Result<(), CallError> {
        self.world.send(&service.queue, &letter.body).await?;
        self.world.delete(&service.dead, &letter.receipt).await
    }
}

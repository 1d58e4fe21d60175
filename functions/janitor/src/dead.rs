//! Dead letters: handed over once more, and recorded where still nobody handles them.

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde_json::json;
use undrift_aws::config::Served;
use undrift_aws::intake::{Taken, plain, take};
use undrift_aws::request::Fate;
use undrift_core::change::Change;
use undrift_engine::port::{Close, Journal, JournalError};

use crate::Janitor;
use crate::open::part;
use crate::port::{Letter, World};
use crate::told::{Tidied, name};
use crate::unhandled::Unhandled;

/// How long what is being looked at stays hidden, in seconds: longer than an invocation takes.
const HIDDEN: u32 = 180;
/// How much is handed over at once, in bytes: an invocation takes 6 MB (Lambda Developer Guide,
/// "Quotas"), and a text in a text may be twice as long.
const LARGEST: usize = 2_000_000;
/// How many are handed over side by side where they must be told apart.
const TOGETHER: usize = 2;
/// After how many batches of which not one message was handled the function counts as dead until
/// the next invocation of the janitor.
const GIVEN_UP: u32 = 3;
/// How much of a function's words goes into a record, in characters.
const WORDS: usize = 300;

/// A dead letter that tells of a change.
struct Told {
    letter: Letter,
    change: Change,
}

impl<W: World, J: Journal> Janitor<'_, W, J> {
    /// Reads every service's dead letters, all services side by side.
    pub(crate) async fn read_dead_letters(&self, tidied: &mut Tidied) {
        let services = self.services.iter().map(|service| self.read(service));
        for of_one in join_all(services).await {
            tidied.add(of_one);
        }
    }

    async fn read(&self, service: &Served) -> Tidied {
        let mut tidied = Tidied::default();
        let mut kept = Vec::new();
        let mut in_vain = 0;
        while !self.time_is_up() {
            let letters = match self.world.receive(&service.dead, HIDDEN).await {
                Ok(letters) => letters,
                Err(e) => {
                    tidied.trouble(name(&service.dead), e.to_string());
                    break;
                }
            };
            if letters.is_empty() {
                break;
            }
            let told = self.sift(service, letters, &mut kept, &mut tidied).await;
            let fates = if in_vain < GIVEN_UP {
                self.hand_over(service, &told).await
            } else {
                let why = || Fate::Failed("it handled none of those before".to_owned());
                told.iter().map(|_| why()).collect()
            };
            let some = fates.iter().any(|f| !matches!(f, Fate::Failed(_)));
            in_vain = if some || told.is_empty() {
                0
            } else {
                in_vain + 1
            };
            for (told, fate) in told.into_iter().zip(fates) {
                match fate {
                    Fate::Done => {
                        tidied.handled += 1;
                        self.delete(service, &told.letter).await;
                    }
                    Fate::Again { why, .. } | Fate::Failed(why) => {
                        self.record(service, &told, &why, &mut tidied).await;
                        kept.push(told.letter);
                    }
                }
            }
        }
        tidied.kept += kept.len();
        // Whoever wants them put back must find them.
        join_all(kept.iter().map(|letter| self.show(service, letter))).await;
        tidied
    }

    /// Deletes what alters nothing, remembers and deletes what is not understood, and gives what
    /// tells of a change.
    async fn sift(
        &self,
        service: &Served,
        letters: Vec<Letter>,
        kept: &mut Vec<Letter>,
        tidied: &mut Tidied,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        for letter in letters {
            match take(&letter.body, self.place) {
                Taken::Change(change) => told.push(Told {
                    letter,
                    change: *change,
                }),
                Taken::Ignored(_) => self.delete(service, &letter).await,
                Taken::Rejected(rejected) => {
                    tracing::error!(
                        digest = rejected.digest,
                        why = rejected.why,
                        beginning = rejected.beginning,
                        "a dead letter is not understood"
                    );
                    let remembered =
                        self.journal
                            .reject(&rejected.digest, &rejected.why, &rejected.beginning);
                    match remembered.await {
                        Ok(()) => {
                            tidied.rejected += 1;
                            self.delete(service, &letter).await;
                        }
                        Err(e) => {
                            tidied.trouble(name(&service.dead), e.to_string());
                            kept.push(letter);
                        }
                    }
                }
            }
        }
        told
    }

    /// Hands messages to their function; those that it fails on together it gets once more one by
    /// one, so that the bad one alone fails.
    async fn hand_over(&self, service: &Served, told: &[Told]) -> Vec<Fate> {
        let bodies: Vec<&str> = told.iter().map(|t| t.letter.body.as_str()).collect();
        let mut fates = Vec::new();
        for parcel in parcels(&bodies) {
            fates.extend(self.redeliver(service, parcel).await);
        }
        if told.len() < 2 {
            return fates;
        }
        let alone = bodies.iter().zip(fates).map(|(body, fate)| async move {
            match fate {
                Fate::Failed(why) => {
                    let fates = self.redeliver(service, std::slice::from_ref(body)).await;
                    fates.into_iter().next().unwrap_or(Fate::Failed(why))
                }
                known => known,
            }
        });
        futures_util::stream::iter(alone)
            .buffered(TOGETHER)
            .collect()
            .await
    }

    async fn redeliver(&self, service: &Served, bodies: &[&str]) -> Vec<Fate> {
        let failed = |why: &str| vec![Fate::Failed(why.to_owned()); bodies.len()];
        let request = json!({"undrift": "redeliver", "messages": bodies});
        let answer = self.world.ask(&service.function, request).await;
        match answer.and_then(|answer| part::<Vec<Fate>>(answer, "redelivered")) {
            Ok(fates) if fates.len() == bodies.len() => fates,
            Ok(_) => failed("it did not answer for every message"),
            Err(why) => {
                tracing::warn!(
                    function = service.function,
                    why,
                    "dead letters were not handled"
                );
                failed(&why)
            }
        }
    }

    /// Writes the records of a change that no function handles, where it has none.
    async fn record(&self, service: &Served, told: &Told, why: &str, tidied: &mut Tidied) {
        let unhandled = Unhandled {
            change: &told.change,
            queue: name(&service.dead),
            receives: told.letter.receives,
            why: &plain(why, WORDS),
            now: self.world.now(),
        };
        match self.keep(&unhandled).await {
            Ok(written) => tidied.recorded += written,
            Err(e) => tidied.trouble(name(&service.dead), e.to_string()),
        }
    }

    async fn keep(&self, unhandled: &Unhandled<'_>) -> Result<usize, JournalError> {
        let change = unhandled.change;
        let records = match self.clerk.records(unhandled) {
            Ok(records) => records,
            Err(e) => {
                let (id, why) = (change.id.as_str(), e.to_string());
                self.journal.reject(id, &why, change.name.as_str()).await?;
                return Ok(0);
            }
        };
        let mut written = 0;
        for record in records {
            let resource = record.key.resource.clone();
            let keys = std::slice::from_ref(&record.key);
            let known = self.journal.know(&resource, keys).await?;
            if self.clerk.is_known(&record.key, change, &known) {
                continue;
            }
            tracing::error!(record = %record.key, reason = record.outcome.reason,
                "no function has handled a change");
            let mut close = Close::of(resource);
            close.records.push(record);
            self.journal.close(&close).await?;
            written += 1;
        }
        Ok(written)
    }

    /// A dead letter that can't be deleted comes again, and is then found to be handled.
    async fn delete(&self, service: &Served, letter: &Letter) {
        if let Err(e) = self.world.delete(&service.dead, &letter.receipt).await {
            tracing::warn!(error = %e, "a dead letter could not be deleted; it comes again");
        }
    }

    async fn show(&self, service: &Served, letter: &Letter) {
        if let Err(e) = self.world.show(&service.dead, &letter.receipt).await {
            tracing::warn!(error = %e, "a dead letter stays hidden for some minutes");
        }
    }
}

/// Messages, as many together as may be handed over at once, in their order.
fn parcels<'b, 'm>(mut bodies: &'b [&'m str]) -> Vec<&'b [&'m str]> {
    let mut parcels = Vec::new();
    while !bodies.is_empty() {
        let mut bytes = 0;
        let fits = bodies.iter().take_while(|body| {
            bytes += body.len();
            bytes <= LARGEST
        });
        let (parcel, rest) = bodies.split_at(fits.count().max(1));
        parcels.push(parcel);
        bodies = rest;
    }
    parcels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_hold_everything_in_order_and_not_too_much() {
        let (large, small) = ("x".repeat(LARGEST / 2), "y");
        let bodies = [small, &large, &large, small, &large];
        let parcels = parcels(&bodies);
        assert_eq!(parcels.concat(), bodies);
        let sizes: Vec<usize> = parcels.iter().map(|p| p.len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
        let huge = "z".repeat(LARGEST + 1);
        assert_eq!(super::parcels(&[&huge, &huge]).len(), 2);
        assert!(super::parcels(&[]).is_empty());
    }
}

//! Taking a resource: one conditional write.

use jiff::Timestamp;
use undrift_engine::port::{Claim, Claimed, JournalError};

use super::items::claim_item;
use super::table::{DynamoJournal, Put, reading};
use super::wire;

/// Nobody ever claimed it, or we did and the answer got lost.
const FIRST: &str = "attribute_not_exists(pk) OR nonce = :nonce";

/// It stands as it was read and nobody holds it any more, or it is ours already.
const NEXT: &str =
    "(epoch = :epoch AND (attribute_not_exists(nonce) OR lease <= :now)) OR nonce = :nonce";

impl DynamoJournal {
    pub(super) async fn take_claim(
        &self,
        claim: &Claim,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Claimed, JournalError> {
        let doing = format!("claiming {}", claim.resource);
        let Some(held) = &claim.held else {
            return Err(JournalError {
                doing,
                message: "the claim names no holder".to_owned(),
                transient: false,
            });
        };
        let mut put = Put::new(reading(&doing, claim_item(claim))?);
        put.values.push((":nonce", wire::text(&held.nonce)));
        put.condition = Some(FIRST);
        if let Some(epoch) = expected {
            put.condition = Some(NEXT);
            put.values.push((":epoch", wire::number(epoch)));
            // Lease ends are rounded up and this is rounded down: never a moment too early.
            put.values
                .push((":now", wire::number(now.as_millisecond())));
        }
        let won = self.put(&doing, put).await?;
        Ok(if won { Claimed::Won } else { Claimed::Lost })
    }
}

//! Closing: images and exemptions first and side by side, then the revisions, then the claim. Whoever
//! finds a record finds remembered what it is about; whoever finds the claim gone, finds the records.

use jiff::{SignedDuration, Timestamp};
use tokio::join;
use undrift_core::kind::ResourceRef;
use undrift_core::observe::DatedImage;
use undrift_core::policy::Exemption;
use undrift_core::record::Record;
use undrift_engine::port::{Close, Closed, JournalError, Observed, Release};

use futures_util::future::try_join_all;

use super::items::{
    EXEMPTION, baseline_item, claim_item, exemption_attribute, observed_item, read_exemptions,
    read_observed, read_record, record_item,
};
use super::keys::{Key, Part, global_exemptions, of_resource, of_revision};
use super::table::{DynamoJournal, Put, reading};
use super::wire;

/// How long an exemption that is over stays in its item, for people to look at.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

impl DynamoJournal {
    pub(super) async fn close_all(
        &self,
        close: &Close,
        now: Timestamp,
    ) -> Result<Closed, JournalError> {
        let resource = &close.resource;
        let observed = async {
            match &close.observed {
                Some(observed) => self.put_observed(resource, observed).await,
                None => Ok(Closed::Whole),
            }
        };
        let baseline = async {
            match &close.baseline {
                Some(image) => self.put_baseline(resource, image).await,
                None => Ok(()),
            }
        };
        let exempting = close
            .exemptions
            .iter()
            .map(|exemption| self.exempt(Some(resource), exemption, now));
        let exemptions = try_join_all(exempting);
        let (observed, baseline, exemptions) = join!(observed, baseline, exemptions);
        let closed = observed?;
        baseline?;
        exemptions?;
        // Nothing was done yet: it is judged afresh, by what others learnt meanwhile.
        if closed == Closed::Outrun && close.release.is_none() {
            return Ok(closed);
        }
        try_join_all(close.records.iter().map(|r| self.put_revision(r, now))).await?;
        if let Some(release) = &close.release {
            self.release(release).await?;
        }
        Ok(closed)
    }

    async fn put_revision(&self, record: &Record, now: Timestamp) -> Result<(), JournalError> {
        let mut record = record.clone();
        loop {
            let doing = format!(
                "writing revision {} of the record {}",
                record.revision, record.key
            );
            let item = reading(&doing, record_item(&record, now))?;
            if self.put(&doing, Put::new(item)).await? {
                return Ok(());
            }
            // It is there: our own write whose answer got lost, or that of whoever took over from us.
            let there = self
                .get(&doing, &of_revision(&record.key, record.revision))
                .await?;
            match there.as_ref().map(read_record) {
                Some(Ok(there)) if there == record => return Ok(()),
                // It was written for want of anybody who had looked: ours is the next.
                Some(Ok(there)) if there.is_unseen() && !record.is_unseen() => {
                    record.revision += 1;
                }
                _ => {
                    tracing::warn!(record = %record.key, revision = record.revision,
                        "the revision was written by somebody else; theirs stays");
                    return Ok(());
                }
            }
        }
    }

    /// Over the version before its own only: two that learn something at once must not lose
    /// what the other learnt.
    async fn put_observed(
        &self,
        resource: &ResourceRef,
        observed: &Observed,
    ) -> Result<Closed, JournalError> {
        let doing = format!("remembering what was seen of {resource}");
        let mut put = Put::new(reading(&doing, observed_item(resource, observed))?);
        if observed.version > 1 {
            put.condition = Some("#version = :before");
            put.names = &[("#version", "version")];
            put.values
                .push((":before", wire::number(observed.version - 1)));
        }
        if self.put(&doing, put).await? {
            return Ok(Closed::Whole);
        }
        let there = self
            .get(&doing, &of_resource(resource, Part::Observed))
            .await?;
        let there = there.as_ref().map(read_observed);
        // It is there: our own write, whose answer got lost.
        Ok(match there {
            Some(Ok(there)) if there == *observed => Closed::Whole,
            _ => Closed::Outrun,
        })
    }

    async fn put_baseline(
        &self,
        resource: &ResourceRef,
        image: &DatedImage,
    ) -> Result<(), JournalError> {
        let doing = format!("keeping the baseline of {resource}");
        let mut put = Put::new(reading(&doing, baseline_item(resource, image))?);
        put.condition = Some("attribute_not_exists(as_of) OR as_of < :as_of");
        put.values
            .push((":as_of", wire::number(image.as_of.as_millisecond())));
        if !self.put(&doing, put).await? {
            tracing::debug!(resource = %resource, "the baseline is as new already");
        }
        Ok(())
    }

    async fn release(&self, release: &Release) -> Result<(), JournalError> {
        let resource = &release.claim.resource;
        let doing = format!("clearing the claim on {resource}");
        let mut put = Put::new(reading(&doing, claim_item(&release.claim))?);
        put.condition = Some("nonce = :mine");
        put.values.push((":mine", wire::text(&release.nonce)));
        if !self.put(&doing, put).await? {
            // Cleared already, its answer lost; or taken over, and then not ours to clear.
            tracing::info!(resource = %resource, "the claim was no longer ours to clear");
        }
        Ok(())
    }

    /// Writes an exemption: beside its resource where it names that one, else where every
    /// resource's look finds it. The same id twice is one exemption. Those that have long been
    /// over are taken out on the way.
    pub async fn exempt(
        &self,
        resource: Option<&ResourceRef>,
        exemption: &Exemption,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let doing = format!("writing the exemption {}", exemption.id);
        let key = resource
            .filter(|r| exemption.covers.resource.as_ref() == Some(&r.id))
            .map_or_else(global_exemptions, |r| of_resource(r, Part::Exemptions));
        let (name, attribute) = reading(&doing, exemption_attribute(exemption))?;
        let value = wire::value(attribute);
        let answer = self
            .attempt(&doing, "dynamodb:UpdateItem", || {
                self.client
                    .update_item()
                    .table_name(&self.table)
                    .set_key(Some(wire::key(&key)))
                    .update_expression("SET #exemption = :exemption, entity = :entity")
                    .expression_attribute_names("#exemption", &name)
                    .expression_attribute_values(":exemption", value.clone())
                    .expression_attribute_values(":entity", wire::text(Part::Exemptions.word()))
                    .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
                    .send()
            })
            .await?;
        let item = wire::back(answer.attributes.unwrap_or_default());
        let over: Vec<String> = read_exemptions(&item)
            .unwrap_or_default()
            .iter()
            .filter(|e| e.until.saturating_add(KEPT).is_ok_and(|end| end < now))
            .map(|e| format!("{EXEMPTION}{}", e.id))
            .take(50)
            .collect();
        if !over.is_empty() {
            self.forget(&key, &over).await;
        }
        Ok(())
    }

    /// Takes exemptions that are over out of their item. A failure leaves them, which is no harm.
    async fn forget(&self, key: &Key, names: &[String]) {
        let placeholders: Vec<String> = (0..names.len()).map(|n| format!("#e{n}")).collect();
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(wire::key(key)))
            .update_expression(format!("REMOVE {}", placeholders.join(", ")));
        for (placeholder, name) in placeholders.iter().zip(names) {
            request = request.expression_attribute_names(placeholder, name);
        }
        if let Err(e) = request.send().await {
            let error = crate::client::classify(&e, "dynamodb:UpdateItem", &self.table);
            tracing::debug!(error = %error, "exemptions that are over could not be taken out");
        }
    }
}

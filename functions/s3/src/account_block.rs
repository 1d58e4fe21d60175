//! `s3/account-public-access-block`: Block Public Access of a whole account.
//!
//! *Restores* the switches that a change turned off, in one call that sets all four.
//! *Undo* sets them as the change had.
//! *Safety*: one setting for all Regions, whose effect may trail by seconds. Where an
//! organization's S3 policy governs the account, AWS refuses the call, and the record says so.

#[cfg(feature = "aws")]
pub(crate) mod live;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::{
    Call, Element, ElementKey, FacetName, Image, Kind, KindError, KindEvents, Lookup, Need,
    ResourceRef, Right, Step, Touched,
};
use undrift_core::name::{KindId, ResourceId};

use crate::block;

pub(crate) const KIND: &str = "s3/account-public-access-block";

/// Block Public Access of an account; its id is the account's.
#[derive(Debug, Clone, Copy)]
pub struct AccountBlock;

impl Kind for AccountBlock {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "s3.amazonaws.com",
            names: &[
                "DeleteAccountPublicAccessBlock",
                "PutAccountPublicAccessBlock",
            ],
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[block::BLOCK]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        let id = ResourceId::parse(change.account.as_str()).map_err(|e| KindError::Malformed {
            what: "the account".to_owned(),
            why: e.to_string(),
        })?;
        Ok(vec![Touched {
            resource: Lookup::Id(id),
            effect: block::touched(change),
        }])
    }

    fn is_whole(&self, _: &FacetName) -> bool {
        true
    }

    /// The account is no resource there.
    fn lookup_name(&self, _: &ResourceRef) -> Option<String> {
        None
    }

    fn arn(&self) -> &'static str {
        "arn:${Partition}:s3:::account/${Id}"
    }

    fn element(&self, _: &FacetName, written: &Value) -> Result<(ElementKey, Element), KindError> {
        block::element(written)
    }

    fn element_schema(&self, _: &FacetName) -> Value {
        block::schema()
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let step = |(configuration, writes)| Step {
            call: Call {
                service: "s3control".to_owned(),
                operation: "PutPublicAccessBlock".to_owned(),
                input: json!({
                    "AccountId": resource.account,
                    "PublicAccessBlockConfiguration": configuration,
                }),
            },
            writes,
            commutes: false,
        };
        Ok(block::change(from, to).map(step).into_iter().collect())
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, _: &FacetName, element: &Element) -> String {
        block::describe(element)
    }
}

// Account-wide calls take no resource (Service Authorization Reference, "Amazon S3").
const RIGHTS: &[Right] = &[
    Right::new("s3:GetAccountPublicAccessBlock", "*", Need::Read),
    Right::new("s3:PutAccountPublicAccessBlock", "*", Need::Revert),
    Right::new("s3:PutAccountPublicAccessBlock", "*", Need::Undo),
];

//! `s3/bucket`: who can get at a bucket, by its policy, its access control list and its own Block
//! Public Access.
//!
//! *Restores* by writing the policy or the list once more as a whole: what the change brought is
//! taken out, what it took away is put back, what others added stays. The text is the earlier one,
//! word for word, where that says just what is wanted. Switches that were turned off are turned on.
//! *Leaves alone* the objects, and the facets that the change didn't write.
//! *Undo* writes what the change had written.
//! *Safety*: S3 has no conditional write of these, so the bucket is read once more right before.
//! A policy can lock everybody out, Undrift too: the record then says `blocked`.

#[cfg(feature = "aws")]
pub(crate) mod live;

use serde_json::{Value, json};
use undrift_core::change::Change;
use undrift_core::kind::written::text;
use undrift_core::kind::{
    Call, Effect, Element, ElementKey, ElementPath, Facet, FacetName, Image, Kind, KindError,
    KindEvents, Lookup, Need, ResourceRef, Right, Step, Touched, document,
};
use undrift_core::name::{KindId, ResourceId};

use crate::{acl, block};

pub(crate) const KIND: &str = "s3/bucket";
pub(crate) const POLICY: &str = "policy";

/// A bucket.
#[derive(Debug, Clone, Copy)]
pub struct Bucket;

impl Kind for Bucket {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    fn id(&self) -> KindId {
        KindId::parse(KIND).expect("a kind's id")
    }

    fn events(&self) -> &'static [KindEvents] {
        &[KindEvents {
            source: "s3.amazonaws.com",
            names: &[
                "CreateBucket",
                "DeleteBucket",
                "DeleteBucketPolicy",
                "DeleteBucketPublicAccessBlock",
                "PutBucketAcl",
                "PutBucketPolicy",
                "PutBucketPublicAccessBlock",
            ],
        }]
    }

    fn facets(&self) -> &'static [&'static str] {
        &[POLICY, acl::ACL, block::BLOCK]
    }

    fn touched(&self, change: &Change) -> Result<Vec<Touched>, KindError> {
        let name = text(&change.request, &["bucketName"]).ok_or_else(|| KindError::NotShown {
            event: change.name.to_string(),
            what: "bucket",
        })?;
        let id = ResourceId::parse(&name).map_err(|e| KindError::Malformed {
            what: "bucketName".to_owned(),
            why: e.to_string(),
        })?;
        let effect = match change.name.as_str() {
            "CreateBucket" => created(&change.request),
            "DeleteBucket" => Effect::Deleted,
            "DeleteBucketPolicy" => Effect::Replaced(Image::of([(POLICY, Facet::new())])),
            "PutBucketPolicy" => policy(&change.request),
            "PutBucketAcl" => acl::touched(change),
            _ => block::touched(change),
        };
        Ok(vec![Touched {
            resource: Lookup::Id(id),
            effect,
        }])
    }

    fn is_whole(&self, _: &FacetName) -> bool {
        true
    }

    fn document(&self, facet: &FacetName, text: &str) -> Option<Facet> {
        let is_policy = facet.0 == POLICY;
        is_policy.then(|| document::parse(text).ok()).flatten()
    }

    fn arn(&self) -> &'static str {
        "arn:${Partition}:s3:::${Id}"
    }

    fn element(
        &self,
        facet: &FacetName,
        written: &Value,
    ) -> Result<(ElementKey, Element), KindError> {
        match facet.0.as_str() {
            POLICY => document::element(written),
            acl::ACL => acl::element(written),
            _ => block::element(written),
        }
    }

    fn element_schema(&self, facet: &FacetName) -> Value {
        match facet.0.as_str() {
            POLICY => document::schema(),
            acl::ACL => acl::schema(),
            _ => block::schema(),
        }
    }

    fn substance(&self, facet: &FacetName, element: &Element) -> Value {
        match facet.0.as_str() {
            POLICY => document::substance(element),
            _ => element.clone(),
        }
    }

    fn may_be(&self, facet: &FacetName, made: &Element, standing: &Element) -> bool {
        match facet.0.as_str() {
            POLICY => document::may_be(made, standing),
            acl::ACL => acl::may_be(made, standing),
            _ => false,
        }
    }

    fn steps(
        &self,
        resource: &ResourceRef,
        from: &Image,
        to: &Image,
    ) -> Result<Vec<Step>, KindError> {
        let mut steps = Vec::new();
        let mut step = |operation: &str, writes: Vec<ElementPath>, with: Option<(&str, Value)>| {
            let mut input = json!({"Bucket": resource.id, "ExpectedBucketOwner": resource.account});
            if let (Some(members), Some((name, value))) = (input.as_object_mut(), with) {
                members.insert(name.to_owned(), value);
            }
            steps.push(Step {
                call: Call {
                    service: "s3".to_owned(),
                    operation: operation.to_owned(),
                    input,
                },
                writes,
                // Each writes a whole over whatever stands there.
                commutes: false,
            });
        };
        // The block first: it closes what the others may leave open for a moment.
        if let Some((configuration, writes)) = block::change(from, to) {
            let with = ("PublicAccessBlockConfiguration", configuration);
            step("PutPublicAccessBlock", writes, Some(with));
        }
        let facet = FacetName::from(POLICY);
        let writes = self.differences(&facet, from, to);
        if let (false, Some(wanted)) = (writes.is_empty(), to.facets.get(&facet)) {
            let earlier = to.texts.get(&facet).map(String::as_str);
            let live = from.texts.get(&facet).map(String::as_str);
            match document::compose(wanted, earlier, live) {
                Some(text) => step("PutBucketPolicy", writes, Some(("Policy", json!(text)))),
                None => step("DeleteBucketPolicy", writes, None),
            }
        }
        let facet = FacetName::from(acl::ACL);
        let writes = self.differences(&facet, from, to);
        if let (false, Some(wanted)) = (writes.is_empty(), to.facets.get(&facet)) {
            let with = (
                "AccessControlPolicy",
                json!({"Grants": acl::grants(wanted)}),
            );
            step("PutBucketAcl", writes, Some(with));
        }
        Ok(steps)
    }

    fn rights(&self) -> &'static [Right] {
        RIGHTS
    }

    fn describe(&self, facet: &FacetName, element: &Element) -> String {
        match facet.0.as_str() {
            POLICY => document::describe(element),
            acl::ACL => acl::describe(element),
            _ => block::describe(element),
        }
    }
}

fn policy(request: &Value) -> Effect {
    // Parsed in records of AWS, a text in some that were written by hand.
    let shown = request
        .get("bucketPolicy")
        .or_else(|| request.get("policy"));
    let said = match shown {
        Some(Value::String(text)) if !text.is_empty() => document::parse(text),
        Some(value @ Value::Object(_)) => document::statements(value),
        _ => return Effect::Unclear("the record doesn't show the policy".to_owned()),
    };
    match said {
        Ok(statements) => Effect::Replaced(Image::of([(POLICY, statements)])),
        Err(e) => Effect::Unclear(e.to_string()),
    }
}

/// A new bucket has no policy; its block is the Region's default, which the record doesn't show.
fn created(request: &Value) -> Effect {
    let list = acl::of_new(request);
    Effect::Created(list.map(|list| Image::of([(POLICY, Facet::new()), (acl::ACL, list)])))
}

const BUCKETS: &str = "arn:${Partition}:s3:::*";

const RIGHTS: &[Right] = &[
    Right::new("s3:ListAllMyBuckets", "*", Need::List),
    Right::new("s3:GetBucketAcl", BUCKETS, Need::Read).of_own_account(),
    Right::new("s3:GetBucketPolicy", BUCKETS, Need::Read).of_own_account(),
    Right::new("s3:GetBucketPublicAccessBlock", BUCKETS, Need::Read).of_own_account(),
    // Whether the account's block hides public grants from whoever reads the list.
    Right::new("s3:GetAccountPublicAccessBlock", "*", Need::Read),
    Right::new("s3:PutBucketAcl", BUCKETS, Need::Revert).of_own_account(),
    Right::new("s3:PutBucketPolicy", BUCKETS, Need::Revert).of_own_account(),
    Right::new("s3:DeleteBucketPolicy", BUCKETS, Need::Revert).of_own_account(),
    Right::new("s3:PutBucketPublicAccessBlock", BUCKETS, Need::Revert).of_own_account(),
    Right::new("s3:PutBucketAcl", BUCKETS, Need::Undo).of_own_account(),
    Right::new("s3:PutBucketPolicy", BUCKETS, Need::Undo).of_own_account(),
    Right::new("s3:DeleteBucketPolicy", BUCKETS, Need::Undo).of_own_account(),
    Right::new("s3:PutBucketPublicAccessBlock", BUCKETS, Need::Undo).of_own_account(),
];

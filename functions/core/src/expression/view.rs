//! An image as expressions see it, made once for all policies that judge it.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{EvaluationError, Found};
use crate::kind::{ElementKey, ElementPath, Facet, FacetName, Image};
use crate::name::AccountId;
use crate::net::{self, Counted, Reach};

/// Members of an element that say where it stands; no facet of AWS's has such names.
pub(super) const FACET: &str = "@facet";
pub(super) const KEY: &str = "@key";

/// An image that is judged.
#[derive(Debug)]
pub struct Viewed<'i> {
    image: &'i Image,
    account: &'i AccountId,
    state: OnceCell<Value>,
    reaches: OnceCell<BTreeMap<&'i FacetName, Reaches<'i>>>,
}

/// What a facet's rules let through, in the order of their keys.
type Reaches<'i> = Result<Counts<'i>, String>;

/// Rules and, beside them, the addresses counted that they let in.
#[derive(Debug)]
struct Counts<'i> {
    rules: Vec<(&'i ElementKey, Reach)>,
    counted: Vec<Counted>,
}

impl<'i> Viewed<'i> {
    /// The image, for expressions. `account`: the resource's owner.
    #[must_use]
    pub fn of(image: &'i Image, account: &'i AccountId) -> Self {
        Self {
            image,
            account,
            state: OnceCell::new(),
            reaches: OnceCell::new(),
        }
    }

    /// The image itself.
    #[must_use]
    pub fn image(&self) -> &'i Image {
        self.image
    }

    /// The account that owns the resource: who is a stranger depends on it.
    #[must_use]
    pub fn account(&self) -> &'i AccountId {
        self.account
    }

    /// Each facet as a list of its elements.
    pub(super) fn state(&self) -> &Value {
        self.state.get_or_init(|| {
            let facets = self.image.facets.iter().map(|(name, elements)| {
                let list = elements.iter().map(|(key, element)| {
                    let mut element = element.clone();
                    if let Some(members) = element.as_object_mut() {
                        members.insert(FACET.to_owned(), json!(name));
                        members.insert(KEY.to_owned(), json!(key));
                    }
                    element
                });
                (name.to_string(), list.collect::<Value>())
            });
            Value::Object(facets.collect())
        })
    }

    /// `net.open(state.<facet>, params)`.
    pub(super) fn open(
        &self,
        facet: &FacetName,
        params: &net::Params,
    ) -> Result<Vec<Found>, EvaluationError> {
        let reaches = self.reaches.get_or_init(|| {
            let facets = self.image.facets.iter();
            facets.map(|(name, rules)| (name, reaches(rules))).collect()
        });
        let rules = match reaches.get(facet) {
            None => return Err(EvaluationError::Facet(facet.to_string())),
            Some(Err(why)) => return Err(EvaluationError::Element(why.clone())),
            Some(Ok(counts)) => counts,
        };
        let Counts { rules, counted } = rules;
        let named: Vec<(&str, &Reach)> = rules.iter().map(|(k, r)| (k.0.as_str(), r)).collect();
        let found = net::open_counted(&named, counted, params);
        let found = found.into_iter().filter_map(|f| {
            let (key, _) = rules.get(f.rule)?;
            Some(Found {
                path: ElementPath {
                    facet: facet.clone(),
                    key: (*key).clone(),
                },
                why: f.why,
            })
        });
        Ok(found.collect())
    }
}

fn reaches(rules: &Facet) -> Reaches<'_> {
    let all = rules.iter();
    let rules = all
        .map(|(key, rule)| Ok((key, Reach::of_rule(rule)?)))
        .collect::<Result<Vec<_>, String>>()?;
    let counted = rules.iter().map(|(_, reach)| Counted::of(reach)).collect();
    Ok(Counts { rules, counted })
}

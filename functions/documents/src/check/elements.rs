//! Elements as cases and exemptions write them.

use std::collections::BTreeMap;

use serde_json::Value;
use undrift_core::kind::{Element, ElementKey, ElementPath, FacetName, Image, Kind};

use crate::shape::{Part, Wrong, check};

/// Reads one element, and refuses members that would be dropped or taken for another value: a slip
/// such as `form: 22` would otherwise mean every port.
pub(super) fn element(
    kind: &dyn Kind,
    facet: &FacetName,
    written: &Value,
) -> Result<(ElementKey, Element), Vec<Wrong>> {
    let wrong = check(&kind.element_schema(facet), written);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let whole = |why: String| vec![Wrong::new(Part::Value, why)];
    let (key, element) = kind
        .element(facet, written)
        .map_err(|e| whole(e.to_string()))?;
    for (member, value) in written.as_object().into_iter().flatten() {
        let is_empty = match value {
            Value::Null => true,
            Value::String(s) => s.is_empty(),
            Value::Object(o) => o.is_empty(),
            _ => false,
        };
        if element.get(member).is_none() && !is_empty {
            let why = format!(
                "`{member}` means nothing in this element of {facet}, which reads {}; leave it out",
                kind.describe(facet, &element)
            );
            return Err(vec![Wrong::new(Part::Key, why).inside(member)]);
        }
    }
    Ok((key, element))
}

/// Something that is wrong in the facets of a case.
#[derive(Debug, Clone)]
pub(crate) struct Misfit {
    /// The facet.
    pub(crate) facet: String,
    /// The element in it, where it is one.
    pub(crate) index: Option<usize>,
    /// What is wrong there.
    pub(crate) wrong: Wrong,
}

/// Reads the facets of a case.
pub(crate) fn image(
    kind: &dyn Kind,
    facets: &BTreeMap<String, Vec<Value>>,
) -> Result<Image, Vec<Misfit>> {
    let mut image = Image::default();
    let mut misfits = Vec::new();
    for (name, elements) in facets {
        let mut misfit = |index, wrong| {
            misfits.push(Misfit {
                facet: name.clone(),
                index,
                wrong,
            });
        };
        if !kind.facets().contains(&name.as_str()) {
            let why = super::unknown("facet", name, kind.id().as_str(), kind.facets());
            misfit(None, Wrong::new(Part::Key, why));
            continue;
        }
        let facet = FacetName(name.clone());
        image.facets.entry(facet.clone()).or_default();
        for (index, written) in elements.iter().enumerate() {
            match element(kind, &facet, written) {
                Ok((key, element)) => {
                    let path = ElementPath {
                        facet: facet.clone(),
                        key,
                    };
                    if image.get(&path).is_some() {
                        let shown = kind.describe(&facet, &element);
                        let why = format!("{shown} is here a second time; keep one");
                        misfit(Some(index), Wrong::new(Part::Value, why));
                    }
                    image.set(&path, Some(element));
                }
                Err(wrong) => wrong.into_iter().for_each(|w| misfit(Some(index), w)),
            }
        }
    }
    if misfits.is_empty() {
        Ok(image)
    } else {
        Err(misfits)
    }
}

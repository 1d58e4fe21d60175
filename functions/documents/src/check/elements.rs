//! Elements as cases and exemptions write them.

use std::collections::BTreeMap;

use serde_json::Value;
use undrift_core::kind::{Element, ElementKey, ElementPath, FacetName, Image, Kind};

/// Reads one element, and refuses members that would be dropped: a slip such as `form: 22`
/// would otherwise mean every port.
pub(super) fn element(
    kind: &dyn Kind,
    facet: &FacetName,
    written: &Value,
) -> Result<(ElementKey, Element), String> {
    let (key, element) = kind.element(facet, written).map_err(|e| e.to_string())?;
    for (member, value) in written.as_object().into_iter().flatten() {
        let is_empty = match value {
            Value::Null => true,
            Value::String(s) => s.is_empty(),
            Value::Object(o) => o.is_empty(),
            _ => false,
        };
        if element.get(member).is_none() && !is_empty {
            return Err(format!(
                "`{member}` means nothing in this element of {facet}, which reads {}",
                kind.describe(facet, &element)
            ));
        }
    }
    Ok((key, element))
}

/// Reads the facets of a case. The error names the facet and the element's place in it.
pub(crate) fn image(
    kind: &dyn Kind,
    facets: &BTreeMap<String, Vec<Value>>,
) -> Result<Image, Vec<(String, Option<usize>, String)>> {
    let mut image = Image::default();
    let mut wrong = Vec::new();
    for (name, elements) in facets {
        if !kind.facets().contains(&name.as_str()) {
            wrong.push((
                name.clone(),
                None,
                super::unknown(&format!("facet of {}", kind.id()), name, kind.facets()),
            ));
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
                        wrong.push((
                            name.clone(),
                            Some(index),
                            format!("{} is here a second time", kind.describe(&facet, &element)),
                        ));
                    }
                    image.set(&path, Some(element));
                }
                Err(why) => wrong.push((name.clone(), Some(index), why)),
            }
        }
    }
    if wrong.is_empty() {
        Ok(image)
    } else {
        Err(wrong)
    }
}

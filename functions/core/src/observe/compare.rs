//! Whether a look at a resource shows what records tell of it.

use crate::kind::{Element, Facet, FacetName, Image, Kind};

/// What stands has every member of an element as it is.
pub(super) fn says_all(standing: Option<&Element>, element: &Element) -> bool {
    let members = element.as_object().into_iter().flatten();
    let mut members = members.peekable();
    members.peek().is_some()
        && members.all(|(name, value)| standing.and_then(|s| s.get(name)) == Some(value))
}

/// Every facet that the expected image knows is in the live one, element by element.
pub(super) fn is_seen(kind: &dyn Kind, expected: &Image, live: &Image) -> bool {
    let substances = |facet: &FacetName, elements: &Facet| {
        let substance = |e: &Element| kind.substance(facet, e).to_string();
        let mut all: Vec<String> = elements.values().map(substance).collect();
        all.sort_unstable();
        all
    };
    expected.facets.iter().all(|(facet, elements)| {
        live.facets
            .get(facet)
            .is_some_and(|seen| substances(facet, elements) == substances(facet, seen))
    })
}

pub(super) fn has_keys_of(expected: &Image, live: &Image) -> bool {
    expected.facets.iter().all(|(facet, elements)| {
        live.facets
            .get(facet)
            .is_some_and(|seen| elements.keys().eq(seen.keys()))
    })
}

/// Each element is, in all that Undrift can write, as it is in the live image.
pub(super) fn is_written(kind: &dyn Kind, expected: &Image, live: &Image) -> bool {
    expected.elements().all(|(path, element)| {
        let written = |e: &Element| kind.written(&path.facet, e);
        live.get(&path).map(written) == Some(written(element))
    })
}

pub(super) fn has_texts_of(expected: &Image, live: &Image) -> bool {
    let mut texts = live.texts.iter();
    texts.all(|(facet, text)| {
        !expected.facets.contains_key(facet) || expected.texts.get(facet) == Some(text)
    })
}

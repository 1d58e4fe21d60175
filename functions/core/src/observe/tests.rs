//! Events come late, doubled and out of order; reads lag. What was before must come out right,
//! or not at all.

use serde_json::json;

use super::keep::{CHANGES, IMAGES};
use super::*;
use crate::change::Change;
use crate::kind::{
    Before, ElementKey, KindError, KindEvents, ResourceRef, Right, Step, Target, Touch, Touched,
};
use crate::name::{EventId, KindId};

/// A kind whose elements are `{"v": …}`.
struct Plain;

impl Kind for Plain {
    fn id(&self) -> KindId {
        KindId::parse("test/plain").unwrap()
    }
    fn events(&self) -> &'static [KindEvents] {
        &[]
    }
    fn facets(&self) -> &'static [&'static str] {
        &["f"]
    }
    fn arn(&self) -> &'static str {
        "arn:${Partition}:plain:${Region}:${Account}:thing/${Id}"
    }

    fn touched(&self, _: &Change) -> Result<Vec<Touched>, KindError> {
        Ok(Vec::new())
    }
    fn element(
        &self,
        _: &FacetName,
        written: &serde_json::Value,
    ) -> Result<(ElementKey, Element), KindError> {
        let key = written["k"].as_str().unwrap().to_owned();
        Ok((ElementKey(key), written.clone()))
    }
    fn steps(&self, _: &ResourceRef, _: &Image, _: &Image) -> Result<Vec<Step>, KindError> {
        Ok(Vec::new())
    }
    fn rights(&self) -> &'static [Right] {
        &[]
    }
    fn describe(&self, _: &FacetName, element: &Element) -> String {
        element.to_string()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn image(elements: &[(&str, i64)]) -> Image {
    let mut image = Image::default();
    let facet = elements
        .iter()
        .map(|(k, v)| (ElementKey((*k).into()), json!({"k": k, "v": v})));
    image.facets.insert("f".into(), facet.collect());
    image
}

fn set(event: &str, second: i64, key: &str, value: i64) -> SeenChange {
    let touch = Touch {
        facets: vec!["f".into()],
        target: Target::Key(ElementKey(key.into())),
        before: Before::Unknown,
        after: Some(json!({"k": key, "v": value})),
    };
    let event = EventId::parse(event).unwrap();
    SeenChange::new(event, at(second), Effect::Edited(vec![touch]))
}

fn created(second: i64) -> SeenChange {
    let event = EventId::parse("created").unwrap();
    SeenChange::new(event, at(second), Effect::Created(Some(image(&[]))))
}

/// Follows changes one look at a time; each look sees `live` and is answered at its second.
fn followed(looks: &[(&[SeenChange], &Image, i64)]) -> History {
    let mut history = History::default();
    for (changes, live, second) in looks {
        if let Some(next) = history.follow(&Plain, live, at(*second), changes) {
            history = next;
        }
    }
    history
}

fn value(history: &History, second: i64, key: &str) -> Option<i64> {
    let past = history.before(&Plain, at(second), &"f".into())?;
    let path = ElementPath {
        facet: "f".into(),
        key: ElementKey(key.into()),
    };
    past.image.get(&path).and_then(|e| e["v"].as_i64())
}

#[test]
fn what_was_before_is_the_same_in_whatever_order_events_come() {
    let all = [created(10), set("a", 20, "x", 1), set("b", 30, "x", 2)];
    let live = image(&[("x", 3)]);
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let looks: Vec<_> = order
            .iter()
            .map(|i| (std::slice::from_ref(&all[*i]), &live, 100))
            .collect();
        let history = followed(&looks);
        assert_eq!(value(&history, 31, "x"), Some(2), "{order:?}");
        assert_eq!(value(&history, 30, "x"), Some(1), "{order:?}");
        assert_eq!(value(&history, 15, "x"), None, "{order:?}");
    }
}

#[test]
fn a_read_that_lags_does_not_hide_a_change_that_was_seen() {
    // The read is answered within second 20, before the change of that second shows.
    let before = image(&[("x", 1)]);
    let history = followed(&[(&[set("a", 20, "y", 7)], &before, 21)]);
    assert_eq!(value(&history, 25, "y"), Some(7));
    assert_eq!(value(&history, 25, "x"), Some(1));
}

#[test]
fn a_read_is_never_taken_for_what_was_before_a_change_that_it_may_show() {
    let history = followed(&[(&[], &image(&[("x", 9)]), 21)]);
    assert_eq!(value(&history, 20, "x"), None);
    assert_eq!(value(&history, 21, "x"), None);
    assert_eq!(value(&history, 22, "x"), Some(9));
}

#[test]
fn the_same_event_twice_is_one_and_old_ones_are_folded_in() {
    let mut looks = Vec::new();
    let lives: Vec<Image> = (0..40).map(|n| image(&[("x", n)])).collect();
    let changes: Vec<SeenChange> = (0..40)
        .map(|n| set(&format!("e{n}"), 20 + n, "x", n))
        .collect();
    let start = [created(10)];
    looks.push((&start[..], &lives[0], 11));
    for n in 0..40usize {
        let change = std::slice::from_ref(&changes[n]);
        let second = 21 + i64::try_from(n).unwrap();
        looks.push((change, &lives[n], second));
        looks.push((change, &lives[n], second));
    }
    let history = followed(&looks);
    assert!(history.changes.len() <= CHANGES && history.images.len() <= IMAGES);
    assert_eq!(value(&history, 59, "x"), Some(38));
    assert_eq!(value(&history, 100, "x"), Some(39));
}

/// What is known of an earlier one of the name says nothing, also where nothing is known of the new
/// one; and what was made is known just before all else of its second.
#[test]
fn an_earlier_resource_of_the_name_is_forgotten() {
    let earlier = History {
        images: vec![DatedImage::read(image(&[("a", 1)]), at(0))],
        ..History::default()
    };
    let seen = |effect| SeenChange::new("e".to_owned().try_into().unwrap(), at(10), effect);
    let live = image(&[("b", 2)]);
    let facet = FacetName::from("f");
    let before = |history: &History, second| {
        let past = history.before(&Plain, at(second), &facet);
        past.map(|p| p.image)
    };
    assert_eq!(before(&earlier, 10), Some(image(&[("a", 1)])));
    for effect in [Effect::Created(None), Effect::Deleted] {
        let known = earlier.follow(&Plain, &live, at(20), &[seen(effect)]);
        assert_eq!(before(&known.unwrap(), 15), None);
    }
    let made = seen(Effect::Created(Some(image(&[("c", 3)]))));
    let once = std::slice::from_ref(&made);
    let known = earlier.follow(&Plain, &live, at(20), once).unwrap();
    assert_eq!(before(&known, 10), Some(image(&[("c", 3)])));
    assert!(known.knows_made(at(10)) && !known.knows_made(at(11)));
    let baseline = |second| Some(DatedImage::read(image(&[("d", 4)]), at(second)));
    let with = |second| known.clone().with_baseline(baseline(second)).images.len();
    assert_eq!(
        with(5) + 1,
        with(12),
        "the earlier one's baseline is forgotten too"
    );
    // Its event once more brings nothing back.
    let again = known.follow(&Plain, &live, at(30), once);
    assert_eq!(again.map_or(0, |a| a.images.len()), 0);
}

//! What a sweep makes of images that don't show all that a policy judges by.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use undrift_core::decide::Circumstances;
use undrift_core::kind::{Facet, FacetName, Image, Kind, ResourceRef};
use undrift_core::name::{AccountId, KindId, Region, ResourceId};
use undrift_core::observe::{DatedImage, History};
use undrift_core::policy::{Bundle, Exemptions, Settings};
use undrift_core::sweep::{Since, sight};
use undrift_documents::{kinds, load};

fn image(kind: &dyn Kind, groups: &[Value], remembered: bool) -> Image {
    let facet = FacetName::from("groups");
    let one = |group: &Value| {
        let (key, element) = kind.element(&facet, group).unwrap();
        let kept = kind.remembered(&facet, &element);
        (key, if remembered { kept } else { element })
    };
    let nothing = ["attached", "inline", "trust"].map(|f| (f, Facet::new()));
    let groups = [("groups", groups.iter().map(one).collect())];
    Image::of(nothing.into_iter().chain(groups))
}

/// What makes a group an administrators' isn't remembered with the user: an image in which the user
/// was in the group already doesn't show that all was right then.
#[test]
fn what_was_so_already_came_of_no_missed_change() {
    let policies = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")).unwrap();
    let is_it = |id: &str| id == "iam-user-added-to-admin-group";
    let policy = policies
        .policies
        .iter()
        .find(|d| is_it(d.policy.id.as_str()))
        .unwrap();
    let bundle = Bundle::of(
        std::slice::from_ref(&policy.policy),
        &Settings::default(),
        &Exemptions::default(),
        kinds(),
    )
    .unwrap();
    let id = KindId::parse("iam/identity").unwrap();
    let kind = kinds().get(&id).unwrap();
    let resource = ResourceRef {
        account: AccountId::parse("111122223333").unwrap(),
        region: Region::parse("us-east-1").unwrap(),
        kind: id,
        id: ResourceId::parse("user/maya").unwrap(),
    };
    let all = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let admins = json!({"group": "admins", "policies": [{"name": "all", "document": all}]});
    let readers = json!({"group": "readers", "policies": []});
    let live = image(kind, &[admins.clone(), readers.clone()], false);
    let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let since = |then: &[Value]| {
        let history = History {
            images: vec![DatedImage::read(image(kind, then, true), at)],
            ..History::default()
        };
        let now = Circumstances {
            bundle: &bundle,
            exemptions: &Exemptions::default(),
            paused: false,
            protected: None,
            now: at,
        };
        let seen = sight(kind, &resource, &live, &history, &[], now);
        let wrong: Vec<_> = seen.wrong.into_values().collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].path.key.0, "admins");
        wrong[0].since.clone()
    };
    assert_eq!(since(&[admins, readers.clone()]), Since::FirstSeen);
    assert!(matches!(since(&[readers]), Since::Image { was: None, .. }));
}

//! What records leave out: the order of a second, ids, what stood there before, what was cut. None
//! of it is guessed.

use serde_json::{Value, json};
use undrift_core::decide::{Decision, Why};
use undrift_core::judge::Verdict;
use undrift_core::policy::{Bundle, Needs};
use undrift_documents::{kinds, load};
use undrift_tests::sandbox::root;

use crate::support::{
    authorized, created, lines, modified, record, replay_by, replay_records, revoked,
};

const ADMIN: &str = "admin-ports";

/// The shipped policies, if all of them needed this to be known.
fn needing(needs: Option<Needs>) -> Bundle {
    let mut documents = load(&root().join("policies")).unwrap().reverting();
    for document in &mut documents.policies {
        document.policy.needs = needs;
    }
    let policies = documents.enabled();
    let bundle = Bundle::of(
        &policies,
        &documents.settings,
        &documents.exemptions,
        kinds(),
    );
    bundle.unwrap()
}

/// Who is let use a snapshot is taken out again, also where nobody saw whom it was shared with
/// before; not where the policy wants that known.
#[test]
fn what_needs_to_be_known_before_is_asked_for() {
    let shared = record(
        "a",
        10,
        "ModifySnapshotAttribute",
        json!({"snapshotId": "snap-1", "attributeType": "CREATE_VOLUME_PERMISSION",
            "createVolumePermission": {"add": {"items": [{"group": "all"}]}}}),
        json!({"_return": true}),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = lines(folder.path(), &[shared]);
    let decided = |needs: Option<Needs>| {
        let heard = replay_by(&needing(needs), std::slice::from_ref(&path), false);
        heard.of("a").outcomes[0].decision.clone()
    };
    assert_eq!(decided(None), Decision::Act);
    let asked = decided(Some(Needs::ExactBefore));
    assert!(
        matches!(asked, Decision::Propose(Why::BeforeUnknown(_))),
        "{asked:?}"
    );
}

/// What a policy states where there is no way back is set by a person, or, where the policy needs
/// to know nothing, at once; what was there before comes first.
#[test]
fn what_a_policy_states_is_set_where_there_is_no_way_back() {
    let options = |tokens: &str, hops: u8| json!({"httpTokens": tokens, "httpEndpoint": "enabled", "httpPutResponseHopLimit": hops});
    let launched = |options: Value| {
        let answer =
            json!({"instancesSet": {"items": [{"instanceId": "i-1", "metadataOptions": options}]}});
        record("run", 10, "RunInstances", json!({}), answer)
    };
    let set = |mut options: Value| {
        options["InstanceId"] = "i-1".into();
        let request = json!({"ModifyInstanceMetadataOptionsRequest": options});
        record(
            "set",
            20,
            "ModifyInstanceMetadataOptions",
            request,
            json!({"_return": true}),
        )
    };
    let (tokens, hops) = (
        json!({"HttpTokens": "optional", "HttpEndpoint": "enabled"}),
        json!({"HttpPutResponseHopLimit": 9}),
    );
    let way_back = json!({"InstanceId": "i-1", "HttpPutResponseHopLimit": 1});
    for (records, id, exact, wanted) in [
        (
            vec![launched(options("optional", 1))],
            "run",
            false,
            json!({"InstanceId": "i-1", "HttpTokens": "required"}),
        ),
        (
            vec![launched(options("required", 9))],
            "run",
            false,
            json!({"InstanceId": "i-1", "HttpPutResponseHopLimit": 2}),
        ),
        (
            vec![set(tokens)],
            "set",
            false,
            json!({"InstanceId": "i-1", "HttpTokens": "required"}),
        ),
        (
            vec![set(hops.clone())],
            "set",
            false,
            json!({"InstanceId": "i-1", "HttpPutResponseHopLimit": 2}),
        ),
        (
            vec![launched(options("required", 1)), set(hops)],
            "set",
            true,
            way_back,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = lines(folder.path(), &records);
        for needs in [None, Some(Needs::ExactBefore)] {
            let heard = replay_by(&needing(needs), std::slice::from_ref(&path), false);
            let outcome = &heard.of(id).outcomes[0];
            let acts = exact || needs.is_none();
            let held = matches!(outcome.decision, Decision::Propose(Why::BeforeUnknown(_)));
            assert_eq!(
                (outcome.decision == Decision::Act, held),
                (acts, !acts),
                "{records:?}: {outcome:?}"
            );
            let calls: Vec<&Value> = outcome.calls.iter().map(|c| &c.input).collect();
            assert_eq!(calls, [&wanted], "{records:?}, {needs:?}");
        }
    }
}

#[test]
fn where_history_does_not_show_a_rule_nothing_is_guessed() {
    // Ingress or egress? The record of a modify doesn't say, and nothing before it does.
    let heard = replay_records(&[modified("a", 10, "sgr-1", 22, "0.0.0.0/0")]);
    assert_eq!(heard.verdict("a", ADMIN), "undecided");
    let outcome = &heard.of("a").outcomes[0];
    let Decision::Propose(why) = &outcome.decision else {
        panic!("{outcome:?}")
    };
    assert!(
        why.to_string().contains("ingress or egress")
            || why.to_string().contains("egress or ingress"),
        "{why}"
    );
    assert_eq!(outcome.evidence.len(), 1, "what it would be is shown");
    // Nothing hangs on it where the rule is right either way.
    let heard = replay_records(&[modified("a", 10, "sgr-1", 443, "0.0.0.0/0")]);
    assert_eq!(heard.verdict("a", ADMIN), "compliant");
    // Not even where the group was seen from its beginning: a record may be missing, or may not
    // have shown the rule's id.
    let narrow =
        |id: &str, second, source: &str| authorized(id, second, &format!("sgr-{id}"), 22, source);
    let nameless = |id: &str, second, source: &str| {
        let mut record = narrow(id, second, source);
        record["responseElements"] = json!({"_return": true});
        record
    };
    for between in [None, Some(nameless("n", 15, "10.0.0.0/8"))] {
        let mut records = vec![created("a", 10)];
        records.extend(between);
        records.push(modified("b", 20, "sgr-9", 22, "0.0.0.0/0"));
        assert_eq!(replay_records(&records).verdict("b", ADMIN), "undecided");
    }
    // A rule that is taken away by its id may be one that was shown without it.
    let heard = replay_records(&[
        created("a", 10),
        nameless("b", 20, "20.0.0.0/9"),
        revoked("c", 30, &["sgr-b"]),
        narrow("d", 40, "21.128.0.0/9"),
    ]);
    assert_eq!(heard.verdict("d", ADMIN), "undecided");
    // And a rule that history showed is where it was.
    let heard = replay_records(&[
        authorized("a", 10, "sgr-1", 443, "0.0.0.0/0"),
        modified("b", 20, "sgr-1", 22, "0.0.0.0/0"),
    ]);
    assert_eq!(heard.verdict("b", ADMIN), "violated");
}

#[test]
fn changes_of_one_second_are_judged_as_one() {
    // Made and opened in one second, as scripts do.
    let heard = replay_records(&[
        authorized("b", 10, "sgr-1", 22, "8.0.0.0/10"),
        created("a", 10),
    ]);
    assert_eq!(heard.verdict("b", ADMIN), "compliant");
    let heard = replay_records(&[
        authorized("a", 10, "sgr-1", 22, "8.0.0.0/9"),
        authorized("b", 10, "sgr-2", 22, "8.128.0.0/9"),
    ]);
    assert_eq!(
        (heard.verdict("a", ADMIN), heard.verdict("b", ADMIN)),
        ("violated", "violated")
    );
    // Whatever stands first in the file: a rule's id, and the group's creation, order them.
    let open = authorized("a", 10, "sgr-1", 22, "0.0.0.0/0");
    let close = revoked("b", 10, &["sgr-1"]);
    let widen = modified("b", 10, "sgr-1", 22, "0.0.0.0/0");
    let narrow = authorized("a", 10, "sgr-1", 22, "10.0.0.0/8");
    for swapped in [false, true] {
        let both = |one: &Value, two: &Value| {
            let mut both = vec![one.clone(), two.clone()];
            if swapped {
                both.reverse();
            }
            replay_records(&both)
        };
        assert_eq!(both(&open, &close).summary.violated, 0);
        assert_eq!(
            both(&created("made", 10), &open).verdict("a", ADMIN),
            "violated"
        );
        assert_eq!(both(&narrow, &widen).verdict("b", ADMIN), "violated");
        // By its values alone a rule may have been taken away before, and made anew.
        let by_value = record(
            "b",
            10,
            "RevokeSecurityGroupIngress",
            json!({"groupId": "sg-1", "cidrIp": "0.0.0.0/0", "ipProtocol": "tcp", "fromPort": 22,
                "toPort": 22, "ipPermissions": {}}),
            json!({"_return": true}),
        );
        assert_eq!(both(&open, &by_value).verdict("a", ADMIN), "undecided");
        let mut there_and_back = modified("c", 10, "sgr-1", 22, "10.0.0.0/8");
        there_and_back["eventID"] = json!("c");
        let heard = both(&widen, &there_and_back);
        assert_eq!(heard.verdict("b", ADMIN), "undecided");
    }
}

#[test]
fn what_comes_late_or_under_another_name_leaves_nothing_certain() {
    let narrow =
        |id: &str, second, source: &str| authorized(id, second, &format!("sgr-{id}"), 22, source);
    let mut timeless = narrow("b", 20, "20.0.0.0/9");
    timeless["eventTime"] = json!("HIDDEN_DUE_TO_SECURITY_REASONS");
    let heard = replay_records(&[created("a", 10), timeless, narrow("c", 30, "21.128.0.0/9")]);
    assert_eq!(heard.verdict("c", ADMIN), "undecided");
    let by_name = record(
        "b",
        20,
        "AuthorizeSecurityGroupIngress",
        json!({"groupName": "web", "cidrIp": "20.0.0.0/9", "ipProtocol": "tcp", "fromPort": 22,
            "toPort": 22, "ipPermissions": {}}),
        json!({"_return": true}),
    );
    let heard = replay_records(&[created("a", 10), by_name, narrow("c", 30, "21.128.0.0/9")]);
    assert_eq!(heard.verdict("c", ADMIN), "undecided");
}

#[test]
fn nothing_that_is_cut_hidden_or_null_is_fine() {
    let good = authorized("a", 10, "sgr-1", 443, "10.0.0.0/8");
    let with = |pointer: &str, value: Value| {
        let mut record = good.clone();
        *record.pointer_mut(pointer).unwrap() = value;
        record
    };
    let mut answer_too = with("/requestParameters", json!(null));
    answer_too["responseElements"] = json!(null);
    let hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";
    for record in [
        with(
            "/requestParameters",
            json!({"omitted": true, "originalSize": 111_960}),
        ),
        with(
            "/requestParameters",
            json!({"groupId": "sg-1", "ipPermissions": {"omitted": true}}),
        ),
        with("/requestParameters/ipPermissions", json!(hidden)),
        with(
            "/requestParameters/ipPermissions/items/0/ipRanges",
            json!(hidden),
        ),
        with(
            "/requestParameters/ipPermissions/items/0/ipRanges",
            json!({}),
        ),
        with(
            "/requestParameters/ipPermissions/items/0/ipRanges/items/0/cidrIp",
            json!("****"),
        ),
        with(
            "/requestParameters/ipPermissions/items/0/fromPort",
            json!("***"),
        ),
        with("/requestParameters/ipPermissions/items/0", json!(hidden)),
        with("/responseElements/securityGroupRuleSet", json!(hidden)),
        answer_too,
    ] {
        let heard = replay_records(std::slice::from_ref(&record));
        assert!(heard.faults.is_empty());
        assert_eq!(heard.verdict("a", ADMIN), "undecided", "{record}");
        assert_eq!((heard.summary.violated, heard.summary.undecided), (0, 1));
    }
    // A request that says nothing beside an answer that says it all is enough.
    let heard = replay_records(&[with("/requestParameters", json!(null))]);
    assert_eq!(heard.verdict("a", ADMIN), "compliant");
    let mut open = authorized("a", 10, "sgr-1", 22, "0.0.0.0/0");
    open["requestParameters"] = json!(null);
    assert_eq!(replay_records(&[open]).verdict("a", ADMIN), "violated");
    // An older record as long as the limit may have been cut without a word.
    let mut long = authorized("a", 10, "sgr-1", 443, "10.0.0.0/8");
    long["eventVersion"] = json!("1.08");
    long["requestParameters"]["x"] = json!("y".repeat(100_000));
    assert_eq!(replay_records(&[long]).verdict("a", ADMIN), "undecided");
}

#[test]
fn records_that_lack_their_id_time_or_place_are_judged_on_their_own() {
    for missing in ["eventID", "eventTime", "recipientAccountId", "awsRegion"] {
        let mut open = authorized("a", 10, "sgr-1", 22, "0.0.0.0/0");
        open[missing] = json!(null);
        let heard = replay_records(&[open]);
        assert!(heard.faults.is_empty(), "{missing}");
        let judged = &heard.judged[0];
        assert!(
            judged
                .outcomes
                .iter()
                .any(|o| o.verdict == Verdict::Violated),
            "{missing}"
        );
        assert_eq!(judged.head.id.is_none(), missing == "eventID");
        assert_eq!(judged.head.time.is_none(), missing == "eventTime");
    }
    // Scrubbed accounts are told apart.
    let of = |id: &str, second, account: &str, source: &str| {
        let mut record = authorized(id, second, &format!("sgr-{id}"), 22, source);
        record["recipientAccountId"] = json!(account);
        record
    };
    let heard = replay_records(&[
        of("a", 10, "ACCOUNT_A", "8.0.0.0/9"),
        of("b", 20, "ACCOUNT_B", "8.128.0.0/9"),
    ]);
    assert_eq!(heard.verdict("b", ADMIN), "undecided");
}

//! Files of every shape, whole and broken.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::{authorized, lines, record, replay, revoked};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text).unwrap();
    gzip.finish().unwrap()
}

fn open(id: &str, second: u32) -> Value {
    authorized(id, second, &format!("sgr-{id}"), 22, "0.0.0.0/0")
}

fn file_of(records: &[Value]) -> String {
    json!({"Records": records}).to_string()
}

fn envelope(record: &Value) -> Value {
    json!({"version": "0", "id": "1", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2", "account": "123456789012", "time": record["eventTime"],
        "region": "eu-central-1", "resources": [], "detail": record})
}

#[test]
fn every_shape_of_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let day = "AWSLogs/123456789012/CloudTrail/eu-central-1/2026/03/01";
    let name = |time: &str| format!("{day}/123456789012_CloudTrail_eu-central-1_{time}_x.json.gz");
    put(
        &name("20260301T0005Z"),
        &gzip(file_of(&[open("a", 1), open("b", 2)]).as_bytes()),
    );
    put(&name("20260301T0010Z"), &gzip(file_of(&[]).as_bytes()));
    put("plain.json", file_of(&[open("c", 3)]).as_bytes());
    put(
        "pretty.json",
        serde_json::to_string_pretty(&open("d", 4))
            .unwrap()
            .as_bytes(),
    );
    put(
        "lines.jsonl",
        format!("{}\r\n{}\n", open("e", 5), open("f", 6)).as_bytes(),
    );
    put(
        "bus.ndjson",
        format!("{}\n", envelope(&open("g", 7))).as_bytes(),
    );
    put(
        "array.json",
        json!([open("h", 8), open("i", 9)]).to_string().as_bytes(),
    );
    let looked_up = json!({"Events": [{"EventId": "j", "EventName": "AuthorizeSecurityGroupIngress",
        "CloudTrailEvent": open("j", 10).to_string()}]});
    put(
        "lookup.json",
        serde_json::to_string_pretty(&looked_up).unwrap().as_bytes(),
    );
    // Two members, as `cat` makes of two files; and gzip under a plain file's name.
    let two = [
        gzip(open("k", 11).to_string().as_bytes()),
        gzip(open("l", 12).to_string().as_bytes()),
    ];
    put("two.json.gz", &two.concat());
    put("unsaid.json", &gzip(open("m", 13).to_string().as_bytes()));
    put(
        "other.json",
        json!({"version": "0", "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2", "detail": {"state": "running"}})
        .to_string()
        .as_bytes(),
    );
    let digest = json!({"awsAccountId": "123456789012", "digestStartTime": "x", "logFiles": []});
    put(
        "AWSLogs/123456789012/CloudTrail-Digest/x.json.gz",
        &gzip(digest.to_string().as_bytes()),
    );
    put("README.md", b"not a log");
    let heard = replay(&[folder.path().to_owned()], false);
    assert!(heard.faults.is_empty(), "{:?}", heard.faults);
    assert_eq!(
        heard.routed(),
        [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"
        ]
    );
    assert_eq!((heard.counts.files, heard.counts.left_out), (12, 1));
    assert_eq!(heard.counts.records, 13);
    assert_eq!(heard.summary.violated, 13);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_broken_is_told_with_its_place_and_costs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let good = [open("a", 1).to_string(), open("b", 2).to_string()];
    let cut: String = open("x", 3).to_string().chars().take(200).collect();
    let whole = gzip(file_of(&[open("c", 4), open("d", 5)]).as_bytes());
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let not_utf8: Vec<u8> = {
        let mut text = record("y", 6, "RunInstances", json!({"a": "QQ"}), json!(null))
            .to_string()
            .into_bytes();
        let at = text.windows(2).position(|w| w == b"QQ").unwrap();
        text[at] = 0xff;
        text
    };
    let line = |bytes: &[u8]| {
        let mut file = good[0].clone().into_bytes();
        file.push(b'\n');
        file.extend(bytes);
        file.push(b'\n');
        file.extend(good[1].as_bytes());
        file
    };
    let huge = format!(
        "{{\"eventName\":\"{}\",\"x\":1e999}}",
        "AuthorizeSecurityGroupIngress"
    );
    let deep = format!(
        "{{\"eventName\":\"X\",\"x\":{}1{}}}",
        "[".repeat(500),
        "]".repeat(500)
    );
    for (name, bytes, expected, place) in [
        ("cut.jsonl", line(cut.as_bytes()), vec!["a", "b"], Some(2)),
        ("words.jsonl", line(b"hello world"), vec!["a", "b"], Some(2)),
        ("empty.jsonl", line(b"{}"), vec!["a", "b"], Some(2)),
        ("number.jsonl", line(b"17"), vec!["a", "b"], Some(2)),
        ("utf8.jsonl", line(&not_utf8), vec!["a", "b"], Some(2)),
        ("huge.jsonl", line(huge.as_bytes()), vec!["a", "b"], Some(2)),
        ("deep.jsonl", line(deep.as_bytes()), vec!["a", "b"], Some(2)),
        ("nul.jsonl", line(&[0; 50]), vec!["a", "b"], Some(2)),
        (
            "nameless.jsonl",
            line(br#"{"eventVersion":"1.08"}"#),
            vec!["a", "b"],
            Some(2),
        ),
        (
            "numbered.jsonl",
            line(br#"{"eventName":7,"eventSource":"x.y"}"#),
            vec!["a", "b"],
            Some(2),
        ),
        (
            "list.json",
            format!(
                "{{\"Records\":[{},{{\"eventVersion\":\"1.08\",oops}},{}]}}",
                good[0], good[1]
            )
            .into_bytes(),
            vec!["a", "b"],
            Some(1),
        ),
        (
            "short.json",
            format!("{{\"Records\":[{},{}", good[0], good[1]).into_bytes(),
            vec!["a", "b"],
            Some(1),
        ),
        (
            "garbage.json.gz",
            b"\x1f\x8bgarbage".to_vec(),
            vec![],
            Some(1),
        ),
        ("empty.json.gz", Vec::new(), vec![], None),
        (
            "truncated.json.gz",
            whole[..whole.len() - 9].to_vec(),
            vec!["c", "d"],
            Some(1),
        ),
        (
            "half.json.gz",
            whole[..whole.len() / 2].to_vec(),
            vec![],
            Some(1),
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let heard = replay(std::slice::from_ref(&path), false);
        assert_eq!(heard.routed(), expected, "{name}: {:?}", heard.faults);
        assert_eq!(heard.faults.len(), 1, "{name}: {:?}", heard.faults);
        assert_eq!(
            heard.faults[0].place.map(|p| p.line),
            place,
            "{name}: {:?}",
            heard.faults
        );
        let said = heard.faults[0].to_string();
        assert!(said.contains(name), "{said}");
    }
    let path = folder.path().join("damaged.json.gz");
    std::fs::write(&path, &damaged).unwrap();
    assert!(!replay(&[path], false).faults.is_empty());
    let gone = folder.path().join("nobody");
    let both = replay(&[gone, lines(folder.path(), &[open("a", 1)])], false);
    assert_eq!((both.faults.len(), both.routed()), (1, vec!["a"]));
}

#[test]
fn a_bomb_is_left_and_its_neighbours_are_read() {
    let folder = tempfile::tempdir().unwrap();
    // 4 GB of nothing in 4 MB.
    let bomb = gzip(&vec![b' '; 1 << 26]).repeat(64);
    std::fs::write(folder.path().join("bomb.json.gz"), bomb).unwrap();
    lines(folder.path(), &[open("a", 1)]);
    let heard = replay(&[folder.path().to_owned()], false);
    assert_eq!((heard.faults.len(), heard.routed()), (1, vec!["a"]));
    assert!(
        heard.faults[0].why.contains("times its size"),
        "{:?}",
        heard.faults
    );
}

#[test]
fn a_link_that_leads_round_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    lines(folder.path(), &[open("a", 1)]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("round")).unwrap();
    std::os::unix::fs::symlink(
        folder.path().join("records.jsonl"),
        folder.path().join("link.jsonl"),
    )
    .unwrap();
    let heard = replay(&[folder.path().to_owned()], false);
    assert_eq!(heard.routed(), ["a"]);
    assert_eq!(
        heard.counts.again, 1,
        "the linked file holds the same record"
    );
}

#[test]
fn order_is_that_of_time_whatever_the_files_are() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, records: &[Value]| {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
        lines(&folder.path().join(name), records);
    };
    write("1", &[revoked("c", 30, &["sgr-a"]), open("a", 10)]);
    write("2", &[open("d", 40), open("b", 20), open("a", 10)]);
    let heard = replay(&[folder.path().to_owned()], true);
    let all: Vec<_> = heard
        .judged
        .iter()
        .map(|j| j.head.id.as_deref().unwrap())
        .collect();
    assert_eq!(all, ["a", "b", "c", "d"]);
    assert_eq!(heard.counts.again, 1);
}

/// A folder with the given records in many files, as CloudTrail writes them.
fn spread(folder: &Path, records: &[Value], per_file: usize) {
    for (index, some) in records.chunks(per_file).enumerate() {
        let time = format!("20260301T{:02}{:02}Z", index / 60, index % 60);
        let name = format!("123456789012_CloudTrail_eu-central-1_{time}_x.json.gz");
        std::fs::write(folder.join(name), gzip(file_of(some).as_bytes())).unwrap();
    }
}

#[test]
fn it_comes_out_the_same_however_it_is_cut_into_files() {
    let records: Vec<Value> = (0..3000_u32)
        .map(|n| {
            let port = if n % 7 == 0 { 22 } else { 8000 };
            let mut record =
                authorized(&format!("e{n}"), n, &format!("sgr-{n}"), port, "0.0.0.0/0");
            let group = format!("sg-{}", n % 50);
            record["requestParameters"]["groupId"] = json!(group);
            record["responseElements"]["securityGroupRuleSet"]["items"][0]["groupId"] =
                json!(group);
            record
        })
        .collect();
    let mut outcomes = Vec::new();
    for per_file in [3000, 100, 7] {
        let folder = tempfile::tempdir().unwrap();
        spread(folder.path(), &records, per_file);
        let heard = replay(&[folder.path().to_owned()], false);
        assert_eq!(heard.counts.records, 3000);
        let said: Vec<String> = heard
            .judged
            .iter()
            .map(|j| serde_json::to_string(&j.outcomes).unwrap())
            .collect();
        outcomes.push(said);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0], outcomes[2]);
}

//! The JSON Schemas: current, right about every shipped document, and as strict as the reader.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};
use undrift_core::name::{AccountId, Arn, EventName, PolicyId, ResourceId};
use undrift_documents::kinds;
use undrift_documents::schema::Format;

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

fn validator(format: Format) -> Validator {
    jsonschema::draft202012::new(&format.schema(kinds())).unwrap()
}

/// YAML as an editor reads it.
fn yaml(text: &str) -> Value {
    serde_saphyr::from_str::<Option<Value>>(text)
        .unwrap()
        .unwrap_or_default()
}

fn said(format: Format, document: &Value) -> Vec<String> {
    validator(format)
        .iter_errors(document)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect()
}

/// A document with the examples in its comments written out: lines that are a member or an item.
fn uncommented(text: &str) -> String {
    let example = |line: &str| {
        let line = line.trim_start();
        let key = line.strip_prefix("- ").unwrap_or(line);
        let key = key.split_once(':').map_or("", |(key, _)| key);
        line.starts_with("- ")
            || !matches!(key, "" | "yaml-language-server") && !key.contains([' ', '`'])
    };
    let lines = text.lines().filter_map(|l| l.strip_prefix("# "));
    let shown: Vec<&str> = lines.filter(|l| example(l)).collect();
    shown.join(
        "
",
    ) + "
"
}

#[test]
fn the_committed_schemas_are_current() {
    for format in Format::ALL {
        let file = policies().join("schema").join(format.file());
        let text = format.text(kinds());
        if std::env::var_os("UNDRIFT_BLESS").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == text,
            "{} is outdated: write it anew with `undrift schema --write`",
            file.display()
        );
    }
}

#[test]
fn every_shipped_document_is_valid() {
    let read = |path: &Path| yaml(&fs::read_to_string(path).unwrap());
    let mut count = 0;
    for entry in fs::read_dir(policies().join("ec2")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            said(Format::Policy, &read(&path)),
            [""; 0],
            "{}",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 3);
    for (file, format) in [
        ("settings.yaml", Format::Settings),
        ("exemptions.yaml", Format::Exemptions),
    ] {
        assert_eq!(
            said(format, &read(&policies().join(file))),
            [""; 0],
            "{file}"
        );
        // And what their comments show.
        let text = fs::read_to_string(policies().join(file)).unwrap();
        let shown = yaml(&uncommented(&text));
        assert!(!shown.is_null(), "{file}");
        assert_eq!(said(format, &shown), [""; 0], "{file}");
    }
}

#[test]
fn planted_mistakes_are_found_where_they_are() {
    let shipped = policies().join("ec2/ec2-security-group-open-admin-ports.yaml");
    let right = yaml(&fs::read_to_string(shipped).unwrap());
    for (way, wrong) in [
        ("/colour", Some(json!("red"))),
        ("/severity", Some(json!("hihg"))),
        ("/title", Some(json!([1]))),
        ("/why", None),
        ("/kind", Some(json!("ec2/security-groups"))),
        ("/on/s3.amazonaws.com", Some(json!(["PutObject"]))),
        ("/on/ec2.amazonaws.com/0", Some(json!("RunInstances"))),
        ("/params/ports/0", Some(json!(70000))),
        ("/params/port", Some(json!([22]))),
        ("/params/own", Some(json!(["office"]))),
        ("/remedy", Some(json!("fix"))),
        ("/cases/0/before/ingres", Some(json!([]))),
        ("/cases/0/after/ingress/0/form", Some(json!(22))),
        ("/cases/0/after/ingress/0/from", Some(json!(70000))),
        (
            "/cases/0/after/ingress/0/source",
            Some(json!("the.world/0")),
        ),
        ("/cases/0/expect/desired", Some(json!("befor"))),
        ("/cases/0/expect/violated", Some(json!(-1))),
    ] {
        let mut document = right.clone();
        let (parent, member) = way.rsplit_once('/').unwrap();
        match (document.pointer_mut(parent).unwrap(), wrong) {
            (Value::Object(o), Some(wrong)) => drop(o.insert(member.to_owned(), wrong)),
            (Value::Object(o), None) => drop(o.remove(member)),
            (Value::Array(a), Some(wrong)) => a[member.parse::<usize>().unwrap()] = wrong,
            _ => panic!("{way}"),
        }
        let found = said(Format::Policy, &document);
        assert!(
            found
                .iter()
                .any(|f| f.starts_with(way) || f.starts_with(parent)),
            "{way}: {found:?}"
        );
    }
}

#[test]
fn exemptions_need_an_end_and_something_to_cover() {
    let right = json!([{
        "id": "e", "covers": {"policy": "p"}, "reason": "r", "by": "b",
        "until": "2026-01-31T18:00:00Z",
    }]);
    assert_eq!(said(Format::Exemptions, &right), [""; 0]);
    for (member, wrong) in [
        ("until", json!("next week")),
        ("covers", json!({"account": "111122223333"})),
        ("covers", json!({"element": ["ingres", {}]})),
        (
            "covers",
            json!({"element": ["ingress", {"protocol": "tcp", "form": 22, "source": "::/0"}]}),
        ),
        ("source", json!("undo")),
    ] {
        let mut document = right.clone();
        document[0][member] = wrong;
        assert!(
            !said(Format::Exemptions, &document).is_empty(),
            "{document}"
        );
    }
}

/// What `format`'s definition of a name says of a text.
fn definition(format: Format, name: &str) -> Validator {
    let schema = format.schema(kinds());
    jsonschema::draft202012::new(&schema["$defs"][name]).unwrap()
}

type Reads = fn(&str) -> bool;

fn time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

fn channel(text: &str) -> bool {
    undrift_core::notice::route::ChannelName::try_from(text.to_owned()).is_ok()
}

#[test]
fn patterns_of_names_say_what_their_readers_say() {
    let texts = [
        "",
        "a",
        "A",
        "a-b",
        "a_b",
        "a.b",
        "a#b",
        "a/b",
        "é",
        "a\u{7}b",
        "a\nb",
        " ",
        "012345678901",
        "12345678901",
        "1234567890123",
        "12345678901a",
        "arn:aws:iam::1",
        "arn:aws:iam::1:role/x",
        "arn:aws:iam::111122223333:role/deploy/network",
        "arn:aws:s3:::b:c:d",
        "arn:::::",
        "AArn:a:b:c:d:e",
        "ec2.amazonaws.com",
        "sns",
        "slack:C012AB3CD",
        "slack:",
        "slack:#general",
        "webhook",
        "mail",
        "2026-01-31T18:00:00Z",
        "2026-01-31 18:00Z",
        "2026-01-31",
        "2026-01-31T18:00:00",
        "next week",
        "2026-01-31T18:00:00+01:00",
        "2026-01-31t18:00:00z",
    ];
    let names: [(Format, &str, Reads); 8] = [
        (Format::Settings, "AccountId", |t| {
            AccountId::parse(t).is_ok()
        }),
        (Format::Settings, "PolicyId", |t| PolicyId::parse(t).is_ok()),
        (Format::Settings, "Arn", |t| Arn::parse(t).is_ok()),
        (Format::Settings, "ChannelName", channel),
        (Format::Policy, "EventName", |t| EventName::parse(t).is_ok()),
        (Format::Policy, "PolicyId", |t| PolicyId::parse(t).is_ok()),
        (Format::Exemptions, "ResourceId", |t| {
            ResourceId::parse(t).is_ok()
        }),
        (Format::Exemptions, "Time", time),
    ];
    for (format, name, reads) in names {
        let schema = definition(format, name);
        for text in texts {
            assert_eq!(
                schema.is_valid(&json!(text)),
                reads(text),
                "{name} {text:?}"
            );
        }
    }
}

/// Every place in a value, as a pointer.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let mut inside = |name: &str, value| {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        all.push(at.clone());
        pointers(value, &at, all);
    };
    match value {
        Value::Object(o) => o.iter().for_each(|(name, v)| inside(name, v)),
        Value::Array(a) => {
            let named = a.iter().enumerate();
            named.for_each(|(index, v)| inside(&index.to_string(), v));
        }
        _ => {}
    }
}

fn without(document: &Value, way: &str) -> Value {
    let mut document = document.clone();
    let (parent, member) = way.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(o) => drop(o.remove(&member.replace("~1", "/").replace("~0", "~"))),
        Value::Array(a) => drop(a.remove(member.parse().unwrap())),
        _ => panic!("{way}"),
    }
    document
}

/// An editor marks nothing that `check` would take: people would learn to ignore it.
#[test]
fn what_a_schema_refuses_the_reader_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let exemptions = json!([{
        "id": "e", "covers": {"policy": "p", "element": ["ingress", {"protocol": "tcp", "from": 22, "source": "::/0"}]},
        "reason": "r", "ticket": "t", "by": "b", "until": "2030-01-31T18:00:00Z",
    }]);
    let settings = json!({
        "deployment": "revert", "accounts": {"default": "revert", "111122223333": "approve"},
        "policies": {"p": "approve"}, "params": {"p": {"own": []}},
        "approved_pipelines": ["arn:aws:iam::111122223333:role/x"],
        "notices": [{"channels": ["sns"], "severity": "low", "policies": ["p"], "accounts": ["111122223333"]}],
    });
    let id = "ec2-security-group-open-admin-ports";
    let mut policy = yaml(&fs::read_to_string(policies().join(format!("ec2/{id}.yaml"))).unwrap());
    // A case that is violated, one that is compliant, one that is left alone: enough.
    let cases = policy["cases"].as_array().unwrap();
    let few = [
        cases.first(),
        cases.get(cases.len() - 3),
        cases.get(cases.len() - 2),
    ];
    policy["cases"] = few.into_iter().flatten().cloned().collect();
    let (mut tried, mut refused) = (0, 0);
    for (format, name, right) in [
        (Format::Exemptions, "exemptions", exemptions),
        (Format::Settings, "settings", settings),
        (Format::Policy, id, policy),
    ] {
        let schema = validator(format);
        let file = dir.path().join(format!("{name}.yaml"));
        let mut ways = Vec::new();
        pointers(&right, "", &mut ways);
        for way in ways {
            let put = |value: Value| {
                let mut document = right.clone();
                *document.pointer_mut(&way).unwrap() = value;
                document
            };
            let others = ["x", "any", "0.0.0.0/0", ""].map(|t| put(json!(t)));
            let more = [
                json!(7),
                json!(-1),
                json!(70000),
                json!(1.5),
                json!(true),
                json!(null),
            ];
            let lists = [json!([]), json!({}), json!(["x"]), json!({"x": 1})];
            let all = others
                .into_iter()
                .chain(more.map(put))
                .chain(lists.map(put));
            for document in all.chain([without(&right, &way)]) {
                tried += 1;
                if schema.is_valid(&document) {
                    continue;
                }
                refused += 1;
                fs::write(&file, document.to_string()).unwrap();
                let read = undrift_documents::load_paths(std::slice::from_ref(&file), kinds());
                assert!(read.is_err(), "{way}: {:?}", said(format, &document));
            }
        }
    }
    assert!(tried > 2000 && refused > 1500, "{refused} of {tried}");
}

//! Notices of hostile and long words, checked by Slack's own SDK.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use undrift_core::notice::{notice, slack};
use undrift_core::record::Record;
use undrift_local::Venv;
use undrift_tests::sandbox::{root, target};

/// A record with `words` wherever others could have put them, each of its lists `long`.
fn record(words: &str, long: usize) -> Record {
    let path = root().join("functions/core/src/notice/testing.json");
    let mut record: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    fill(&mut record, words);
    for list in [
        "/assessments",
        "/assessments/0/evidence",
        "/plan/writes",
        "/left_alone",
    ] {
        let all = record.pointer_mut(list).unwrap().as_array_mut().unwrap();
        *all = vec![all[0].clone(); long];
    }
    serde_json::from_value(record).unwrap()
}

fn fill(value: &mut Value, words: &str) {
    match value {
        Value::String(text) => *text = text.replace("WORDS", words),
        Value::Array(all) => all.iter_mut().for_each(|v| fill(v, words)),
        Value::Object(all) => all.values_mut().for_each(|v| fill(v, words)),
        _ => {}
    }
}

async fn sdk_says(messages: &[Value]) -> String {
    let tests = root().join("tests/slack");
    let quiet = Arc::new(|_: &str| {});
    let venv = Venv::ensure(&target(), &tests.join("requirements.txt"), &(quiet as _)).await;
    let mut sdk = Command::new(venv.unwrap().python())
        .arg(tests.join("check.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let mut stdin = sdk.stdin.take().unwrap();
    stdin.write_all(lines.join("\n").as_bytes()).unwrap();
    drop(stdin);
    let said = sdk.wait_with_output().unwrap();
    assert!(said.status.success());
    String::from_utf8(said.stdout).unwrap()
}

#[tokio::test]
async fn slacks_own_sdk_takes_every_notice() {
    let words = [
        "0.0.0.0/0".to_owned(),
        "<!channel> <@U012AB3CD> <https://evil.example|here> *b* _i_ ~s~ `c` :skull:".to_owned(),
        "``` ` ```` \"}]},{".to_owned(),
        String::new(),
        " \t\n\u{202e}\u{200b}".to_owned(),
        "x".repeat(3000),
        "&<>".repeat(1000),
        "`".repeat(3000),
        "\u{1f4a5}".repeat(3000),
        "a\n".repeat(20_000),
    ];
    let mut messages = Vec::new();
    for words in &words {
        for long in [1, 60] {
            let notice = notice(&record(words, long), Some(7)).unwrap();
            messages.extend([slack::message(&notice), slack::details(&notice)]);
        }
    }
    let said = sdk_says(&messages).await;
    assert_eq!(said, format!("checked {}\n", messages.len()));
    // The check can fail.
    let long = json!({"type": "plain_text", "text": "x".repeat(151)});
    let bad = json!({"blocks": [{"type": "header", "text": long}]});
    assert!(sdk_says(&[bad]).await.starts_with("line 1: "));
}

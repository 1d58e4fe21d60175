//! How long a verdict on a policy document takes: `cargo bench -p undrift-core`.
//!
//! Prints medians, and their ratio to parsing the same text as JSON, measured in the same run: on
//! the corpus, and on documents of 20 KB (S3's limit) that are made to be slow.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use undrift_core::iam::Line;

const LIMIT: usize = 20 * 1024;

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..31)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn tell(what: &str, texts: &[String]) {
    let judged = median(|| {
        for text in texts {
            let line = Line::parse(text, &Line::default()).unwrap();
            black_box(line.judge());
        }
    });
    let parsed = median(|| {
        for text in texts {
            black_box(serde_json::from_str::<Value>(text).unwrap());
        }
    });
    let count = u32::try_from(texts.len()).unwrap();
    let micros = |time: Duration| (time / count).as_secs_f64() * 1e6;
    println!(
        "{what:<44} {:>10.1} µs a document, {:>7.1} × parsing it ({:.1} µs)",
        micros(judged),
        judged.as_secs_f64() / parsed.as_secs_f64(),
        micros(parsed)
    );
}

/// As many statements as there is room for.
fn full(statement: impl Fn(usize) -> Value) -> String {
    let mut text = String::from(r#"{"Version":"2012-10-17","Statement":["#);
    for n in 0.. {
        let one = statement(n).to_string();
        if text.len() + one.len() + 3 > LIMIT {
            break;
        }
        let comma = if n == 0 { "" } else { "," };
        write!(text, "{comma}{one}").unwrap();
    }
    text.push_str("]}");
    text
}

fn main() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/corpus/policies-dev.jsonl"
    );
    let corpus = std::fs::read_to_string(path).unwrap();
    let lines: Vec<String> = corpus.lines().map(str::to_owned).collect();
    tell("the corpus", &lines);
    let everybody = |effect: &str, action: String, condition: Value| {
        json!({"Effect": effect, "Principal": "*", "Action": action,
            "Resource": "arn:aws:s3:::b/*", "Condition": condition})
    };
    // Each denial can be evaded by another key, and all of them can't.
    let keys = [
        "aws:Referer",
        "aws:UserAgent",
        "s3:prefix",
        "aws:PrincipalTag/a",
        "s3:x-amz-acl",
    ];
    let maze = full(|n| {
        let key = keys[n % keys.len()];
        if n % 4 == 0 {
            let allow = json!({"StringLike": {key: format!("*{n}*")}});
            everybody("Allow", "s3:*".to_owned(), allow)
        } else {
            let deny = json!({"StringNotLike": {key: format!("?{n}*")},
                "StringLike": {keys[(n + 1) % keys.len()]: "*"}});
            everybody("Deny", "s3:*".to_owned(), deny)
        }
    });
    tell("20 KB of denials that nobody evades", &[maze]);
    let stars = full(|n| {
        let pattern = format!("s3:{}", "*a".repeat(20 + n % 3));
        let value = "*a*b".repeat(20);
        everybody(
            "Allow",
            pattern,
            json!({"StringLike": {"aws:PrincipalArn": value}}),
        )
    });
    tell("20 KB of asterisks", &[stars]);
    let values: Vec<String> = (0..1100)
        .map(|n| format!("10.{}.{}.0/24", n / 256, n % 256))
        .collect();
    let wide = json!({"Version": "2012-10-17", "Statement": [everybody("Allow", "s3:*".to_owned(),
        json!({"NotIpAddress": {"aws:SourceIp": values}}))]});
    tell("20 KB of addresses", &[wide.to_string()]);
    let pairs = full(|n| {
        let effect = if n % 2 == 0 { "Allow" } else { "Deny" };
        let condition = json!({"StringNotEquals": {"aws:PrincipalOrgID": format!("o-{n}")}});
        everybody(effect, format!("s3:Get{n}*"), condition)
    });
    tell("20 KB of statements", &[pairs]);
    let rights = full(|n| {
        json!({"Effect": if n % 2 == 0 { "Allow" } else { "Deny" },
            "NotAction": format!("{}*", "*a".repeat(30)),
            "Resource": format!("arn:aws:iam::*:role/*{n}")})
    });
    tell(
        "20 KB of an identity's rights",
        &[json!({"kind": "identity", "policy": rights}).to_string()],
    );
}

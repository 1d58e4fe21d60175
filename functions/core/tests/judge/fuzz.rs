//! Bytes of any kind: nothing makes the judge panic, and whatever is in 20 KB is judged soon.

use proptest::prelude::*;
use serde_json::json;
use undrift_core::iam::{DocumentKind, Line};

use crate::corpus;
use crate::run::{ended, until};

fn judged(text: &str) {
    for kind in [
        DocumentKind::Resource,
        DocumentKind::Trust,
        DocumentKind::Identity,
    ] {
        let otherwise = Line {
            kind,
            ..Line::default()
        };
        // As a line, and as a document that is a text.
        let text_of = Line {
            policy: json!(text),
            ..otherwise.clone()
        };
        for line in Line::parse(text, &otherwise).into_iter().chain([text_of]) {
            let answer = line.judge();
            assert!(answer.verdict.is_string());
            let _ = line.explain();
            let _ = line.names_nobody();
        }
    }
}

#[test]
fn bytes_of_any_kind() {
    let texts: Vec<Vec<u8>> = corpus::rows()
        .iter()
        .map(|r| r.whole.to_string().into_bytes())
        .collect();
    until(4, 600, |runner| {
        let text = prop::sample::select(texts.clone());
        let other = prop::sample::select(texts.clone());
        let edit = (
            any::<prop::sample::Index>(),
            any::<prop::sample::Index>(),
            any::<u8>(),
            0..6_u8,
        );
        let strategy = (text, other, prop::collection::vec(edit, 0..6));
        ended(runner.run(&strategy, |(mut text, other, edits)| {
            for (at, to, byte, how) in edits {
                let at = at.index(text.len() + 1);
                match how {
                    0 => text.truncate(at),
                    1 => text.insert(at, byte),
                    2 => text.insert(
                        at,
                        [b'*', b'"', b'{', b'[', b'$', b','][usize::from(byte) % 6],
                    ),
                    3 if at < text.len() => text[at] = byte,
                    4 => {
                        let from = to.index(other.len() + 1);
                        let until = (from + usize::from(byte)).min(other.len());
                        text.splice(at..at, other[from..until].iter().copied());
                    }
                    _ => {
                        let until = (at + usize::from(byte)).min(text.len());
                        text.drain(at..until);
                    }
                }
            }
            judged(&String::from_utf8_lossy(&text));
            Ok(())
        }))
    });
}

#[test]
fn what_is_made_to_be_slow_or_deep() {
    let many = |one: &str| one.repeat(20 * 1024 / one.len());
    for text in [
        many("["),
        many("{\"Statement\":"),
        format!("{{\"Statement\":[{}{{}}]}}", many("{\"Effect\":\"Deny\"},")),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"{}\",\"Resource\":\"{}\"}}}}",
            many("*a?"),
            "*"
        ),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"{}\"}}}}",
            many("${aws:username}")
        ),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{{\"StringLike\":{{\"aws:PrincipalArn\":\"{}\"}}}}}}}}",
            many("*a")
        ),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":[{}{{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}}]}}",
            many(
                "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"StringLike\":{\"aws:Referer\":\"?*\"}}},"
            )
        ),
    ] {
        judged(&text);
    }
}

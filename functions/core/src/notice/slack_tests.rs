//! Messages against what Slack documents.

use super::*;
use crate::notice::{notice, testing};

/// Checks a message against what Slack documents.
fn check(message: &Value, what: &str) {
    let text = message["text"].as_str().unwrap();
    assert!(!text.is_empty() && width(text) <= 3000, "{what}");
    let blocks = message["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()), "{what}");
    assert!(message.to_string().len() < 40_000, "{what}");
    safe(text, what);
    for block in blocks {
        let longest = match block["type"].as_str().unwrap() {
            "header" => HEADER,
            "section" | "context" => SECTION,
            other => panic!("{other}"),
        };
        let many = |member: &str| block[member].as_array().cloned().unwrap_or_default();
        assert!(many("fields").len() <= 10 && many("elements").len() <= 10);
        assert!(block.get("elements").is_none_or(|e| e != &json!([])));
        for field in many("fields") {
            object(&field, 2000, what);
        }
        for element in many("elements") {
            object(&element, SECTION, what);
        }
        if let Some(text) = block.get("text") {
            object(text, longest, what);
        }
        if block["type"] == "header" {
            assert_eq!(block["text"]["type"], "plain_text");
        }
    }
}

fn object(object: &Value, longest: usize, what: &str) {
    let text = object["text"].as_str().unwrap();
    assert!(!text.trim().is_empty(), "{what}");
    assert!(
        width(text) <= longest,
        "{what}: {} > {longest}",
        width(text)
    );
    match object["type"].as_str().unwrap() {
        "plain_text" => assert_eq!(object["emoji"], false),
        "mrkdwn" => {
            assert_eq!(object["verbatim"], true);
            // Fences and code are balanced, so that nothing stands outside of them.
            assert_eq!(text.matches("```").count() % 2, 0, "{what}: {text}");
            assert_eq!(text.matches('`').count() % 2, 0, "{what}: {text}");
            // What is left without code is our own.
            let bare: String = text.split('`').step_by(2).collect();
            assert!(!bare.contains("HOSTILE"), "{what}: {text}");
        }
        other => panic!("{other}"),
    }
    safe(text, what);
}

/// No mention, link or broken escape but our own links.
fn safe(text: &str, what: &str) {
    let mut rest = text.replace("<https://eu-central-1.console.aws.amazon.com/", "");
    if rest.len() < text.len() {
        rest = rest.replace('>', "");
    }
    assert!(!rest.contains(['<', '>']), "{what}: {text}");
    for (at, _) in rest.match_indices('&') {
        let entity = ["&amp;", "&lt;", "&gt;"];
        assert!(
            entity.iter().any(|e| rest.split_at(at).1.starts_with(e)),
            "{what}: {text}"
        );
    }
    let hidden = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!rest.contains(hidden), "{what}");
}

#[test]
fn hostile_and_long_words_stay_within_slacks_limits() {
    let table: Vec<(&str, String)> = vec![
        (
            "a channel's mention",
            "<!channel> <!here> <!everyone> HOSTILE".into(),
        ),
        ("a person's mention", "<@U012AB3CD> @here HOSTILE".into()),
        (
            "a link",
            "<https://evil.example|HOSTILE> https://evil.example".into(),
        ),
        (
            "a date",
            "<!date^1392734382^{date}^https://evil|HOSTILE>".into(),
        ),
        ("formats", "*HOSTILE* _x_ ~y~ `HOSTILE` :skull: > q".into()),
        ("a fence's end", "``` <!channel> HOSTILE ``` HOSTILE".into()),
        (
            "ready escapes",
            "&lt;!channel&gt; &amp;lt; & && HOSTILE".into(),
        ),
        (
            "line breaks",
            "a\n*HOSTILE*\r\n> HOSTILE\u{2028}`HOSTILE".into(),
        ),
        ("right to left", "\u{202e}HOSTILE\u{2066}\u{200b}".into()),
        ("nothing", String::new()),
        ("blanks", " \t \n ".into()),
        ("3,000 letters", "x".repeat(3000)),
        ("3,000 escapes", "&".repeat(3000)),
        ("3,000 brackets", "<>".repeat(3000)),
        ("3,000 backticks", "`".repeat(3000)),
        ("3,000 emoji", "💥".repeat(3000)),
        ("30,000 letters", "<`*HOSTILE*`>".repeat(2000)),
        ("json", "\"}]},{\"type\":\"image\" HOSTILE".into()),
    ];
    for (what, words) in table {
        for outcome in testing::OUTCOMES {
            let mut record = testing::record("sg-1", &words);
            record.outcome.kind = outcome;
            let many = record.assessments[0].clone();
            record.assessments.extend(vec![many; 20]);
            let evidence = record.assessments[0].evidence[0].clone();
            record.assessments[0].evidence.extend(vec![evidence; 60]);
            let plan = record.plan.as_mut().unwrap();
            let write = plan.writes[0].clone();
            plan.writes.extend(vec![write; 60]);
            let left = record.left_alone[0].clone();
            record.left_alone.extend(vec![left; 60]);
            let notice = notice(&record, Some(u64::MAX)).unwrap();
            check(&message(&notice), what);
            check(&details(&notice), what);
        }
    }
    // The longest id and the shortest record.
    let id = "x<".repeat(512);
    let mut record = testing::record(&id, "w");
    check(&message(&notice(&record, None).unwrap()), "a long id");
    record.assessments.clear();
    record.left_alone.clear();
    record.plan = None;
    let notice = notice(&record, None).unwrap();
    check(&message(&notice), "little");
    check(&details(&notice), "little");
}

#[test]
fn a_message_says_what_people_ask() {
    let notice = notice(&testing::record("sg-1", "0.0.0.0/0"), Some(7)).unwrap();
    let text = message(&notice).to_string();
    for said in [
        "Reverted ec2/security-group sg-1",
        "Dev/maya",
        "123456789012 eu-central-1",
        "ec2-security-group-open-admin-ports",
        "3.0 s",
        "- ingress: 0.0.0.0/0 (sgr-1)",
        "2 of ingress",
        "undrift undo e-1/sg-1",
        "It is the 7th critical violation today by the same role (Dev).",
        "cloudtrailv2",
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
    assert_eq!(details(&notice)["blocks"].as_array().unwrap().len(), 12);
}

#[test]
fn a_command_is_said_whole_or_not_at_all() {
    let said =
        |id: &str, words: &str| fallback(&notice(&testing::record(id, words), None).unwrap());
    let long = said("sg-1", &"x".repeat(900));
    assert!(long.ends_with("… Undo: undrift undo e-1/sg-1"), "{long}");
    assert_eq!(width(&long), FALLBACK);
    for id in ["my_role", &"x".repeat(900)] {
        assert!(!said(id, "w").contains("undrift undo"));
    }
}

#[test]
fn cuts_keep_escapes_whole() {
    assert_eq!(escaped("a&b", 7), "a&amp;b");
    assert_eq!(escaped("a&b", 6), "a…");
    assert_eq!(escaped("abcdef", 6), "abcdef");
    assert_eq!(escaped("abcdefg", 6), "abcde…");
    assert_eq!(escaped("&&&", 0), "…");
}

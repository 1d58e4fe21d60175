//! A notice as SNS takes it (SNS API Reference, `Publish`).

use std::collections::BTreeMap;

use undrift_core::notice::Notice;

/// The most characters of a subject: fewer than 100.
const LONGEST_SUBJECT: usize = 99;

/// The most bytes of a text. SNS takes 256 KB, attributes included; nobody reads as much.
const LONGEST_TEXT: usize = 100 * 1024;

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line of ASCII.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What subscriptions' filter policies see, each a `String`.
    pub attributes: BTreeMap<String, String>,
}

/// Fits a notice.
#[must_use]
pub fn message(notice: &Notice) -> Message {
    Message {
        subject: subject(&notice.subject),
        text: text(&notice.text),
        // SNS refuses an attribute without a value.
        attributes: notice
            .attributes
            .iter()
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

/// A subject must be ASCII without line breaks or control characters, begin with a letter, a
/// number or punctuation, and have fewer than 100 characters.
fn subject(line: &str) -> String {
    let ascii: String = line
        .chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            c if c.is_ascii() => c,
            _ => '?',
        })
        .collect();
    let short: String = ascii.trim_start().chars().take(LONGEST_SUBJECT).collect();
    let short = short.trim_end();
    if short.is_empty() {
        "Undrift".to_owned()
    } else {
        short.to_owned()
    }
}

fn text(text: &str) -> String {
    const CUT: &str = "\n… cut here: the record has all of it.";
    if text.is_empty() {
        return "(no text)".to_owned();
    }
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let mut end = LONGEST_TEXT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_what_sns_takes() {
        let long = "x".repeat(300);
        for (line, fitted) in [
            (
                "[Undrift] reverted sg-1: open",
                "[Undrift] reverted sg-1: open",
            ),
            (" \t padded ", "padded"),
            ("a\nb\rc\u{7f}d", "a b c d"),
            ("Müller – 東京", "M?ller ? ??"),
            ("", "Undrift"),
            ("\n\n", "Undrift"),
            (long.as_str(), "x".repeat(99).as_str()),
        ] {
            let subject = subject(line);
            assert_eq!(subject, fitted);
            assert!(subject.is_ascii() && subject.len() < 100);
            assert!(subject.starts_with(|c: char| c.is_ascii_graphic()));
        }
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let text = text(&"ä".repeat(LONGEST_TEXT));
        assert!(text.len() < LONGEST_TEXT + 100);
        assert!(text.ends_with("has all of it."));
        assert_eq!(super::text("short"), "short");
    }

    #[test]
    fn empty_attributes_are_left_out() {
        let attributes = BTreeMap::from([
            ("outcome".to_owned(), "reverted".to_owned()),
            ("policy".to_owned(), String::new()),
        ]);
        let message = message(&Notice {
            subject: "s".into(),
            text: "t".into(),
            attributes,
        });
        assert_eq!(message.attributes.len(), 1);
    }
}

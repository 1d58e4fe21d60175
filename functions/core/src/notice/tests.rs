//! What notices say.

use super::*;

#[test]
fn ordinals_are_english() {
    let all: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111]
        .map(ordinal)
        .into();
    assert_eq!(
        all.join(" "),
        "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 101st 111th"
    );
}

#[test]
fn a_notice_says_what_people_ask() {
    let record = testing::record("sg-1", "0.0.0.0/0");
    let notice = notice(&record, Some(3)).unwrap();
    assert_eq!(notice.title(), "Reverted ec2/security-group sg-1");
    assert_eq!(
        notice.again().unwrap(),
        "3rd critical violation today by the same role (Dev)"
    );
    assert_eq!(notice.undo.as_deref(), Some("undrift undo e-1/sg-1"));
    assert_eq!(notice.diff.len(), 1);
    assert_eq!(notice.left_alone.len(), 1);
    assert_eq!(notice.links.len(), 2);
    assert!(!notice.follows());
    assert_eq!(notice.attributes()["severity"], "critical");
    let repeats = repeats(&record).unwrap();
    assert_eq!(repeats.severity, Severity::Critical);
    assert_eq!(repeats.actor, "arn:aws:iam::123456789012:role/Dev");
    assert_eq!(repeats.day, "2026-01-24");
}

#[test]
fn the_worst_is_said_first() {
    let mut record = testing::record("sg-1\u{202e}", "0.0.0.0/0");
    let mut lesser = record.assessments[0].clone();
    lesser.severity = Severity::Low;
    lesser.policy = crate::name::PolicyId::parse("a-lesser-one").unwrap();
    record.assessments.insert(0, lesser);
    let notice = notice(&record, None).unwrap();
    assert_eq!(
        notice.found[0].policy,
        "ec2-security-group-open-admin-ports"
    );
    assert_eq!(
        notice.attributes()["policy"],
        "ec2-security-group-open-admin-ports"
    );
    assert_eq!(notice.title(), "Reverted ec2/security-group sg-1");
}

#[test]
fn text_of_others_stays_one_line_in_one_direction() {
    assert_eq!(clean("a\r\nb\u{202e}c\u{200b}d\u{2028}e"), "a  bcd e");
}

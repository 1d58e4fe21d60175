#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::*;

/// A reader that gives a few bytes at a time.
struct Drops<'b>(&'b [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let some = self.1.min(self.0.len()).min(to.len());
        to[..some].copy_from_slice(&self.0[..some]);
        self.0 = &self.0[some..];
        Ok(some)
    }
}

fn split(text: &[u8], at_once: usize) -> (Vec<String>, Vec<(u64, &'static str)>) {
    let mut splitter = Splitter::new(Drops(text, at_once));
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    loop {
        let why = match splitter.next() {
            None => return (records, faults),
            Some(Piece::Record { text, .. }) => {
                records.push(String::from_utf8(text.to_vec()).unwrap());
                continue;
            }
            Some(Piece::Fault(why)) => why,
            Some(Piece::Unreadable(e)) => panic!("{e}"),
        };
        faults.push((splitter.place(false).line, why));
    }
}

fn all(text: &str, records: &[&str], faulty_lines: &[u64]) {
    for at_once in [1, 7, 100_000] {
        let (found, faults) = split(text.as_bytes(), at_once);
        assert_eq!(found, records, "{text}");
        let lines: Vec<u64> = faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, faulty_lines, "{text}: {faults:?}");
    }
}

const A: &str = r#"{"a":1,"eventName":"A"}"#;
const B: &str = r#"{"b":{"c":[1,{"d":2},{"e":3}]},"eventName":"B"}"#;

#[test]
fn records_are_found_in_every_shape_of_file() {
    all("", &[], &[]);
    all(" \n\n", &[], &[]);
    all(&format!("{A}\n{B}\n"), &[A, B], &[]);
    all(&format!("{A}\r\n\r\n{B}"), &[A, B], &[]);
    all(&format!("\u{feff}{A}"), &[A], &[]);
    all(&format!("{{\"Records\":[{A},{B}]}}"), &[A, B], &[]);
    all(
        &format!("{{\"x\": {{}},\n \"Records\" : [ {A} ,\n {B} ], \"y\": [1] }}\n{A}"),
        &[A, B, A],
        &[],
    );
    all(
        &format!("{{\"Records\":[{A}]}}{{\"Records\":[{B}]}}"),
        &[A, B],
        &[],
    );
    all("{\"Records\":[]}", &[], &[]);
    all(&format!("[{A},{B}]"), &[A, B], &[]);
    all(&format!("{A},\n{B},\n"), &[A, B], &[]);
    let pretty = "{\n  \"a\": {\n    \"b\": 1\n  }\n}";
    all(&format!("{pretty}\n{pretty}\n"), &[pretty, pretty], &[]);
}

#[test]
fn what_is_broken_costs_no_other_record() {
    all(&format!("{A}\nhello\n{B}\n"), &[A, B], &[2]);
    all(
        &format!("{A}\n{{\"eventVersion\":\"1\n{B}\n"),
        &[A, B],
        &[2],
    );
    all(
        &format!("{A}\n{{\"eventVersion\":{{\"a\":\n{B}\n{A}"),
        &[A, B, A],
        &[2],
    );
    all(&format!("{A}\n{{\"x\":[\n{B}\n{A}\n"), &[A, B, A], &[2]);
    all(&format!("{A}\n{{\"x\":[1,\n{B}"), &[A, B], &[2]);
    all(&format!("{A}\n{{\"x\":1"), &[A], &[2]);
    all(
        &format!("{{\"Records\":[{A},{{\"eventVersion\":\"1\",}},{B}]}}"),
        &[A, B],
        &[1],
    );
    all(
        &format!("{{\"Records\":[{A},{{\"eventVersion\":,{B}]}}"),
        &[A, B],
        &[1],
    );
    all(
        &format!("{{\"Records\":[\n{A},\n{{\"eventVersion\":\"x\n,\n{B}\n]}}\n{A}"),
        &[A, B, A],
        &[3],
    );
    all(
        &format!("{{\"Records\":[\n{A},\n{{\"eventVersion\": {{ }} ]\n,\n{B}\n]}}"),
        &[A, B],
        &[3],
    );
    all(&format!("{{\"Records\":[{A},{B}"), &[A, B], &[1]);
    all(
        &format!("{{\"Records\":[{A},{{\"eventVersion\":\"1.0"),
        &[A],
        &[1],
    );
    let deep = "[".repeat(400);
    all(&format!("{A}\n{{\"x\":{deep}\n{B}"), &[A, B], &[2]);
}

#[test]
fn what_is_too_long_is_left_out() {
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(5 * 1024 * 1024));
    let (records, faults) = split(format!("{A}\n{long}\n{B}").as_bytes(), 1 << 20);
    assert_eq!((records.len(), faults.len()), (2, 1), "{faults:?}");
    let listed = format!("{{\"Records\":[{A},{long},{B}]}}");
    assert_eq!(split(listed.as_bytes(), 1 << 20).0.len(), 2);
}

#[test]
fn lists_may_lie_in_lists_and_objects_hold_several() {
    all(&format!("[[{A}],[{B}]]"), &[A, B], &[]);
    all(
        &format!("[{{\"Records\":[{A}]}},{{\"Records\":[{B}]}}]"),
        &[A, B],
        &[],
    );
    all(
        &format!("{{\"Events\":[],\"Records\":[{A}],\"x\":1,\"Records\":[{B}]}}\n{A}"),
        &[A, B, A],
        &[],
    );
    let own = r#"{"eventName":"A","Events":[]}"#;
    all(&format!("{own}\n{B}"), &[own, B], &[]);
    all(
        &format!("{{\"Events\":[],\"eventName\":\"A\"}}\n{B}"),
        &[B],
        &[1],
    );
}

#[test]
fn files_that_were_joined_are_read_though_one_was_cut() {
    let whole = format!("{{\"Records\":[{A},{B}]}}");
    for (cut, kept) in [
        (format!("{{\"Records\":[{A}"), vec![A]),
        (format!("{{\"Records\":[{A},"), vec![A]),
        (format!("{{\"Records\":[{A}]"), vec![A]),
        ("{\"Records\":[".to_owned(), vec![]),
        (format!("{{\"Records\":[{A},{{\"eventName\":\"C"), vec![A]),
    ] {
        for between in ["\n", ""] {
            let text = format!("{whole}{between}{cut}{between}{whole}{between}{whole}");
            let (found, faults) = split(text.as_bytes(), 1000);
            let expected = [vec![A, B], kept.clone(), vec![A, B, A, B]].concat();
            assert_eq!(found, expected, "{text}");
            assert!(!faults.is_empty() && faults.len() < 3, "{text}: {faults:?}");
        }
    }
}

#[test]
fn records_are_found_again_without_lines_to_go_by() {
    let cut = r#"{"eventName":"C","x":{"y":["#;
    for (before, between) in [
        ("", ""),
        ("", "\n  "),
        ("", "\r"),
        ("\u{1e}", "\u{1e}"),
        ("\u{feff}", "\n\u{feff}"),
    ] {
        let text = format!("{before}{A}{between}{cut}{between}{B}{between}{A}{between}{B}");
        let (found, faults) = split(text.as_bytes(), 1000);
        assert_eq!(found, [A, B, A, B], "{text:?}: {faults:?}");
        assert_eq!(faults.len(), 1, "{text:?}: {faults:?}");
    }
}

#[test]
fn the_limit_is_the_same_wherever_a_record_lies() {
    let of = |size: usize| {
        format!(
            "{{\"eventName\":\"A\",\"x\":\"{}\"}}",
            "y".repeat(size - 24)
        )
    };
    let (fits, over) = (of(LONGEST), of(LONGEST + 1));
    let text = format!("{over}\n{fits}\n{over}\n{fits}\n{A}");
    let (found, faults) = split(text.as_bytes(), 1 << 20);
    assert_eq!((found.len(), faults.len()), (3, 2), "{faults:?}");
}

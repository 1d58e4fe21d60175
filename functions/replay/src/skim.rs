//! Runs over a JSON value without building it: where it ends, and which call it records.

use memchr::memchr3;

/// How deep values may be nested: no deeper than the parser goes that reads what is skimmed.
const DEEPEST: u32 = 127;

/// A value that was run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skimmed {
    /// A value, up to but without this byte, and the `eventName` in it.
    Value(usize, Name),
    /// An object that lists records (`{"Records": [`): they begin at this byte.
    List(usize),
}

/// The name of the call that a value records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// What stands from the first to before the second byte, and no other.
    Is(usize, usize),
    /// It takes parsing to tell.
    Unsure,
}

/// Why a value can't be run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes end inside it.
    More,
    /// It is no JSON, from this byte on.
    Broken(usize, &'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// Members whose list holds records: of CloudTrail's files, and of `aws cloudtrail lookup-events`.
const LISTS: [&[u8]; 2] = [b"Records", b"Events"];
/// Members that hold the record: of EventBridge's events.
const WRAPPERS: [&[u8]; 1] = [b"detail"];
/// Members that name the call; the second is of `lookup-events`.
const NAMES: [&[u8]; 2] = [b"eventName", b"EventName"];

/// Runs over the value that begins at a byte. `lists`: an object may turn out to be a list of
/// records.
pub(crate) fn skim(bytes: &[u8], from: usize, lists: bool) -> Result<Skimmed, Stop> {
    Skim {
        bytes,
        at: from,
        depth: 0,
        objects: 0,
        lists,
        name: Name::Unsure,
        names: 0,
        wrapped: false,
    }
    .run(Expect::Value)
}

/// Runs over the rest of an object behind one of its values; another of its members may be a list
/// of records.
pub(crate) fn skim_rest(bytes: &[u8], from: usize) -> Result<Skimmed, Stop> {
    Skim {
        bytes,
        at: from,
        depth: 1,
        objects: 1,
        lists: true,
        name: Name::Unsure,
        names: 0,
        wrapped: false,
    }
    .run(Expect::CommaOrEnd)
}

struct Skim<'b> {
    bytes: &'b [u8],
    at: usize,
    depth: u32,
    /// One bit per level, the innermost last: it is an object.
    objects: u128,
    lists: bool,
    name: Name,
    names: u32,
    /// Inside the object that holds the record.
    wrapped: bool,
}

impl<'b> Skim<'b> {
    fn run(mut self, mut expect: Expect) -> Result<Skimmed, Stop> {
        // What the value at hand is the value of, where that matters.
        let mut key: &[u8] = b"";
        loop {
            let byte = self.next_byte()?;
            let start = self.at;
            self.at += 1;
            expect = match (expect, byte) {
                (Expect::Value | Expect::ValueOrEnd, b'"') => {
                    let text = self.string(start)?;
                    if self.is_of_record() && NAMES.contains(&key) {
                        self.names += 1;
                        self.name = match text {
                            Some(_) => Name::Is(start + 1, self.at - 1),
                            None => Name::Unsure,
                        };
                    }
                    Expect::CommaOrEnd
                }
                (Expect::Value | Expect::ValueOrEnd, b'{') => {
                    self.wrapped = self.wrapped || self.depth == 1 && WRAPPERS.contains(&key);
                    self.push(true, start)?;
                    Expect::KeyOrEnd
                }
                (Expect::Value | Expect::ValueOrEnd, b'[') => {
                    // A record may have such a member of its own.
                    let is_list = self.lists && self.depth == 1 && self.names == 0;
                    if is_list && LISTS.contains(&key) {
                        return Ok(Skimmed::List(self.at));
                    }
                    self.push(false, start)?;
                    Expect::ValueOrEnd
                }
                (Expect::Value | Expect::ValueOrEnd, b't') => self.literal(start, b"true")?,
                (Expect::Value | Expect::ValueOrEnd, b'f') => self.literal(start, b"false")?,
                (Expect::Value | Expect::ValueOrEnd, b'n') => self.literal(start, b"null")?,
                (Expect::Value | Expect::ValueOrEnd, b'-' | b'0'..=b'9') => self.number()?,
                (Expect::Key | Expect::KeyOrEnd, b'"') => {
                    let text = self.string(start)?;
                    if self.depth <= 2 {
                        // A name that is written with escapes may be any.
                        if text.is_none() {
                            self.names += 2;
                        }
                        key = text.unwrap_or_default();
                    }
                    Expect::Colon
                }
                (Expect::Colon, b':') => Expect::Value,
                (Expect::CommaOrEnd, b',') if self.in_object() => Expect::Key,
                (Expect::CommaOrEnd, b',') => {
                    key = b"";
                    Expect::Value
                }
                (Expect::CommaOrEnd | Expect::KeyOrEnd, b'}') if self.in_object() => self.pop(),
                (Expect::CommaOrEnd | Expect::ValueOrEnd, b']') if !self.in_object() => self.pop(),
                (expected, _) => return Err(Stop::Broken(start, wanted(expected))),
            };
            if self.depth == 0 {
                let name = if self.names == 1 {
                    self.name
                } else {
                    Name::Unsure
                };
                return Ok(Skimmed::Value(self.at, name));
            }
        }
    }

    fn next_byte(&mut self) -> Result<u8, Stop> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Stop::More),
            }
        }
    }

    /// Directly inside the record.
    fn is_of_record(&self) -> bool {
        self.depth == 1 || self.depth == 2 && self.wrapped
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn push(&mut self, object: bool, at: usize) -> Result<(), Stop> {
        if self.depth == DEEPEST {
            return Err(Stop::Broken(at, "it is nested too deep"));
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        Ok(())
    }

    fn pop(&mut self) -> Expect {
        self.depth -= 1;
        self.objects >>= 1;
        if self.depth == 1 {
            self.wrapped = false;
        }
        Expect::CommaOrEnd
    }

    /// Runs to the end of a text; gives it where it holds no escapes.
    fn string(&mut self, start: usize) -> Result<Option<&'b [u8]>, Stop> {
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(found) = memchr3(b'"', b'\\', b'\n', rest) else {
                return Err(Stop::More);
            };
            let end = self.at + found;
            match self.bytes.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    let text = self.bytes.get(start + 1..end);
                    return Ok(text.filter(|_| !escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at = end + 2;
                    if self.at > self.bytes.len() {
                        return Err(Stop::More);
                    }
                }
                _ => return Err(Stop::Broken(end, "a text in it isn't ended")),
            }
        }
    }

    fn literal(&mut self, start: usize, word: &'static [u8]) -> Result<Expect, Stop> {
        let end = start + word.len();
        match self.bytes.get(start..end) {
            Some(bytes) if bytes == word => {
                self.at = end;
                Ok(Expect::CommaOrEnd)
            }
            Some(_) => Err(Stop::Broken(start, wanted(Expect::Value))),
            None => Err(Stop::More),
        }
    }

    /// Numbers are run over, not read: the parser says which are none.
    fn number(&mut self) -> Result<Expect, Stop> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') {
                return Ok(Expect::CommaOrEnd);
            }
            self.at += 1;
        }
        Err(Stop::More)
    }
}

const fn wanted(expect: Expect) -> &'static str {
    match expect {
        Expect::Value | Expect::ValueOrEnd => "a value should stand there",
        Expect::Key | Expect::KeyOrEnd => "a member's name should stand there",
        Expect::Colon => "a colon should stand there",
        Expect::CommaOrEnd => "a comma or an end should stand there",
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        match skim(text.as_bytes(), 0, false).unwrap() {
            Skimmed::Value(end, Name::Is(from, to)) => {
                assert_eq!(end, text.len(), "{text}");
                Some(text[from..to].to_owned())
            }
            Skimmed::Value(end, Name::Unsure) => {
                assert_eq!(end, text.len(), "{text}");
                None
            }
            Skimmed::List(_) => panic!("a list: {text}"),
        }
    }

    #[test]
    fn the_records_own_name_is_found_and_no_other() {
        for (text, expected) in [
            (
                r#"{"a":{"eventName":"Nested"},"eventName":"Run","b":[1,-2.5e+3,null,true]}"#,
                Some("Run"),
            ),
            (r#"{ "eventName" : "Run" }"#, Some("Run")),
            (
                r#"{"x":"eventName","y":["eventName","No"],"eventName":"Run"}"#,
                Some("Run"),
            ),
            (
                r#"{"detail":{"q":{"eventName":"No"},"eventName":"Run"},"source":"aws.ec2"}"#,
                Some("Run"),
            ),
            (r#"{"requestParameters":{"eventName":"No"}}"#, None),
            (r#"{"eventName":"A","eventName":"B"}"#, None),
            (r#"{"eventName":"A","detail":{"eventName":"B"}}"#, None),
            (r#"{"event\u004eame":"B","eventName":"A"}"#, None),
            (r#"{"eventName":"R\u0075n"}"#, None),
            (r#"{"eventName":7}"#, None),
            ("{}", None),
            (r#"{"eventName":["Run"]}"#, None),
            (r#"{"detail":[{"eventName":"Run"}]}"#, None),
        ] {
            assert_eq!(name(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn lists_of_records_are_seen_where_they_may_be() {
        let list = br#"{"x":1,"Records":[{"#;
        assert_eq!(skim(list, 0, true), Ok(Skimmed::List(18)));
        assert_eq!(skim(list, 0, false), Err(Stop::More));
        let nested = br#"{"x":{"Records":[1]}}"#;
        assert!(matches!(skim(nested, 0, true), Ok(Skimmed::Value(21, _))));
        let rest = skim_rest(br#","a":[1,{"b":2}] } tail"#, 0);
        assert_eq!(rest, Ok(Skimmed::Value(18, Name::Unsure)));
        assert_eq!(skim_rest(br#","Records":[{}]}"#, 0), Ok(Skimmed::List(12)));
        let record = br#"{"eventName":"A","Records":[1]}"#;
        assert_eq!(
            skim(record, 0, true),
            Ok(Skimmed::Value(31, Name::Is(14, 15)))
        );
    }

    #[test]
    fn it_takes_and_refuses_what_the_parser_does() {
        for text in [
            "{]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "{\"a\":tru}",
            "{a:1}",
            "[1 2]",
            "{\"a\":1]",
            "{\"a\":\"x\ny\"}",
            "[}",
            "{,}",
            "{\"a\"::1}",
        ] {
            assert!(
                matches!(skim(text.as_bytes(), 0, false), Err(Stop::Broken(..))),
                "{text}"
            );
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err());
        }
        for text in [
            "[]",
            "{}",
            "[[],{}]",
            "{\"a\":\"\\\"\\\\\"}",
            "[true,false,null]",
            " [1]",
        ] {
            assert!(
                matches!(skim(text.as_bytes(), 0, false), Ok(Skimmed::Value(end, _)) if end == text.len()),
                "{text}"
            );
        }
        for text in ["{", "[1,", "{\"a\":\"x\\", "{\"a\":12", "{\"a\":tr", "\"x"] {
            assert_eq!(skim(text.as_bytes(), 0, false), Err(Stop::More), "{text}");
        }
        let deep = |n| "[".repeat(n) + &"]".repeat(n);
        assert!(skim(deep(127).as_bytes(), 0, false).is_ok());
        assert!(serde_json::from_str::<serde_json::Value>(&deep(127)).is_ok());
        assert!(matches!(
            skim(deep(128).as_bytes(), 0, false),
            Err(Stop::Broken(..))
        ));
    }
}

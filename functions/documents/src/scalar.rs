//! Places inside a text of a document, such as a policy's expression.

use crate::error::Place;

/// The place in a document of an offset, in bytes, into a text scalar that stands at `value`: its
/// lines may be folded, quoted or indented. `None` where escapes keep it from being told.
pub(crate) fn in_scalar(text: &str, value: Place, scalar: &str, offset: usize) -> Option<Place> {
    let ahead = scalar.get(..offset)?;
    let start: usize = text
        .split_inclusive('\n')
        .take(value.line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let line = text.get(start..)?;
    let at = line.char_indices().nth(value.column.checked_sub(1)?)?.0;
    let mut raw = Raw {
        rest: line.get(at..)?.chars().peekable(),
        line: value.line,
        column: value.column,
    };
    match raw.rest.peek()? {
        '>' | '|' => while raw.next()? != '\n' {},
        '"' | '\'' => drop(raw.next()),
        _ => {}
    }
    raw.skip_blanks();
    let mut ahead = ahead.trim_start().chars().peekable();
    while let Some(c) = ahead.next() {
        if c.is_whitespace() {
            // Folding turns any blanks into any others, never into none.
            while ahead.next_if(|c| c.is_whitespace()).is_some() {}
            raw.rest.peek().filter(|c| c.is_whitespace())?;
            raw.skip_blanks();
        } else if raw.next()? != c {
            return None;
        }
    }
    Some(Place {
        line: raw.line,
        column: raw.column,
        length: 1,
    })
}

/// A text, and where one is in it.
struct Raw<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    line: usize,
    column: usize,
}

impl Raw<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn skip_blanks(&mut self) {
        while self.rest.peek().is_some_and(|c| c.is_whitespace()) {
            self.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Step, places, read};

    /// Where the last word of `text`'s member `x` stands.
    fn of_last_word(text: &str) -> Option<(usize, usize)> {
        #[derive(serde::Deserialize)]
        struct Document {
            x: String,
        }
        let Document { x } = read(text).unwrap();
        let value = places(text).unwrap().value(&[Step::In("x")]).unwrap();
        let offset = x.trim_end().rfind(' ').map_or(0, |at| at + 1);
        let offset = x
            .trim_end()
            .rfind('\n')
            .map_or(offset, |at| offset.max(at + 1));
        in_scalar(text, value, &x, offset).map(|p| (p.line, p.column))
    }

    #[test]
    fn an_offset_is_found_however_the_text_is_written() {
        for (text, place) in [
            ("x: one", Some((1, 4))),
            ("x: one two", Some((1, 8))),
            ("x:   one two # and more", Some((1, 10))),
            ("x: \"one two\"", Some((1, 9))),
            ("x: 'one two'", Some((1, 9))),
            ("x: one\n  two", Some((2, 3))),
            ("x: |\n  one\n  two\n", Some((3, 3))),
            ("x: >-\n  one\n  two\n", Some((3, 3))),
            ("x: >\n\n  one\n    two\n", Some((4, 5))),
            ("x: |\r\n  one\r\n  two\r\n", Some((3, 3))),
            ("x: | # why\n    é two\n", Some((2, 7))),
            ("y: 1\nx: one two\n", Some((2, 8))),
            // Escapes move what follows: better no place than a wrong one.
            ("x: \"o\\u006ee two\"", None),
            ("x: 'it''s two'", None),
        ] {
            assert_eq!(of_last_word(text), place, "{text}");
        }
    }
}

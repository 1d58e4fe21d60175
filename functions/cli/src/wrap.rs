//! Text in lines of a width.

use std::fmt::Write as _;

/// The narrowest and the widest text; longer lines are hard to read.
const WIDTHS: (usize, usize) = (40, 96);

/// As wide as the terminal is now, within reason.
pub(crate) fn width() -> usize {
    let width = terminal_size::terminal_size().map_or(80, |(w, _)| usize::from(w.0));
    width.clamp(WIDTHS.0, WIDTHS.1)
}

/// Breaks text into lines of at most `width` characters, at spaces where there are any.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(10);
    let mut lines: Vec<String> = Vec::new();
    let indent: String = text.chars().take_while(|c| *c == ' ').collect();
    let mut line = indent.clone();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            is_empty = true;
        }
        while word.chars().count() + indent.len() > width {
            let most = width - indent.len().min(width - 1);
            let head: Vec<char> = word.chars().take(most).collect();
            // Where a list or a path can be broken, it is.
            let mark = |mark: char| head.iter().rposition(|c| *c == mark);
            let end = mark(',').or_else(|| mark('/'));
            let end = end.map_or(most, |at| at + 1);
            let head: String = head.into_iter().take(end).collect();
            word = word.chars().skip(end).collect();
            lines.push(format!("{indent}{head}"));
        }
        let gap = if is_empty { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(line, "{gap}{word}");
        is_empty = false;
    }
    if !is_empty {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_keep_to_the_width_whatever_the_text() {
        let texts = [
            "",
            "a b c",
            "a-very-long-word-without-any-space-in-it ok",
            "  indented text here",
        ];
        for text in texts {
            for width in 10..40 {
                for line in wrap(text, width) {
                    assert!(
                        line.chars().count() <= width,
                        "{line:?} is wider than {width}"
                    );
                }
            }
        }
        assert_eq!(wrap("one two three four", 10), ["one two", "three four"]);
        assert!(wrap("", 20).is_empty());
    }
}

//! Slack's text, read as Slack reads it (api.slack.com, "Formatting text for app surfaces").

/// A piece of text with its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Text.
    Text(String),
    /// `*bold*`
    Bold(String),
    /// A line of code.
    Code(String),
    /// A block of code.
    Block(String),
    /// A link's address and label.
    Link(String, String),
    /// A mention: of a person, a channel or everybody. Its text as it was sent.
    Mention(String),
}

/// Reads `mrkdwn`.
#[must_use]
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let Some((span, after)) = special(rest, plain.chars().last()) else {
            plain.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        };
        if !plain.is_empty() {
            spans.push(Span::Text(unescaped(&std::mem::take(&mut plain))));
        }
        spans.push(span);
        rest = after;
    }
    if !plain.is_empty() {
        spans.push(Span::Text(unescaped(&plain)));
    }
    spans
}

/// The format that begins here, and what follows it.
fn special(text: &str, before: Option<char>) -> Option<(Span, &str)> {
    let between = |mark: &str| {
        let (inner, after) = text.strip_prefix(mark)?.split_once(mark)?;
        (!inner.is_empty()).then_some((inner, after))
    };
    if let Some((inner, after)) = between("```") {
        return Some((Span::Block(unescaped(inner.trim_matches('\n'))), after));
    }
    if let Some((inner, after)) = between("`").filter(|(inner, _)| !inner.contains('\n')) {
        return Some((Span::Code(unescaped(inner)), after));
    }
    if before.is_none_or(|c| !c.is_alphanumeric())
        && let Some((inner, after)) = between("*").filter(|(inner, _)| !inner.contains('\n'))
    {
        return Some((Span::Bold(unescaped(inner)), after));
    }
    let (inner, after) = text.strip_prefix('<')?.split_once('>')?;
    if inner.starts_with(['@', '#', '!']) {
        return Some((Span::Mention(unescaped(inner)), after));
    }
    let (address, label) = inner.split_once('|').unwrap_or((inner, inner));
    let link = Span::Link(unescaped(address), unescaped(label));
    Some((link, after))
}

/// Slack's three escapes, taken back.
#[must_use]
pub fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let owned = str::to_owned;
        assert_eq!(
            spans(
                "*Who*\n`a &lt;b&gt;` c &amp;lt; <https://x|y> <!channel> ```\nl1\nl2\n``` 2*3*4 *"
            ),
            [
                Span::Bold(owned("Who")),
                Span::Text(owned("\n")),
                Span::Code(owned("a <b>")),
                Span::Text(owned(" c &lt; ")),
                Span::Link(owned("https://x"), owned("y")),
                Span::Text(owned(" ")),
                Span::Mention(owned("!channel")),
                Span::Text(owned(" ")),
                Span::Block(owned("l1\nl2")),
                Span::Text(owned(" 2*3*4 *")),
            ]
        );
    }
}

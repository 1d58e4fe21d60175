//! Patterns with `*` and `?`, as IAM matches them.

/// A pattern matches a text: `*` any run of characters, `?` one character.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let eats = |part: &u8, rest: &[u8]| eaten(byte_part(*part), rest, false);
    run(pattern.as_bytes(), text.as_bytes(), &|p| *p == b'*', &eats)
}

/// The same, whatever the case of letters: so are actions compared (IAM User Guide, "IAM JSON
/// policy elements: Action").
pub(super) fn action(pattern: &str, action: &str) -> bool {
    let eats = |part: &u8, rest: &[u8]| eaten(byte_part(*part), rest, true);
    pattern == "*"
        || run(
            pattern.as_bytes(),
            action.as_bytes(),
            &|p| *p == b'*',
            &eats,
        )
}

fn byte_part(byte: u8) -> Part {
    match byte {
        b'*' => Part::Many,
        b'?' => Part::One,
        other => Part::Is(other),
    }
}

/// How many bytes of a text one part of a pattern, but `*`, stands for; 0: it doesn't fit.
fn eaten(part: Part, text: &[u8], any_case: bool) -> usize {
    match (part, text) {
        (Part::Is(p), [b, ..]) if p == *b || any_case && p.eq_ignore_ascii_case(b) => 1,
        // One character may be several bytes.
        (Part::One, [_, rest @ ..]) => {
            1 + rest
                .iter()
                .take_while(|b| **b & 0b1100_0000 == 0b1000_0000)
                .count()
        }
        _ => 0,
    }
}

/// Runs a pattern over a text. `eats` says how much of what is left of the text a part that isn't
/// `*` stands for; 0: it doesn't fit. No backtracking over more than one `*`: the time is at most
/// the product of both lengths.
fn run<P, T>(
    pattern: &[P],
    text: &[T],
    is_many: &dyn Fn(&P) -> bool,
    eats: &dyn Fn(&P, &[T]) -> usize,
) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(rest) = text.get(t..).filter(|rest| !rest.is_empty()) {
        let eaten = match pattern.get(p) {
            Some(part) if is_many(part) => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some(part) => eats(part, rest),
            None => 0,
        };
        if eaten > 0 {
            p += 1;
            t += eaten;
            continue;
        }
        let Some((at, from)) = star else {
            return false;
        };
        p = at + 1;
        t = from + 1;
        star = Some((at, t));
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(is_many))
}

/// One part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `*`
    Many,
    /// `?`
    One,
    /// This byte.
    Is(u8),
}

/// A pattern taken apart; what a variable stands for is in it to the letter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pattern(pub(super) Vec<Part>);

/// What two patterns have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meet {
    /// Both match this text.
    At(String),
    /// No text is matched by both.
    Never,
    /// They are too long to find out.
    Unsure,
}

/// Products of lengths up to which two patterns are compared.
const MOST: usize = 40_000;

impl Pattern {
    /// A pattern as it is written.
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().map(byte_part).collect())
    }

    /// A text that stands for itself.
    pub(super) fn literal(text: &str) -> Self {
        Self(text.bytes().map(Part::Is).collect())
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().all(|p| matches!(p, Part::Is(_)))
    }

    /// What stands before the first wildcard.
    pub(super) fn head(&self) -> String {
        let bytes = self.0.iter().map_while(|p| match p {
            Part::Is(b) => Some(*b),
            _ => None,
        });
        String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let eats = |part: &Part, rest: &[u8]| eaten(*part, rest, false);
        run(&self.0, text.as_bytes(), &|p| *p == Part::Many, &eats)
    }

    /// Every text that `inner` matches is matched by this one. May be false where it is so.
    pub(super) fn covers(&self, inner: &Self) -> bool {
        let eats = |part: &Part, rest: &[Part]| match (part, rest) {
            (Part::One, [Part::One, ..]) => 1,
            // A byte is a whole character only where it is ASCII.
            (Part::One, [Part::Is(b), ..]) => usize::from(b.is_ascii()),
            (Part::Is(a), [Part::Is(b), ..]) => usize::from(a == b),
            _ => 0,
        };
        run(&self.0, &inner.0, &|p| *p == Part::Many, &eats)
    }

    /// A text that both match.
    pub(super) fn meet(&self, other: &Self) -> Meet {
        let (one, two) = (&self.0, &other.0);
        if one.len().saturating_mul(two.len()) > MOST {
            return Meet::Unsure;
        }
        // What stands before the first wildcard of both must agree.
        let apart = one.iter().zip(two).find_map(|pair| match pair {
            (Part::Is(x), Part::Is(y)) => (x != y).then_some(true),
            _ => Some(false),
        });
        if apart == Some(true) {
            return Meet::Never;
        }
        // Breadth first over places in both, each with where it was come from and by which byte.
        let width = two.len() + 1;
        let mut from: Vec<Option<(usize, Option<u8>)>> = vec![None; (one.len() + 1) * width];
        let mut next = std::collections::VecDeque::from([0]);
        let end = one.len() * width + two.len();
        let mut met = end == 0;
        while let Some(at) = next.pop_front() {
            if at == end {
                met = true;
                break;
            }
            let (i, j) = (at / width, at % width);
            let (pa, pb) = (one.get(i), two.get(j));
            let mut go = |i: usize, j: usize, byte: Option<u8>| {
                let to = i * width + j;
                if let Some(place @ None) = from.get_mut(to)
                    && to != 0
                {
                    *place = Some((at, byte));
                    next.push_back(to);
                }
            };
            if pa == Some(&Part::Many) {
                go(i + 1, j, None);
            }
            if pb == Some(&Part::Many) {
                go(i, j + 1, None);
            }
            let after = |part: &Part, at: usize| if *part == Part::Many { at } else { at + 1 };
            match (pa, pb) {
                (Some(Part::Is(x)), Some(Part::Is(y))) if x == y => {
                    go(i + 1, j + 1, Some(*x));
                }
                (Some(Part::Is(x)), Some(wild @ (Part::One | Part::Many))) => {
                    go(i + 1, after(wild, j), Some(*x));
                }
                (Some(wild @ (Part::One | Part::Many)), Some(Part::Is(y))) => {
                    go(after(wild, i), j + 1, Some(*y));
                }
                (Some(x @ (Part::One | Part::Many)), Some(y @ (Part::One | Part::Many)))
                    if !(*x == Part::Many && *y == Part::Many) =>
                {
                    go(after(x, i), after(y, j), Some(b'x'));
                }
                _ => {}
            }
        }
        if !met {
            return Meet::Never;
        }
        let mut text = Vec::new();
        let mut at = end;
        while let Some(Some((before, byte))) = from.get(at) {
            text.extend(byte);
            at = *before;
        }
        text.reverse();
        Meet::At(String::from_utf8_lossy(&text).into_owned())
    }

    /// A text that it matches, with `fill` for each `*`.
    pub(super) fn some(&self, fill: &str) -> String {
        let mut text = Vec::new();
        for part in &self.0 {
            match part {
                Part::Many => text.extend(fill.bytes()),
                Part::One => text.push(b'x'),
                Part::Is(byte) => text.push(*byte),
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The fields of an ARN, at most six; a variable's name is in one of them, colons and all.
pub(super) fn fields(arn: &str) -> Vec<&str> {
    let (mut fields, mut from, mut inside) = (Vec::new(), 0, false);
    for (at, byte) in arn.bytes().enumerate() {
        match byte {
            b'{' if arn.get(..at).is_some_and(|before| before.ends_with('$')) => inside = true,
            b'}' => inside = false,
            b':' if !inside && fields.len() < 5 => {
                fields.extend(arn.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    fields.extend(arn.get(from..));
    fields
}

/// It has a part that stands for others, or that is only known when it is asked.
pub(super) fn is_open(value: &str) -> bool {
    value.contains(['*', '?']) || value.contains("${")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_patterns_match_cover_and_share() {
        for (pattern, text, is) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("*b*b*", "abab", true),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(matches(pattern, text), is, "{pattern} {text}");
        }
        for (outer, inner, is) in [
            ("s3:*", "s3:get*", true),
            ("s3:get*", "s3:*", false),
            ("*", "*", true),
            ("a?", "a*", false),
            ("a*b", "a*c*b", true),
            ("?*", "*", false),
        ] {
            let is_so = Pattern::of(outer).covers(&Pattern::of(inner));
            assert_eq!(is_so, is, "{outer} {inner}");
        }
        for (a, b) in [
            ("a*", "*b"),
            ("*a*", "?b?"),
            ("x?z", "x*z"),
            ("*", "*"),
            ("ab", "ab"),
        ] {
            let (pa, pb) = (Pattern::of(a), Pattern::of(b));
            match (pa.meet(&pb), a) {
                (Meet::Never, "*a*") => {}
                (Meet::At(text), _) => {
                    assert!(pa.matches(&text) && pb.matches(&text), "{a} {b} {text}");
                }
                other => panic!("{a} {b}: {other:?}"),
            }
        }
        assert_eq!(Pattern::of("a*").meet(&Pattern::of("b*")), Meet::Never);
    }
}

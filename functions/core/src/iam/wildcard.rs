//! Patterns with `*` and `?`, as IAM matches them.

/// A pattern matches a text. Without backtracking over more than one `*`: the time is at most the
/// product of both lengths.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
            }
            Some(same) if same == c => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

/// An action's pattern matches an action; case is of no account (IAM User Guide, "IAM JSON policy
/// elements: Action").
pub(super) fn action(pattern: &str, action: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// It has a part that stands for others, or that is only known when it is asked.
pub(super) fn is_open(value: &str) -> bool {
    value.contains(['*', '?']) || value.contains("${")
}

/// Two patterns may match a text that both match. Never false where they do.
pub(super) fn may_overlap(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    if !is_open(&a) {
        return matches(&b, &a);
    }
    if !is_open(&b) {
        return matches(&a, &b);
    }
    // What stands before the first wildcard of both must agree.
    let head = |p: &str| p.split(['*', '?']).next().unwrap_or_default().to_owned();
    let (a, b) = (head(&a), head(&b));
    a.starts_with(&b) || b.starts_with(&a)
}

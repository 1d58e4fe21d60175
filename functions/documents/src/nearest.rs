//! "Did you mean": the known name nearest to an unknown one.

/// The candidate nearest to `word`, if one is near enough to have been meant.
#[must_use]
pub fn did_you_mean<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    // Longer texts are no slips of the finger, and the distance costs their product.
    if word.len() > 100 {
        return None;
    }
    let most = (word.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|c| (distance(word, c), *c))
        .filter(|(d, _)| *d <= most)
        .min()
        .map(|(_, c)| c)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one word to the
/// other.
fn distance(a: &str, b: &str) -> usize {
    let mut above: Vec<usize> = (0..=b.chars().count()).collect();
    // The row of the character before, for swaps.
    let mut earlier: Option<(char, Vec<usize>)> = None;
    for (i, x) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        let mut y_before = None;
        for (j, y) in b.chars().enumerate() {
            let of = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut least = (of(&above, j) + usize::from(x != y))
                .min(of(&row, j) + 1)
                .min(of(&above, j + 1) + 1);
            if let (Some((x_before, earlier)), Some(y_before)) = (&earlier, y_before)
                && *x_before == y
                && y_before == x
            {
                least = least.min(of(earlier, j - 1) + 1);
            }
            row.push(least);
            y_before = Some(y);
        }
        earlier = Some((x, std::mem::replace(&mut above, row)));
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = ["severity", "schema", "violation"];
        assert_eq!(did_you_mean("sevrity", &known), Some("severity"));
        assert_eq!(did_you_mean("Violation", &known), Some("violation"));
        assert_eq!(did_you_mean("colour", &known), None);
        assert_eq!(did_you_mean("form", &["from", "to"]), Some("from"));
        assert_eq!(did_you_mean("hihg", &["high", "low"]), Some("high"));
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}

//! "Did you mean": the known name nearest to an unknown one.

/// The candidate nearest to `word`, if one is near enough to have been meant.
pub(crate) fn did_you_mean<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
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

/// How many insertions, deletions and replacements lead from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut above_left = i;
        let mut next = vec![left];
        for (y, above) in b.chars().zip(row.iter().skip(1)) {
            left = (above_left + usize::from(x != y))
                .min(left + 1)
                .min(above + 1);
            above_left = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
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
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}

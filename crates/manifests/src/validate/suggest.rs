//! Suggestions for misspelled names.

/// Returns the most similar name of `known`, if one is similar enough.
#[must_use]
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Three wrong letters are a typing error in a long name, but not in a name of four letters.
    let limit = (written.chars().count() / 3).clamp(1, 3);
    let distance = |candidate: &str| {
        if plain(candidate) == plain(written) { 0 } else { distance(written, candidate) }
    };
    known.into_iter().map(|k| (distance(k), k)).filter(|(d, _)| *d <= limit).min().map(|(_, k)| k)
}

/// A name without case, hyphens and underscores, which people often confuse.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// Number of inserted, removed, replaced or swapped letters.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised_and_other_names_are_not() {
        let known = ["replicas", "image", "text", "fqdn", "myProperty"];
        for (written, meant) in [
            ("replcias", Some("replicas")),
            ("Replicas", Some("replicas")),
            ("replica", Some("replicas")),
            ("imgae", Some("image")),
            ("my_property", Some("myProperty")),
            ("my-property", Some("myProperty")),
            ("test", Some("text")),
            ("port", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn a_swap_counts_as_one_error() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
